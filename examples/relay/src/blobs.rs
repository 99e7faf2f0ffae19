//! The device's end of a relay's encrypted files: tus 1.0.0 to upload, byte ranges to fetch.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};

use crate::frame::BLOBS_PATH;
use crate::http::{Http, HttpError};
use crate::logic::BlobName;
use crate::trust::Trust;
use crate::url::Address;

/// How long a request may take: a piece of a file is 1 MiB, and links are slow.
const WITHIN: Duration = Duration::from_secs(120);
/// Bytes of an answer at most; nobody needs larger ranges.
const ANSWER: usize = 4 * 1024 * 1024;

/// Why an encrypted file did not go or come.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The relay's address is none.
    #[error("{0} is no relay's address, like wss://relay.example.org")]
    Address(String),
    /// The network, or what speaks at the other end. Try again.
    #[error("{0}")]
    Network(String),
    /// The token has ended: ask for another.
    #[error("the relay wants another token")]
    Token,
    /// There is no such file, or no longer.
    #[error("the relay has no such file, or no longer")]
    Gone,
    /// Another offset is where the upload goes on: ask for it.
    #[error("the upload goes on elsewhere")]
    Offset,
    /// The relay refuses, and says why.
    #[error("the relay refuses the file: {0}")]
    Refused(String),
    /// The answer is not what the protocol says.
    #[error("the relay does not keep to the protocol")]
    Protocol,
}

impl From<HttpError> for BlobError {
    fn from(error: HttpError) -> BlobError {
        BlobError::Network(error.to_string())
    }
}

/// The encrypted files of one relay.
#[derive(Clone)]
pub struct Blobs(Http);

impl Blobs {
    /// Of the relay at an address like `wss://relay.example.org`.
    ///
    /// # Errors
    /// [`BlobError::Address`].
    pub fn at(relay: &str, trust: Arc<Trust>) -> Result<Blobs, BlobError> {
        let address = Address::parse(relay).ok_or_else(|| BlobError::Address(relay.into()))?;
        Ok(Blobs(Http { address, trust, within: WITHIN, most: ANSWER }))
    }

    /// Makes room for a file of so many bytes.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn create(&self, token: &str, size: u64) -> Result<BlobName, BlobError> {
        let request = self.request(Method::POST, "", Some(token)).header("upload-length", size);
        let answer = self.send(request, Bytes::new()).await?;
        expect(&answer, StatusCode::CREATED)?;
        let place = answer.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
        place.and_then(|place| BlobName::parse(place.rsplit('/').next()?)).ok_or(BlobError::Protocol)
    }

    /// How many bytes of an upload the relay has.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn offset(&self, token: &str, name: BlobName) -> Result<u64, BlobError> {
        let request = self.request(Method::HEAD, &name.to_text(), Some(token));
        let answer = self.send(request, Bytes::new()).await?;
        expect(&answer, StatusCode::OK)?;
        offset(&answer)
    }

    /// Sends bytes from an offset on; returns the next offset.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn append(&self, token: &str, name: BlobName, at: u64, bytes: Vec<u8>) -> Result<u64, BlobError> {
        let request = self
            .request(Method::PATCH, &name.to_text(), Some(token))
            .header("upload-offset", at)
            .header(header::CONTENT_TYPE, "application/offset+octet-stream");
        let answer = self.send(request, bytes.into()).await?;
        expect(&answer, StatusCode::NO_CONTENT)?;
        offset(&answer)
    }

    /// Fetches bytes of a complete file: exactly this range, of at most 4 MiB.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn read(&self, name: BlobName, range: &Range<u64>) -> Result<Vec<u8>, BlobError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = format!("bytes={}-{}", range.start, range.end - 1);
        let request = self.request(Method::GET, &name.to_text(), None).header(header::RANGE, wanted);
        let answer = self.send(request, Bytes::new()).await?;
        expect(&answer, StatusCode::PARTIAL_CONTENT)?;
        let says = answer.headers().get(header::CONTENT_RANGE).and_then(|says| says.to_str().ok());
        let begins = says.is_some_and(|says| says.starts_with(&format!("bytes {}-{}/", range.start, range.end - 1)));
        if !begins || answer.body().len() as u64 != range.end - range.start {
            return Err(BlobError::Protocol);
        }
        Ok(answer.into_body().into())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn remove(&self, token: &str, name: BlobName) -> Result<(), BlobError> {
        let request = self.request(Method::DELETE, &name.to_text(), Some(token));
        let answer = self.send(request, Bytes::new()).await?;
        expect(&answer, StatusCode::NO_CONTENT)
    }

    fn request(&self, method: Method, name: &str, token: Option<&str>) -> hyper::http::request::Builder {
        let below = if name.is_empty() { String::new() } else { format!("/{name}") };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{BLOBS_PATH}{below}", self.0.address.path.trim_end_matches('/')));
        match token {
            Some(token) => {
                let bearer = format!("Bearer {token}");
                request.header(header::AUTHORIZATION, bearer).header("tus-resumable", "1.0.0")
            }
            None => request,
        }
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<Response<Bytes>, BlobError> {
        let request = request.body(Full::new(body)).map_err(|_| BlobError::Protocol)?;
        Ok(self.0.send(request).await?)
    }
}

fn expect(answer: &Response<Bytes>, wanted: StatusCode) -> Result<(), BlobError> {
    let status = answer.status();
    if status == wanted {
        return Ok(());
    }
    Err(match status {
        StatusCode::UNAUTHORIZED => BlobError::Token,
        StatusCode::NOT_FOUND | StatusCode::GONE => BlobError::Gone,
        StatusCode::CONFLICT | StatusCode::LOCKED => BlobError::Offset,
        status if status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE => {
            BlobError::Network(format!("the relay answers {status}"))
        }
        // What it says is shown to a person: short, and without what could paint a terminal.
        status => {
            let why = String::from_utf8_lossy(answer.body());
            let why: String = why.trim().chars().filter(|c| !c.is_control()).take(200).collect();
            BlobError::Refused(if why.is_empty() { status.to_string() } else { why })
        }
    })
}

fn offset(answer: &Response<Bytes>) -> Result<u64, BlobError> {
    let offset = answer.headers().get("upload-offset").and_then(|offset| offset.to_str().ok()?.parse().ok());
    offset.ok_or(BlobError::Protocol)
}
