//! Files of messages on their way from a phone to the page: looked at in ranges, or saved whole.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use undertone::attachment::{Attachment, Location, Reader};
use undertone::message::MessageContent;
use undertone::{Engine, Time};
use undertone_host::{FileError, RelayFiles, Storage};
use undertone_relay::range::{Wanted, wanted};

use super::guard::FILE_POLICY;
use crate::page::Fault;
use crate::phone::Phone;
use crate::platform::Platform;
use crate::view::{ConversationName, Reference};

/// Bytes that are read, verified and handed out at a time.
const AT_ONCE: u64 = 1 << 20;

/// Whether the file is saved, or only looked at.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    save: bool,
}

/// Hands out the file of a message. What is looked at is read piece by piece as it is asked for; what is saved goes through
/// the engine's download, which verifies it as a whole first.
pub async fn download(
    State(platform): State<Arc<Platform>>,
    Path((user, conversation, author, id)): Path<(String, String, String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let phone = platform.phone(&user).ok_or(Fault::UnknownPhone)?;
    let malformed = || Fault::Malformed("no name of a message".into());
    let conversation = ConversationName::parse(&conversation).ok_or_else(malformed)?;
    let message = Reference::parse(&author, &id).ok_or_else(malformed)?;
    let look = {
        let message = message.0.clone();
        move |engine: &mut Engine, now: Time| {
            let shown = engine.messages().get(conversation.0, &message, now)?;
            Ok((shown.content, engine.attachments().reader(conversation.0, &message, now)?))
        }
    };
    let (MessageContent::Attachment(file), reader) = phone.run(look).await? else {
        return Err(FileError::NotThere.into());
    };
    if !phone.is_online() {
        return Err(Fault::Offline);
    }
    if asked.save {
        return save(phone, conversation, message, &file).await;
    }
    let location = file.location.clone().ok_or(FileError::NotThere)?;
    Ok(show(phone.host()?.relay_files()?, location, reader, &file, headers.get(RANGE)))
}

/// The range that was asked for, as a stream: nothing of it is kept anywhere.
fn show(
    files: RelayFiles,
    location: Location,
    reader: Reader,
    file: &Attachment,
    range: Option<&HeaderValue>,
) -> Response {
    let size = reader.size();
    let (asked, part) = match wanted(range.and_then(|range| range.to_str().ok()), size) {
        Wanted::Part(part) => (true, part),
        // A browser asks for nothing else when it seeks.
        Wanted::All | Wanted::Nothing => (false, 0..size),
    };
    let mut response = Response::new(stream_of(files, location, reader, part.clone()));
    describe(response.headers_mut(), file, false);
    insert(response.headers_mut(), CONTENT_LENGTH, &(part.end - part.start).to_string());
    insert(response.headers_mut(), ACCEPT_RANGES, "bytes");
    if asked {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let last = part.end.saturating_sub(1);
        insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes {}-{last}/{size}", part.start));
    }
    response
}

fn stream_of(files: RelayFiles, location: Location, reader: Reader, part: Range<u64>) -> Body {
    let pieces = stream::unfold((reader, part), move |(reader, part)| {
        let (files, location) = (files.clone(), location.clone());
        async move {
            if part.is_empty() {
                return None;
            }
            let piece = part.start..part.end.min(part.start.saturating_add(AT_ONCE));
            let read = files.read(&location, reader.stored_range(&piece)).await.map_err(std::io::Error::other);
            let bytes = read.and_then(|stored| reader.read(&piece, &stored).map_err(std::io::Error::other));
            // What does not verify ends the stream, and the browser sees that it is cut short.
            let rest = if bytes.is_ok() { piece.end..part.end } else { part.end..part.end };
            Some((bytes.map(Bytes::from), (reader, rest)))
        }
    });
    Body::from_stream(pieces)
}

async fn save(
    phone: &Phone,
    conversation: ConversationName,
    message: Reference,
    file: &Attachment,
) -> Result<Response, Fault> {
    let saved = tempfile::NamedTempFile::new_in(phone.incoming())?;
    let host = phone.host()?;
    let relay = host.relay_files()?;
    tokio::select! {
        saved = host.save_file(&relay, conversation.0, message.0, saved.path(), |_| ()) => saved?,
        () = phone.killed() => return Err(Fault::Killed),
    }
    // The name goes at once, the bytes when they were read: nothing stays that the engine does not keep.
    let open = tokio::fs::File::from_std(saved.reopen()?);
    drop(saved);
    let chunks = stream::unfold(open, |mut open| async move {
        let mut chunk = vec![0; AT_ONCE as usize];
        match open.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some((Ok(Bytes::from(chunk)), open))
            }
            Err(error) => Some((Err(error), open)),
        }
    });
    let mut response = Body::from_stream(chunks).into_response();
    describe(response.headers_mut(), file, true);
    insert(response.headers_mut(), CONTENT_LENGTH, &file.size.to_string());
    Ok(response)
}

/// Its type, if a browser may show that; and that it is nothing that runs.
fn describe(headers: &mut HeaderMap, file: &Attachment, save: bool) {
    let media_type = file.media_type.as_str();
    let shows = match media_type {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => true,
        other => other.starts_with("audio/") || other.starts_with("video/"),
    };
    insert(headers, CONTENT_TYPE, if shows { media_type } else { "application/octet-stream" });
    insert(headers, CONTENT_SECURITY_POLICY, FILE_POLICY);
    let name = file.name.as_ref().map_or("file", |name| name.as_str());
    let kind = if save || !shows { "attachment" } else { "inline" };
    insert(headers, CONTENT_DISPOSITION, &format!("{kind}; filename*=UTF-8''{}", escaped(name)));
}

fn insert(headers: &mut HeaderMap, name: axum::http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// As RFC 8187, section 3.2.1 writes a value.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_header_is_escaped() {
        assert_eq!(escaped("über\"\r\n.txt"), "%C3%BCber%22%0D%0A.txt");
    }
}
