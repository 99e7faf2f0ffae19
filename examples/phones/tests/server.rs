//! R42: the page's server over its real sockets: who comes in, what is refused, what pages are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use undertone_phones::{Platform, Served, serve};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    served: Served,
    platform: Arc<Platform>,
    _folder: TempDir,
}

async fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start(folder.path()).await.unwrap();
    let served = serve(Arc::clone(&platform), 0).await.unwrap();
    Stage { served, platform, _folder: folder }
}

/// A request as whoever sends it writes it; the answer's head and body.
async fn http(to: SocketAddr, request: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

/// A page without a screen.
struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
    told: Vec<Value>,
}

impl Page {
    async fn open(at: &Stage) -> Page {
        let url = format!("ws://{}/socket", at.served.address());
        Page { socket: connect_async(url).await.unwrap().0, next: 1, told: Vec::new() }
    }

    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// The answer to a question; what is told in between is kept.
    async fn ask(&mut self, phone: &str, ask: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.say(&json!({ "id": id, "phone": phone, "ask": ask }).to_string()).await;
        loop {
            let heard = self.hear().await;
            if heard["id"] == json!(id) {
                return heard;
            }
            self.told.push(heard);
        }
    }

    /// What a phone's updates say sooner or later.
    async fn until(&mut self, phone: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            for told in std::mem::take(&mut self.told) {
                let updates = told["updates"].as_array().cloned().unwrap_or_default();
                if told["phone"] == phone
                    && let Some(found) = updates.into_iter().find(|update| wanted(update))
                {
                    return found;
                }
            }
            let heard = self.hear().await;
            self.told.push(heard);
        }
    }

    /// Starts a conversation with a user, once the directory has them.
    async fn start(&mut self, phone: &str, user: &str) -> String {
        let started = self.ask(phone, json!({ "do": "start", "user": user })).await;
        started["ok"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn only_pages_of_this_server_come_in() {
    let stage = stage().await;
    let (at, port) = (stage.served.address(), stage.served.address().port());
    let get = |host: String, more: &'static str| async move {
        http(at, &format!("GET / HTTP/1.1\r\nHost: {host}{more}"), b"").await.0
    };
    let ours = get(format!("127.0.0.1:{port}"), "").await;
    assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
    assert!(ours.to_lowercase().contains("content-security-policy: default-src 'none'; script-src 'self'"), "{ours}");
    // A name that leads here by DNS is not this server's.
    for host in [format!("evil.example:{port}"), "127.0.0.1".into(), "evil.example".into()] {
        assert!(get(host, "").await.starts_with("HTTP/1.1 403"));
    }
    for more in [
        "\r\nOrigin: http://evil.example",
        "\r\nOrigin: null",
        "\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors",
    ] {
        assert!(get(format!("localhost:{port}"), more).await.starts_with("HTTP/1.1 403"), "{more}");
    }
    let mut foreign = format!("ws://{at}/socket").into_client_request().unwrap();
    foreign.headers_mut().insert("Origin", "http://evil.example".parse().unwrap());
    match connect_async(foreign).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
        other => panic!("{other:?}"),
    }
    let post = format!(
        "POST /phones/ann/files?about=%7B%7D HTTP/1.1\r\nHost: {at}\r\nOrigin: http://evil.example\r\nContent-Length: 0"
    );
    assert!(http(at, &post, b"").await.0.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn what_makes_no_sense_gets_a_typed_error_and_the_page_lives_on() {
    let stage = stage().await;
    let mut page = Page::open(&stage).await;
    for (said, id) in [
        ("", Value::Null),
        ("{", Value::Null),
        ("[]", Value::Null),
        (r#"{"id":7}"#, json!(7)),
        (r#"{"id":8,"ask":{"do":"dance"}}"#, json!(8)),
        (r#"{"id":9,"phone":"ann","ask":{"do":"start","user":""}}"#, json!(9)),
        (r#"{"id":10,"phone":"ann","ask":{"do":"pin","conversation":"x","on":true}}"#, json!(10)),
        (r#"{"id":11,"phone":"ann","ask":{"do":"pin","conversation":"00","on":true,"more":1}}"#, json!(11)),
        (r#"{"id":-1,"ask":{"do":"hello"}}"#, Value::Null),
    ] {
        page.say(said).await;
        let heard = loop {
            let heard = page.hear().await;
            if heard.get("error").is_some() {
                break heard;
            }
        };
        assert_eq!(heard["error"]["code"], "page.malformed", "{said}");
        assert_eq!(heard["id"], id, "{said}");
    }
    page.socket.send(Message::binary(vec![0, 159])).await.unwrap();
    let unknown = "0".repeat(32);
    for (phone, ask, code) in [
        ("mallory", json!({ "do": "list" }), "page.unknown_phone"),
        ("ann", json!({ "do": "enter", "conversation": unknown }), "misuse.unknown_conversation"),
        ("ann", json!({ "do": "start", "user": "ann" }), "misuse.oneself"),
        (
            "ann",
            json!({ "do": "search", "words": " ", "conversation": null, "more": false }),
            "misuse.nothing_to_search",
        ),
    ] {
        assert_eq!(page.ask(phone, ask.clone()).await["error"]["code"], code, "{ask}");
    }
    let hello = page.ask("", json!({ "do": "hello" })).await;
    assert_eq!(hello["ok"]["phones"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_denial_comes_with_its_reason() {
    let stage = stage().await;
    let mut page = Page::open(&stage).await;
    // The directory may not have answered yet: until then the role is not known.
    let people = loop {
        let people = page.ask("bea", json!({ "do": "people" })).await;
        if people["ok"].as_array().unwrap().iter().all(|person| !person["role"].is_null()) {
            break people;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(people["ok"][0]["not"], "escorts cannot start a conversation with a client");
    assert_eq!(people["ok"][1]["not"], Value::Null);
    let denied = page.ask("bea", json!({ "do": "start", "user": "ann" })).await;
    assert_eq!(denied["error"]["code"], "denied");
    assert_eq!(denied["error"]["text"], "escorts cannot start a conversation with a client");
}

#[tokio::test]
async fn two_pages_see_the_same_phones() {
    let stage = stage().await;
    let (mut one, mut other) = (Page::open(&stage).await, Page::open(&stage).await);
    let conversation = one.start("ann", "bea").await;
    let is_listed = |update: &Value| update["kind"] == "conversation" && update["conversation"]["user"] == "ann";
    one.ask("ann", json!({ "do": "send", "conversation": conversation, "text": "Hello <b>Bea</b>", "terms": {} }))
        .await;
    one.until("bea", is_listed).await;
    other.until("bea", is_listed).await;
    // What a page wrote, the other has as well; and it is text, whatever it looks like.
    let entered = other.ask("bea", json!({ "do": "enter", "conversation": conversation })).await;
    let text = entered["ok"]["messages"][0]["text"].clone();
    if text.is_null() {
        let came = other.until("bea", |update| update["kind"] == "message").await;
        assert_eq!(came["message"]["text"], "Hello <b>Bea</b>");
    } else {
        assert_eq!(text, "Hello <b>Bea</b>");
    }
    drop(one);
    other.ask("ann", json!({ "do": "send", "conversation": conversation, "text": "Still there?", "terms": {} })).await;
    other.until("bea", |update| update["kind"] == "message" && update["message"]["text"] == "Still there?").await;
    assert!(stage.platform.sights().await.iter().all(|sight| !sight.to_string().contains("Still there")));
}

#[tokio::test]
async fn a_killed_phone_answers_so_and_comes_back_from_its_store() {
    let stage = stage().await;
    let mut page = Page::open(&stage).await;
    let conversation = page.start("ann", "sam").await;
    page.ask("ann", json!({ "do": "connect", "online": false })).await;
    page.ask("ann", json!({ "do": "send", "conversation": conversation, "text": "Before the end", "terms": {} })).await;
    page.ask("ann", json!({ "do": "kill" })).await;
    let dead = page.ask("ann", json!({ "do": "list" })).await;
    assert_eq!(dead["error"]["code"], "phone.killed");
    assert_eq!(page.ask("ann", json!({ "do": "open" })).await["ok"], Value::Null);
    let entered = page.ask("ann", json!({ "do": "enter", "conversation": conversation })).await;
    let messages = entered["ok"]["messages"].as_array().unwrap();
    assert_eq!(
        (messages.len(), &messages[0]["text"], &messages[0]["state"]),
        (1, &json!("Before the end"), &json!("queued"))
    );
    page.ask("ann", json!({ "do": "connect", "online": true })).await;
    page.until("sam", |update| update["conversation"]["last"]["text"] == "Before the end").await;
}

#[tokio::test]
async fn files_go_up_and_come_down_whole_or_in_ranges() {
    let stage = stage().await;
    let mut page = Page::open(&stage).await;
    let at = stage.served.address();
    let conversation = page.start("ann", "bea").await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let about = format!(
        "%7B%22conversation%22:%22{conversation}%22,%22name%22:%22..%2Fplan.html%22,%22media_type%22:%22text/html%22,\
         %22kind%22:%7B%22file%22:%7B%7D%7D,%22caption%22:%22%22%7D"
    );
    let post =
        format!("POST /phones/ann/files?about={about} HTTP/1.1\r\nHost: {at}\r\nContent-Length: {}", bytes.len());
    let (head, body) = http(at, &post, &bytes).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {}", String::from_utf8_lossy(&body));
    let id = serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    page.until("bea", |update| update["conversation"]["last"]["name"] == "plan.html").await;
    let get = |more: &'static str, save: &'static str| {
        let path = format!("/phones/bea/files/{conversation}/ann/{id}{save}");
        async move { http(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}{more}"), b"").await }
    };
    let (head, whole) = get("", "?save=true").await;
    let head = head.to_lowercase();
    assert!(head.contains("content-disposition: attachment") && head.contains("sandbox"), "{head}");
    assert!(
        head.contains("content-type: application/octet-stream"),
        "a document of a peer is never shown as one: {head}"
    );
    assert!(whole == bytes);
    let (head, part) = get("\r\nRange: bytes=1048570-1048585", "").await;
    assert!(
        head.starts_with("HTTP/1.1 206") && head.to_lowercase().contains("bytes 1048570-1048585/3000000"),
        "{head}"
    );
    assert_eq!(part, bytes[1_048_570..1_048_586]);
    assert!(
        http(at, &format!("GET /phones/bea/files/{conversation}/ann/..%2F..%2Fetc HTTP/1.1\r\nHost: {at}"), b"")
            .await
            .0
            .starts_with("HTTP/1.1 400")
    );
    page.ask("bea", json!({ "do": "connect", "online": false })).await;
    loop {
        // Files are elsewhere: without a connection there are none.
        let (head, _) = get("", "").await;
        if head.starts_with("HTTP/1.1 503") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_clock_moves_phones_and_relay_together() {
    let stage = stage().await;
    let mut page = Page::open(&stage).await;
    let conversation = page.start("ann", "bea").await;
    let period = json!({ "minutes": 5, "from_read": false });
    let send =
        json!({ "do": "send", "conversation": conversation, "text": "Soon gone", "terms": { "period": period } });
    page.ask("ann", send).await;
    page.until("bea", |update| update["conversation"]["last"]["text"] == "Soon gone").await;
    let before = stage.platform.clock.now();
    let moved = page.ask("", json!({ "do": "advance", "ms": 3 * 60 * 60 * 1000 })).await;
    assert_eq!(moved["ok"]["ahead"], 3 * 60 * 60 * 1000);
    assert!(stage.platform.clock.now() >= before.plus(3 * 60 * 60 * 1000));
    let entered = page.ask("bea", json!({ "do": "enter", "conversation": conversation })).await;
    assert_eq!(entered["ok"]["messages"], json!([]), "hidden at once");
    // The relay shows the same time, so that phones trust theirs, and destroy.
    page.until("bea", |update| update["conversation"]["unseen"] == 1).await;
    page.ask("bea", json!({ "do": "send", "conversation": conversation, "text": "Hours later", "terms": {} })).await;
    page.until("ann", |update| update["conversation"]["last"]["text"] == "Hours later").await;
}
