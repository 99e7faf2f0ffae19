//! R36, R14.

use image::{ImageEncoder, Luma, Rgba};

use super::*;

/// Red at the left, blue at the right.
fn two_colours(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) })
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.into().write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// An Exif block of one entry: orientation; and a place name behind it, as cameras leave it.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block.extend(b"SECRET PLACE");
    block
}

fn with_exif(image: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, 90);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.encode_image(image).unwrap();
    assert!(contains(&out, b"SECRET PLACE"), "what the test is about is there");
    out
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn near(pixel: &Rgba<u8>, colour: [u8; 3]) -> bool {
    pixel.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24)
}

#[test]
fn r36_an_image_is_made_small_upright_and_free_of_what_the_camera_wrote() {
    // Turned by a quarter to the right (6): the left side is shown at the top.
    let photo = with_exif(&two_colours(1_200, 600), 6);
    let prepared = prepare(&photo, Wish { longest_edge: 400, ..Wish::default() }).unwrap();
    assert!(!contains(&prepared.bytes, b"SECRET") && !contains(&prepared.bytes, b"Exif"));
    let picture = prepared.attachment.picture().unwrap().clone();
    assert_eq!((picture.width, picture.height), (200, 400));
    assert_eq!(prepared.attachment.media_type.as_str(), "image/jpeg");
    assert_eq!(prepared.attachment.size, prepared.bytes.len() as u64);
    let shown = image::load_from_memory(&prepared.bytes).unwrap().to_rgba8();
    assert_eq!(shown.dimensions(), (200, 400));
    assert!(near(shown.get_pixel(100, 50), [220, 20, 20]) && near(shown.get_pixel(100, 350), [20, 20, 220]));
    let preview = picture.preview.unwrap();
    let preview = image::load_from_memory(preview.as_bytes()).unwrap().to_rgba8();
    assert_eq!(preview.dimensions(), (160, 320));
    let blur = blur(&picture.blur_hash.unwrap(), 8, 16).unwrap();
    assert_eq!(blur.len(), 8 * 16 * 4);
    assert!(blur[0] > blur[2] && blur[blur.len() - 4] < blur[blur.len() - 2], "red above, blue below");
    assert!(prepared.attachment.checked().is_ok());
}

#[test]
fn r36_what_is_sent_as_it_is_keeps_its_bytes_and_is_described() {
    let photo = with_exif(&two_colours(300, 100), 1);
    let attachment = look(&photo, false).unwrap();
    let picture = attachment.picture().unwrap();
    assert_eq!((picture.width, picture.height, attachment.size), (300, 100, photo.len() as u64));
    let blurred = look(&photo, true).unwrap();
    assert!(blurred.picture().unwrap().preview.is_none() && blurred.picture().unwrap().blur_hash.is_some());
}

#[test]
fn r36_every_format_is_read_and_the_wished_one_written() {
    let transparent = RgbaImage::from_pixel(40, 30, Rgba([10, 200, 10, 90]));
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let prepared = prepare(&encoded(transparent.clone(), format), Wish::default()).unwrap();
        let expected = if format == ImageFormat::Gif { "image/jpeg" } else { "image/png" };
        // GIF knows transparent or not; the encoder takes this for not.
        assert_eq!(prepared.attachment.media_type.as_str(), expected, "{format:?}");
    }
    let png = encoded(two_colours(40, 30), ImageFormat::Png);
    for (format, expected) in [
        (Format::Jpeg(70), "image/jpeg"),
        (Format::Png, "image/png"),
        (Format::WebP, "image/webp"),
        (Format::Jpeg(0), "image/jpeg"),
    ] {
        let prepared = prepare(&png, Wish { format, ..Wish::default() }).unwrap();
        assert_eq!(prepared.attachment.media_type.as_str(), expected);
        assert_eq!(image::guess_format(&prepared.bytes).unwrap().to_mime_type(), expected);
    }
    let white = prepare(&encoded(transparent, ImageFormat::Png), Wish { format: Format::Jpeg(95), ..Wish::default() });
    let shown = image::load_from_memory(&white.unwrap().bytes).unwrap().to_rgba8();
    assert!(near(shown.get_pixel(20, 15), [168, 235, 168]));
}

