//! Encrypted files over HTTP: uploads that go on, downloads in ranges, and what is refused.

use std::net::IpAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::io::AsyncWriteExt;
use undertone_relay::frame::{Down, Up};

use super::http::{Answer, answer, connect, connect_narrow, head, http};
use super::process::{ELSEWHERE, HERE, Process};
use super::wire::Wire;
use crate::kit::Phone;

const PART: (&str, &str) = ("content-type", "application/offset+octet-stream");
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// A relay, and two of its users with tokens.
pub struct Scene {
    pub process: Process,
    ann: Phone,
    pub a: String,
    pub b: String,
}

impl Scene {
    pub async fn set(settings: &str) -> Scene {
        let mut process = Process::start(settings);
        let (ann, bea) = (process.phone("annabel-7f3c", "client"), process.phone("beatrix-9d1e", "escort"));
        let (a, b) = (token(&process, &ann).await, token(&process, &bea).await);
        process.never_logs_text(&a);
        process.never_logs_text(&b);
        Scene { process, ann, a, b }
    }

    pub async fn ask(&self, method: &str, name: &str, token: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [&[TUS, ("authorization", bearer.as_str())], more].concat();
        http(self.process.address, ELSEWHERE, method, &path(name), &headers, body).await
    }

    pub async fn create(&self, token: &str, size: u64) -> Answer {
        self.ask("POST", "", token, &[("upload-length", &size.to_string())], b"").await
    }

    /// Room for a file; its name, which the log must not have.
    pub async fn begin(&mut self, size: u64) -> String {
        let answer = self.create(&self.a, size).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let place = answer.header("location").unwrap();
        let name = place.strip_prefix("blobs/").unwrap().to_owned();
        self.process.never_logs_text(&name);
        name
    }

    pub async fn append(&self, name: &str, token: &str, at: u64, bytes: &[u8]) -> Answer {
        self.ask("PATCH", name, token, &[PART, ("upload-offset", &at.to_string())], bytes).await
    }

    pub async fn offset(&self, name: &str) -> u64 {
        let answer = self.ask("HEAD", name, &self.a, &[], b"").await;
        assert_eq!(answer.status, 200);
        answer.header("upload-offset").unwrap().parse().unwrap()
    }

    pub async fn get(&self, name: &str, more: &[(&str, &str)]) -> Answer {
        http(self.process.address, ELSEWHERE, "GET", &path(name), more, b"").await
    }

    /// A complete file.
    pub async fn store(&mut self, bytes: &[u8]) -> String {
        let name = self.begin(bytes.len() as u64).await;
        let answer = self.append(&name, &self.a, 0, bytes).await;
        assert_eq!((answer.status, answer.header("upload-offset")), (204, Some(&*bytes.len().to_string())));
        name
    }
}

fn path(name: &str) -> String {
    if name.is_empty() { "/v1/blobs".into() } else { format!("/v1/blobs/{name}") }
}

pub fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

async fn token(process: &Process, phone: &Phone) -> String {
    let mut wire = Wire::log_in(process, phone).await;
    let Down::UploadToken { request: 9, token } = wire.ask(&Up::UploadToken { request: 9 }).await else {
        panic!("a token")
    };
    token.token
}

