//! Opens a relay and gives it something to run on.

use tokio::sync::{mpsc, oneshot};

use super::ServeError;
use super::actor::{Actor, Input};
use super::effects::Effects;
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::guard::GuardLimits;
use crate::logic::{Config, Relay};
use crate::store::{RelayStore, StoreError};

/// What a relay is run with, beside its store: what it is told, limits, what it wants done, the time.
pub(super) type Parts = (mpsc::Receiver<Input>, GuardLimits, Effects, Clock);

/// Opens the relay and gives it a thread: its store blocks.
pub(super) fn alone<S: RelayStore + 'static>(
    config: Config,
    store: S,
    (queue, guard, effects, clock): Parts,
) -> Result<oneshot::Receiver<Result<(), StoreError>>, ServeError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| ServeError::System(e.to_string()))?;
    let gateway = Gateway::guarded(Relay::open(config, store, seed)?, guard);
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("relay".into())
        .spawn(move || {
            let result = Actor::new(gateway, queue, effects, clock).run();
            if let Err(error) = &result {
                tracing::error!(%error, "the store failed, the relay stops");
            }
            let _ = ended.send(result);
        })
        .map_err(|e| ServeError::System(e.to_string()))?;
    Ok(end)
}

/// Opens a relay that shares its platform with others: its store does not block, and needs no thread. Says where the bytes of
/// files are as well.
#[cfg(feature = "nats")]
pub(super) async fn shared(
    config: Config,
    nats: &crate::nats::NatsConfig,
    (queue, guard, effects, clock): Parts,
) -> Result<(oneshot::Receiver<Result<(), StoreError>>, Option<crate::nats::Pieces>), ServeError> {
    let hub = crate::nats::open(config, nats, guard, effects, clock).await?;
    let (ended, end) = oneshot::channel();
    let pieces = nats.files.then(|| crate::nats::Pieces::new(hub.clone()));
    tokio::spawn(async move { ended.send(crate::nats::run(hub, queue).await) });
    Ok((end, pieces))
}
