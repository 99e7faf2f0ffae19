//! Whether a relay is ready, while the only NATS server is killed and comes back.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use undertone::authority::Authority;
use undertone_relay_tests::nats::Cluster;
use undertone_relay_tests::platform::{Keep, RelayProcess};

/// How long the relay may take to notice.
const WITHIN: Duration = Duration::from_secs(60);

/// It says so to whoever watches it.
pub fn tells() -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let mut cluster = Cluster::start(1).map_err(said)?;
    let folder = tempfile::tempdir().map_err(said)?;
    let keep = Keep::Nats(cluster.urls(), "ready".into());
    let authority = Authority::from_seed([1; 32]).public_key();
    let relay = RelayProcess::start(folder.path(), 0, keep, authority).map_err(said)?;
    says(&relay, "200")?;
    cluster.kill(0);
    says(&relay, "503")?;
    cluster.start_node(0).map_err(said)?;
    says(&relay, "200")
}

/// Waits until it answers with this status.
fn says(relay: &RelayProcess, wanted: &str) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let status = ask(relay).map_err(|error| error.to_string())?;
        if status == wanted {
            return Ok(());
        }
        if start.elapsed() > WITHIN {
            return Err(format!("the relay still says {status}, not {wanted}"));
        }
    }
}

fn ask(relay: &RelayProcess) -> io::Result<String> {
    let url = relay.url();
    let mut stream = TcpStream::connect(url.trim_start_matches("ws://"))?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1).unwrap_or_default().into())
}
