//! What a message says of its attachment.

use serde::{Deserialize, Serialize};

use super::{BlurHash, FileName, Location, MediaType, Preview, Wave};
use crate::error::{Error, Misuse};
use crate::limits;
use crate::policy::AttachmentKind;
use crate::text;

/// An attachment, as a message shows it. The key of its file is no part of this.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What kind it is, and what belongs to that kind.
    pub details: Details,
    /// The type of the file, which suits the kind.
    pub media_type: MediaType,
    /// The file's name, if it has one that matters.
    pub name: Option<FileName>,
    /// Bytes of the file; at least one unless it is a plain file.
    pub size: u64,
    /// What is written under it, at most [`limits::CAPTION`] bytes; mostly nothing.
    pub caption: String,
    /// Where the encrypted file is; `None` while it is not yet uploaded.
    pub location: Option<Location>,
}

/// What belongs to a kind of attachment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Details {
    /// A file of any type.
    File,
    /// An image.
    Image(Picture),
    /// A voice message.
    Voice {
        /// Milliseconds, at most [`limits::DURATION`].
        duration: u64,
        /// How loud it is over its time.
        wave: Wave,
    },
    /// A video.
    Video {
        /// Milliseconds, at most [`limits::DURATION`].
        duration: u64,
        /// Its size, and a poster as preview.
        picture: Picture,
    },
}

/// How an image or video looks before it is there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels, 1 to [`limits::EDGE`].
    pub width: u32,
    /// Pixels, 1 to [`limits::EDGE`].
    pub height: u32,
    /// A thumbnail or poster.
    pub preview: Option<Preview>,
    /// Its colours.
    pub blur_hash: Option<BlurHash>,
    /// Whether it is to be shown blurred until tapped. Then there is no preview: its colours stand for it.
    pub blurred: bool,
}

crate::redact::redacted_debug!(Attachment, Details, Picture);

impl Attachment {
    /// A file of any type, under this name.
    pub fn file(name: &str, media_type: MediaType, size: u64) -> Attachment {
        Attachment { name: Some(FileName::clean(name)), ..Attachment::new(Details::File, media_type, size) }
    }

    /// Something without a name or caption.
    pub fn new(details: Details, media_type: MediaType, size: u64) -> Attachment {
        Attachment { details, media_type, name: None, size, caption: String::new(), location: None }
    }

    /// What the rules call it.
    pub fn kind(&self) -> AttachmentKind {
        match self.details {
            Details::File => AttachmentKind::File,
            Details::Image(_) => AttachmentKind::Image,
            Details::Voice { .. } => AttachmentKind::Voice,
            Details::Video { .. } => AttachmentKind::Video,
        }
    }

    /// How it looks, if it can be seen.
    pub fn picture(&self) -> Option<&Picture> {
        match &self.details {
            Details::Image(picture) | Details::Video { picture, .. } => Some(picture),
            Details::File | Details::Voice { .. } => None,
        }
    }

    /// The same, cleaned and within every limit.
    ///
    /// # Errors
    /// [`Misuse::Attachment`] with what does not fit; [`Misuse::Empty`] for an image, video or voice message of no bytes;
    /// [`Misuse::TooLarge`].
    pub fn checked(mut self) -> Result<Attachment, Error> {
        if self.size > limits::ATTACHMENT {
            let limit = usize::try_from(limits::ATTACHMENT).unwrap_or(usize::MAX);
            return Err(Error::Misuse(Misuse::TooLarge { what: "a file", limit }));
        }
        if self.size == 0 && self.kind() != AttachmentKind::File {
            return Err(Error::Misuse(Misuse::Empty));
        }
        if !self.media_type.suits(self.kind()) {
            return Err(Error::Misuse(Misuse::Attachment("the media type does not suit the kind")));
        }
        if self.picture().is_some_and(|p| !edge(p.width) || !edge(p.height)) {
            return Err(Error::Misuse(Misuse::Attachment("a width and height of 1 to 65,535 pixels are needed")));
        }
        if let Details::Voice { duration, .. } | Details::Video { duration, .. } = self.details
            && duration > limits::DURATION
        {
            return Err(Error::Misuse(Misuse::Attachment("it lasts longer than a day")));
        }
        if let Details::Image(picture) | Details::Video { picture, .. } = &mut self.details
            && picture.blurred
        {
            picture.preview = None;
        }
        self.caption = caption(&self.caption)?;
        Ok(self)
    }
}

fn edge(pixels: u32) -> bool {
    (1..=limits::EDGE).contains(&pixels)
}

/// Cleaning may make a text longer: what counts is what is kept.
fn caption(given: &str) -> Result<String, Error> {
    let clean = if given.len() > limits::CAPTION { given.to_owned() } else { text::clean(given) };
    if clean.len() > limits::CAPTION {
        return Err(Error::Misuse(Misuse::TooLarge { what: "a caption", limit: limits::CAPTION }));
    }
    Ok(if clean.trim().is_empty() { String::new() } else { clean })
}

#[cfg(test)]
mod tests {
    //! R2, R22, R36.

    use super::super::testing::{picture, voice};
    use super::*;

    fn refusal(attachment: Attachment) -> &'static str {
        match attachment.checked().err() {
            Some(Error::Misuse(misuse)) => misuse.code(),
            _ => "none",
        }
    }

    #[test]
    fn r2_an_attachment_that_does_not_hang_together_is_refused() {
        let jpeg = || MediaType::new("image/jpeg").unwrap();
        let image = |edit: &dyn Fn(&mut Picture)| {
            let mut picture = picture();
            edit(&mut picture);
            Attachment::new(Details::Image(picture), jpeg(), 5)
        };
        assert_eq!(refusal(image(&|_| {})), "none");
        assert_eq!(refusal(image(&|p| p.width = 0)), "misuse.attachment");
        assert_eq!(refusal(image(&|p| p.height = limits::EDGE + 1)), "misuse.attachment");
        assert_eq!(
            refusal(Attachment { media_type: MediaType::new("text/html").unwrap(), ..image(&|_| {}) }),
            "misuse.attachment"
        );
        assert_eq!(refusal(Attachment { size: 0, ..image(&|_| {}) }), "misuse.empty");
        assert_eq!(refusal(Attachment { size: limits::ATTACHMENT + 1, ..image(&|_| {}) }), "misuse.too_large");
        let long = Details::Voice { duration: limits::DURATION + 1, wave: Wave::default() };
        assert_eq!(refusal(Attachment { details: long, ..voice() }), "misuse.attachment");
        assert_eq!(refusal(Attachment { caption: "x".repeat(limits::CAPTION + 1), ..voice() }), "misuse.too_large");
    }

    #[test]
    fn r36_what_is_blurred_until_tapped_has_no_preview_that_shows_it() {
        let blurred = Details::Image(Picture { blurred: true, ..picture() });
        let image = Attachment::new(blurred, MediaType::new("image/png").unwrap(), 5).checked().unwrap();
        let picture = image.picture().unwrap();
        assert!(picture.blurred && picture.preview.is_none() && picture.blur_hash.is_some());
    }

    #[test]
    fn r35_a_plain_file_may_be_empty() {
        let empty = Attachment::file("empty.txt", MediaType::new("text/plain").unwrap(), 0);
        assert!(empty.checked().is_ok());
    }

    #[test]
    fn r22_captions_are_cleaned() {
        let caption = |text: &str| Attachment { caption: text.to_owned(), ..voice() }.checked().unwrap().caption;
        assert_eq!(caption("cafe\u{301} \u{202e}gpj"), "café gpj");
        assert_eq!(caption(" \n "), "");
    }
}
