//! Speaking with NATS: buckets, the stream of mailboxes, subjects. Whatever fails for the moment is tried again.

use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, context::ContextBuilder};
use async_nats::{Client, ConnectOptions, HeaderMap, RequestErrorKind, Subscriber, header};
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use undertone::id::DeviceId;

use super::config::{NatsConfig, NatsLogin};
use super::place::{Bucket, Name, hex};
use super::record::Stored;
use super::stream::{bucket_config, mail_config, make, pieces_config};
use crate::logic::Limits;
use crate::store::StoreError;

/// How long NATS may take to answer once.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long something is tried again before it has failed: longer than a cluster takes to find new leaders.
pub(super) const TRY_FOR: Duration = Duration::from_secs(40);
/// A message of NATS must hold a full bundle and what is around it.
const PAYLOAD: usize = crate::frame::UP_MAX + 256 * 1024;

/// A message of a mailbox.
pub(super) struct Item {
    pub(super) sequence: u64,
    pub(super) stored: Stored,
}

/// What became of a write that only the first may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// It is there, as far as is known by this one.
    Yes,
    /// There was something before it; perhaps this very write, whose answer was lost.
    Before,
}

pub(super) struct Link {
    client: Client,
    context: Context,
    prefix: String,
    buckets: Vec<Stream>,
    mail: Stream,
    /// The bytes of files, if these relays keep any.
    pieces: Option<Stream>,
    /// When something last had to be tried again: then leaders may have changed, and know less for a moment.
    trouble: Mutex<Option<Instant>>,
}

#[derive(Serialize)]
struct Delete {
    seq: u64,
    no_erase: bool,
}

#[derive(Deserialize)]
struct Ignored {}

impl Link {
    /// Connects, and makes what is missing of buckets and streams.
    pub(super) async fn open(config: &NatsConfig, limits: &Limits) -> Result<Link, StoreError> {
        // What stands in an address itself is not used by the client.
        let options = match config.login.clone() {
            Some(NatsLogin { user, password }) => ConnectOptions::with_user_and_password(user, password),
            None => ConnectOptions::new(),
        };
        let options = options
            .name("undertone-relay")
            .connection_timeout(ANSWER_WITHIN)
            .request_timeout(Some(ANSWER_WITHIN))
            .subscription_capacity(4_096)
            .reconnect_delay_callback(|attempt| Duration::from_millis((50 << attempt.min(5)) as u64));
        let client = options.connect(config.urls.clone()).await.map_err(|e| StoreError::Io(format!("NATS: {e}")))?;
        let info = client.server_info();
        if info.max_payload < PAYLOAD {
            return Err(StoreError::Io(format!(
                "NATS takes messages of {} bytes, and a relay needs {PAYLOAD}: set `max_payload: 8MB` in its configuration",
                info.max_payload
            )));
        }
        let replicas = config.replicas.unwrap_or(if info.cluster.is_some() { 3 } else { 1 });
        let context = ContextBuilder::new().timeout(ANSWER_WITHIN).ack_timeout(ANSWER_WITHIN).build(client.clone());
        let mut buckets = Vec::new();
        for bucket in Bucket::ALL {
            buckets.push(make(&context, bucket_config(&config.prefix, bucket, limits, replicas)).await?);
        }
        let mail = make(&context, mail_config(&config.prefix, limits, replicas)).await?;
        let pieces = match config.files {
            true => Some(make(&context, pieces_config(&config.prefix, &limits.blobs, replicas)).await?),
            false => None,
        };
        let prefix = config.prefix.clone();
        Ok(Link { client, context, prefix, buckets, mail, pieces, trouble: Mutex::new(None) })
    }