#[tokio::test]
async fn a_file_is_uploaded_in_parts_and_fetched_in_ranges() {
    let mut scene = Scene::set("").await;
    let file = bytes(300_000);
    let name = scene.begin(300_000).await;
    assert_eq!(scene.offset(&name).await, 0);
    assert_eq!(scene.append(&name, &scene.a, 0, &file[..100_000]).await.status, 204);
    assert_eq!(scene.get(&name, &[]).await.status, 404, "it is not complete");
    // Only where it goes on.
    for at in [0, 99_999, 100_001] {
        let answer = scene.append(&name, &scene.a, at, &file[100_000..]).await;
        assert_eq!(answer.status, 409, "{at}");
    }
    assert_eq!(scene.offset(&name).await, 100_000);
    assert_eq!(scene.append(&name, &scene.a, 100_000, &file[100_000..]).await.status, 204);
    // Anybody who knows the name has it, whole or in part.
    let whole = scene.get(&name, &[]).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(
        (whole.header("content-disposition"), whole.header("accept-ranges")),
        (Some("attachment"), Some("bytes"))
    );
    assert!(whole.body == file);
    let tag = whole.header("etag").unwrap().to_owned();
    let part = scene.get(&name, &[("range", "bytes=65535-65537")]).await;
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 65535-65537/300000")));
    assert!(part.body == file[65_535..65_538]);
    let rest = scene.get(&name, &[("range", "bytes=299000-"), ("if-range", &tag)]).await;
    assert!(rest.status == 206 && rest.body == file[299_000..]);
    assert_eq!(scene.get(&name, &[("range", "bytes=1-2"), ("if-range", "\"another\"")]).await.status, 200);
    let beyond = scene.get(&name, &[("range", "bytes=300000-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */300000")));
    // Removed by whose it is.
    assert_eq!(scene.ask("DELETE", &name, &scene.a, &[], b"").await.status, 204);
    assert_eq!(scene.get(&name, &[]).await.status, 404);
    scene.process.end(&[]).await;
}

#[tokio::test]
async fn a_name_leads_nowhere_else() {
    let mut scene = Scene::set("").await;
    let name = scene.store(b"sealed").await;
    let secret = scene.process.folder.path().join("data/secret");
    std::fs::create_dir_all(secret.parent().unwrap()).unwrap();
    std::fs::write(&secret, "a secret").unwrap();
    let upper = name.to_uppercase();
    let long = "0".repeat(65);
    let absolute = secret.to_str().unwrap().replace('/', "%2f");
    let tricks = [
        "../secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "%2e%2e/secret",
        "....//secret",
        "..%5csecret",
        "..%c0%afsecret",
        &absolute,
        &format!("{name}%00"),
        &format!("{name}.part"),
        &format!("./{name}"),
        &format!("{name}/"),
        &format!("{name}%2f..%2f..%2fsecret"),
        &upper,
        &long,
        "0",
        "%00",
        "%",
        "nul",
        "con",
    ];
    for trick in tricks {
        for method in ["GET", "HEAD", "PATCH", "DELETE"] {
            let more = [PART, ("upload-offset", "0")];
            let answer = scene.ask(method, trick, &scene.a, &more, b"").await;
            assert!(matches!(answer.status, 400 | 404), "{method} {trick}: {}", answer.status);
            assert!(!answer.text().contains("a secret"), "{method} {trick}");
        }
        assert!(!scene.get(trick, &[]).await.text().contains("a secret"), "{trick}");
    }
    assert_eq!(scene.process.files().await, 1);
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "a secret");
    assert_eq!(scene.get(&name, &[]).await.body, b"sealed");
    scene.process.end(&["a request about a blob is refused"]).await;
}

