//! Files of messages on their way to a phone: kept on its disk, then sealed and uploaded by its engine.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path as Route, Query, State};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use undertone::attachment::images::{self, Wish};
use undertone::attachment::{Attachment, Details, FileName, MediaType, Wave};
use undertone::envelope::MessageRef;
use undertone::error::Misuse;
use undertone::{Engine, Error, limits};

use crate::deeds;
use crate::page::{About, Fault, Kind};
use crate::phone::Phone;
use crate::platform::Platform;
use crate::view::hex;

/// Bytes of a file that this page takes.
const LARGEST: u64 = 200 << 20;

/// What stands behind the question mark: one value in JSON.
#[derive(Deserialize)]
pub struct Asked {
    about: String,
}

/// Takes a file and sends it as a message. The answer is the message's id; how its upload goes on, the page is told.
pub async fn upload(
    State(platform): State<Arc<Platform>>,
    Route(user): Route<String>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<String, Fault> {
    let phone = platform.phone(&user).ok_or(Fault::UnknownPhone)?;
    let about: About = serde_json::from_str(&asked.about).map_err(|error| Fault::Malformed(error.to_string()))?;
    let came = take(phone, body).await?;
    let (file, attachment) = describe(phone, came, &about).await?;
    let (conversation, draft) = (about.conversation.0, deeds::draft(about.caption, about.terms));
    let send = move |engine: &mut Engine, now| {
        let id = engine.attachments().send(conversation, attachment, draft, now)?;
        Ok(MessageRef { author: engine.user().clone(), id })
    };
    let message = phone.run(send).await?;
    file.persist(phone.outgoing(&message)).map_err(|error| error.error)?;
    let id = hex(message.id.as_bytes());
    phone.upload(conversation, message);
    Ok(json!({ "id": id }).to_string())
}

/// Writes what comes in to a file of the phone; what does not come whole is removed.
async fn take(phone: &Phone, body: Body) -> Result<NamedTempFile, Fault> {
    let file = NamedTempFile::new_in(phone.incoming())?;
    let mut to = tokio::fs::File::from_std(file.reopen()?);
    let (mut stream, mut size) = (body.into_data_stream(), 0);
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(std::io::Error::other)?;
        size += bytes.len() as u64;
        if size > LARGEST {
            return Err(Misuse::TooLarge { what: "a file on this page", limit: LARGEST as usize }.into());
        }
        to.write_all(&bytes).await?;
    }
    to.flush().await?;
    Ok(file)
}

/// What the message says of the file; a picture is made ready to be sent.
async fn describe(phone: &Phone, came: NamedTempFile, about: &About) -> Result<(NamedTempFile, Attachment), Fault> {
    let size = came.as_file().metadata()?.len();
    let media_type = MediaType::new(&about.media_type).or_else(|| MediaType::new("application/octet-stream"));
    let media_type = media_type.ok_or(Error::Misuse(Misuse::Attachment("a type of files")))?;
    match &about.kind {
        Kind::File {} => Ok((came, Attachment::file(&about.name, media_type, size))),
        Kind::Image { blurred } => {
            let (blurred, place) = (*blurred, phone.incoming());
            let ready = tokio::task::spawn_blocking(move || picture(came.path(), blurred, &place)).await;
            let (file, attachment) = ready.map_err(std::io::Error::other)??;
            Ok((file, Attachment { name: Some(FileName::clean(&about.name)), ..attachment }))
        }
        Kind::Voice { duration, wave } => {
            let wave =
                Wave::new(wave.clone()).ok_or(Error::Misuse(Misuse::Attachment("a wave of 256 values at most")))?;
            Ok((came, Attachment::new(Details::Voice { duration: *duration, wave }, media_type, size)))
        }
    }
}

fn picture(path: &Path, blurred: bool, place: &Path) -> Result<(NamedTempFile, Attachment), Fault> {
    if std::fs::metadata(path)?.len() > limits::IMAGE as u64 {
        return Err(images::ImageFault::TooLarge.into());
    }
    let prepared = images::prepare(&std::fs::read(path)?, Wish { blurred, ..Wish::default() })?;
    let file = NamedTempFile::new_in(place)?;
    std::fs::write(file.path(), &prepared.bytes)?;
    Ok((file, prepared.attachment))
}
