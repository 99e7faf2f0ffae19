//! How it is run: settings, health, figures, proxies, its end, and power that fails.

use std::process::Command;

use undertone::id::SessionId;
use undertone_relay::frame::{CloseReason, Down, Up};

use super::http::{answer, connect, head, http};
use super::process::{ELSEWHERE, HERE, Process, program};
use super::wire::Wire;
use crate::kit::Phone;

async fn two(process: &mut Process) -> (Phone, Phone, Wire, Wire, SessionId) {
    let (ann, bea) = (process.phone("annabel-7f3c", "client"), process.phone("beatrix-9d1e", "escort"));
    let (mut a, mut b) = (Wire::log_in(process, &ann).await, Wire::log_in(process, &bea).await);
    a.settle(&ann).await;
    b.settle(&bea).await;
    let tag = a.start(process, &ann, &bea).await;
    assert!(matches!(b.next().await, Some(Down::Delivered(_))));
    (ann, bea, a, b, tag)
}

#[tokio::test]
async fn a_relay_that_ends_says_goodbye_and_lets_transfers_finish() {
    let mut process = Process::start("");
    let (ann, bea, mut a, mut b, tag) = two(&mut process).await;
    let Down::UploadToken { token, .. } = a.ask(&Up::UploadToken { request: 1 }).await else { panic!("a token") };
    let bearer = format!("Bearer {}", token.token);
    let tus = [("tus-resumable", "1.0.0"), ("authorization", bearer.as_str())];
    let create = [&tus[..], &[("upload-length", "8")]].concat();
    let created = http(process.address, HERE, "POST", "/v1/blobs", &create, b"").await;
    let path = format!("/v1/{}", created.header("location").unwrap());
    let part = [&tus[..], &[("upload-offset", "0"), ("content-type", "application/offset+octet-stream")]].concat();
    let mut upload = connect(process.address, HERE).await.unwrap();
    let request = [head(process.address, "PATCH", &path, &part, 8), b"half".to_vec()].concat();
    tokio::io::AsyncWriteExt::write_all(&mut upload, &request).await.unwrap();
    process.counts("blob_bytes_received_total", 4).await;
    let waiting = ann.message(tag, &[&bea]).encode().unwrap();
    a.transmit(waiting.clone()).await.unwrap();
    assert!(matches!(b.next().await, Some(Down::Delivered(_))));

    process.signal("-TERM");
    assert_eq!(a.last().await, Some(Down::Closing(CloseReason::GoingAway)));
    assert_eq!(b.last().await, Some(Down::Closing(CloseReason::GoingAway)));
    assert!(Wire::dial(&process, HERE).await.is_none(), "nobody comes in any more");
    tokio::io::AsyncWriteExt::write_all(&mut upload, b"half").await.unwrap();
    assert_eq!(answer(upload).await.status, 204);
    process.ended(true).await;

    // What was not acknowledged waits, and the file is there.
    process.again();
    let mut b = Wire::log_in(&process, &bea).await;
    assert!(b.fetch().await.iter().any(|delivery| delivery.envelope == waiting));
    assert_eq!(http(process.address, HERE, "GET", &path, &[], b"").await.body, b"halfhalf");
    process.end(&[]).await;
}

#[tokio::test]
async fn a_log_for_machines_is_one_object_a_line() {
    let mut process = Process::start("[log]\nformat = \"json\"\n");
    let (ann, bea, mut a, _b, tag) = two(&mut process).await;
    let message = ann.message(tag, &[&bea]);
    process.never_logs(&message.body);
    process.never_logs_text(&String::from_utf8(message.body.clone()).unwrap());
    a.transmit(message.encode().unwrap()).await.unwrap();
    // Refusals are what is logged most: of what is no member's, and of a file.
    let strange = ann.message(process.platform.tag(), &[&bea]);
    process.never_logs(strange.tag.as_bytes());
    a.transmit(strange.encode().unwrap()).await.unwrap_err();
    assert_eq!(http(process.address, ELSEWHERE, "GET", "/v1/blobs/0", &[], b"").await.status, 404);
    let log = process.end(&["\"reason\":\"unknown_tag\""]).await;
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} of {line}");
        }
    }
    assert!(lines.iter().any(|line| line["status"] == 404), "{log}");
}

#[tokio::test]
async fn what_was_accepted_survives_the_plug_being_pulled() {
    let mut process = Process::start("");
    let (ann, bea, mut a, b, tag) = two(&mut process).await;
    drop(b);
    process.counts("devices", 1).await;
    let mut accepted = Vec::new();
    for round in 0..5 {
        for _ in 0..20 {
            let message = ann.message(tag, &[&bea]).encode().unwrap();
            a.transmit(message.clone()).await.unwrap();
            accepted.push(message);
        }
        // One more is under way when the power fails.
        a.send(&Up::Transmit { id: 9, bundle: vec![ann.message(tag, &[&bea]).encode().unwrap()] }).await;
        process.crash();
        a = Wire::log_in(&process, &ann).await;
        let mut b = Wire::log_in(&process, &bea).await;
        let waiting = b.fetch().await;
        for message in &accepted {
            let count = waiting.iter().filter(|delivery| delivery.envelope == *message).count();
            assert_eq!(count, 1, "round {round}");
        }
    }
    process.end(&[]).await;
}

