//! Encrypted files over HTTP: uploaded by tus 1.0.0 (creation, expiration, termination), fetched with byte ranges (RFC 9110).
//!
//! What may be stored for whom is the logic's to decide; here are the bytes. A name comes from outside and is a
//! [`BlobName`] or nothing, so that it leads nowhere else.

mod download;
pub(super) mod files;
pub(super) mod folder;
mod upload;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::mpsc;

use super::ask::{Ask, BlobAsk, ask};
use super::listener::Caller;
use super::{ServeError, Shared};
use crate::frame::BLOBS_PATH;
use crate::logic::{BlobName, BlobRefused, Upload};
use files::Files;

/// Files whose fate is asked for at once.
const TOGETHER: usize = 256;
/// The version of tus.
const TUS: &str = "1.0.0";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");

/// Where the bytes are, and which of them are just being written.
pub(super) struct Blobs {
    files: Files,
    under_way: Mutex<BTreeSet<BlobName>>,
    removed: Mutex<Option<mpsc::UnboundedReceiver<BlobName>>>,
}

/// A blob that only this request may write to, until it is dropped.
struct Writing<'b> {
    blobs: &'b Blobs,
    name: BlobName,
}

impl Blobs {
    /// Keeps files there, and hears from the relay which blobs go.
    pub(super) fn new(files: Files, removed: mpsc::UnboundedReceiver<BlobName>) -> Blobs {
        Blobs { files, under_way: Mutex::default(), removed: Mutex::new(Some(removed)) }
    }

    /// Lets nobody else write to a blob; `None` when somebody does.
    fn write(&self, name: BlobName) -> Option<Writing<'_>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Made only when it counts: dropping one gives the blob free.
        if under_way.insert(name) { Some(Writing { blobs: self, name }) } else { None }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.blobs.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// What is answered below [`BLOBS_PATH`].
pub(super) fn routes() -> Router<Arc<Shared>> {
    let one = get(download::get).head(upload::head).patch(upload::append).delete(upload::remove);
    Router::new()
        .route(BLOBS_PATH, post(upload::create).options(upload::options))
        .route(&format!("{BLOBS_PATH}/{{name}}"), one)
        // Bodies are not gathered but written as they come.
        .layer(DefaultBodyLimit::disable())
}

/// Removes files that an earlier run left behind, then those that the relay says, as long as it runs.
pub(super) async fn tidy(shared: Arc<Shared>) {
    let Some(blobs) = &shared.blobs else { return };
    let removed = blobs.removed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut removed) = removed else { return };
    let names = blobs.files.names().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot look for files that were left behind");
        Vec::new()
    });
    for names in names.chunks(TOGETHER) {
        let Ok(strays) = ask(&shared.inputs, |answer| Ask::Strays(names.to_vec(), answer)).await else { return };
        for name in strays {
            remove(blobs, name).await;
        }
    }
    while let Some(name) = removed.recv().await {
        remove(blobs, name).await;
    }
}

async fn remove(blobs: &Blobs, name: BlobName) {
    if let Err(error) = blobs.files.remove(name).await {
        tracing::warn!(%error, "cannot remove a file");
    }
}

/// Why a request is refused, as HTTP says it.
struct Failure {
    status: StatusCode,
    why: String,
}

impl Failure {
    fn new(status: StatusCode, why: impl Into<String>) -> Failure {
        Failure { status, why: why.into() }
    }

    /// There is no such blob: also for a name that is none, and where none are stored.
    fn unknown() -> Failure {
        Failure::from(BlobRefused::Unknown)
    }
}

impl From<BlobRefused> for Failure {
    fn from(refused: BlobRefused) -> Failure {
        let status = match refused {
            BlobRefused::Token => StatusCode::UNAUTHORIZED,
            BlobRefused::Standing(_) => StatusCode::FORBIDDEN,
            BlobRefused::Unknown => StatusCode::NOT_FOUND,
            BlobRefused::Size(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BlobRefused::UserFull | BlobRefused::Full => StatusCode::INSUFFICIENT_STORAGE,
            BlobRefused::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        };
        Failure::new(status, refused.to_string())
    }
}

impl From<ServeError> for Failure {
    fn from(_: ServeError) -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the relay goes away: come again")
    }
}

impl From<std::io::Error> for Failure {
    /// Another relay writes to it or has removed it; else the disk's fault. Its message names a file, and goes to the log only
    /// by its kind.
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            ErrorKind::NotFound => return Failure::unknown(),
            ErrorKind::ResourceBusy => return busy(),
            ErrorKind::QuotaExceeded => {
                let why = "it came in too many small pieces: begin again, with more in each request";
                return Failure::new(StatusCode::TOO_MANY_REQUESTS, why);
            }
            _ => {}
        }
        tracing::error!(kind = ?error.kind(), "a file cannot be read or written");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the relay cannot keep or read the file")
    }
}

fn busy() -> Failure {
    Failure::new(StatusCode::LOCKED, "another request writes to it: try again")
}

/// Answers, and counts and logs what was refused.
fn answer(shared: &Shared, result: Result<Response, Failure>) -> Response {
    let failure = match result {
        Ok(response) => return response,
        Err(failure) => failure,
    };
    shared.tally.blob_refused();
    tracing::info!(status = failure.status.as_u16(), "a request about a blob is refused");
    let mut response = (failure.status, failure.why + "\n").into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, header::HeaderValue::from_static(TUS));
    match failure.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        StatusCode::PRECONDITION_FAILED => {
            headers.insert("tus-version", header::HeaderValue::from_static(TUS));
        }
        _ => {}
    }
    response
}

/// Counts a request against its address, and finds where the files are.
fn admit<'s>(shared: &'s Shared, caller: &Caller, headers: &HeaderMap) -> Result<&'s Blobs, Failure> {
    if !shared.places.request(caller.network(shared, headers), shared.clock.now()) {
        let why = "too many requests from there: try again later";
        return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, why));
    }
    shared.blobs.as_ref().ok_or_else(Failure::unknown)
}

fn name_of(text: &str) -> Result<BlobName, Failure> {
    BlobName::parse(text).ok_or_else(Failure::unknown)
}

async fn ask_relay(shared: &Shared, question: BlobAsk) -> Result<Upload, Failure> {
    Ok(ask(&shared.inputs, |answer| Ask::Blob(question, answer)).await??)
}
