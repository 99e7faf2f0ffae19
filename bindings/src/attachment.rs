//! The files of messages.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;
use undertone::attachment as core;
use undertone::attachment::{
    Attachment as CoreAttachment, BlurHash, FileName, Location, MediaType, Picture as CorePicture, Piece as CorePiece,
    Preview, Transfer as CoreTransfer, Wave, Way as CoreWay,
};
use undertone::id::{ConversationId, MessageId};

use crate::error::{Result, UndertoneError, misuse};
use crate::id::MessageRef;
use crate::message::Draft;
use crate::mirror::{Mirror, mirror};
use crate::shared::Shared;
use crate::time::Span;

mirror!(
    /// What a message says of its file. The key of the file is no part of this.
    pub struct Attachment of CoreAttachment {
        /// What kind it is, and what belongs to that kind.
        details: Details,
        /// The type of the file, like `image/jpeg`, which suits the kind.
        media_type: String,
        /// The file's name, if it has one that matters.
        #[uniffi(default = None)]
        name: Option<String>,
        /// Bytes of the file.
        size: u64,
        /// What is written under it. Of a file that is to be sent, the draft's text counts and not this.
        #[uniffi(default = "")]
        caption: String,
        /// Where the encrypted file is; `None` while it is not yet uploaded.
        #[uniffi(default = None)]
        location: Option<String>,
    }
);

/// Small texts and bytes with rules of their own, which a host sees plainly.
macro_rules! plain {
    ($($core:ident as $plain:ty: $from:ident => $into:expr,)*) => {
        $(impl Mirror<$core> for $plain {
            fn of($from: $core) -> $plain {
                $into
            }
        })*
    };
}

plain!(
    MediaType as String: from => from.as_str().to_owned(),
    FileName as String: from => from.as_str().to_owned(),
    Location as String: from => from.as_str().to_owned(),
    BlurHash as String: from => from.as_str().to_owned(),
    Preview as Vec<u8>: from => from.as_bytes().to_vec(),
    Wave as Vec<u8>: from => from.values().to_vec(),
);

fn misfit(text: &str) -> UndertoneError {
    misuse("attachment", &format!("attachment: {text}"))
}

impl Attachment {
    fn engine(self) -> Result<CoreAttachment> {
        let Attachment { details, media_type, name, size, caption, location: _ } = self;
        Ok(CoreAttachment {
            details: details.engine()?,
            media_type: MediaType::new(&media_type).ok_or_else(|| misfit("that is no media type"))?,
            name: name.as_deref().map(FileName::clean),
            size,
            caption,
            location: None,
        })
    }
}

/// What belongs to a kind of attachment.
#[derive(Clone, uniffi::Enum)]
pub enum Details {
    /// A file of any type.
    File,
    /// An image.
    Image {
        /// How it looks.
        picture: Picture,
    },
    /// A voice message.
    Voice {
        /// How long it is.
        duration: Span,
        /// How loud it is over its time: at most 256 values, 255 the loudest.
        wave: Vec<u8>,
    },
    /// A video.
    Video {
        /// How long it is.
        duration: Span,
        /// Its size, and a poster as preview.
        picture: Picture,
    },
}

impl Mirror<core::Details> for Details {
    fn of(from: core::Details) -> Details {
        match from {
            core::Details::File => Details::File,
            core::Details::Image(picture) => Details::Image { picture: Mirror::of(picture) },
            core::Details::Voice { duration, wave } => {
                Details::Voice { duration: Span(duration), wave: Mirror::of(wave) }
            }
            core::Details::Video { duration, picture } => {
                Details::Video { duration: Span(duration), picture: Mirror::of(picture) }
            }
        }
    }
}

impl Details {
    fn engine(self) -> Result<core::Details> {
        Ok(match self {
            Details::File => core::Details::File,
            Details::Image { picture } => core::Details::Image(picture.engine()?),
            Details::Voice { duration, wave } => {
                let wave = Wave::new(wave).ok_or_else(|| misfit("a wave form has too many values"))?;
                core::Details::Voice { duration: duration.0, wave }
            }
            Details::Video { duration, picture } => {
                core::Details::Video { duration: duration.0, picture: picture.engine()? }
            }
        })
    }
}