#[tokio::test]
async fn whoever_watches_it_sees_that_it_lives_and_how_it_stands() {
    let mut process = Process::start("");
    let (ann, bea, mut a, _b, tag) = two(&mut process).await;
    a.transmit(ann.message(tag, &[&bea]).encode().unwrap()).await.unwrap();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http(process.address, HERE, "GET", path, &[], b"").await.status, 200, "{path}");
        assert_eq!(http(process.metrics, HERE, "GET", path, &[], b"").await.status, 200, "{path}");
    }
    // The figures are nothing for the world.
    assert_eq!(http(process.address, HERE, "GET", "/metrics", &[], b"").await.status, 404);
    let answer = http(process.metrics, HERE, "GET", "/metrics", &[], b"").await;
    let text = answer.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("undertone_") && value.parse::<u64>().is_ok(), "{line}");
        let base = name.split('{').next().unwrap();
        assert!(text.contains(&format!("# TYPE {base} ")), "{line}");
    }
    for wrong in ["annabel", "beatrix", "127.0.0"] {
        assert!(!text.contains(wrong), "{wrong}");
    }
    assert_eq!(process.figure("devices").await, 2);
    assert_eq!(process.figure("bundles_accepted_total").await, 2);
    process.end(&[]).await;
}

#[tokio::test]
async fn a_proxy_is_believed_only_if_it_is_trusted() {
    let settings =
        format!("trusted_proxies = [\"{HERE}/32\"]\n[limits]\naddress_requests = {{ burst = 3, per_minute = 1 }}\n");
    let process = Process::start(&settings);
    let ask = async |from, said: &str| {
        let answer = http(process.address, from, "GET", "/v1/blobs/0", &[("x-forwarded-for", said)], b"").await;
        answer.status
    };
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        let statuses = [ask(HERE, client).await, ask(HERE, client).await, ask(HERE, client).await];
        assert_eq!(statuses, [404; 3], "{client}");
        assert_eq!(ask(HERE, client).await, 429, "{client}");
        // What stands before the address that the proxy saw was made up.
        assert_eq!(ask(HERE, &format!("198.51.100.7, {client}")).await, 429);
    }
    // A client that is no proxy speaks for itself, whatever it says.
    let mut statuses = Vec::new();
    for last in 0..4 {
        statuses.push(ask(ELSEWHERE, &format!("203.0.113.{last}")).await);
    }
    assert_eq!(statuses, [404, 404, 404, 429]);
    process.end(&[]).await;
}

#[test]
fn settings_that_cannot_be_are_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let try_out = |text: &str, flags: &[&str], variable: Option<(&str, &str)>| {
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(program());
        command.current_dir(folder.path()).arg("--config").arg(&path).args(flags).envs(variable);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let run = |text: &str, flags: &[&str], variable| try_out(text, &[flags, &["--check"]].concat(), variable);
    let key = format!("authorities = [\"{}\"]\n", "0a".repeat(32));
    let tls = format!("{key}[tls]\ncertificate = \"nowhere.pem\"\nkey = \"nowhere.key\"\n");
    std::fs::write(folder.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let pushed = ["--set", "push.secret_file=secret", "--set", "push.url=http://localhost:9/hook"];
    for flags in [&[][..], &["--demo"], &pushed] {
        let (code, said) = run(&key, flags, None);
        assert_eq!((code, said.trim()), (Some(0), "the settings are good"), "{flags:?}");
    }
    assert!(!folder.path().join("relay-data").exists(), "who only looks makes nothing");
    for (text, flags, variable, word) in [
        ("", &[][..], None, "no authority"),
        ("authorities = [\"0a\"]\n", &[], None, "64 hexadecimal digits"),
        ("[limits]\nmailbocks = 5\n", &[], None, "mailbocks"),
        ("demo = true\nlisten = \"0.0.0.0:1\"\n", &[], None, "only listens on loopback"),
        (&key, &["--set", "limits.mailbox=many"], None, "limits.mailbox"),
        (&key, &["--listen", "here"], None, "listen"),
        (&key, &["--policy", "nowhere.toml"], None, "nowhere.toml"),
        (&key, &["--set", "push.url=https://example.org"], None, "secret_file"),
        (&key, &["--set", "timeouts.silence_ms=1"], None, "silence_ms"),
        (&key, &["--set", "limits.seen_age_days=1"], None, "seen_age_days"),
        (&key, &["--set", "trusted_proxies=10.0.0.0/99"], None, "10.0.0.0/99"),
        (&key, &[], Some(("UNDERTONE_RELAY_LIMITS__MAILBOX", "-1")), "UNDERTONE_RELAY_LIMITS__MAILBOX"),
        (&key, &["--frobnicate"], None, "frobnicate"),
        (&tls, &[], None, "nowhere.pem"),
        (&key, &["--set", "push.secret_file=secret", "--set", "push.url=http://192.0.2.1/hook"], None, "https:"),
        (&key, &["--set", "push.secret_file=secret", "--set", "push.url=gopher://localhost"], None, "push hook"),
        #[cfg(feature = "nats")]
        (&key, &["--nats", "nats://relay:secret@127.0.0.1:1"], None, "nats.password_file"),
        #[cfg(feature = "nats")]
        (&key, &["--nats", "nats://127.0.0.1:1", "--set", "nats.user=relay"], None, "belong together"),
        #[cfg(feature = "nats")]
        (&key, &["--nats", "nats://127.0.0.1:1", "--set", "blobs.folder=blobs"], None, "and in no folder"),
    ] {
        let (code, said) = run(text, flags, variable);
        assert!(code == Some(2) && said.contains(word), "{text}{flags:?}: {said}");
    }
    let (code, said) = try_out(&tls, &[], None);
    assert!(code == Some(2) && said.contains("nowhere.pem"), "also by who does not only look: {said}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_it_keeps_is_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let process = Process::start("");
    let data = process.folder.path().join("data");
    for path in ["", "blobs"] {
        let mode = std::fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{path}: {mode:o}");
    }
    process.end(&[]).await;
}
