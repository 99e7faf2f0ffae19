//! `cargo run --release`: plays the day, then serves a page with three phones.

mod options;

use std::process::ExitCode;

use options::{Asked, Options};
use undertone_phones::{Platform, serve};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The day starts this program again, once for each of its phones.
    let ended = undertone_day::phone(&arguments).unwrap_or_else(|| match options::read() {
        Ok(Asked::Run(options)) => run(&options),
        Ok(Asked::Print(text)) => {
            println!("{text}");
            Ok(())
        }
        Err(why) => Err(format!("{why}; try --help")),
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("undertone: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if options.day {
        undertone_day::play(options.file.as_deref())?;
    }
    if !options.page {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(show(options.port))
}

/// Serves the page until the program is interrupted. Everything of the phones is gone with it.
async fn show(port: u16) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let platform = Platform::start(folder.path()).await.map_err(|e| e.to_string())?;
    let served = serve(platform, port).await.map_err(|e| format!("127.0.0.1:{port} cannot be listened on: {e}"))?;
    println!("\nThree phones to try by hand: {}\nCtrl-C ends it.", served.url());
    tokio::signal::ctrl_c().await.map_err(|e| e.to_string())
}
