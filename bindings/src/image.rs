//! Images before they are sent: made smaller, freed of what cameras write into them, with a thumbnail and a BlurHash.
//! These take long: call them where that does not matter.

use undertone::attachment::BlurHash;
use undertone::attachment::images::{self, Format, Prepared as CorePrepared, Wish};

use crate::attachment::Attachment;
use crate::error::{Result, misuse};
use crate::mirror::{Mirror, mirror};

/// What to make of an image.
#[derive(Clone, uniffi::Record)]
pub struct ImageWish {
    /// The longest edge in pixels; larger ones are made smaller.
    #[uniffi(default = 2048)]
    pub longest_edge: u32,
    /// The format.
    #[uniffi(default = None)]
    pub format: Option<ImageFormat>,
    /// The quality of a JPEG, 1 to 100.
    #[uniffi(default = 82)]
    pub quality: u8,
    /// Whether it is shown blurred until tapped: then there is no thumbnail.
    #[uniffi(default = false)]
    pub blurred: bool,
}

/// A format to write.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ImageFormat {
    /// JPEG; what is transparent becomes white.
    Jpeg,
    /// PNG.
    Png,
    /// WebP without loss.
    WebP,
}

impl From<ImageWish> for Wish {
    fn from(ImageWish { longest_edge, format, quality, blurred }: ImageWish) -> Wish {
        let format = match format {
            None => Format::Fitting(quality),
            Some(ImageFormat::Jpeg) => Format::Jpeg(quality),
            Some(ImageFormat::Png) => Format::Png,
            Some(ImageFormat::WebP) => Format::WebP,
        };
        Wish { longest_edge, format, blurred }
    }
}

mirror!(
    /// An image ready to be sent.
    pub struct PreparedImage of CorePrepared {
        /// The file to encrypt and upload.
        bytes: Vec<u8>,
        /// What the message says of it.
        attachment: Attachment,
    }
);

/// Makes an image ready: upright, no larger than wished, in sRGB, in the wished format (without one, JPEG if it is opaque and
/// PNG if not), and with nothing else in the file: no Exif, no place, no camera. Of an animation the first picture is left.
#[uniffi::export]
pub fn prepare_image(bytes: Vec<u8>, wish: ImageWish) -> Result<PreparedImage> {
    Ok(Mirror::of(images::prepare(&bytes, wish.into())?))
}

/// What a message says of an image that is sent as it is, metadata included; also for the poster of a video.
#[uniffi::export]
pub fn describe_image(bytes: Vec<u8>, blurred: bool) -> Result<Attachment> {
    Ok(Mirror::of(images::look(&bytes, blurred)?))
}

/// The pixels of a BlurHash as RGBA, each of 8 bits, row by row: to be stretched over the place of the image. Edges over 64
/// pixels are cut to 64.
#[uniffi::export]
pub fn blur_pixels(hash: String, width: u32, height: u32) -> Result<Vec<u8>> {
    let hash = BlurHash::new(&hash).and_then(|hash| images::blur(&hash, width, height));
    hash.ok_or_else(|| misuse("attachment", "attachment: that is no BlurHash"))
}