#[tokio::test]
async fn nobody_uploads_without_a_token_nor_touches_what_is_another_users() {
    let mut scene = Scene::set("").await;
    let name = scene.store(b"sealed").await;
    let open = scene.begin(6).await;
    let forged = {
        let mut bytes = BASE64URL_NOPAD.decode(scene.a.as_bytes()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        BASE64URL_NOPAD.encode(&bytes)
    };
    let later = {
        // The end of the token, moved on.
        let mut bytes = BASE64URL_NOPAD.decode(scene.a.as_bytes()).unwrap();
        let end = bytes.len() - 33;
        bytes[end] ^= 0x80;
        BASE64URL_NOPAD.encode(&bytes)
    };
    for token in ["", "x", &forged, &later, &scene.a[1..]] {
        let answer = scene.create(token, 5).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{token}");
        assert_eq!(scene.append(&open, token, 0, b"sealed").await.status, 401);
        assert_eq!(scene.ask("DELETE", &name, token, &[], b"").await.status, 401);
    }
    // Bea's token is good, and says nothing of what is Ann's: her files are not there.
    for method in ["HEAD", "PATCH", "DELETE"] {
        for name in [&name, &open] {
            let answer = scene.ask(method, name, &scene.b, &[PART, ("upload-offset", "0")], b"").await;
            assert_eq!(answer.status, 404, "{method}");
        }
    }
    // Who does not speak tus is told so.
    let bearer = format!("Bearer {}", scene.a);
    let plain = [("authorization", bearer.as_str()), ("upload-length", "5")];
    let answer = http(scene.process.address, ELSEWHERE, "POST", "/v1/blobs", &plain, b"").await;
    assert_eq!((answer.status, answer.header("tus-version")), (412, Some("1.0.0")));
    assert_eq!(scene.get(&name, &[]).await.body, b"sealed");
    assert_eq!(scene.offset(&open).await, 0);
    scene.process.end(&["status=401", "status=404", "status=412"]).await;
}

#[tokio::test]
async fn a_file_has_the_size_that_was_announced() {
    let mut scene = Scene::set("[blobs]\nsize_bytes = 1000\n").await;
    for size in ["0", "1001", "99999999999999999999", "-1", "ten", ""] {
        let answer = scene.ask("POST", "", &scene.a, &[("upload-length", size)], b"").await;
        assert!(matches!(answer.status, 400 | 413), "{size}: {}", answer.status);
    }
    let name = scene.begin(10).await;
    assert_eq!(scene.append(&name, &scene.a, 0, &[7; 11]).await.status, 413);
    assert_eq!(scene.offset(&name).await, 0);
    // In chunks, so that no length is announced and only the bytes tell.
    let mut stream = connect(scene.process.address, ELSEWHERE).await.unwrap();
    let bearer = format!("Bearer {}", scene.a);
    let headers = [TUS, PART, ("authorization", bearer.as_str()), ("upload-offset", "0")];
    let request = String::from_utf8(head(scene.process.address, "PATCH", &path(&name), &headers, 0)).unwrap();
    let request = request.replace("content-length: 0", "transfer-encoding: chunked");
    stream.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..4 {
        let _ = stream.write_all(b"5\r\naaaaa\r\n").await;
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
    assert_eq!(answer(stream).await.status, 413);
    assert_eq!(scene.offset(&name).await, 0, "nothing of a request that lies is kept");
    assert_eq!(scene.append(&name, &scene.a, 0, &[7; 10]).await.status, 204);
    // It never changes again.
    assert_eq!(scene.append(&name, &scene.a, 10, &[8]).await.status, 413);
    assert_eq!(scene.append(&name, &scene.a, 0, &[8; 10]).await.status, 409);
    assert_eq!(scene.get(&name, &[]).await.body, [7; 10]);
    scene.process.end(&["status=413"]).await;
}

#[tokio::test]
async fn a_user_has_so_much_room_and_so_many_uploads() {
    let settings = "[blobs]\nuser_bytes = 1000\nuser_uploads = 2\nuser_files = 4\ntotal_bytes = 1500\n";
    let mut scene = Scene::set(settings).await;
    let first = scene.begin(600).await;
    let second = scene.begin(400).await;
    let full = scene.create(&scene.a, 1).await;
    assert_eq!(full.status, 507, "{}", full.text());
    assert_eq!(scene.ask("DELETE", &second, &scene.a, &[], b"").await.status, 204);
    let third = scene.begin(100).await;
    assert_eq!(scene.create(&scene.a, 1).await.status, 429, "two at once");
    assert_eq!(scene.append(&third, &scene.a, 0, &[1; 100]).await.status, 204);
    let fourth = scene.begin(1).await;
    assert_eq!(scene.append(&fourth, &scene.a, 0, &[1]).await.status, 204, "one of the two was complete");
    let fifth = scene.begin(1).await;
    assert_eq!(scene.append(&fifth, &scene.a, 0, &[1]).await.status, 204);
    assert_eq!(scene.create(&scene.a, 1).await.status, 507, "four files are all");
    // Bea has room of her own, as long as the relay has.
    assert_eq!(scene.create(&scene.b, 900).await.status, 507);
    assert_eq!(scene.create(&scene.b, 700).await.status, 201);
    assert_eq!(scene.offset(&first).await, 0);
    scene.process.end(&["status=507", "status=429"]).await;
}

#[tokio::test]
async fn an_upload_goes_on_after_the_plug_was_pulled() {
    let mut scene = Scene::set("").await;
    let file = bytes(2_000_000);
    let complete = scene.store(&file).await;
    let name = scene.begin(2_000_000).await;
    assert_eq!(scene.append(&name, &scene.a, 0, &file[..500_000]).await.status, 204);
    // A request in the middle, and files that nobody knows.
    let mut stream = connect(scene.process.address, ELSEWHERE).await.unwrap();
    let bearer = format!("Bearer {}", scene.a);
    let headers = [TUS, PART, ("authorization", bearer.as_str()), ("upload-offset", "500000")];
    let request = head(scene.process.address, "PATCH", &path(&name), &headers, 1_500_000);
    stream.write_all(&request).await.unwrap();
    stream.write_all(&file[500_000..900_000]).await.unwrap();
    if !crate::ON_NATS {
        let shelf = scene.process.folder.path().join("data/blobs/ab");
        std::fs::create_dir_all(&shelf).unwrap();
        std::fs::write(shelf.join("ab".repeat(32)), "left behind").unwrap();
    }
    scene.process.crash();
    // The token is good still: it was never written down.
    let at = scene.offset(&name).await as usize;
    assert!((500_000..=900_000).contains(&at), "{at}");
    assert_eq!(scene.append(&name, &scene.a, at as u64, &file[at..]).await.status, 204);
    assert!(scene.get(&name, &[]).await.body == file);
    assert!(scene.get(&complete, &[]).await.body == file);
    for _ in 0..200 {
        if scene.process.files().await == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(scene.process.files().await, 2);
    scene.process.end(&[]).await;
}

#[tokio::test]
async fn an_upload_that_stops_in_the_middle_holds_nothing() {
    let mut scene = Scene::set("[timeouts]\nupload_ms = 1500\n").await;
    let name = scene.begin(100_000).await;
    let stream = stuck(&scene, &name, 40_000).await;
    // Nobody else writes to it meanwhile.
    assert_eq!(scene.append(&name, &scene.a, 0, &[8; 10]).await.status, 423);
    assert_eq!(answer(stream).await.status, 408);
    assert_eq!(scene.offset(&name).await, 40_000);
    assert_eq!(scene.append(&name, &scene.a, 40_000, &[7; 60_000]).await.status, 204);
    assert!(scene.get(&name, &[]).await.body == [7; 100_000]);
    scene.process.end(&["status=408", "status=423"]).await;
}

/// A request that has sent a part of its bytes, and sends no more for now.
pub async fn stuck(scene: &Scene, name: &str, sent: usize) -> tokio::net::TcpStream {
    let mut stream = connect(scene.process.address, ELSEWHERE).await.unwrap();
    let bearer = format!("Bearer {}", scene.a);
    let headers = [TUS, PART, ("authorization", bearer.as_str()), ("upload-offset", "0")];
    stream.write_all(&head(scene.process.address, "PATCH", &path(name), &headers, 100_000)).await.unwrap();
    stream.write_all(&vec![7; sent]).await.unwrap();
    scene.process.counts("blob_bytes_received_total", sent as u64).await;
    stream
}

#[tokio::test]
async fn what_is_being_written_cannot_be_removed_to_have_its_room_again() {
    let mut scene = Scene::set("[blobs]\nuser_bytes = 100000\n").await;
    let name = scene.begin(100_000).await;
    let mut stream = stuck(&scene, &name, 40_000).await;
    assert_eq!(scene.ask("DELETE", &name, &scene.a, &[], b"").await.status, 423);
    assert_eq!(scene.create(&scene.a, 100_000).await.status, 507, "it still takes room");
    stream.write_all(&[7; 60_000]).await.unwrap();
    assert_eq!(answer(stream).await.status, 204);
    assert_eq!(scene.ask("DELETE", &name, &scene.a, &[], b"").await.status, 204);
    assert_eq!(scene.create(&scene.a, 100_000).await.status, 201);
    scene.process.end(&["status=423"]).await;
}

#[tokio::test]
async fn an_upload_that_goes_on_beyond_its_time_ends_and_leaves_nothing() {
    let mut scene = Scene::set("[blobs]\nupload_within_ms = 4000\n[timeouts]\nupload_ms = 60000\n").await;
    let name = scene.begin(100_000).await;
    let stream = stuck(&scene, &name, 40_000).await;
    assert_eq!(answer(stream).await.status, 404);
    assert_eq!(scene.process.files().await, 0);
    scene.process.end(&["status=404"]).await;
}

#[tokio::test]
async fn one_address_asks_so_often() {
    let mut scene = Scene::set("[limits]\naddress_requests = { burst = 30, per_minute = 1 }\n").await;
    let name = scene.store(b"sealed").await;
    let from = |from: IpAddr| http(scene.process.address, from, "GET", "/v1/blobs/0", &[], b"");
    let mut last = 0;
    for _ in 0..31 {
        last = from(ELSEWHERE).await.status;
    }
    assert_eq!(last, 429);
    let other = http(scene.process.address, HERE, "GET", &path(&name), &[], b"").await;
    assert_eq!(other.body, b"sealed", "another address");
    scene.process.end(&["status=429"]).await;
}

#[tokio::test]
async fn one_address_fetches_so_much() {
    let mut scene = Scene::set("[limits]\naddress_downloads = { burst = 100000, per_minute = 1 }\n").await;
    let (small, large) = (path(&scene.store(b"sealed").await), path(&scene.store(&[7; 150_000]).await));
    let address = scene.process.address;
    let from = |from: IpAddr, name: &str, range: &str| {
        let (name, range) = (name.to_owned(), range.to_owned());
        async move { http(address, from, "GET", &name, &[("range", &range)], b"").await }
    };
    // What goes beyond breaks off: nobody takes a part for the whole.
    let cut = from(ELSEWHERE, &large, "bytes=0-").await;
    assert!(cut.status == 206 && cut.head.contains("content-length: 150000"), "{}", cut.head);
    assert_eq!(cut.body.len(), 65_536);
    assert_eq!(from(ELSEWHERE, &large, "bytes=65536-").await.status, 429, "later");
    assert_eq!(from(ELSEWHERE, &small, "").await.body, b"sealed", "there is room for it");
    assert_eq!(from(HERE, &large, "bytes=65536-").await.body.len(), 84_464, "another address");
    scene.process.end(&["status=429"]).await;
}

#[tokio::test]
async fn who_asks_for_a_file_and_does_not_read_it_is_disconnected() {
    let mut scene = Scene::set("[timeouts]\ntake_ms = 1500\n").await;
    let file = bytes(8_000_000);
    let (small, large) = (path(&scene.store(b"sealed").await), path(&scene.store(&file).await));
    let mut stream = connect_narrow(scene.process.address, ELSEWHERE).await;
    stream.write_all(&head(scene.process.address, "GET", &large, &[], 0)).await.unwrap();
    stream.readable().await.unwrap();
    let other = http(scene.process.address, HERE, "GET", &small, &[], b"").await;
    assert_eq!(other.body, b"sealed", "others fetch meanwhile");
    scene.process.counts("tcp_connections", 0).await;
    // What was under way is all that comes, and nobody takes it for the whole.
    let cut = answer(stream).await;
    assert!(cut.status == 200 && cut.header("content-length") == Some("8000000"), "{}", cut.head);
    assert!(cut.body.len() < file.len() && file.starts_with(&cut.body), "{}", cut.body.len());
    scene.process.end(&["a connection broke off"]).await;
}

#[tokio::test]
async fn who_was_revoked_uploads_nothing_more() {
    let mut scene = Scene::set("revocations = \"revoked\"\n").await;
    let name = scene.begin(6).await;
    let platform = &scene.process.platform;
    let list = platform.authority.revoke(1, platform.now, &[scene.ann.certificate.serial()].into()).unwrap();
    std::fs::write(scene.process.folder.path().join("revoked"), list.as_bytes()).unwrap();
    scene.process.signal("-HUP");
    scene.process.logs("in_force=true").await;
    assert_eq!(scene.create(&scene.a, 5).await.status, 403);
    assert_eq!(scene.append(&name, &scene.a, 0, b"sealed").await.status, 403);
    assert_eq!(scene.create(&scene.b, 5).await.status, 201);
    scene.process.end(&["status=403"]).await;
}
