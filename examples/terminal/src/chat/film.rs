//! What an MP4 file says of the video in it.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use mp4_atom::{Atom, Error, FourCC, Ftyp, Header, Moov, ReadAtom, ReadFrom, Tkhd};
use undertone::attachment::{Details, Picture};

/// QuickTime's files begin as MP4 files do, but are `video/quicktime`.
const QUICKTIME: FourCC = FourCC::new(b"qt  ");

/// What a track of video says that it is.
const VIDEO: FourCC = FourCC::new(b"vide");

/// The most that is read of a file. What describes a film of hours is a few megabytes.
const DESCRIPTION: usize = 64 * 1024 * 1024;

/// How large a video is and how long it lasts; only what describes it is read, not the video.
pub(super) fn details(path: &Path) -> Result<Details, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let film = description(&mut file).map_err(|error| format!("no MP4 file that can be read ({error})"))?;
    let video = film.trak.iter().find(|track| track.mdia.hdlr.handler == VIDEO).ok_or("there is no video in it")?;
    let (width, height) = size(&video.tkhd);
    let duration = duration(&film).ok_or("it does not say how long it lasts")?;
    Ok(Details::Video { duration, picture: Picture { width, height, preview: None, blur_hash: None, blurred: false } })
}

/// Goes from box to box, over the video to what describes it: some files have it in front, some at the end.
fn description(file: &mut File) -> mp4_atom::Result<Moov> {
    if Ftyp::read_from(file)?.major_brand == QUICKTIME {
        return Err(Error::Unsupported("QuickTime"));
    }
    while let Some(header) = Option::<Header>::read_from(file)? {
        // A box without a size is the last.
        let Some(size) = header.size else { break };
        if header.kind != Moov::KIND {
            file.seek(SeekFrom::Current(i64::try_from(size).map_err(|_| Error::InvalidSize)?))?;
        } else if size > DESCRIPTION {
            return Err(Error::TooLarge(header.kind));
        } else {
            return Moov::read_atom(&header, file);
        }
    }
    Err(Error::MissingBox(Moov::KIND))
}

/// Width and height as they are seen: a phone that is held upright writes a wide picture, and that it is to be turned.
fn size(track: &Tkhd) -> (u32, u32) {
    let (width, height) = (u32::from(track.width.integer()), u32::from(track.height.integer()));
    let turned = track.matrix.a == 0 && track.matrix.d == 0;
    if turned { (height, width) } else { (width, height) }
}

/// Milliseconds. A film in fragments says it elsewhere, if it does.
fn duration(film: &Moov) -> Option<u64> {
    let unknown = [0, u64::from(u32::MAX), u64::MAX];
    let fragments = film.mvex.as_ref().and_then(|fragments| fragments.mehd.as_ref()).map(|all| all.fragment_duration);
    let units = [Some(film.mvhd.duration), fragments].into_iter().flatten().find(|units| !unknown.contains(units))?;
    units.checked_mul(1_000)?.checked_div(u64::from(film.mvhd.timescale))
}
