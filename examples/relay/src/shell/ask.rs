//! Questions to the relay from beside its connections: how it stands, and what becomes of blobs.

use tokio::sync::{mpsc, oneshot};
use undertone::time::Time;

use super::ServeError;
use super::actor::Input;
use crate::count::Counts;
use crate::gateway::Gateway;
use crate::logic::{BlobName, BlobRefused, Fault, Upload};
use crate::store::{RelayStore, StoreError};

/// What comes of a question about a blob.
pub(crate) type BlobResult = Result<Upload, BlobRefused>;

/// A question, and where its answer goes.
pub(crate) enum Ask {
    /// How it stands, from memory: also when its store is in trouble.
    Standing(oneshot::Sender<Standing>),
    /// Whether its store answers; without an answer it does not.
    Ready(oneshot::Sender<()>),
    /// Tells every connection that the relay goes away.
    GoAway(oneshot::Sender<()>),
    /// Something about a blob.
    Blob(BlobAsk, oneshot::Sender<BlobResult>),
    /// Which of these blobs there are none of.
    Strays(Vec<BlobName>, oneshot::Sender<Vec<BlobName>>),
}

/// A question about a blob.
pub(crate) enum BlobAsk {
    /// Makes room for one.
    Begin { token: String, size: u64 },
    /// An upload, to go on with it.
    Upload { token: String, name: BlobName },
    /// All bytes are there.
    Finish { name: BlobName },
    /// Removes one.
    Remove { token: String, name: BlobName },
}

/// How a relay stands.
pub(crate) struct Standing {
    pub(crate) counts: Counts,
    pub(crate) blob_bytes: u64,
    pub(crate) store_bytes: u64,
}

/// Gives an answer, once what it says is durable.
pub(crate) type Reply = Box<dyn FnOnce()>;

impl Ask {
    /// Whether its answer says what must be durable first. Of a look nobody is to make a flush each.
    pub(crate) fn promises(&self) -> bool {
        match self {
            Ask::Standing(_) | Ask::Ready(_) => false,
            Ask::GoAway(_) | Ask::Blob(..) | Ask::Strays(..) => true,
        }
    }

    /// Does what is asked.
    pub(crate) fn put_to<S: RelayStore>(self, gateway: &mut Gateway<S>, now: Time) -> Result<Reply, StoreError> {
        Ok(match self {
            Ask::Standing(answer) => {
                let (blob_bytes, store_bytes) = (gateway.relay().blob_bytes()?, gateway.relay().store_bytes()?);
                let standing = Standing { counts: gateway.counts(), blob_bytes, store_bytes };
                reply(answer, standing)
            }
            Ask::Ready(answer) => {
                gateway.relay().store_bytes()?;
                reply(answer, ())
            }
            Ask::GoAway(answer) => {
                gateway.shut_down();
                reply(answer, ())
            }
            Ask::Blob(ask, answer) => match ask.put_to(gateway, now) {
                Ok(upload) => reply(answer, Ok(upload)),
                Err(Fault::Refused(why)) => reply(answer, Err(why)),
                Err(Fault::Store(error)) => return Err(error),
            },
            Ask::Strays(names, answer) => {
                let mut strays = Vec::new();
                for name in names {
                    if !gateway.relay().has_blob(name)? {
                        strays.push(name);
                    }
                }
                reply(answer, strays)
            }
        })
    }
}

impl BlobAsk {
    /// Does what is asked.
    pub(crate) fn put_to<S: RelayStore>(
        &self,
        gateway: &mut Gateway<S>,
        now: Time,
    ) -> Result<Upload, Fault<BlobRefused>> {
        let relay = gateway.relay_mut();
        match self {
            BlobAsk::Begin { token, size } => relay.begin_upload(token, *size, now),
            BlobAsk::Upload { token, name } => relay.upload(token, *name, now),
            BlobAsk::Finish { name } => relay.finish_upload(*name, now),
            BlobAsk::Remove { token, name } => {
                let upload = relay.upload(token, *name, now)?;
                relay.remove_blob(token, *name, now)?;
                Ok(upload)
            }
        }
    }
}

fn reply<T: 'static>(answer: oneshot::Sender<T>, value: T) -> Reply {
    Box::new(move || drop(answer.send(value)))
}

/// Asks, and waits for the answer.
pub(crate) async fn ask<T>(
    inputs: &mpsc::Sender<Input>,
    question: impl FnOnce(oneshot::Sender<T>) -> Ask,
) -> Result<T, ServeError> {
    let (answer, answered) = oneshot::channel();
    inputs.send(Input::Ask(question(answer))).await.map_err(|_| ServeError::Stopped)?;
    answered.await.map_err(|_| ServeError::Stopped)
}
