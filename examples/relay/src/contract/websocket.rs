//! Servers that speak the frames over WebSockets: one, or several that share a platform.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};
use undertone::time::Time;

use super::{Credentials, Line, LineError, Transport};
use crate::client::{Client, ClientError};
use crate::frame::{Down, Up};
use crate::logic::login_message;

/// How long something may take to come.
const WITHIN: Duration = Duration::from_secs(60);

/// Puts a revocation list in force, or says why not.
pub type Revoke = Box<dyn Fn(&[u8]) -> Result<(), String>>;

/// Servers at these addresses. What a list of revoked certificates is handed over to is the host's to say.
pub struct WebSockets {
    /// Addresses like `ws://127.0.0.1:8787`.
    pub urls: Vec<String>,
    /// Puts a revocation list in force.
    pub revoke: Revoke,
}

struct SocketLine {
    runtime: Runtime,
    client: Client,
    first: Option<Down>,
}

impl Transport for WebSockets {
    fn connect(&self, device: &Credentials<'_>, server: usize) -> Result<Box<dyn Line>, LineError> {
        let url = self.urls.get(server % self.urls.len().max(1)).ok_or(LineError::Broken("no address".into()))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| LineError::Broken(error.to_string()))?;
        let (client, login) = runtime
            .block_on(async {
                let challenged = Client::dial(url).await?;
                let signature = device.key.sign(&login_message(challenged.challenge())).to_vec();
                challenged.log_in(device.certificate.as_bytes().to_vec(), signature).await
            })
            .map_err(line_error)?;
        let first = Some(Down::LoggedIn {
            time: login.time,
            highest_sequence: login.highest_sequence,
            key_packages: login.key_packages,
            revocations: login.revocations,
        });
        Ok(Box::new(SocketLine { runtime, client, first }))
    }

    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_ms(u64::try_from(since.as_millis()).unwrap_or_default())
    }

    fn wait_until(&self, at: Time) {
        while self.now() < at {
            std::thread::sleep(Duration::from_millis(at.since(self.now()).clamp(1, 1_000)));
        }
    }

    fn revoke(&self, list: &[u8]) -> Result<(), String> {
        (self.revoke)(list)
    }
}

impl Line for SocketLine {
    fn send(&mut self, frame: Up) {
        // A connection that has ended is noticed by what does not come.
        let _ = self.runtime.block_on(self.client.sender.send(&frame));
    }

    fn next(&mut self) -> Result<Down, LineError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let receiver = &mut self.client.receiver;
        let next = self.runtime.block_on(async { tokio::time::timeout(WITHIN, receiver.next()).await });
        next.map_err(|_| LineError::Broken("in a minute".into()))?.map_err(line_error)
    }
}

fn line_error(error: ClientError) -> LineError {
    match error {
        ClientError::Refused(reason) => LineError::Refused(reason),
        ClientError::Closed(reason) => LineError::Closed(reason),
        other => LineError::Broken(other.to_string()),
    }
}