mirror!(
    /// How an image or video looks before it is there.
    pub struct Picture of CorePicture {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// A thumbnail or poster: a small JPEG, PNG or WebP file.
        #[uniffi(default = None)]
        preview: Option<Vec<u8>>,
        /// Its colours, as a BlurHash.
        #[uniffi(default = None)]
        blur_hash: Option<String>,
        /// Whether it is to be shown blurred until tapped. Then there is no preview.
        #[uniffi(default = false)]
        blurred: bool,
    }
);

impl Picture {
    fn engine(self) -> Result<CorePicture> {
        let Picture { width, height, preview, blur_hash, blurred } = self;
        let preview =
            preview.map(|bytes| Preview::new(bytes).ok_or_else(|| misfit("the preview is too large or no image")));
        let blur_hash = blur_hash.map(|text| BlurHash::new(&text).ok_or_else(|| misfit("that is no BlurHash")));
        Ok(CorePicture { width, height, preview: preview.transpose()?, blur_hash: blur_hash.transpose()?, blurred })
    }
}

mirror!(
    /// An upload or download.
    pub struct Transfer of CoreTransfer {
        /// Where the message is.
        conversation: ConversationId,
        /// The message.
        message: MessageRef,
        /// Which way it goes.
        way: Way,
        /// Bytes of the file that are done.
        done: u64,
        /// Bytes of the file.
        size: u64,
        /// What is to be done next; `None` when nothing is.
        next: Option<Piece>,
        /// What was sealed or opened last. Only the host knows whether the bytes got to their place before it was interrupted:
        /// who goes on with a transfer does this one again first, which gives the same bytes.
        last: Option<Piece>,
    }
);

mirror!(
    /// Which way a transfer goes.
    pub enum Way of CoreWay {
        /// An upload.
        Up,
        /// A download.
        Down,
    }
);

mirror!(
    /// A piece of a file, which is encrypted and stored, or fetched and decrypted, at once.
    pub struct Piece of CorePiece {
        /// Its number, from 0.
        number: u32,
        /// Its bytes in the file.
        file: ByteRange,
        /// Its bytes in what is stored.
        stored: ByteRange,
    }
);

/// A part of a file.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
}

impl Mirror<Range<u64>> for ByteRange {
    fn of(from: Range<u64>) -> ByteRange {
        ByteRange { start: from.start, end: from.end }
    }
}

impl From<ByteRange> for Range<u64> {
    fn from(ByteRange { start, end }: ByteRange) -> Range<u64> {
        start..end
    }
}

/// The files of messages.
///
/// To send one: `send`; then seal piece after piece, from bytes or from a path, and store what that gives at
/// `Piece.stored`; then `finish`. To get one: `download`, then fetch `Piece.stored` and open piece after piece, to bytes or
/// to a path; or take a `reader` and read any range. Both go on where they were after a restart: `transfers` tells.
#[derive(uniffi::Object)]
pub struct Attachments(Arc<Shared>);

impl Attachments {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Attachments> {
        Arc::new(Attachments(shared.clone()))
    }

    fn piece(&self, conversation: ConversationId, message: &MessageRef, number: u32) -> Result<Piece> {
        let transfer = self.transfer(conversation, message.clone())?;
        let pieces = transfer.into_iter().flat_map(|transfer| transfer.next.into_iter().chain(transfer.last));
        let found = pieces.into_iter().find(|piece| piece.number == number);
        found.ok_or_else(|| misfit("that is neither the next piece of a transfer nor the last one"))
    }
}

#[uniffi::export]
impl Attachments {
    /// Sends a message with a file. It is in the conversation at once, and goes out when its upload is finished. The
    /// draft's text is its caption, and may be empty.
    pub fn send(&self, conversation: ConversationId, attachment: Attachment, draft: Draft) -> Result<MessageId> {
        let attachment = attachment.engine()?;
        self.0.change(|engine, now| engine.attachments().send(conversation, attachment, draft.into(), now))
    }

    /// Encrypts a piece of an upload: exactly the bytes `Piece.file` of the file. What it returns is to be stored at
    /// `Piece.stored`.
    pub fn seal(&self, conversation: ConversationId, id: MessageId, piece: u32, file: Vec<u8>) -> Result<Vec<u8>> {
        self.0.change(|engine, now| engine.attachments().seal(conversation, id, piece, &file, now))
    }