#[test]
fn r36_deep_grey_and_tiny_images_are_prepared_as_well() {
    let deep: image::ImageBuffer<Luma<u16>, Vec<u16>> = image::ImageBuffer::from_pixel(500, 3, Luma([40_000]));
    let prepared = prepare(&encoded(deep, ImageFormat::Png), Wish { longest_edge: 100, ..Wish::default() }).unwrap();
    let picture = prepared.attachment.picture().unwrap();
    assert_eq!((picture.width, picture.height), (100, 1));
    let dot = prepare(&encoded(two_colours(1, 1), ImageFormat::Png), Wish::default()).unwrap();
    assert!(dot.attachment.picture().unwrap().preview.is_some());
}

#[test]
fn r36_colours_of_another_profile_become_those_of_srgb() {
    let mut png = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.set_icc_profile(ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    let image = RgbImage::from_pixel(8, 8, Rgb([200, 100, 50]));
    encoder.write_image(image.as_raw(), 8, 8, image::ExtendedColorType::Rgb8).unwrap();
    let prepared = prepare(&png, Wish { format: Format::Png, ..Wish::default() }).unwrap();
    let shown = image::load_from_memory(&prepared.bytes).unwrap().to_rgb8();
    let [red, _, blue] = shown.get_pixel(4, 4).0;
    assert!(red > 205 && blue < 50, "P3's colours are wider: {red} {blue}");
    assert!(!contains(&prepared.bytes, b"iCCP"));
}

/// A PNG that says so many pixels, and holds almost none.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(two_colours(2, 2), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn r14_decompression_bombs_are_refused_before_they_are_decoded() {
    assert_eq!(prepare(&claims(60_000, 60_000), Wish::default()), Err(ImageFault::TooLarge));
    assert_eq!(prepare(&claims(70_000, 1), Wish::default()), Err(ImageFault::TooLarge));
    assert_eq!(look(&claims(u32::MAX, u32::MAX), false).unwrap_err().code(), ImageFault::TooLarge.code());
    // The same of another decoder, which has no limits of its own: a WebP of 16,383 × 16,383.
    let mut webp = encoded(two_colours(2, 2), ImageFormat::WebP);
    let vp8l = webp.windows(4).position(|window| window == b"VP8L").unwrap() + 9;
    webp[vp8l..vp8l + 4].copy_from_slice(&(16_382u32 | 16_382 << 14).to_le_bytes());
    assert_eq!(prepare(&webp, Wish::default()), Err(ImageFault::TooLarge));
    // A JPEG of some hundred bytes that says 65,500 × 65,500: its frame header (ITU T.81, B.2.2).
    let jpeg = with_exif(&two_colours(8, 8), 1);
    let says = |width: u16, height: u16| {
        let mut bomb = jpeg.clone();
        let frame = bomb.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        bomb[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        bomb[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        bomb
    };
    assert!(jpeg.len() < 1_000 && prepare(&says(8, 8), Wish::default()).is_ok());
    for (width, height) in [(65_500, 65_500), (65_535, 2_048), (1_100, 65_535)] {
        assert_eq!(prepare(&says(width, height), Wish::default()), Err(ImageFault::TooLarge), "{width} × {height}");
        assert_eq!(look(&says(width, height), true), Err(ImageFault::TooLarge));
    }
    // A GIF whose canvas is 65,535 × 65,535.
    let mut gif = encoded(two_colours(2, 2), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(prepare(&gif, Wish::default()), Err(ImageFault::TooLarge));
    assert_eq!(prepare(&vec![0xff; limits::IMAGE + 1], Wish::default()), Err(ImageFault::TooLarge));
}

#[test]
fn r14_what_is_no_image_or_a_damaged_one_is_refused() {
    for bad in [&b""[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"BM\x3a\0\0\0\0\0\0\0", b"%PDF-1.7", &[0; 64]]
    {
        assert_eq!(prepare(bad, Wish::default()), Err(ImageFault::Format));
    }
    let photo = with_exif(&two_colours(64, 64), 1);
    assert_eq!(prepare(&photo[..20], Wish::default()), Err(ImageFault::Damaged));
    // Any single damage is refused or shows something; nothing panics.
    let png = encoded(two_colours(16, 16), ImageFormat::Png);
    for bytes in [png, encoded(two_colours(16, 16), ImageFormat::Gif), encoded(two_colours(16, 16), ImageFormat::WebP)]
    {
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x55;
            if let Ok(prepared) = prepare(&bad, Wish::default()) {
                assert!(prepared.attachment.checked().is_ok());
            }
        }
    }
}
