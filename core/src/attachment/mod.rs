//! Attachments: the encryption of their files, and what messages say of them.
//!
//! A file is encrypted on the device under a key of its own and kept wherever the host likes; the key travels only in the
//! message. `docs/attachments.md` has the format.

mod blur_hash;
mod body;
mod describe;
mod file_name;
#[cfg(feature = "image")]
pub mod images;
mod key;
mod layout;
mod location;
mod media_type;
mod preview;
mod progress;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod transfer;
mod wave;

pub use blur_hash::BlurHash;
pub use body::AttachmentBody;
pub use describe::{Attachment, Details, Picture};
pub use file_name::FileName;
pub use key::FileKey;
pub use layout::Layout;
pub use location::Location;
pub use media_type::MediaType;
pub use preview::Preview;
pub use progress::{Piece, Transfer, Way};
pub use stream::{Opener, Reader, Sealer};
pub use wave::{Wave, duration_of};

pub(crate) use transfer::{
    action, awaits_upload, begin_download, begin_upload, cancel, distrust, finish, open, reader, remind, removed,
    restart, seal, transfer, transfers, upload_again,
};
