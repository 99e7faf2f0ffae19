//! The commit slot in PostgreSQL and Redis, by the very snippets of `docs/transport.md`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use undertone_relay_tests::port;
use undertone_relay_tests::process::Process;

const DOCS: &str = include_str!("../../../../docs/transport.md");
/// Commits that want one slot at once.
const RACERS: usize = 12;
/// Slots that are raced for.
const SLOTS: usize = 5;

/// The envelope that holds a slot, and when it was accepted.
type Holder = (String, String);

/// The first block of this language under this heading.
fn snippet(heading: &str, language: &str) -> Result<String, String> {
    let missing = || format!("docs/transport.md has no {language} block under {heading}");
    let (_, section) = DOCS.split_once(&format!("\n### {heading}\n")).ok_or_else(missing)?;
    let (_, block) = section.split_once(&format!("```{language}\n")).ok_or_else(missing)?;
    Ok(block.split_once("```").ok_or_else(missing)?.0.to_owned())
}

/// Races for slots: all must be told the same winner, whose repeat wins again; also after the database was killed.
fn race(
    take: &(dyn Fn(usize, &str, u64) -> Result<Holder, String> + Sync),
    mut kill: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let mut winners = Vec::new();
    for slot in 0..SLOTS {
        let told: Vec<Holder> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| scope.spawn(move || take(slot, &format!("{racer:064x}"), racer as u64)))
                .collect();
            let joined = racers.into_iter().map(|racer| racer.join().map_err(|_| "a thread died".to_owned())?);
            joined.collect::<Result<_, String>>()
        })?;
        let winner = told.first().cloned().ok_or("nobody was told")?;
        if told.iter().any(|holder| *holder != winner) {
            return Err(format!("slot {slot} has several winners: {told:?}"));
        }
        winners.push(winner);
    }
    for round in 0..2 {
        for (slot, winner) in winners.iter().enumerate() {
            let again = take(slot, &winner.0, 999)?;
            let other = take(slot, &"ff".repeat(32), 999)?;
            if again != *winner || other != *winner {
                return Err(format!("slot {slot} has changed hands"));
            }
        }
        if round == 0 {
            kill()?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn wait(mut works: impl FnMut() -> Result<String, String>) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match works() {
            Ok(_) => return Ok(()),
            Err(why) if start.elapsed() > Duration::from_secs(30) => return Err(why),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

/// A program as a user that PostgreSQL does not refuse.
fn unprivileged(program: &Path, owner_of: &Path) -> Result<Command, String> {
    let is_root = std::fs::metadata(owner_of).map_err(|error| error.to_string())?.uid() == 0
        || std::fs::metadata("/proc/self").map_err(|error| error.to_string())?.uid() == 0;
    if !is_root {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    Ok(command)
}

/// Where Debian puts the newest version's programs.
fn postgresql_programs() -> Result<PathBuf, String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map_err(|error| format!("PostgreSQL: {error}"))?;
    let newest = versions.flatten().map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists());
    newest.max().ok_or_else(|| "PostgreSQL is not installed".into())
}

pub fn postgresql() -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let bin = postgresql_programs()?;
    let folder = tempfile::tempdir().map_err(said)?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data).map_err(said)?;
    if std::fs::metadata(&data).map_err(said)?.uid() == 0 {
        run(Command::new("chown").arg("postgres").arg(folder.path()).arg(&data))?;
    }
    let port = port::free().map_err(said)?.to_string();
    run(unprivileged(&bin.join("initdb"), &data)?
        .current_dir("/")
        .arg("-D")
        .arg(&data)
        .args(["-A", "trust", "-U", "relay"]))?;
    let start = || {
        let mut command = unprivileged(&bin.join("postgres"), Path::new("/proc/self"))?;
        command.current_dir("/").arg("-D").arg(&data).args(["-p", &port, "-k", ""]);
        Process::start(command, &folder.path().join("postgresql.log")).map_err(said)
    };
    let sql = |text: &str| {
        let mut command = Command::new("psql");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "relay",
            "-d",
            "postgres",
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        run(command.arg("-c").arg(text))
    };
    let mut server = start()?;
    wait(|| sql("SELECT 1"))?;
    sql(&snippet("PostgreSQL", "sql")?)?;
    let (_, takes) = DOCS.split_once("\n### PostgreSQL\n").ok_or("no section")?;
    let take_sql = takes.split("```sql\n").nth(2).and_then(|block| block.split_once("```")).ok_or("no second block")?.0;
    let take = |slot: usize, envelope: &str, at: u64| {
        let text = format!(
            "PREPARE take (bytea, bytea, bytea, bigint) AS {take_sql} EXECUTE take('\\x{slot:064x}', '\\x{envelope}', '\\x{envelope}', {at})"
        );
        let told = sql(&text)?;
        let (envelope, at) = told.trim().split_once('|').ok_or_else(|| format!("not a row: {told}"))?;
        Ok((envelope.trim_start_matches("\\x").to_owned(), at.to_owned()))
    };
    race(&take, || {
        // Of the whole group: runuser stands in front.
        let main = std::fs::read_to_string(data.join("postmaster.pid")).map_err(said)?;
        run(Command::new("kill").arg("-KILL").arg(main.lines().next().unwrap_or_default()))?;
        server.kill();
        wait(|| sql("SELECT 1").map_or_else(|_| Ok(String::new()), |_| Err("it still answers".into())))?;
        let _ = std::fs::remove_file(data.join("postmaster.pid"));
        server = start()?;
        wait(|| sql("SELECT 1"))
    })
    .and_then(|()| {
        let main = std::fs::read_to_string(data.join("postmaster.pid")).map_err(said)?;
        run(Command::new("kill").arg("-QUIT").arg(main.lines().next().unwrap_or_default())).map(drop)
    })
}

pub fn redis() -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(said)?;
    let port = port::free().map_err(said)?.to_string();
    let script = folder.path().join("take.lua");
    std::fs::write(&script, snippet("Redis", "lua")?).map_err(said)?;
    let config = folder.path().join("redis.conf");
    std::fs::write(&config, snippet("Redis", "conf")?).map_err(said)?;
    let start = || {
        let mut command = Command::new("redis-server");
        command.arg(&config).args(["--port", &port, "--bind", "127.0.0.1", "--dir"]).arg(folder.path());
        Process::start(command, &folder.path().join("redis.log")).map_err(said)
    };
    let ping = || {
        run(Command::new("redis-cli").args(["-p", &port, "PING"]))
            .and_then(|pong| if pong.trim() == "PONG" { Ok(pong) } else { Err(pong) })
    };
    let mut server = start()?;
    wait(ping)?;
    let take = |slot: usize, envelope: &str, at: u64| {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &port, "--raw", "--eval"]).arg(&script).arg(format!("slot:{slot}"));
        let told = run(command.args([",", envelope, &at.to_string(), "34560000000"]))?;
        let (envelope, at) = told.trim().split_once('\n').ok_or_else(|| format!("no holder: {told}"))?;
        Ok((envelope.to_owned(), at.to_owned()))
    };
    race(&take, || {
        server.kill();
        server = start()?;
        wait(ping)
    })
}
