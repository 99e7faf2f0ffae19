//! `relay-load`: thousands of devices on loopback, first at rest, then talking as fast as the relay sustains, then while
//! links drop and relays and servers are killed. Devices speak the real frames and have no engine: that would measure
//! thousands of engines on the machine that the relay is measured on. Everything is judged in the end: lost 0, doubled 0.

mod options;
mod report;
mod scene;

use std::process::ExitCode;

use options::Options;
use report::Report;
use scene::Scene;

fn main() -> ExitCode {
    let options = match options::read() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("relay-load: {why}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("relay-load: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(play(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("relay-load: something was lost or doubled");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("relay-load: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether nothing was lost or doubled.
async fn play(options: &Options) -> Result<bool, String> {
    raise_files(4 * options.devices + 4_096)?;
    let mut report = Report::new(options);
    if options.one {
        let mut scene = Scene::one_relay()?;
        scene.play("one relay, SQLite", options.devices, options, &mut report).await?;
    }
    if options.nats {
        let mut scene = Scene::three_relays()?;
        scene.play("three relays, three NATS servers", options.devices, options, &mut report).await?;
    }
    println!("\n{}", report.text());
    if let Some(path) = &options.write {
        report.write(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report.is_good())
}

/// Lets this process and those that it starts have so many files open.
fn raise_files(wanted: u64) -> Result<(), String> {
    let limit = format!("--nofile={wanted}:{wanted}");
    let own = format!("--pid={}", std::process::id());
    let raised = std::process::Command::new("prlimit").args([own, limit]).status();
    match raised {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{wanted} open files are needed: raise the hard limit (ulimit -Hn), or take fewer --devices")),
    }
}
