//! Devices that talk and commit while relays and NATS servers are killed one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;
use undertone::authority::Authority;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{SessionId, SlotName};
use undertone_relay::answer::TransmitResult;
use undertone_relay_tests::device::{Run, pair};
use undertone_relay_tests::nats::Cluster;
use undertone_relay_tests::phone::{Phone, send_until_answered};
use undertone_relay_tests::platform::{Keep, RelayProcess};
use undertone_relay_tests::tally::Sum;

/// Pairs of devices that talk.
const PAIRS: u64 = 10;
/// Slots that three devices race for.
const SLOTS: u64 = 40;

/// Relays and servers that are killed in turn.
pub struct Victims {
    pub cluster: Cluster,
    pub relays: Vec<RelayProcess>,
    _folder: tempfile::TempDir,
}

impl Victims {
    /// Three of each.
    pub fn start(prefix: &str, authority: [u8; 32]) -> Result<Victims, String> {
        let said = |error: std::io::Error| error.to_string();
        let cluster = Cluster::start(3).map_err(said)?;
        let folder = tempfile::tempdir().map_err(said)?;
        let keep = Keep::Nats(cluster.urls(), prefix.into());
        let mut relays = Vec::new();
        for number in 0..3 {
            relays.push(RelayProcess::start(folder.path(), number, keep.clone(), authority).map_err(said)?);
        }
        Ok(Victims { cluster, relays, _folder: folder })
    }

    pub fn urls(&self) -> Vec<String> {
        self.relays.iter().map(RelayProcess::url).collect()
    }

    /// Kills each relay once and each server once, in turn, and starts it again before the next is killed.
    pub async fn kill_all(&mut self) -> Result<(), String> {
        self.kill(3).await
    }

