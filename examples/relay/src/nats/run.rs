//! A relay on NATS: opened, fed with what sockets bring, and told what other relays do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use serde_bytes::{ByteBuf, Bytes};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use undertone::authority::RevocationList;

use super::config::NatsConfig;
use super::hub::Hub;
use super::link::Link;
use super::place::{Bucket, Name, Place, inner, place};
use super::session::Session;
use super::view::{Held, Need, View};
use crate::clock::Clock;
use crate::frame::CloseReason;
use crate::gateway::{ConnectionId, Gateway};
use crate::guard::GuardLimits;
use crate::logic::{Config, Fault, Relay, RevocationRefused};
use crate::shell::actor::Input;
use crate::shell::ask::{Ask, Standing};
use crate::shell::effects::Effects;
use crate::store::{StoreError, Table};

/// Bytes of frames that wait of one connection at most.
const WAITING: usize = 16 * 1024 * 1024;

/// How long NATS may take to show that it answers.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Opens a relay on what NATS keeps.
pub(crate) async fn open(
    config: Config,
    nats: &NatsConfig,
    guard: GuardLimits,
    effects: Effects,
    clock: Clock,
) -> Result<Arc<Hub>, StoreError> {
    let link = Link::open(nats, &config.limits).await?;
    let authorities = config.authorities.clone();
    let (policy, limits, sights) = (config.policy, config.limits, config.sights);
    let again = || Config { authorities: authorities.clone(), policy: policy.clone(), limits, sights };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| StoreError::Io(e.to_string()))?;
    let names: Vec<_> = crate::logic::meta_names(&authorities).iter().filter_map(|key| meta(key)).collect();
    let gateway = loop {
        let mut view = View::default();
        for name in &names {
            view.cells.insert(name.clone(), Held::new(link.read(name).await?, true));
        }
        let mut relay = Relay::open(again(), view, seed)?;
        let view = relay.lend(View::default());
        // The first of all relays draws what all of them use.
        let mut lost = false;
        for (name, held) in view.cells.iter().filter(|(_, held)| held.is_changed()) {
            let write = super::cell::Write::new(name, held.next(&seed[..16]));
            lost |= link.claim(&write).await? == super::claim::Claimed::Lost;
        }
        if !lost {
            let mut gateway = Gateway::guarded(relay, guard);
            gateway.share();
            break gateway;
        }
    };
    Ok(Hub::new(link, gateway, authorities, (effects, clock)))
}

/// Runs until told to stop.
pub(crate) async fn run(hub: Arc<Hub>, mut queue: mpsc::Receiver<Input>) -> Result<(), StoreError> {
    let mut tasks = JoinSet::new();
    tasks.spawn(super::repair::run(hub.clone()));
    tasks.spawn(listen(hub.clone()));
    if hub.link.pieces().is_ok() {
        tasks.spawn(super::ledger::run(hub.clone()));
    }
    let mut connections: HashMap<ConnectionId, Connection> = HashMap::new();
    while let Some(input) = queue.recv().await {
        match input {
            Input::Connect { connection, from, frames } => {
                hub.set_outlet(connection, frames);
                let (sender, waiting) = mpsc::unbounded_channel();
                let queued = Arc::new(AtomicUsize::new(0));
                connections.insert(connection, Connection { frames: sender, queued: queued.clone() });
                hub.with(|gateway| gateway.connect_from(connection, Some(from), hub.now()));
                tokio::spawn(Session::new(hub.clone(), connection, queued).run(waiting));
            }
            Input::Frame { connection, bytes } => {
                let Some(at) = connections.get(&connection) else { continue };
                if at.queued.fetch_add(bytes.len(), Ordering::Relaxed) > WAITING || at.frames.send(bytes).is_err() {
                    hub.dismiss(connection, CloseReason::GoingAway);
                    connections.remove(&connection);
                }
            }
            Input::Disconnect { connection } => drop(connections.remove(&connection)),
            Input::Revoke { list, answer } => {
                let hub = hub.clone();
                tokio::spawn(async move {
                    let result = revoke(&hub, &list).await;
                    tracing::info!(in_force = result.is_ok(), "revocation list");
                    answer.send(result)
                });
            }
            Input::View { seen, answer } => {
                let gateway = hub.gateway.lock();
                let _ = answer.send((gateway.relay().view_since(seen).cloned().collect(), gateway.relay().seen()));
            }
            Input::Ask(ask) => put(&hub, ask),
            Input::Tick => drop(hub.with(|gateway| gateway.handle_timeout(hub.now()))),
            Input::ShutDown => {
                hub.with(Gateway::shut_down);
                break;
            }
        }
    }
    Ok(())
}

