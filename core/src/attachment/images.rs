//! Images before they are sent: made smaller, freed of what cameras write into them, with a thumbnail and a BlurHash.
//! Pure functions of bytes; they take long, so call them before the engine is locked.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::{Attachment, BlurHash, Details, MediaType, Picture, Preview};
use crate::limits;

/// What to make of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The longest edge in pixels; larger ones are made smaller.
    pub longest_edge: u32,
    /// The format.
    pub format: Format,
    /// Whether it is shown blurred until tapped: then there is no thumbnail.
    pub blurred: bool,
}

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG of this quality (1 to 100) if it is opaque, PNG if not.
    Fitting(u8),
    /// JPEG of this quality (1 to 100); what is transparent becomes white.
    Jpeg(u8),
    /// PNG.
    Png,
    /// WebP without loss.
    WebP,
}

impl Default for Wish {
    /// 2,048 pixels, JPEG of quality 82 if it is opaque, not blurred.
    fn default() -> Wish {
        Wish { longest_edge: 2_048, format: Format::Fitting(82), blurred: false }
    }
}

/// An image ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The file to encrypt and upload.
    pub bytes: Vec<u8>,
    /// What the message says of it.
    pub attachment: Attachment,
}

crate::redact::redacted_debug!(Prepared);

/// Why an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ImageFault {
    /// Neither JPEG, PNG, GIF nor WebP.
    #[error("not a JPEG, PNG, GIF or WebP image: send it as a file")]
    Format,
    /// Over [`limits::IMAGE`], [`limits::EDGE`], [`limits::IMAGE_PIXELS`] or [`limits::IMAGE_MEMORY`]: decoding it might
    /// use up the memory.
    #[error("the image is too large to be decoded: send it as a file")]
    TooLarge,
    /// It cannot be decoded.
    #[error("the image is damaged")]
    Damaged,
}

impl ImageFault {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            ImageFault::Format => "image.format",
            ImageFault::TooLarge => "image.too_large",
            ImageFault::Damaged => "image.damaged",
        }
    }
}

/// Makes an image ready: upright, no larger than wished, in sRGB, in the wished format, and with nothing else in the file
/// (no Exif, no place, no camera, no profile). Of an animation the first picture is left; to keep it moving, send it as it
/// is, with [`look`].
///
/// # Errors
/// [`ImageFault`]. However small the file and whatever it claims, the memory used is bounded.
pub fn prepare(bytes: &[u8], wish: Wish) -> Result<Prepared, ImageFault> {
    guarded(|| {
        let (_, image) = decode(bytes)?;
        let image = shrink(image, wish.longest_edge.clamp(1, limits::EDGE));
        let (bytes, media_type) = write(&image, wish.format)?;
        let picture = describe(&image, (image.width(), image.height()), wish.blurred);
        let media_type = MediaType::new(media_type).ok_or(ImageFault::Format)?;
        let attachment = Attachment::new(Details::Image(picture), media_type, bytes.len() as u64);
        Ok(Prepared { bytes, attachment })
    })
}

/// What a message says of an image that is sent as it is, metadata included; also for the poster of a video.
///
/// # Errors
/// [`ImageFault`], within the same bounds as [`prepare`].
pub fn look(bytes: &[u8], blurred: bool) -> Result<Attachment, ImageFault> {
    guarded(|| {
        let (format, image) = decode(bytes)?;
        let picture = describe(&image, (image.width(), image.height()), blurred);
        let media_type = MediaType::new(format.to_mime_type()).ok_or(ImageFault::Format)?;
        Ok(Attachment::new(Details::Image(picture), media_type, bytes.len() as u64))
    })
}

/// The pixels of a BlurHash as RGBA, each of 8 bits, row by row: to be stretched over the place of the image.
/// `width` and `height` are cut to 64.
pub fn blur(hash: &BlurHash, width: u32, height: u32) -> Option<Vec<u8>> {
    let (width, height) = (width.clamp(1, 64), height.clamp(1, 64));
    guarded(|| blurhash::decode(hash.as_str(), width, height, 1.0).map_err(|_| ImageFault::Damaged)).ok()
}

/// Decoders meet bytes of anybody. One that panics has found a damaged image, and must not end the host's process.
fn guarded<T>(work: impl FnOnce() -> Result<T, ImageFault>) -> Result<T, ImageFault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ImageFault::Damaged))
}

