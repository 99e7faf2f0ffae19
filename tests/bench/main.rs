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
mod search;
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
    /// Messages that are searched, a smaller and a larger number.
    searched: [usize; 2],
    /// Whether only searches are measured, and on which store; on all durable ones when none is named.
    only_search: bool,
    store: Option<Kind>,
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
            eprintln!("bench: {why}\nusage: bench [--quick] [--search [--store NAME]] [--write PATH]");
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
    let searched = [100_000, 1_000_000];
    let (history, file) = (100_000, 256 << 20);
    let mut plan = Plan {
        single: 500,
        drain: 1_000,
        drains: 5,
        history,
        crowd: 1_000,
        file,
        searched,
        only_search: false,
        store: None,
        page: None,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => {
                let searched = [2_000, 10_000];
                plan = Plan {
                    single: 50,
                    drain: 200,
                    drains: 1,
                    history: 5_000,
                    crowd: 50,
                    file: 16 << 20,
                    searched,
                    ..plan
                };
            }
            "--search" => plan.only_search = true,
            "--store" => {
                plan.store = Some(args.next().and_then(|name| Kind::from_name(name)).ok_or("--store needs a name")?)
            }
            "--write" => plan.page = Some(args.next().ok_or("--write needs a path")?.into()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = chart::Chart::default();
    if plan.only_search {
        searches(plan, &mut chart)?;
        print!("{}", chart.searches());
        return Ok(());
    }
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
    searches(plan, &mut chart)?;
    print!("{}", chart.text());
    if let Some(path) = &plan.page {
        std::fs::write(path, chart.page())?;
    }
    Ok(())
}

fn searches(plan: &Plan, chart: &mut chart::Chart) -> Result<(), Box<dyn std::error::Error>> {
    for messages in plan.searched {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_durable() && plan.store.is_none_or(|s| s == *kind)) {
            chart.search(kind, messages, &search::measure(kind, messages)?);
        }
    }
    Ok(())
}
