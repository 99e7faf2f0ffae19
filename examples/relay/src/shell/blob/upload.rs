//! Uploads, as tus 1.0.0 has them: make room, send bytes from an offset, ask for the offset after a break.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{BlobAsk, Blobs, Failure, TUS, TUS_RESUMABLE, admit, answer, ask_relay, busy, download, name_of};
use crate::logic::Upload;
use crate::shell::Shared;
use crate::shell::listener::Caller;

const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The media type of a part.
const PART_TYPE: &str = "application/offset+octet-stream";

/// What this server can do.
pub(super) async fn options(State(shared): State<Arc<Shared>>) -> Response {
    if shared.blobs.is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let extensions = ("tus-extension", "creation,expiration,termination");
    (StatusCode::NO_CONTENT, [("tus-resumable", TUS), ("tus-version", TUS), extensions]).into_response()
}

/// Makes room for a blob.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    let work = async {
        admit(&shared, &caller, &headers)?;
        let token = token(&headers)?;
        let size = number(&headers, &LENGTH)?;
        let upload = ask_relay(&shared, BlobAsk::Begin { token, size }).await?;
        let place = format!("blobs/{}", upload.name.to_text());
        Ok(tus((StatusCode::CREATED, [(header::LOCATION, place)]), &upload, 0))
    };
    answer(&shared, work.await)
}

/// How far an upload is; without a token, what a download would be told.
pub(super) async fn head(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !headers.contains_key(header::AUTHORIZATION) {
        return download::get(State(shared), Extension(caller), Path(name), headers).await;
    }
    let work = async {
        let blobs = admit(&shared, &caller, &headers)?;
        let name = name_of(&name)?;
        let upload = ask_relay(&shared, BlobAsk::Upload { token: token(&headers)?, name }).await?;
        let (upload, offset) = progress(&shared, blobs, upload).await?;
        Ok(tus((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]), &upload, offset))
    };
    answer(&shared, work.await)
}

/// Takes bytes from an offset on.
pub(super) async fn append(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let work = async {
        let blobs = admit(&shared, &caller, &headers)?;
        let name = name_of(&name)?;
        let token = token(&headers)?;
        if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PART_TYPE) {
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send {PART_TYPE}")));
        }
        let from = number(&headers, &OFFSET)?;
        // First, so that what the relay says of it stays true until the last byte is written.
        let _writing = blobs.write(name).ok_or_else(busy)?;
        let upload = ask_relay(&shared, BlobAsk::Upload { token, name }).await?;
        let (upload, offset) = progress(&shared, blobs, upload).await?;
        if from != offset {
            return Err(Failure::new(StatusCode::CONFLICT, format!("it has {offset} bytes: go on from there")));
        }
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|announced| announced > upload.size.saturating_sub(offset)) {
            return Err(too_much());
        }
        let (upload, offset) =
            if upload.complete { (upload, offset) } else { take(&shared, blobs, upload, offset, body).await? };
        Ok(tus(StatusCode::NO_CONTENT, &upload, offset))
    };
    answer(&shared, work.await)
}

/// Removes a blob.
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let work = async {
        let blobs = admit(&shared, &caller, &headers)?;
        let name = name_of(&name)?;
        let token = token(&headers)?;
        // What is still being written would take room that nobody counts any more.
        let _writing = blobs.write(name).ok_or_else(busy)?;
        ask_relay(&shared, BlobAsk::Remove { token, name }).await?;
        // Whoever asks from now on gets nothing, so it does not wait for its turn among what else is removed.
        blobs.files.remove(name).await?;
        Ok((StatusCode::NO_CONTENT, [(TUS_RESUMABLE, TUS)]).into_response())
    };
    answer(&shared, work.await)
}

