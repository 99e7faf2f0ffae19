//! `undertone-relay`: the reference relay as a server. `--help` lists its flags.

mod options;

use std::process::ExitCode;

use options::{Command, Options};
use undertone_relay::shell::{ServeError, Server, serve};

fn main() -> ExitCode {
    let options = match options::read() {
        Ok(Command::Serve(options)) => options,
        Ok(Command::Print(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("undertone-relay: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    let level = if options.verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_ansi(false).init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(*options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("undertone-relay: {error}");
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<(), ServeError> {
    let demo = options.config.demo.is_some();
    let mut server = serve(options.config).await?;
    println!("listening on {}", server.url());
    if demo {
        println!("DEMONSTRATION: whoever asks is certified as whatever they ask for");
    }
    if let Some(list) = options.revocations {
        put_in_force(&server, list).await?;
    }
    tokio::select! {
        stopped = server.stopped() => stopped,
        () = interrupted() => {
            tracing::info!("shutting down");
            server.shut_down().await
        }
    }
}

/// A list that does not fit is said, and is no reason not to serve.
async fn put_in_force(server: &Server, list: Vec<u8>) -> Result<(), ServeError> {
    if let Err(refused) = server.revoke(list).await? {
        tracing::warn!(%refused, "revocation list");
    }
    Ok(())
}

/// Control-C, or what a service manager sends.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
