//! What a long history costs: nothing may grow with it.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use undertone::id::ConversationId;
use undertone::message::Cursor;
use undertone::store::Progress;
use undertone::{Engine, limits};
use undertone_tests::platform::Platform;

use crate::baseline::median;
use crate::pair::{Pair, START, config, host_key};
use crate::stores::{Kind, bytes_of};

/// Figures of a store with a long conversation.
pub struct History {
    /// Newest page, and a page in the middle.
    pub newest: Duration,
    pub middle: Duration,
    pub opening: Opening,
    /// Bytes on disk per message, before and after compaction.
    pub disk: u64,
    pub compact: u64,
    /// MB per second that compaction keeps, and its longest step.
    pub speed: f64,
    pub longest: Duration,
}

/// Bytes that a step of a compaction copies, as in the engine.
const COMPACT_STEP: u64 = 4 << 20;

/// From a closed store to the first page, in a process of its own, and the peak of its memory.
pub struct Opening {
    pub time: Duration,
    pub memory_kb: u64,
}

pub fn measure(kind: Kind, messages: usize) -> Result<History, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(std::env::current_dir()?)?;
    let bea = dir.path().join("bea");
    let mut pair = Pair::new(Kind::Memory, &dir.path().join("ann"), kind, &bea)?;
    pair.fill(messages, None)?;
    let (newest, middle) = pages(&mut pair, messages)?;
    let disk = bytes_of(&bea)? / messages as u64;
    let (time, longest) = compact(&mut pair)?;
    drop(pair);
    let opening = reopen(kind, &bea)?;
    let compact = bytes_of(&bea)?;
    let speed = compact as f64 / time.as_secs_f64().max(1e-9) / 1e6;
    Ok(History { newest, middle, opening, disk, compact: compact / messages as u64, speed, longest })
}

/// Compacts in the engine's own steps: how long all of them took, and the longest.
fn compact(pair: &mut Pair) -> Result<(Duration, Duration), Box<dyn Error>> {
    let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
    loop {
        let start = Instant::now();
        let progress = pair.bea.compact(COMPACT_STEP)?;
        let took = start.elapsed();
        (all, longest) = (all + took, longest.max(took));
        if progress == Progress::Done {
            return Ok((all, longest));
        }
    }
}

fn pages(pair: &mut Pair, messages: usize) -> Result<(Duration, Duration), Box<dyn Error>> {
    let view = pair.bea.messages();
    let mut cursor = Cursor::Newest;
    let mut seen = 0;
    while seen < messages / 2 {
        let page = view.page(pair.conversation, cursor, limits::PAGE_MAX, START)?;
        seen += page.messages.len();
        cursor = Cursor::Before(page.messages.last().ok_or("the history ends early")?.key);
    }
    let mut time = |cursor| page(&mut pair.bea, pair.conversation, cursor);
    Ok((time(Cursor::Newest)?, time(cursor)?))
}

/// How long a page of a conversation takes.
pub fn page(engine: &mut Engine, conversation: ConversationId, cursor: Cursor) -> Result<Duration, Box<dyn Error>> {
    let (view, mut times) = (engine.messages(), Vec::new());
    for _ in 0..200 {
        let start = Instant::now();
        let page = view.page(conversation, cursor, limits::PAGE, START)?;
        times.push(start.elapsed());
        if page.messages.len() != limits::PAGE {
            return Err("a page is not full".into());
        }
    }
    Ok(median(times))
}

/// Opens a closed store three times; the middle one counts.
pub fn reopen(kind: Kind, dir: &Path) -> Result<Opening, Box<dyn Error>> {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let output = Command::new(std::env::current_exe()?).args(["--open", kind.name()]).arg(dir).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let (us, kb) = text.trim().split_once(' ').ok_or("the child said nothing")?;
        runs.push((us.parse::<u64>()?, kb.parse::<u64>()?));
    }
    runs.sort_unstable();
    Ok(Opening { time: Duration::from_micros(runs[1].0), memory_kb: runs[1].1 })
}

/// The child: opens the store, reads the list and the first page, and prints µs and peak memory in kB.
pub fn open_only(kind: &str, dir: &str) -> ExitCode {
    match open_and_report(kind, dir) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn open_and_report(kind: &str, dir: &str) -> Result<String, Box<dyn Error>> {
    let kind = Kind::from_name(kind).ok_or("unknown store")?;
    let authority = Platform::new([7; 32]).authority();
    let before = peak_kb()?;
    let start = Instant::now();
    let mut engine = Engine::open(config("bea", authority)?, kind.open(Path::new(dir))?, &host_key(), [4; 32], START)?;
    let list = engine.conversations().newest(START)?;
    let conversation: ConversationId = list.conversations.first().ok_or("no conversation")?.id;
    let page = engine.messages().page(conversation, Cursor::Newest, limits::PAGE, START)?;
    let elapsed = start.elapsed();
    std::hint::black_box(page);
    Ok(format!("{} {}", elapsed.as_micros(), peak_kb()?.saturating_sub(before)))
}

fn peak_kb() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