/// How many bytes there are. A crash can have come between the last byte and the relay's word on it: then that is made
/// good.
async fn progress(shared: &Shared, blobs: &Blobs, upload: Upload) -> Result<(Upload, u64), Failure> {
    if upload.complete {
        return Ok((upload, upload.size));
    }
    if blobs.files.is_complete(upload.name).await? {
        let upload = ask_relay(shared, BlobAsk::Finish { name: upload.name }).await?;
        return Ok((upload, upload.size));
    }
    Ok((upload, blobs.files.length(upload.name).await?))
}

/// Writes what comes, as it comes. What was written is kept when it breaks off, and is durable before it is said. Past the
/// upload's end nothing is left of it, whoever removed it meanwhile: its room is counted no more.
async fn take(shared: &Shared, blobs: &Blobs, upload: Upload, from: u64, body: Body) -> Result<(Upload, u64), Failure> {
    let taken = write(shared, blobs, &upload, from, body).await;
    if shared.clock.now() >= upload.expires_at {
        blobs.files.remove(upload.name).await?;
        return Err(Failure::unknown());
    }
    let offset = taken?;
    if offset < upload.size {
        return Ok((upload, offset));
    }
    blobs.files.finish(&upload).await?;
    match ask_relay(shared, BlobAsk::Finish { name: upload.name }).await {
        Ok(upload) => Ok((upload, offset)),
        Err(failure) => {
            // It expired just now, or the relay goes away: then the next run finds it.
            if failure.status == StatusCode::NOT_FOUND {
                blobs.files.remove(upload.name).await?;
            }
            Err(failure)
        }
    }
}

/// The offset behind what came, at the upload's end at the latest.
async fn write(shared: &Shared, blobs: &Blobs, upload: &Upload, from: u64, body: Body) -> Result<u64, Failure> {
    let mut file = blobs.files.append(upload, from).await?;
    let mut body = body.into_data_stream();
    let mut offset = from;
    let broken = loop {
        let left = Duration::from_millis(upload.expires_at.since(shared.clock.now()) + 1);
        let bytes = match timeout(shared.timeouts.upload.min(left), body.next()).await {
            Ok(Some(Ok(bytes))) => bytes,
            Ok(None) => break None,
            Ok(Some(Err(_))) => {
                break Some(Failure::new(StatusCode::BAD_REQUEST, "the upload broke off: go on with it"));
            }
            Err(_) => {
                break Some(Failure::new(StatusCode::REQUEST_TIMEOUT, "nothing came for too long: go on with it"));
            }
        };
        if bytes.len() as u64 > upload.size.saturating_sub(offset) {
            // Nothing of a request that lies is kept.
            file.undo(from).await?;
            return Err(too_much());
        }
        file.write(&bytes).await?;
        offset += bytes.len() as u64;
        shared.tally.uploaded(bytes.len());
    };
    file.keep().await?;
    broken.map_or(Ok(offset), Err)
}

/// What every answer about an upload says.
fn tus(response: impl IntoResponse, upload: &Upload, offset: u64) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    let expires = UNIX_EPOCH + Duration::from_millis(upload.expires_at.as_ms());
    let values = [
        (TUS_RESUMABLE, TUS.to_owned()),
        (OFFSET, offset.to_string()),
        (LENGTH, upload.size.to_string()),
        (EXPIRES, httpdate::fmt_http_date(expires)),
    ];
    for (name, value) in values {
        if let Ok(value) = value.try_into() {
            headers.insert(name, value);
        }
    }
    response
}

fn token(headers: &HeaderMap) -> Result<String, Failure> {
    if headers.get(TUS_RESUMABLE).is_none_or(|version| version != TUS) {
        return Err(Failure::new(StatusCode::PRECONDITION_FAILED, format!("speak tus {TUS}")));
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    given.map(str::to_owned).ok_or_else(|| crate::logic::BlobRefused::Token.into())
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Failure> {
    let given = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = given.filter(|text| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, format!("{name} must be a number of bytes")))
}

fn too_much() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "more bytes than were announced when the upload began")
}
