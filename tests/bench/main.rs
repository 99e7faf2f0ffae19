//! `cargo xtask bench`: what a message costs, as a ratio to what cannot be avoided.
//!
//! Machines are noisy and differ, so every figure stands beside a baseline of the same run: the bare MLS operation of
//! the library underneath, and one append with one `fdatasync` on the same disk.

mod baseline;
mod chart;
mod crowd;
mod files;
mod history;
mod pair;
mod stores;
mod traffic;

use std::process::ExitCode;

use stores::Kind;

/// How much is measured.
struct Plan {
    /// Messages one by one.
    single: usize,
    /// Messages in one drain, and how often.
    drain: usize,
    drains: usize,
    /// Messages of the long conversation.
    history: usize,
    /// People who have written, each in a conversation of its own.
    crowd: usize,
    /// Bytes of an attachment's file.
    file: usize,
    /// Where the page goes; not written without it.
    page: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, kind, dir] = args.as_slice()
        && flag == "--open"
    {
        return history::open_only(kind, dir);
    }
    let plan = match plan(&args) {
        Ok(plan) => plan,
        Err(why) => {
            eprintln!("bench: {why}\nusage: bench [--quick] [--write PATH]");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan(args: &[String]) -> Result<Plan, String> {
    let mut plan =
        Plan { single: 500, drain: 1_000, drains: 5, history: 100_000, crowd: 1_000, file: 256 << 20, page: None };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => {
                let (single, drain, drains) = (50, 200, 1);
                plan = Plan { single, drain, drains, history: 5_000, crowd: 50, file: 16 << 20, page: plan.page }
            }
            "--write" => plan.page = Some(args.next().ok_or("--write needs a path")?.into()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = chart::Chart::default();
    let mls = baseline::mls(plan.drain * 2)?;
    let disk = baseline::append(plan.single)?;
    chart.baselines(&mls, disk);
    for kind in Kind::ALL {
        let traffic = traffic::measure(kind, plan)?;
        chart.traffic(kind, &traffic, &mls, disk);
    }
    for kind in Kind::ALL {
        let history = history::measure(kind, plan.history)?;
        chart.history(kind, plan.history, &history);
    }
    for kind in Kind::ALL {
        let opening = crowd::measure(kind, plan.crowd)?;
        chart.crowd(kind, plan.crowd, &opening);
    }
    chart.files(&files::measure(plan.file)?);
    print!("{}", chart.text());
    if let Some(path) = &plan.page {
        std::fs::write(path, chart.page())?;
    }
    Ok(())
}
