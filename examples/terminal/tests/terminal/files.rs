//! Files, pictures, voice messages and videos.

use super::film::{Film, WAVES};
use super::kit::{Platform, acquainted};

#[test]
fn a_file_is_sent_found_and_saved() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let place = |name: &str| platform.folder.path().join(name);
    let given: Vec<u8> = (0..2_500_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(place("the menu.bin"), &given).unwrap();
    ann.types(&format!("/file {} no such thing", place("nothing").display()));
    ann.shows("is no file");
    ann.types(&format!("/file \"{}\" what they cook", place("the menu.bin").display()));
    ann.shows("100 % sent");
    ann.shows("— uploaded");
    bea.shows("  2 ann: [file] what they cook, the menu.bin");
    bea.types("/search cook");
    bea.shows("[file] what they [cook]");
    bea.types(&format!("/save 1 {}", place("saved").display()));
    bea.shows("attachment");
    bea.types(&format!("/save 2 {}", place("saved").display()));
    bea.shows("saved as");
    assert!(std::fs::read(place("saved")).unwrap() == given);
    bea.types(&format!("/save 2 {}", place("saved").display()));
    bea.shows("is there already");
    drop((ann, bea));
    platform.end();
}

#[test]
fn pictures_and_voice_messages_say_what_they_are() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let place = |name: &str| platform.folder.path().join(name);
    std::fs::write(place("harbour.png"), include_bytes!("../../../../docs/images/call.png")).unwrap();
    ann.types(&format!("/image {} the harbour", place("harbour.png").display()));
    ann.shows("— uploaded");
    bea.shows("  2 ann: [image] the harbour, harbour.png, ");
    ann.types(&format!("/hidden {}", place("harbour.png").display()));
    bea.shows("hidden until you save it");
    bea.types(&format!("/save 3 {}", place("seen").display()));
    bea.shows("saved as");
    let seen = std::fs::read(place("seen")).unwrap();
    assert!(seen.starts_with(&[0xff, 0xd8]) || seen.starts_with(b"\x89PNG"), "a picture again");

    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(place("hello.wav"), spec).unwrap();
    (0..12_000_i32).for_each(|at| wav.write_sample(((at * 97) % 20_000 - 10_000) as i16).unwrap());
    wav.finalize().unwrap();
    ann.types(&format!("/voice {} listen", place("hello.wav").display()));
    bea.shows("[voice] listen, hello.wav, 0:01");

    // What is neither says so, and nothing is sent.
    std::fs::write(place("no picture"), "text").unwrap();
    ann.types(&format!("/image \"{}\"", place("no picture").display()));
    ann.shows("no picture: ");
    ann.types(&format!("/voice \"{}\"", place("no picture").display()));
    ann.shows("no picture: ");
    drop((ann, bea));
    platform.end();
}

#[test]
fn a_video_says_how_long_and_how_large_it_is() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let place = |name: &str| platform.folder.path().join(name);
    let film = |name: &str, film: Film| std::fs::write(place(name), film.bytes()).unwrap();
    film("the waves.mp4", WAVES);
    ann.types(&format!("/film \"{}\" at the harbour", place("the waves.mp4").display()));
    ann.shows("— uploaded");
    bea.shows("  2 ann: [video] at the harbour, the waves.mp4, 0:01, 640 × 360");
    bea.types(&format!("/save 2 {}", place("seen").display()));
    bea.shows("saved as");
    assert!(std::fs::read(place("seen")).unwrap() == WAVES.bytes());

    film("upright.mp4", Film { turned: true, hundredths: 7_250, ..WAVES });
    ann.types(&format!("/film {}", place("upright.mp4").display()));
    bea.shows("  3 ann: [video] upright.mp4, 1:12, 360 × 640");
    film("live.mp4", Film { hundredths: 0, in_fragments: Some(900), ..WAVES });
    ann.types(&format!("/film {}", place("live.mp4").display()));
    bea.shows("  4 ann: [video] live.mp4, 0:09, 640 × 360");
    drop((ann, bea));
    platform.end();
}

#[test]
fn what_is_no_video_says_so_and_is_not_sent() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let place = |name: &str| platform.folder.path().join(name);
    let cut = WAVES.bytes()[..100_400].to_vec();
    let kind = &WAVES.bytes()[..20];
    let vast = [kind, &(64 * 1024 * 1024 + 9_u32).to_be_bytes(), b"moov"].concat();
    let endless = Film { hundredths: u32::MAX, ..WAVES };
    for (name, bytes, why) in [
        ("text", b"these are words, and no film".to_vec(), "no MP4 file that can be read"),
        ("empty", Vec::new(), "no MP4 file that can be read"),
        ("cut", cut, "no MP4 file that can be read"),
        ("headless", WAVES.bytes()[..60_000].to_vec(), "no MP4 file that can be read (missing box: moov)"),
        ("other", Film { brand: b"qt  ", ..WAVES }.bytes(), "no MP4 file that can be read (unsupported: QuickTime)"),
        ("vast", vast, "no MP4 file that can be read (atom too large)"),
        ("sound", Film { track: b"soun", ..WAVES }.bytes(), "there is no video in it"),
        ("endless", endless.bytes(), "it does not say how long it lasts"),
    ] {
        std::fs::write(place(name), bytes).unwrap();
        ann.types(&format!("/film {}", place(name).display()));
        ann.shows(&format!("{}: {why}", place(name).display()));
    }
    ann.types("that was all");
    bea.shows("  2 ann: that was all");
    drop((ann, bea));
    platform.end();
}

#[test]
fn a_file_waits_for_the_connection() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let path = platform.folder.path().join("note.txt");
    std::fs::write(&path, "written in a tunnel").unwrap();
    ann.types("/offline");
    ann.shows("— offline");
    ann.types(&format!("/file {}", path.display()));
    ann.shows("the relay is not connected");
    ann.types("/online");
    ann.shows("— uploaded");
    bea.shows("[file] note.txt");
    drop((ann, bea));
    platform.end();
}