/// Upright and in sRGB.
fn decode(bytes: &[u8]) -> Result<(ImageFormat, DynamicImage), ImageFault> {
    if bytes.len() > limits::IMAGE {
        return Err(ImageFault::TooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| ImageFault::Format)?;
    let known = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
    let format = reader.format().filter(|format| known.contains(format)).ok_or(ImageFault::Format)?;
    let mut bounds = Limits::default();
    bounds.max_image_width = Some(limits::EDGE);
    bounds.max_image_height = Some(limits::EDGE);
    bounds.max_alloc = Some(limits::IMAGE_MEMORY);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(fault)?;
    // Not every decoder heeds its limits: what they decode to is checked here, before it is there.
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits::IMAGE_PIXELS || decoder.total_bytes() > limits::IMAGE_MEMORY {
        return Err(ImageFault::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    image.apply_orientation(orientation);
    Ok((format, profile.and_then(|profile| to_srgb(&image, &profile)).unwrap_or(image)))
}

fn fault(error: image::ImageError) -> ImageFault {
    match error {
        image::ImageError::Limits(_) => ImageFault::TooLarge,
        image::ImageError::Unsupported(_) => ImageFault::Format,
        _ => ImageFault::Damaged,
    }
}

/// Colours of another profile as sRGB has them, since the profile is not kept; `None` when they are to stay.
fn to_srgb(image: &DynamicImage, profile: &[u8]) -> Option<DynamicImage> {
    let source = ColorProfile::new_from_slice(profile).ok()?;
    if source.color_space != DataColorSpace::Rgb {
        return None;
    }
    let options = TransformOptions::default();
    let transform =
        source.create_transform_8bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgba, options).ok()?;
    let before = image.to_rgba8();
    let mut after = RgbaImage::new(before.width(), before.height());
    transform.transform(before.as_raw(), &mut after).ok()?;
    Some(DynamicImage::ImageRgba8(after))
}

/// No edge longer than `edge`.
fn shrink(image: DynamicImage, edge: u32) -> DynamicImage {
    if image.width().max(image.height()) <= edge { image } else { image.thumbnail(edge, edge) }
}

fn write(image: &DynamicImage, format: Format) -> Result<(Vec<u8>, &'static str), ImageFault> {
    let opaque = image.to_rgba8().pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let format = match format {
        Format::Fitting(quality) if opaque => Format::Jpeg(quality),
        Format::Fitting(_) => Format::Png,
        other => other,
    };
    let mut out = Cursor::new(Vec::new());
    let plain = || if opaque { DynamicImage::from(image.to_rgb8()) } else { image.to_rgba8().into() };
    let (written, media_type) = match format {
        Format::Jpeg(quality) | Format::Fitting(quality) => (jpeg(image, quality, &mut out), "image/jpeg"),
        Format::Png => (plain().write_to(&mut out, ImageFormat::Png), "image/png"),
        Format::WebP => (plain().write_to(&mut out, ImageFormat::WebP), "image/webp"),
    };
    written.map_err(|_| ImageFault::TooLarge)?;
    Ok((out.into_inner(), media_type))
}

fn jpeg(image: &DynamicImage, quality: u8, out: &mut Cursor<Vec<u8>>) -> image::ImageResult<()> {
    JpegEncoder::new_with_quality(out, quality.clamp(1, 100)).encode_image(&on_white(image))
}

/// What is transparent, over white.
fn on_white(image: &DynamicImage) -> RgbImage {
    let rgba = image.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        *to = Rgb([r, g, b].map(|c| ((c * a + 255 * (255 - a)) / 255) as u8));
    }
    rgb
}

fn describe(image: &DynamicImage, (width, height): (u32, u32), blurred: bool) -> Picture {
    let preview = if blurred { None } else { preview(image) };
    Picture { width, height, preview, blur_hash: blur_hash(image), blurred }
}

/// The best of these that fits into a message.
fn preview(image: &DynamicImage) -> Option<Preview> {
    [(320, 72), (320, 50), (240, 50), (160, 50), (96, 40), (32, 30)].into_iter().find_map(|(edge, quality)| {
        let mut out = Cursor::new(Vec::new());
        jpeg(&shrink(image.clone(), edge), quality, &mut out).ok()?;
        Preview::new(out.into_inner())
    })
}

/// Four components along the longer edge.
fn blur_hash(image: &DynamicImage) -> Option<BlurHash> {
    let small = DynamicImage::from(on_white(&shrink(image.clone(), 64))).to_rgba8();
    let (width, height) = small.dimensions();
    let (x, y) = if width >= height { (4, 3) } else { (3, 4) };
    blurhash::encode(x, y, width, height, small.as_raw()).ok().and_then(|text| BlurHash::new(&text))
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