    /// The same with the first so many of each.
    async fn kill(&mut self, count: usize) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        for number in 0..count {
            sleep(Duration::from_secs(2)).await;
            self.relays[number].kill();
            sleep(Duration::from_millis(700)).await;
            self.relays[number].start_again().map_err(said)?;
            sleep(Duration::from_secs(2)).await;
            self.cluster.kill(number);
            sleep(Duration::from_secs(2)).await;
            self.cluster.start_node(number).map_err(said)?;
            self.cluster.wait(number).map_err(said)?;
            // A server that comes back has to catch up: until it has, there is no other that may go.
            sleep(Duration::from_secs(6)).await;
        }
        for relay in &mut self.relays {
            relay.wait().map_err(said)?;
        }
        Ok(())
    }

    pub fn said(&self) -> String {
        let logs = self.relays.iter().filter_map(|relay| relay.process().map(|process| process.said()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

/// Nothing that was answered is lost, nothing is put into a mailbox twice, all have one time, each slot has one winner.
pub fn devices() -> Result<(), String> {
    let sum = block_on(play("kills", 3))?;
    if sum.doubled == 0 { Ok(()) } else { Err(format!("{} copies came twice", sum.doubled)) }
}

/// The same with one of each, for every change. Whether a copy came twice is not asked: in theory it can
/// (`docs/decisions/0029-relays-share-rows-and-claim-versions.md`), and what every change must pass must not be by chance.
pub fn one_of_each() -> Result<(), String> {
    block_on(play("killone", 1)).map(drop)
}

fn block_on(play: impl Future<Output = Result<Sum, String>>) -> Result<Sum, String> {
    tokio::runtime::Runtime::new().map_err(|error| error.to_string())?.block_on(play)
}

async fn play(prefix: &str, killed: usize) -> Result<Sum, String> {
    let authority = Arc::new(Authority::from_seed([21; 32]));
    let mut victims = Victims::start(prefix, authority.public_key())?;
    let run = Run::new(victims.urls());
    let mut talkers = JoinSet::new();
    for number in 0..PAIRS {
        for talker in pair(&run, &authority, number).await? {
            talkers.spawn(talker.talk());
        }
    }
    run.pause.store(100_000, Ordering::Relaxed);
    run.breaks.store(100, Ordering::Relaxed);
    let racers = tokio::spawn(race(run.clone(), authority.clone()));
    victims.kill(killed).await?;
    run.pause.store(0, Ordering::Relaxed);
    run.breaks.store(0, Ordering::Relaxed);
    racers.await.map_err(|error| error.to_string())??;
    let start = Instant::now();
    while !run.tally.is_complete() && start.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(500)).await;
    }
    // Whatever would come twice has had its chance by now: every device comes and fetches all once more.
    run.breaks.store(0, Ordering::Relaxed);
    sleep(Duration::from_secs(2)).await;
    run.over.store(true, Ordering::Relaxed);
    talkers.join_all().await;
    let sum = run.tally.sum();
    println!("    {} accepted, {} arrived, {} lost, {} doubled", sum.accepted, sum.arrived, sum.lost, sum.doubled);
    let good = sum.lost == 0 && sum.times == 0 && sum.faults.is_empty() && sum.accepted > 500;
    if good { Ok(sum) } else { Err(format!("{sum:#?}\nwhat the relays said:\n{}", victims.said())) }
}

/// Three devices of one user commit for one slot after the other, each at any relay, and repeat until they are answered.
async fn race(run: Arc<Run>, authority: Arc<Authority>) -> Result<(), String> {
    let mut starter = Phone::new(&authority, "starter", "client", 1 << 40)?;
    let mut racers = vec![Phone::new(&authority, "racer", "escort", (1 << 40) + 1)?];
    for number in 2..4 {
        racers.push(racers[0].second(&authority, (1 << 40) + number)?);
    }
    let mut tag = None;
    for racer in &racers {
        // The relays know a device from its login on.
        drop(racer.connect(&run.urls[0]).await.map_err(|error| error.to_string())?);
        let welcome = starter.welcome(&authority, racer)?;
        let at: SessionId = *tag.get_or_insert(welcome.tag);
        let welcome = Envelope { tag: at, kind: EnvelopeKind::Welcome, ..welcome };
        let bytes = welcome.encode().map_err(|_| "a welcome does not encode")?;
        send_until_answered(&run, &mut starter, vec![bytes]).await?;
    }
    let (tag, to) = (tag.ok_or("no session")?, starter.id());
    for slot in 0..SLOTS {
        let name = SlotName::from_bytes([u8::try_from(slot).unwrap_or(0); 32]);
        let mut tries = JoinSet::new();
        for mut racer in racers.drain(..) {
            let run = run.clone();
            let commit = racer.commit(tag, &[to], name);
            let bytes = commit.encode().map_err(|_| "a commit does not encode")?;
            tries.spawn(async move {
                let result = send_until_answered(&run, &mut racer, vec![bytes.clone()]).await;
                // The winner's repeat wins again, with the same time.
                let again = send_until_answered(&run, &mut racer, vec![bytes.clone()]).await;
                (racer, bytes, result, again)
            });
        }
        let mut winners = BTreeMap::new();
        let mut held = Vec::new();
        for (racer, bytes, result, again) in tries.join_all().await {
            let (result, again) = (result?, again?);
            if result != again {
                return Err(format!("a repeat for slot {slot} got another answer"));
            }
            match result {
                TransmitResult::Accepted { at } => drop(winners.insert(bytes, at)),
                TransmitResult::Conflict { winner, at } => held.push((winner, at)),
                TransmitResult::Refused(reason) => return Err(format!("a commit was refused: {reason:?}")),
            }
            racers.push(racer);
        }
        let one = winners.len() == 1 && held.iter().all(|(winner, at)| winners.get(winner) == Some(at));
        if !one {
            return Err(format!("slot {slot} has {} winners", winners.len()));
        }
    }
    println!("    {SLOTS} slots with one winner each");
    Ok(())
}
