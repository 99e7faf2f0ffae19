//! Relays hear of each other; when one falls silent, the others finish what it took in and did not finish.
//!
//! Its senders would: nobody answered them, so they repeat. This is for those that never come again, so that of a bundle that
//! reached one recipient all recipients hear.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use tokio::time::{Instant, interval, sleep};
use undertone::time::Time;

use super::hub::Hub;
use super::place::{Bucket, Name};
use super::record::Record;
use crate::store::StoreError;

/// How often a relay lets the others hear of it.
const HEARD_EVERY: Duration = Duration::from_secs(2);
/// After how much silence a relay is taken for gone.
const SILENCE: Duration = Duration::from_secs(10);
/// How much further back is looked than it was heard.
const BEFORE: Duration = Duration::from_secs(60);

/// Looks after what earlier relays left, then after the others.
pub(super) async fn run(hub: Arc<Hub>) {
    let own = hub.random();
    let Ok(mut alive) = hub.link.listen_to("alive").await else { return };
    let first = sleep(SILENCE);
    tokio::pin!(first);
    let mut is_first = true;
    let mut heard: BTreeMap<Vec<u8>, Instant> = BTreeMap::new();
    let mut ticks = interval(HEARD_EVERY);
    let mut rounds = 0_u32;
    loop {
        tokio::select! {
            Some(message) = alive.next() => {
                let Some((name, at)) = message.payload.split_at_checked(own.len()) else { continue };
                if let Ok(at) = at.try_into() {
                    hub.witness(Time::from_ms(u64::from_be_bytes(at)));
                }
                if name != own {
                    heard.insert(name.to_vec(), Instant::now());
                }
            }
            // Whatever was under way when this relay began is finished by then, or never.
            () = &mut first, if is_first => {
                is_first = false;
                repair(&hub, SILENCE + BEFORE).await;
            }
            _ = ticks.tick() => {
                let at = hub.gateway.lock().relay().last_accepted();
                hub.link.tell_all("alive", [&own[..], &at.as_ms().to_be_bytes()].concat()).await;
                let silent = |at: &Instant| at.elapsed() > SILENCE;
                let longest = heard.values().filter(|at| silent(at)).map(Instant::elapsed).max();
                heard.retain(|_, at| !silent(at));
                if let Some(longest) = longest {
                    repair(&hub, longest + BEFORE).await;
                }
                // A word about a list may have been missed.
                rounds = rounds.wrapping_add(1);
                if rounds.is_multiple_of(5) && let Err(error) = super::run::adopt(&hub).await {
                    tracing::warn!(%error, "a revocation list");
                }
            }
        }
    }
}

/// Finishes what was taken in lately and is not finished.
async fn repair(hub: &Hub, back: Duration) {
    match unfinished(hub, back).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "finished what another relay had taken in"),
        Err(error) => tracing::warn!(%error, "what another relay had taken in"),
    }
}

async fn unfinished(hub: &Hub, back: Duration) -> Result<usize, StoreError> {
    let io = |error: &dyn std::fmt::Display| StoreError::Io(format!("NATS: {error}"));
    let seen = hub.link.seen()?;
    let state = seen.get_info().await.map_err(|e| io(&e))?.state;
    if state.messages == 0 {
        return Ok(0);
    }
    let (last, now) = (state.last_sequence, state.last_timestamp);
    let deliver_policy = DeliverPolicy::ByStartTime { start_time: now - back };
    let config = pull::OrderedConfig { deliver_policy, ..pull::OrderedConfig::default() };
    let consumer = seen.create_consumer(config).await.map_err(|e| io(&e))?;
    if consumer.cached_info().num_pending == 0 {
        return Ok(0);
    }
    let mut messages = consumer.messages().await.map_err(|e| io(&e))?;
    let mut left = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.map_err(|e| io(&e))?;
        let info = message.info().map_err(|e| io(&e))?;
        // A younger one has a relay that is busy with it.
        let is_left = info.published + SILENCE <= now;
        let key = message.subject.splitn(3, '.').nth(2).unwrap_or_default();
        if is_left && key.starts_with('s') && matches!(Record::decode(&message.payload), Ok(Record::Open(_))) {
            left.push(Name { bucket: Bucket::Seen, key: key.into() });
        }
        if info.pending == 0 || info.stream_sequence >= last {
            break;
        }
    }
    for name in &left {
        hub.accepted(name).await?;
    }
    Ok(left.len())
}
