//! How long peers may take.

use std::time::Duration;

/// How long the server waits for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How often a device is pinged.
    pub ping: Duration,
    /// How long a device may be silent, pongs included, before its connection counts as gone.
    pub silence: Duration,
    /// How long a peer may take to take what is sent to it.
    pub take: Duration,
    /// How long a peer may take for TLS and for the head of a request; also how long between two requests.
    pub header: Duration,
    /// How long a peer may take for the next bytes of an upload.
    pub upload: Duration,
    /// How long transfers may go on when the server shuts down.
    pub grace: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            ping: Duration::from_secs(25),
            silence: Duration::from_secs(70),
            take: Duration::from_secs(30),
            header: Duration::from_secs(20),
            upload: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}
