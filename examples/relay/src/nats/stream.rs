//! How NATS is to keep what relays keep: the streams, and for how long.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType, Stream};
use tokio::time::sleep;
use undertone::time::DAY;

use super::link::TRY_FOR;
use super::place::Bucket;
use crate::logic::{BlobLimits, Limits};
use crate::store::StoreError;

/// How long the stream knows a copy by its id.
const DUPLICATES: Duration = Duration::from_secs(5 * 60);
/// How long a claim is kept once its version is in place.
const CLAIMS: Duration = Duration::from_secs(60 * 60);

/// The stream of a bucket, as the key-value stores of NATS's clients are, so that its tools read it. The client's own way to
/// make one wants to know of the account what servers before 2.10 do not tell.
pub(super) fn bucket_config(prefix: &str, bucket: Bucket, limits: &Limits, replicas: usize) -> stream::Config {
    let max_age = match bucket {
        Bucket::State => Duration::ZERO,
        Bucket::Tags => Duration::from_millis(limits.tag_age),
        Bucket::Seen => Duration::from_millis(limits.seen_age),
        Bucket::Slots => Duration::from_millis(limits.slot_age),
        Bucket::Watches => Duration::from_millis(limits.mailbox_age),
        Bucket::Claims => CLAIMS,
        Bucket::Blobs => files_age(&limits.blobs),
    };
    let name = format!("{prefix}_{}", bucket.name());
    stream::Config {
        subjects: vec![format!("$KV.{name}.>")],
        name: format!("KV_{name}"),
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        max_age,
        storage: StorageType::File,
        num_replicas: replicas,
        ..stream::Config::default()
    }
}

pub(super) fn mail_config(prefix: &str, limits: &Limits, replicas: usize) -> stream::Config {
    stream::Config {
        name: format!("{prefix}_mail"),
        subjects: vec![format!("{prefix}.mail.*")],
        discard: DiscardPolicy::Old,
        max_age: Duration::from_millis(limits.mailbox_age),
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: DUPLICATES.min(Duration::from_millis(limits.mailbox_age)),
        ..stream::Config::default()
    }
}

/// The bytes of files. What nobody removes goes by itself, once nothing in the books can name it any more.
pub(super) fn pieces_config(prefix: &str, limits: &BlobLimits, replicas: usize) -> stream::Config {
    stream::Config {
        name: format!("{prefix}_pieces"),
        subjects: vec![format!("{prefix}.piece.*.*")],
        // A piece that finds no room is refused; none goes for it.
        discard: DiscardPolicy::New,
        max_age: files_age(limits),
        storage: StorageType::File,
        num_replicas: replicas,
        ..stream::Config::default()
    }
}

/// Longer than any file is there: as long as its upload may take, as long as it is kept, and a day.
fn files_age(limits: &BlobLimits) -> Duration {
    Duration::from_millis(limits.upload_within.saturating_add(limits.age).saturating_add(DAY))
}

/// A cluster that has just started has no room for replicas yet: waits for it.
pub(super) async fn make(context: &Context, config: stream::Config) -> Result<Stream, StoreError> {
    let start = Instant::now();
    loop {
        match context.get_or_create_stream(config.clone()).await {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > TRY_FOR => return Err(unmade(&config.name, &error)),
            Err(_) => sleep(Duration::from_millis(300)).await,
        }
    }
}

fn unmade(what: &str, error: &dyn std::error::Error) -> StoreError {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    StoreError::Io(format!(
        "NATS has no `{what}` and makes none (is JetStream on, with a server for each replica?): {why}"
    ))
}
