//! `cargo xtask bench`: what a message costs, as a ratio to what cannot be avoided.
//!
//! Machines are noisy and differ, so every figure stands beside a baseline of the same run: the bare MLS operation of
//! the library underneath, and one append with one `fdatasync` on the same disk.

mod baseline;
mod chart;
mod chores;
mod crowd;
mod files;
mod history;
mod pair;
mod rotation;
mod search;
mod stores;
mod sweep;
mod traffic;

use std::process::ExitCode;

use stores::Kind;

/// Where, on the page that is written, begins what other commands have measured. It stays.
const BELOW: [&str; 2] = ["\n## Bindings", "\n## Relays under load"];

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
    /// Messages that expire at once, and receipts in one drain.
    expired: usize,
    receipts: usize,
    /// Messages beside which one is deleted, a smaller and a larger number.
    kept: [usize; 2],
    /// The one thing that is measured, and the one store; all when none is named.
    only: Option<Subject>,
    store: Option<Kind>,
    /// Where the page goes; not written without it.
    page: Option<std::path::PathBuf>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Traffic,
    History,
    Crowd,
    Files,
    Search,
    Chores,
    Rotation,
}

impl Subject {
    fn from_name(name: &str) -> Option<Subject> {
        Some(match name {
            "traffic" => Subject::Traffic,
            "history" => Subject::History,
            "crowd" => Subject::Crowd,
            "files" => Subject::Files,
            "search" => Subject::Search,
            "chores" => Subject::Chores,
            "rotation" => Subject::Rotation,
            _ => return None,
        })
    }
}

impl Plan {
    fn measures(&self, subject: Subject) -> bool {
        self.only.is_none_or(|only| only == subject)
    }

    fn stores(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.store.is_none_or(|only| only == *kind))
    }
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
            eprintln!(
                "bench: {why}\nusage: bench [--quick] [--only traffic|history|crowd|files|search|chores|rotation] [--store NAME] [--history MESSAGES] [--write PATH]"
            );
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
        expired: 100_000,
        receipts: 1_000,
        kept: [10_000, 100_000],
        only: None,
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
                    expired: 2_000,
                    receipts: 200,
                    kept: [2_000, 10_000],
                    ..plan
                };
            }
            "--only" => {
                let name = args.next().ok_or("--only needs a name")?;
                plan.only = Some(Subject::from_name(name).ok_or("--only knows no such name")?)
            }
            "--store" => {
                plan.store = Some(args.next().and_then(|name| Kind::from_name(name)).ok_or("--store needs a name")?)
            }
            "--history" => {
                let messages = args.next().and_then(|text| text.parse().ok());
                plan.history = messages.filter(|messages| *messages >= 1_000).ok_or("--history needs at least 1000")?
            }
            "--write" => plan.page = Some(args.next().ok_or("--write needs a path")?.into()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = chart::Chart::default();
    if plan.measures(Subject::Traffic) {
        let mls = baseline::mls(plan.drain * 2)?;
        let disk = baseline::append(plan.single)?;
        chart.baselines(&mls, disk);
        for kind in plan.stores() {
            chart.traffic(kind, &traffic::measure(kind, plan)?, &mls, disk);
        }
    }
    for kind in plan.stores().filter(|kind| kind.is_durable()) {
        if plan.measures(Subject::History) {
            chart.history(kind, plan.history, &history::measure(kind, plan.history)?);
        }
        if plan.measures(Subject::Crowd) {
            chart.crowd(kind, plan.crowd, &crowd::measure(kind, plan.crowd)?);
        }
        if plan.measures(Subject::Chores) {
            chart.chore(kind, &sweep::measure(kind, plan.expired)?);
            chores::receipts(kind, plan.receipts)?.iter().for_each(|chore| chart.chore(kind, chore));
        }
        for kept in plan.kept.into_iter().filter(|_| plan.measures(Subject::Rotation)) {
            chart.rotation(kind, kept, &rotation::measure(kind, kept)?);
        }
    }
    if plan.measures(Subject::Files) {
        chart.files(&files::measure(plan.file)?);
    }
    for messages in plan.searched.into_iter().filter(|_| plan.measures(Subject::Search)) {
        for kind in plan.stores().filter(|kind| kind.is_durable()) {
            chart.search(kind, messages, &search::measure(kind, messages)?);
        }
    }
    print!("{}", chart.text());
    if let Some(path) = &plan.page {
        let old = std::fs::read_to_string(path).unwrap_or_default();
        let below = BELOW.iter().filter_map(|heading| old.find(heading)).min().map_or("", |at| &old[at..]);
        std::fs::write(path, chart.page() + below)?;
    }
    Ok(())
}