/// A question from beside the connections.
fn put(hub: &Arc<Hub>, ask: Ask) {
    match ask {
        Ask::Ready(answer) => {
            let hub = hub.clone();
            // Whoever asked has gone after that time, and the next asks again.
            tokio::spawn(async move {
                if let Ok(Ok(())) = timeout(READY_WITHIN, hub.link.answers()).await {
                    let _ = answer.send(());
                }
            });
        }
        Ask::Standing(answer) => {
            let _ = answer.send(Standing {
                counts: hub.gateway.lock().counts(),
                blob_bytes: hub.room.bytes(),
                store_bytes: 0,
            });
        }
        Ask::GoAway(answer) => {
            hub.with(Gateway::shut_down);
            let _ = answer.send(());
        }
        Ask::Blob(ask, answer) => {
            let hub = hub.clone();
            tokio::spawn(async move {
                match hub.ask_blob(&ask).await {
                    Ok(result) => drop(answer.send(result)),
                    // Without an answer whoever asked comes again.
                    Err(error) => tracing::warn!(%error, "a question about a blob"),
                }
            });
        }
        // Nothing is left behind for long: bytes that nothing names go with their age.
        Ask::Strays(_, answer) => {
            let _ = answer.send(Vec::new());
        }
    }
}

/// A connection's session, and how many bytes of frames wait for it.
struct Connection {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    queued: Arc<AtomicUsize>,
}

/// Puts a revocation list in force on all relays.
async fn revoke(hub: &Hub, bytes: &[u8]) -> Result<(), Fault<RevocationRefused>> {
    let list = RevocationList::decode(bytes)
        .and_then(|list| list.verify(&hub.authorities).map(|()| list))
        .map_err(|_| Fault::Refused(RevocationRefused::Forged))?;
    let key = crate::logic::revocation_name(list.authority());
    let Some(name) = meta(&key) else { return Err(StoreError::Corrupt("name").into()) };
    loop {
        let read = hub.link.read(&name).await?;
        let row = inner(Table::Meta, b"");
        let known = read.cell.rows.get(Bytes::new(&row)).and_then(|known| RevocationList::decode(known).ok());
        if known.is_some_and(|known| known.number() >= list.number()) {
            adopt(hub).await?;
            return Err(Fault::Refused(RevocationRefused::Old));
        }
        let mut rows = read.cell.rows.clone();
        rows.insert(ByteBuf::from(row), ByteBuf::from(bytes));
        let write = super::cell::Write::new(&name, read.cell.next(&hub.random(), rows));
        if hub.link.claim(&write).await? == super::claim::Claimed::Won {
            break;
        }
    }
    hub.link.tell_all("revoked", Vec::new()).await;
    adopt(hub).await?;
    Ok(())
}

/// Takes over the lists that are in force.
pub(super) async fn adopt(hub: &Hub) -> Result<(), StoreError> {
    for authority in &hub.authorities {
        let Some(name) = meta(&crate::logic::revocation_name(authority)) else { continue };
        let read = hub.link.read(&name).await?;
        let Some(list) = read.cell.rows.get(Bytes::new(&inner(Table::Meta, b""))).cloned() else { continue };
        let mut view = View::default();
        view.cells.insert(name, Held::new(read, true));
        let online: Vec<_> = hub.gateway.lock().relay().online().copied().collect();
        let devices = online.iter().filter_map(|device| match place(Table::Device, device.as_bytes()) {
            Place::Cell(name, _) => Some(Need::Cell(name)),
            _ => None,
        });
        hub.supply(&mut view, devices.collect()).await?;
        let work = |gateway: &mut Gateway<View>| match gateway.revoke(&list) {
            Ok(()) | Err(Fault::Refused(_)) => Ok(()),
            Err(Fault::Store(error)) => Err(error),
        };
        let outcome = hub.input(None, view, work).await?;
        hub.release(outcome.outputs);
    }
    Ok(())
}

/// Hears what other relays changed.
async fn listen(hub: Arc<Hub>) {
    let (Ok(mut changed), Ok(mut revoked)) = tokio::join!(hub.link.listen_to("changed"), hub.link.listen_to("revoked"))
    else {
        return;
    };
    loop {
        tokio::select! {
            Some(message) = changed.next() => {
                let text = String::from_utf8_lossy(&message.payload);
                let Some((bucket, key)) = text.split_once('/') else { continue };
                let bucket = bucket.parse().ok().and_then(Bucket::from_number);
                if let Some(bucket) = bucket {
                    hub.memory.forget(&Name { bucket, key: key.into() });
                }
            }
            Some(_) = revoked.next() => {
                if let Err(error) = adopt(&hub).await {
                    tracing::warn!(%error, "a revocation list");
                }
            }
            else => return,
        }
    }
}

fn meta(key: &[u8]) -> Option<Name> {
    match place(Table::Meta, key) {
        Place::Cell(name, _) => Some(name),
        _ => None,
    }
}
