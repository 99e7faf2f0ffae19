//! Frames that wait for a connection: bounded by number and bytes, so that who does not read costs no memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// Frames that wait at most.
const FRAMES: usize = 1_024;
/// Bytes of frames that wait at most. One frame may be larger, when it is the only one.
const BYTES: usize = 8 * 1024 * 1024;

/// Where the relay puts frames. Dropping it ends the connection behind them.
pub(crate) struct Outbox {
    frames: mpsc::Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Where the connection takes them.
pub(crate) struct Outgoing {
    frames: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends for a new connection.
pub(crate) fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(FRAMES);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outbox { frames: sender, waiting: waiting.clone() }, Outgoing { frames: receiver, waiting })
}

impl Outbox {
    /// Puts a frame in. `false` when the connection does not keep up, or is gone: it is to be ended, and fetches when it
    /// comes again.
    pub(crate) fn put(&self, frame: Vec<u8>) -> bool {
        let (bytes, waiting) = (frame.len(), self.waiting.load(Ordering::Relaxed));
        if waiting > 0 && waiting.saturating_add(bytes) > BYTES {
            return false;
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.frames.try_send(frame).is_ok()
    }
}

impl Outgoing {
    /// The next frame; `None` when the relay has ended the connection.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_read_holds_so_much_and_no_more() {
        let (outbox, mut outgoing) = outbox();
        assert!(outbox.put(vec![0; BYTES + 1]), "a large frame alone is fine");
        assert!(!outbox.put(vec![0; 1]));
        assert_eq!(outgoing.next().await.map(|frame| frame.len()), Some(BYTES + 1));
        assert!((0..FRAMES).all(|_| outbox.put(vec![0; 1])));
        assert!(!outbox.put(vec![0; 1]), "so many frames");
        drop(outbox);
        for _ in 0..FRAMES {
            assert!(outgoing.next().await.is_some(), "what was put in before is still there");
        }
        assert!(outgoing.next().await.is_none());
    }
}
