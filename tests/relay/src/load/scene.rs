//! Relays, their devices, and what is done to them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::sleep;
use undertone::authority::Authority;
use undertone_relay_tests::device::{Run, Talker, pair};
use undertone_relay_tests::nats::Cluster;
use undertone_relay_tests::platform::{Keep, RelayProcess};

use crate::options::Options;
use crate::report::{Report, Row};

/// Sessions that are made at once.
const TOGETHER: usize = 32;
/// Rates asked for, in messages a second of all devices.
const RATES: [u64; 12] = [50, 100, 200, 400, 800, 1_200, 1_600, 2_400, 3_200, 4_800, 6_400, 9_600];

/// Relays as processes, on their own or around a cluster.
pub struct Scene {
    relays: Vec<RelayProcess>,
    cluster: Option<Cluster>,
    authority: Authority,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// One relay over SQLite.
    pub fn one_relay() -> Result<Scene, String> {
        Scene::start(1, None)
    }

    /// Three relays over three NATS servers.
    pub fn three_relays() -> Result<Scene, String> {
        let cluster = Cluster::start(3).map_err(|error| error.to_string())?;
        Scene::start(3, Some(cluster))
    }

    fn start(count: usize, cluster: Option<Cluster>) -> Result<Scene, String> {
        let said = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(said)?;
        let authority = Authority::from_seed([23; 32]);
        let keep = cluster.as_ref().map_or(Keep::Sqlite, |cluster| Keep::Nats(cluster.urls(), "load".into()));
        let mut relays = Vec::new();
        for number in 0..count {
            let relay = RelayProcess::start(folder.path(), number, keep.clone(), authority.public_key());
            relays.push(relay.map_err(said)?);
        }
        Ok(Scene { relays, cluster, authority, _folder: folder })
    }

    /// Connects devices, measures, drops links and kills.
    pub async fn play(
        &mut self,
        name: &str,
        devices: u64,
        options: &Options,
        report: &mut Report,
    ) -> Result<(), String> {
        let empty = self.memory();
        let run = Run::new(self.relays.iter().map(RelayProcess::url).collect());
        let talkers = self.people(&run, devices).await?;
        let mut tasks = JoinSet::new();
        for talker in talkers {
            tasks.spawn(talker.talk());
        }
        until(Duration::from_secs(120), || run.connected.load(Ordering::Relaxed) == devices).await?;
        sleep(Duration::from_secs(3)).await;
        let memory = self.memory().saturating_sub(empty) / devices;
        report.add(&Row {
            scene: name,
            what: "at rest".into(),
            devices,
            rate: 0.0,
            latency: None,
            memory: Some(memory),
            sum: None,
        });
        let sustained = self.climb(name, &run, devices, options, report).await?;
        self.disturb(name, &run, devices, sustained / 2, report).await?;
        run.over.store(true, Ordering::Relaxed);
        tasks.join_all().await;
        Ok(())
    }

    async fn people(&self, run: &Arc<Run>, devices: u64) -> Result<Vec<Talker>, String> {
        let pairs = futures_util::stream::iter(0..devices / 2).map(|number| pair(run, &self.authority, number));
        let mut pairs = pairs.buffer_unordered(TOGETHER);
        let mut talkers = Vec::new();
        while let Some(pair) = pairs.next().await {
            talkers.extend(pair?);
        }
        Ok(talkers)
    }

    /// Asks for more and more until it is too much, and returns the last rate that was sustained.
    async fn climb(
        &self,
        name: &str,
        run: &Run,
        devices: u64,
        options: &Options,
        report: &mut Report,
    ) -> Result<u64, String> {
        let mut sustained = RATES[0] / 2;
        for rate in RATES {
            run.pause.store(devices * 1_000_000 / rate, Ordering::Relaxed);
            sleep(Duration::from_secs(2)).await;
            run.tally.restart();
            let (start, before, offered) = (Instant::now(), run.tally.sum(), run.offered.load(Ordering::Relaxed));
            sleep(Duration::from_secs(options.seconds)).await;
            let (took, sum) = (start.elapsed().as_secs_f64(), run.tally.sum());
            let offered = (run.offered.load(Ordering::Relaxed) - offered) as f64 / took;
            let latency = (run.tally.percentile(0.5), run.tally.percentile(0.99));
            let arrived = (sum.arrived - before.arrived) as f64 / took;
            let keeps_up = arrived >= 0.95 * offered && latency.1 < 1_000.0;
            let memory = Some(self.memory() / devices);
            let what = format!("{rate} messages/s asked for{}", if keeps_up { "" } else { ": too much" });
            report.add(&Row { scene: name, what, devices, rate: arrived, latency: Some(latency), memory, sum: None });
            if !keeps_up {
                break;
            }
            sustained = rate;
        }
        self.settle(run).await?;
        let sum = Some(run.tally.sum());
        let what = format!("**{sustained} messages/s sustained**, and all of the above");
        report.add(&Row { scene: name, what, devices, rate: sustained as f64, latency: None, memory: None, sum });
        Ok(sustained.max(RATES[0]))
    }

    /// Links drop and processes are killed while everybody talks at this rate.
    async fn disturb(
        &mut self,
        name: &str,
        run: &Run,
        devices: u64,
        rate: u64,
        report: &mut Report,
    ) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        run.pause.store(devices * 1_000_000 / rate, Ordering::Relaxed);
        run.breaks.store(100, Ordering::Relaxed);
        run.tally.restart();
        let (start, before) = (Instant::now(), run.tally.sum());
        for number in 0..3 {
            sleep(Duration::from_secs(4)).await;
            let which = number % self.relays.len();
            self.relays[which].kill();
            sleep(Duration::from_millis(500)).await;
            self.relays[which].start_again().map_err(said)?;
            if let Some(cluster) = &mut self.cluster {
                sleep(Duration::from_secs(4)).await;
                cluster.kill(number);
                sleep(Duration::from_secs(2)).await;
                cluster.start_node(number).map_err(said)?;
                cluster.wait(number).map_err(said)?;
                sleep(Duration::from_secs(6)).await;
            }
        }
        sleep(Duration::from_secs(4)).await;
        let arrived = (run.tally.sum().arrived - before.arrived) as f64 / start.elapsed().as_secs_f64();
        self.settle(run).await?;
        let latency = Some((run.tally.percentile(0.5), run.tally.percentile(0.99)));
        let servers = if self.cluster.is_some() {
            ", each server and each relay killed once"
        } else {
            ", the relay killed three times"
        };
        let what = format!("links drop{servers}");
        let sum = Some(run.tally.sum());
        report.add(&Row { scene: name, what, devices, rate: arrived, latency, memory: None, sum });
        Ok(())
    }

    /// Nobody sends any more, and everything arrives.
    async fn settle(&self, run: &Run) -> Result<(), String> {
        run.pause.store(0, Ordering::Relaxed);
        run.breaks.store(0, Ordering::Relaxed);
        // What does not arrive is judged by the row that follows.
        let _ = until(Duration::from_secs(90), || run.tally.is_complete()).await;
        sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    fn memory(&self) -> u64 {
        self.relays.iter().filter_map(|relay| relay.process()?.memory()).sum()
    }
}

async fn until(within: Duration, holds: impl Fn() -> bool) -> Result<(), String> {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > within {
            return Err("devices do not come online".into());
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
