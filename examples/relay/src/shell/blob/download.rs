//! Downloads, whole or by one range. The name is all that is asked for, and nobody writes down who asked.

use std::ops::Range;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::files::{Reader, STEP};
use super::{Failure, admit, answer, name_of};
use crate::network::Network;
use crate::range::{Wanted, wanted};
use crate::shell::Shared;
use crate::shell::listener::Caller;

/// Gives a blob, or the part of it that is wanted.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let work = async {
        let blobs = admit(&shared, &caller, &headers)?;
        let address = caller.network(&shared, &headers);
        let name = name_of(&name)?;
        let (file, size) = blobs.files.open(name).await?.ok_or_else(Failure::unknown)?;
        // A blob never changes, so that its name says which one it is.
        let tag = format!("\"{}\"", name.to_text());
        let range = match headers.get(header::IF_RANGE) {
            Some(known) if known != tag.as_str() => None,
            _ => headers.get(header::RANGE).and_then(|value| value.to_str().ok()),
        };
        let mut response = match wanted(range, size) {
            Wanted::All => part((&shared, address), file, 0..size, StatusCode::OK).await?,
            Wanted::Part(range) => {
                let says = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let mut response = part((&shared, address), file, range, StatusCode::PARTIAL_CONTENT).await?;
                response.headers_mut().extend(says.try_into().map(|says| (header::CONTENT_RANGE, says)));
                response
            }
            Wanted::Nothing => {
                let says = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
                return Ok((StatusCode::RANGE_NOT_SATISFIABLE, says).into_response());
            }
        };
        let common = [
            (header::ACCEPT_RANGES, "bytes"),
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
            // Whoever opens it in a browser gets a file, and no page.
            (header::CONTENT_DISPOSITION, "attachment"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        for (name, value) in common {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response.headers_mut().extend(tag.try_into().map(|tag| (header::ETAG, tag)));
        Ok(response)
    };
    answer(&shared, work.await)
}

async fn part(
    (shared, address): (&Arc<Shared>, Network),
    mut file: Reader,
    range: Range<u64>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let length = range.end - range.start;
    if !shared.places.may_download(address, length.min(STEP), shared.clock.now()) {
        return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "too much was fetched from there: go on later"));
    }
    file.seek(range).await?;
    let body =
        Body::from_stream(stream::unfold((shared.clone(), file, length), move |(shared, mut file, left)| async move {
            if left == 0 {
                return None;
            }
            let step = match file.read().await {
                // Shorter than it was a moment ago: the connection breaks, so that nobody takes it for all.
                Ok(bytes) if bytes.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) if shared.places.download(address, bytes.len(), shared.clock.now()) => {
                    shared.tally.downloaded(bytes.len());
                    Ok(bytes)
                }
                // It goes on by a range, when the address may fetch more.
                Ok(_) => Err(std::io::ErrorKind::ConnectionAborted.into()),
                Err(error) => Err(error),
            };
            let left = step.as_ref().map_or(0, |bytes| left.saturating_sub(bytes.len() as u64));
            Some((step, (shared, file, left)))
        }));
    Ok((status, [(header::CONTENT_LENGTH, length.to_string())], body).into_response())
}
