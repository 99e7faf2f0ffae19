//! Attachments: what messages say of them, and their files.

use undertone::attachment::{
    Attachment, AttachmentBody, BlurHash, Details, FileKey, Layout, Location, MediaType, Picture, Preview, Sealer, Wave,
};
use undertone::id::Hash32;

use super::Failure;
use crate::sheet::Sheet;

/// Bodies of contents of kinds 2 to 5.
pub fn bodies() -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Bodies of contents with an attachment, of kinds 2 (image), 3 (file), 4 (voice) and 5 (video). The key is 32 bytes\n\
         0x07, the digest 32 bytes 0x08.",
    );
    for (name, attachment) in attachments()? {
        let body =
            AttachmentBody { attachment, key: FileKey::from_bytes([7; 32]), digest: Hash32::from_bytes([8; 32]) };
        let attachment = &body.attachment;
        let location = attachment.location.as_ref().ok_or("a location")?;
        sheet
            .vector(name)
            .plain("kind", body.kind().0)
            .text("location", location.as_str())
            .plain("size", attachment.size)
            .text("media_type", attachment.media_type.as_str())
            .maybe("file_name", attachment.name.as_ref().map(|name| name.as_str().as_bytes()))
            .hex("caption", attachment.caption.as_bytes());
        if let Some(picture) = attachment.picture() {
            sheet
                .plain("width", picture.width)
                .plain("height", picture.height)
                .maybe("preview", picture.preview.as_ref().map(Preview::as_bytes))
                .maybe("blur_hash", picture.blur_hash.as_ref().map(|hash| hash.as_str().as_bytes()))
                .plain("blurred", picture.blurred);
        }
        match &attachment.details {
            Details::Voice { duration, wave } => sheet.plain("duration", duration).hex("wave", wave.values()),
            Details::Video { duration, .. } => sheet.plain("duration", duration),
            Details::File | Details::Image(_) => &mut sheet,
        };
        sheet.hex("bytes", &body.encode()?);
    }
    Ok(sheet.finish())
}

/// Encrypted files.
pub fn ciphertexts() -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Encrypted files of attachments: byte n of the file is n mod 251; `bytes` is what is stored, `digest` what the message\n\
         says of it.",
    );
    for (name, size) in [("a small file", 5), ("two chunks, of which the last holds one byte and padding", 65_537)] {
        let (key, layout) = (FileKey::from_bytes([7; 32]), Layout::new(size).ok_or("a size")?);
        let file: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let mut sealer = Sealer::new(&key, layout);
        let stored = sealer.seal(&file)?;
        let digest = sealer.digest().ok_or("one piece")?;
        sheet
            .vector(name)
            .hex("key", key.as_bytes())
            .plain("size", size)
            .plain("padded", layout.padded())
            .hex("digest", digest.as_bytes())
            .hex("bytes", &stored);
    }
    Ok(sheet.finish())
}

fn attachments() -> Result<Vec<(&'static str, Attachment)>, Failure> {
    let of = |details, media: &str, size| -> Result<Attachment, Failure> {
        let mut attachment = Attachment::new(details, MediaType::new(media).ok_or("a media type")?, size);
        attachment.location = Location::new("files/7f3a");
        Ok(attachment)
    };
    let named = |name: &str, media: &str, size| -> Result<Attachment, Failure> {
        let attachment = Attachment::file(name, MediaType::new(media).ok_or("a media type")?, size);
        Ok(Attachment { location: Location::new("https://files.example.org/7f3a?part=1"), ..attachment })
    };
    let captioned = |caption: &str, attachment| Attachment { caption: caption.to_owned(), ..attachment };
    let bare = Picture { width: 640, height: 480, preview: None, blur_hash: None, blurred: false };
    let small = Preview::new(vec![0xff, 0xd8, 0xff, 0xd9]);
    let colours = BlurHash::new("LNAdAqj[00aymkj[TKay9}ay-Sj[");
    let full = Picture { preview: small, blur_hash: colours.clone(), ..bare.clone() };
    let blurred = Picture { blur_hash: colours, blurred: true, ..bare.clone() };
    let largest = Picture { width: 65_535, height: 1, ..bare.clone() };
    let wave = Wave::new(vec![0, 80, 255, 9]).ok_or("a wave form")?;
    let voice = |duration, wave| Details::Voice { duration, wave };
    Ok(vec![
        ("a file", named("Größe.pdf", "application/pdf", 123_456)?),
        ("an empty file without a name", of(Details::File, "text/plain", 0)?),
        (
            "a file of the largest size, with a caption",
            captioned("✓ all", named("all.bin", "application/octet-stream", 1 << 40)?),
        ),
        ("an image of which only the size is known", of(Details::Image(bare.clone()), "image/png", 1)?),
        ("an image with a thumbnail", of(Details::Image(full.clone()), "image/jpeg", 300_000)?),
        ("an image to be tapped", captioned("tap", of(Details::Image(blurred), "image/webp", 300_000)?)),
        ("an image as wide as can be", of(Details::Image(largest), "image/gif", 9_999)?),
        ("a voice message", of(voice(4_200, wave), "audio/ogg", 20_000)?),
        ("a voice message of nothing known", of(voice(0, Wave::default()), "audio/mp4", 1)?),
        ("a video with a poster", of(Details::Video { duration: 61_000, picture: full }, "video/mp4", 9_000_000)?),
        ("a video of a day", of(Details::Video { duration: 86_400_000, picture: bare }, "video/webm", 5)?),
    ])
}
