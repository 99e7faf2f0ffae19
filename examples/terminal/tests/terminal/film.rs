//! MP4 files without a frame: only what describes one, box by box.

/// What a file says of its one track, which lasts so many hundredths of a second.
pub struct Film {
    pub brand: &'static [u8; 4],
    pub track: &'static [u8; 4],
    pub hundredths: u32,
    /// When it comes in fragments, this is where it says how long they last.
    pub in_fragments: Option<u32>,
    pub width: u16,
    pub height: u16,
    /// Whether it is to be turned by a quarter to be seen.
    pub turned: bool,
}

/// A video of a second and a half.
pub const WAVES: Film = Film {
    brand: b"isom",
    track: b"vide",
    hundredths: 150,
    in_fragments: None,
    width: 640,
    height: 360,
    turned: false,
};

impl Film {
    pub fn bytes(&self) -> Vec<u8> {
        let kind = parcel(b"ftyp", &[self.brand, &[0; 4], self.brand]);
        // The frames would be here: whoever wants to know of the film goes over them.
        let frames = parcel(b"mdat", &[&[7; 100_000]]);
        let fragments =
            self.in_fragments.map(|all| parcel(b"mvex", &[&parcel(b"mehd", &[&[0; 4], &all.to_be_bytes()])]));
        let head = self.head();
        let film = parcel(b"moov", &[&head, &self.track(), &fragments.unwrap_or_default()]);
        [kind, frames, film].concat()
    }

    fn head(&self) -> Vec<u8> {
        let (scale, duration) = (100_u32.to_be_bytes(), self.hundredths.to_be_bytes());
        let rate_and_volume = [0, 1, 0, 0, 1, 0];
        parcel(
            b"mvhd",
            &[&[0; 12], &scale, &duration, &rate_and_volume, &[0; 10], &matrix(false), &[0; 24], &[0, 0, 0, 2]],
        )
    }

    fn track(&self) -> Vec<u8> {
        let (width, height) = (self.width.to_be_bytes(), self.height.to_be_bytes());
        let (number, duration) = ([0, 0, 0, 1], self.hundredths.to_be_bytes());
        let times = [0; 8];
        let seen = matrix(self.turned);
        let head = [
            &[0, 0, 0, 3],
            &times[..],
            &number,
            &[0; 4],
            &duration,
            &[0; 16],
            &seen,
            &width,
            &[0; 2],
            &height,
            &[0; 2],
        ];
        parcel(b"trak", &[&parcel(b"tkhd", &head), &self.media()])
    }

    fn media(&self) -> Vec<u8> {
        let (scale, duration) = (100_u32.to_be_bytes(), self.hundredths.to_be_bytes());
        let english = [0x15, 0xc7, 0, 0];
        let head = parcel(b"mdhd", &[&[0; 12], &scale, &duration, &english]);
        let handler = parcel(b"hdlr", &[&[0; 8], self.track, &[0; 13]]);
        let here = parcel(b"url ", &[&[0, 0, 0, 1]]);
        let place = parcel(b"dinf", &[&parcel(b"dref", &[&[0; 4], &[0, 0, 0, 1], &here])]);
        let empty = |name| parcel(name, &[&[0; 8]]);
        let sizes = parcel(b"stsz", &[&[0; 12]]);
        let table = [empty(b"stsd"), empty(b"stts"), empty(b"stsc"), sizes, empty(b"stco")].concat();
        let about = parcel(b"minf", &[&place, &parcel(b"stbl", &[&table])]);
        parcel(b"mdia", &[&head, &handler, &about])
    }
}

/// A box: its length with its head, its name, and what is in it.
fn parcel(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let length = u32::try_from(inside.len() + 8).unwrap();
    [&length.to_be_bytes(), &name[..], &inside].concat()
}

/// As it is, or turned by a quarter.
fn matrix(turned: bool) -> Vec<u8> {
    let (one, whole) = (0x1_0000, 0x4000_0000);
    let numbers = if turned { [0, one, 0, -one, 0, 0, 0, 0, whole] } else { [one, 0, 0, 0, one, 0, 0, 0, whole] };
    numbers.into_iter().flat_map(i32::to_be_bytes).collect()
}
