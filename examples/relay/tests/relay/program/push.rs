//! The push hook: what a platform's server hears, signed as Standard Webhooks say, and what it does not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use undertone::envelope::{Envelope, PushHint};
use undertone_relay::push::{Secret, signature};

use super::process::Process;
use super::tls;
use super::wire::Wire;
use crate::kit::Phone;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver got.
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line =
            self.head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head)).1
    }

    /// As a receiver checks it.
    fn is_signed(&self) -> bool {
        let seconds: u64 = self.header("webhook-timestamp").parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(seconds) < 60);
        let secret = Secret::parse(SECRET).unwrap();
        let expected = signature(&secret, self.header("webhook-id"), seconds, self.body.as_bytes());
        self.header("webhook-signature") == expected.unwrap()
    }
}

/// Reads one request, and answers with a status.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = Request { head: head.into(), body: body.into() };
            if body.len() >= request.header("content-length").parse().unwrap() {
                let answer = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                return request;
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut short: {text}");
    }
}

/// What takes no longer than a push may.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("a push")
}

/// Stands for the platform's server.
async fn take(listener: &TcpListener, status: u16) -> Request {
    soon(async { answer(listener.accept().await.unwrap().0, status).await }).await
}

async fn start(more: &str) -> (Process, TcpListener) {
    start_beside(tempfile::tempdir().unwrap(), "http", more).await
}

async fn start_beside(folder: tempfile::TempDir, scheme: &str, more: &str) -> (Process, TcpListener) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let url = format!("{scheme}://{}/hooks/push", listener.local_addr().unwrap());
    let settings = format!("[push]\nurl = \"{url}\"\nsecret_file = {secret:?}\nfirst_pause_ms = 50\n{more}");
    let process = Process::start_beside(folder, &settings);
    (process, listener)
}

/// Ann, connected, and Bea, who is away and whom she has reached before.
async fn away(process: &mut Process) -> (Phone, Phone, Wire, undertone::id::SessionId) {
    let (ann, bea) = (process.phone("annabel-7f3c", "client"), process.phone("beatrix-9d1e", "escort"));
    let (mut a, mut b) = (Wire::log_in(process, &ann).await, Wire::log_in(process, &bea).await);
    a.settle(&ann).await;
    b.settle(&bea).await;
    let tag = a.start(process, &ann, &bea).await;
    drop(b);
    process.counts("devices", 1).await;
    (ann, bea, a, tag)
}

#[tokio::test]
async fn who_is_away_is_woken_with_a_device_and_a_word_and_nothing_else() {
    let (mut process, listener) = start("").await;
    let (ann, bea, mut a, tag) = away(&mut process).await;
    let message = Envelope { push: PushHint::Message, ..ann.message(tag, &[&bea]) };
    a.transmit(message.encode().unwrap()).await.unwrap();
    let first = take(&listener, 204).await;
    let device = data_encoding::HEXLOWER.encode(bea.id().as_bytes());
    assert_eq!(first.body, format!(r#"{{"pushes":[{{"device":"{device}","hint":"message"}}]}}"#));
    assert!(first.head.starts_with("POST /hooks/push HTTP/1.1"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/json");
    assert!(first.is_signed());
    process.end(&[]).await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_under_the_same_id() {
    let (mut process, listener) = start("").await;
    let (ann, bea, mut a, tag) = away(&mut process).await;
    let message = Envelope { push: PushHint::Message, ..ann.message(tag, &[&bea]) };
    a.transmit(message.encode().unwrap()).await.unwrap();
    let (first, second, third) = (take(&listener, 500).await, take(&listener, 302).await, take(&listener, 200).await);
    for again in [&second, &third] {
        assert!(again.is_signed());
        assert_eq!((again.header("webhook-id"), &again.body), (first.header("webhook-id"), &first.body));
    }
    process.counts("push_sent_total", 1).await;
    assert_eq!(process.figure("push_failed_total").await, 2);
    process.end(&["the push hook refuses", "status=500"]).await;
}

#[tokio::test]
async fn a_relay_that_goes_away_first_tells_what_waits() {
    let (mut process, listener) = start("").await;
    let (ann, bea, mut a, tag) = away(&mut process).await;
    let message = Envelope { push: PushHint::Message, ..ann.message(tag, &[&bea]) };
    a.transmit(message.encode().unwrap()).await.unwrap();
    // The receiver is down when the relay is told to end, and comes back.
    take(&listener, 503).await;
    process.signal("-TERM");
    assert!(take(&listener, 200).await.is_signed());
    process.ended(true).await;
}

#[tokio::test]
async fn a_receiver_behind_tls_is_told_where_its_roots_vouch_for_it() {
    for vouched in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (folder.path().join("receiver"), folder.path().join("other"));
        for path in [&theirs, &ours] {
            std::fs::create_dir(path).unwrap();
            tls::certify(path);
        }
        let acceptor = tls::acceptor(&theirs);
        let roots = if vouched { &theirs } else { &ours }.join("certificate.pem");
        let (mut process, listener) = start_beside(folder, "https", &format!("roots = {roots:?}\n")).await;
        let (ann, bea, mut a, tag) = away(&mut process).await;
        let message = Envelope { push: PushHint::Message, ..ann.message(tag, &[&bea]) };
        a.transmit(message.encode().unwrap()).await.unwrap();
        let met = soon(async { acceptor.accept(listener.accept().await.unwrap().0).await }).await;
        if vouched {
            assert!(soon(answer(met.unwrap(), 204)).await.is_signed());
            process.counts("push_sent_total", 1).await;
            process.end(&[]).await;
        } else {
            // Somebody else answers at the address: nothing is said to them.
            assert!(met.is_err());
            process.counts("push_failed_total", 1).await;
            assert_eq!(process.figure("push_sent_total").await, 0);
            process.signal("-KILL");
        }
    }
}