    /// Encrypts the next piece of an upload, or the last one again, from the file at `path`.
    pub fn seal_from_path(
        &self,
        conversation: ConversationId,
        id: MessageId,
        piece: u32,
        path: String,
    ) -> Result<Vec<u8>> {
        let author = self.0.read(|engine, _| Ok(engine.user().clone()))?;
        let place = self.piece(conversation, &MessageRef { author, id }, piece)?.file;
        let bytes = read_range(&path, &place).map_err(|error| misfit(&format!("the file cannot be read: {error}")))?;
        self.seal(conversation, id, piece, bytes)
    }

    /// Every piece is stored, at this location: the message goes out. A second time it changes nothing.
    pub fn finish(&self, conversation: ConversationId, id: MessageId, location: String) -> Result<()> {
        let location = Location::new(location).ok_or_else(|| misfit("that is no location of a stored file"))?;
        self.0.change(|engine, now| engine.attachments().finish(conversation, id, location, now))
    }

    /// Begins to download the file of a message, or goes on with it.
    pub fn download(&self, conversation: ConversationId, message: MessageRef) -> Result<()> {
        self.0.change(|engine, now| engine.attachments().download(conversation, &message.into(), now))
    }

    /// Verifies and decrypts a piece of a download, from exactly the bytes `Piece.stored`. What it returns are the bytes
    /// `Piece.file` of the file. With the last piece the whole is verified, and the download is over.
    pub fn open(
        &self,
        conversation: ConversationId,
        message: MessageRef,
        piece: u32,
        stored: Vec<u8>,
    ) -> Result<Vec<u8>> {
        self.0.change(|engine, now| engine.attachments().open(conversation, &message.into(), piece, &stored, now))
    }

    /// Verifies and decrypts the next piece of a download, or the last one again, into the file at `path`, which is made if
    /// it is not there.
    pub fn open_to_path(
        &self,
        conversation: ConversationId,
        message: MessageRef,
        piece: u32,
        stored: Vec<u8>,
        path: String,
    ) -> Result<()> {
        let place = self.piece(conversation, &message, piece)?.file;
        let unwritable = |error| misfit(&format!("the file cannot be written: {error}"));
        // Before the piece counts as opened.
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(unwritable)?;
        let bytes = self.open(conversation, message, piece, stored)?;
        file.seek(SeekFrom::Start(place.start)).map_err(unwritable)?;
        file.write_all(&bytes).map_err(unwritable)
    }

    /// A reader of any range of a message's file, which works without the engine. It holds the key: drop it when the message
    /// is removed.
    pub fn reader(&self, conversation: ConversationId, message: MessageRef) -> Result<Arc<Reader>> {
        let reader = self.0.read(|engine, now| engine.attachments().reader(conversation, &message.into(), now))?;
        Ok(Arc::new(Reader(reader)))
    }

    /// Begins a transfer anew. An upload gets a fresh key, so that the file may have changed, but for its size.
    pub fn restart(&self, conversation: ConversationId, message: MessageRef) -> Result<()> {
        self.0.change(|engine, now| engine.attachments().restart(conversation, &message.into(), now))
    }

    /// Gives a transfer up. The message of an upload fails; `Messages.retry` uploads it anew.
    pub fn cancel(&self, conversation: ConversationId, message: MessageRef) -> Result<()> {
        self.0.change(|engine, now| engine.attachments().cancel(conversation, &message.into(), now))
    }

    /// What is under way for a message.
    pub fn transfer(&self, conversation: ConversationId, message: MessageRef) -> Result<Option<Transfer>> {
        self.0.read(|engine, _| engine.attachments().transfer(conversation, &message.into())).map(Mirror::of)
    }

    /// Everything that is under way.
    pub fn transfers(&self) -> Result<Vec<Transfer>> {
        self.0.read(|engine, _| engine.attachments().transfers()).map(Mirror::of)
    }
}

fn read_range(path: &str, range: &ByteRange) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads any range of a message's file, from what is stored.
#[derive(uniffi::Object)]
pub struct Reader(core::Reader);

#[uniffi::export]
impl Reader {
    /// Bytes of the file.
    pub fn size(&self) -> Result<u64> {
        Ok(self.0.size())
    }

    /// Which stored bytes are needed for these bytes of the file.
    pub fn stored_range(&self, file: ByteRange) -> Result<ByteRange> {
        Ok(Mirror::of(self.0.stored_range(&file.into())))
    }

    /// The bytes of the file, verified and decrypted from exactly the bytes `stored_range`.
    pub fn read(&self, file: ByteRange, stored: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.0.read(&file.into(), &stored)?)
    }
}