    /// What is under a name: its place in the bucket, and its bytes. Asks the leader.
    pub(super) async fn get(&self, name: &Name) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let message = self.last_on(self.bucket(name.bucket)?, &self.subject(name)).await?;
        Ok(message.map(|message| (message.sequence, message.payload.to_vec())))
    }

    /// The last message on a subject.
    pub(super) async fn last_on(&self, stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, StoreError> {
        self.again(|| async {
            match stream.get_last_raw_message_by_subject(subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// Returns when NATS answers, with a leader for what devices are.
    pub(super) async fn answers(&self) -> Result<(), StoreError> {
        // There need not be such a key: that is an answer as well.
        self.get(&Name { bucket: Bucket::State, key: "ready".into() }).await.map(drop)
    }

    /// Writes what nobody has written before.
    pub(super) async fn create(&self, name: &Name, bytes: &[u8]) -> Result<Created, StoreError> {
        self.put_at(name, bytes, 0).await
    }

    /// Writes over what is at that place in the bucket. On a cluster before NATS 2.12 two that are under way together may
    /// both be told that they have: only what is not there yet (0) is for one alone.
    pub(super) async fn put_at(&self, name: &Name, bytes: &[u8], place: u64) -> Result<Created, StoreError> {
        self.put_on(&self.subject(name), bytes, place).await
    }

    /// The same, on any subject.
    pub(super) async fn put_on(&self, subject: &str, bytes: &[u8], place: u64) -> Result<Created, StoreError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, place.to_string().as_str());
        self.again(|| async {
            match self.publish(subject.to_owned(), headers.clone(), bytes.to_vec()).await {
                Ok(_) => Ok(Created::Yes),
                Err((PublishErrorKind::WrongLastSequence, _)) => Ok(Created::Before),
                Err((_, why)) => Err(why),
            }
        })
        .await
    }

    /// Writes over whatever is there.
    pub(super) async fn put(&self, name: &Name, bytes: &[u8]) -> Result<(), StoreError> {
        self.again(|| async {
            let written = self.publish(self.subject(name), HeaderMap::new(), bytes.to_vec()).await;
            written.map(drop).map_err(|(_, why)| why)
        })
        .await
    }

    /// Appends to a mailbox, once: who tries it again must know that it may.
    pub(super) async fn append(&self, to: &DeviceId, id: &str, stored: &Stored) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, id);
        let bytes = stored.encode().map_err(|error| error.to_string())?;
        self.publish(self.mailbox(to), headers, bytes).await.map_err(|(_, why)| why)
    }

    /// The first of a mailbox that is not before `from`.
    pub(super) async fn next(&self, device: &DeviceId, from: u64) -> Result<Option<Item>, StoreError> {
        let subject = self.mailbox(device);
        let found = self
            .again(|| async {
                match self.mail.get_first_raw_message_by_subject(&subject, from).await {
                    Ok(message) => Ok(Some(message)),
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                    Err(error) => Err(error.to_string()),
                }
            })
            .await?;
        found.map(item).transpose()
    }

    /// What is at that place, and in whose mailbox.
    pub(super) async fn at(&self, sequence: u64) -> Result<Option<(String, Item)>, StoreError> {
        // Places begin at 1. Devices say what they like, and asked for another the server fails as if it were in trouble.
        if sequence == 0 {
            return Ok(None);
        }
        let found = self
            .again(|| async {
                match self.mail.get_raw_message(sequence).await {
                    Ok(message) => Ok(Some(message)),
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                    Err(error) => Err(error.to_string()),
                }
            })
            .await?;
        found.map(|message| Ok((message.subject.to_string(), item(message)?))).transpose()
    }

    /// Whether what is at that place is in this mailbox.
    pub(super) async fn is_of(&self, device: &DeviceId, sequence: u64) -> Result<bool, StoreError> {
        Ok(self.at(sequence).await?.is_some_and(|(subject, _)| subject == self.mailbox(device)))
    }

    /// Takes out of the stream what was acknowledged or has expired. What is gone already is no error.
    pub(super) async fn drop_mail(&self, sequence: u64) -> Result<(), StoreError> {
        let subject = format!("STREAM.MSG.DELETE.{}_mail", self.prefix);
        self.again(|| async {
            let request = Delete { seq: sequence, no_erase: true };
            let answer: Result<jetstream::response::Response<Ignored>, _> =
                self.context.request(subject.clone(), &request).await;
            answer.map(drop).map_err(|error| error.to_string())
        })
        .await
    }

    /// How much lies in a mailbox.
    pub(super) async fn waiting(&self, device: &DeviceId) -> Result<u64, StoreError> {
        let subject = self.mailbox(device);
        self.again(|| async {
            let mut counts = self.mail.info_with_subjects(&subject).await.map_err(|e| e.to_string())?;
            let count = counts.try_next().await.map_err(|e| e.to_string())?;
            Ok(count.map_or(0, |(_, count)| count as u64))
        })
        .await
    }

    /// Tells whichever relay has a device; `false` when none has.
    pub(super) async fn tell(&self, device: &DeviceId, word: Vec<u8>) -> bool {
        let subject = format!("{}.to.{}", self.prefix, hex(device.as_bytes()));
        match self.client.request(subject, word.into()).await {
            Ok(_) => true,
            Err(error) => error.kind() != RequestErrorKind::NoResponders,
        }
    }

    /// Tells all relays something that each of them can also find out by itself.
    pub(super) async fn tell_all(&self, what: &str, word: Vec<u8>) {
        let _ = self.client.publish(format!("{}.{what}", self.prefix), word.into()).await;
    }

    /// What is told about a device.
    pub(super) async fn listen(&self, device: &DeviceId) -> Result<Subscriber, StoreError> {
        self.listen_to(&format!("to.{}", hex(device.as_bytes()))).await
    }

    /// What all relays are told.
    pub(super) async fn listen_to(&self, what: &str) -> Result<Subscriber, StoreError> {
        let subscriber = self.client.subscribe(format!("{}.{what}", self.prefix)).await;
        let subscriber = subscriber.map_err(|e| StoreError::Io(format!("NATS: {e}")))?;
        let _ = self.client.flush().await;
        Ok(subscriber)
    }

    /// Answers who told something.
    pub(super) async fn answer(&self, message: &async_nats::Message) {
        if let Some(reply) = &message.reply {
            let _ = self.client.publish(reply.clone(), Vec::new().into()).await;
        }
    }

    /// The stream behind the bucket of what was accepted.
    pub(super) fn seen(&self) -> Result<&Stream, StoreError> {
        self.bucket(Bucket::Seen)
    }

    /// The stream behind the bucket of the books of files.
    pub(super) fn books(&self) -> Result<&Stream, StoreError> {
        self.bucket(Bucket::Blobs)
    }

    /// The subjects of what each user's files are.
    pub(super) fn books_of_users(&self) -> String {
        format!("$KV.{}_{}.f.*", self.prefix, Bucket::Blobs.name())
    }

    /// The stream with the bytes of files, and what its subjects begin with.
    pub(super) fn pieces(&self) -> Result<(&Stream, String), StoreError> {
        let pieces = self.pieces.as_ref().ok_or(StoreError::Closed)?;
        Ok((pieces, format!("{}.piece", self.prefix)))
    }

    /// Whether something had to be tried again in these last seconds.
    pub(super) fn had_trouble(&self) -> bool {
        self.trouble.lock().is_some_and(|at| at.elapsed() < Duration::from_secs(10))
    }

    fn bucket(&self, bucket: Bucket) -> Result<&Stream, StoreError> {
        self.buckets.get(bucket as usize).ok_or(StoreError::Closed)
    }

    fn subject(&self, name: &Name) -> String {
        format!("$KV.{}_{}.{}", self.prefix, name.bucket.name(), name.key)
    }

    fn mailbox(&self, device: &DeviceId) -> String {
        format!("{}.mail.{}", self.prefix, hex(device.as_bytes()))
    }

    async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        bytes: Vec<u8>,
    ) -> Result<(), (PublishErrorKind, String)> {
        let failed = |error: jetstream::context::PublishError| (error.kind(), error.to_string());
        let sent = self.context.publish_with_headers(subject, headers, bytes.into()).await.map_err(failed)?;
        sent.await.map(drop).map_err(failed)
    }

    /// Tries until it works, or has not for long. What it does must be good to do again.
    pub(super) async fn again<T, F: Future<Output = Result<T, String>>>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        let mut tries = self.tries();
        loop {
            match work().await {
                Ok(value) => return Ok(value),
                Err(why) => tries.again(why).await?,
            }
        }
    }

    /// To try something by oneself.
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries { link: self, start: Instant::now(), pause: Duration::from_millis(50) }
    }
}

/// Something that is tried until it works, or has not for long.
pub(super) struct Tries<'l> {
    link: &'l Link,
    start: Instant,
    pause: Duration,
}

impl Tries<'_> {
    /// It did not work: waits until it may be tried again.
    pub(super) async fn again(&mut self, why: String) -> Result<(), StoreError> {
        if self.start.elapsed() > TRY_FOR {
            return Err(StoreError::Io(format!("NATS: {why}")));
        }
        *self.link.trouble.lock() = Some(Instant::now());
        tracing::debug!(%why, "trying again");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(1));
        Ok(())
    }
}

fn item(message: StreamMessage) -> Result<Item, StoreError> {
    Ok(Item { sequence: message.sequence, stored: Stored::decode(&message.payload)? })
}
