//! `undertone-relay`: the reference relay as a server. `--help` lists its flags.

mod files;
mod log;
mod settings;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use settings::{Command, Options};
use undertone_relay::shell::{ServeError, Server, serve};

fn main() -> ExitCode {
    let options = match settings::read() {
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
    log::begin(options.level, options.format);
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
    let (limit, connections) = (files::raise_limit(), options.config.places.connections);
    if !files::fit(connections, limit) {
        tracing::warn!(
            limit,
            connections,
            "the operating system lets fewer connections be open than limits.connections"
        );
    }
    let demo = options.config.demo.is_some();
    let mut server = serve(options.config).await?;
    println!("listening on {}", server.url());
    if let Some(address) = server.metrics() {
        println!("metrics on http://{address}/metrics");
    }
    if demo {
        println!("DEMONSTRATION: whoever asks is certified as whatever they ask for");
    }
    let list = options.revocations;
    put_in_force(&server, list.as_deref()).await?;
    let mut signals = Signals::new();
    loop {
        let signal = tokio::select! {
            stopped = server.stopped() => return stopped,
            signal = signals.next() => signal,
        };
        match signal {
            Signal::Reload => reload(&server, list.as_ref()).await?,
            Signal::End => {
                tracing::info!("shutting down");
                return server.shut_down().await;
            }
        }
    }
}

/// Reads again what may have changed. What does not fit is said, and changes nothing.
async fn reload(server: &Server, list: Option<&PathBuf>) -> Result<(), ServeError> {
    match server.reload_tls() {
        Ok(()) => tracing::info!("certificate read again"),
        Err(error) => tracing::error!(%error, "the old certificate stays"),
    }
    put_in_force(server, list.map(PathBuf::as_path)).await
}

/// A list that does not fit is said, and is no reason not to serve.
async fn put_in_force(server: &Server, path: Option<&Path>) -> Result<(), ServeError> {
    let Some(path) = path else { return Ok(()) };
    match settings::file(path) {
        Ok(list) => {
            if let Err(refused) = server.revoke(list).await? {
                tracing::warn!(%refused, "revocation list");
            }
        }
        Err(error) => tracing::error!(%error, "revocation list"),
    }
    Ok(())
}

/// What the operating system tells a server.
enum Signal {
    /// SIGHUP: read files again.
    Reload,
    /// Control-C, or what a service manager sends.
    End,
}

#[cfg(unix)]
struct Signals(Option<[tokio::signal::unix::Signal; 3]>);

#[cfg(unix)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        let [hangup, interrupt, terminate] = kinds.map(|kind| signal(kind).ok());
        Signals(
            hangup.zip(interrupt).zip(terminate).map(|((hangup, interrupt), terminate)| [hangup, interrupt, terminate]),
        )
    }

    async fn next(&mut self) -> Signal {
        let Some([hangup, interrupt, terminate]) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = hangup.recv() => Signal::Reload,
            _ = interrupt.recv() => Signal::End,
            _ = terminate.recv() => Signal::End,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Signals {
        Signals
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::End
    }
}
