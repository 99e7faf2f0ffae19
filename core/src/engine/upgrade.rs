//! What another version has kept is judged again by one that understands more: in steps, since there may be much of it.
//!
//! Opening takes one step, so that it ends at once where nothing is kept. Deadlines take the others, and each step is one
//! mutation that also notes how far it came: after a crash, judging goes on there. What comes in between finds messages that
//! are still to be judged as they were kept, and waits for them where it must.

use super::Engine;
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::inbox;
use crate::time::Time;

/// Things that are judged before the host is asked for another deadline.
const STEPS: usize = 16;

impl Engine {
    /// Judges some of what another version has kept; what is left has a deadline.
    pub(super) fn judge_again(&mut self, now: Time) -> Result<()> {
        for _ in 0..STEPS {
            if !self.memory.judging {
                break;
            }
            self.judge_next(now)?;
        }
        self.work(now)
    }

    /// Takes one step, if another version judged last.
    pub(super) fn judge_next(&mut self, now: Time) -> Result<()> {
        if !self.memory.judging {
            return Ok(());
        }
        let mut refused = None;
        let judged = self.transact(now, |ctx| match inbox::judge_later(ctx, false) {
            Ok(None) => Ok(()),
            Ok(Some(fault)) => {
                refused = Some(fault.clone());
                Err(fault)
            }
            // As when it had come just now: nothing that somebody sent keeps the engine from working.
            Err(Error::Bug(_)) => Err(Error::Peer(PeerFault::Unprocessable)),
            Err(error) => Err(error),
        });
        let unprocessable =
            matches!(judged, Err(Error::Store(StoreError::Limit(_)) | Error::Peer(PeerFault::Unprocessable)));
        let fault = match refused {
            Some(fault) => fault,
            None if unprocessable => Error::Peer(PeerFault::Unprocessable),
            None => return judged,
        };
        self.transact(now, |ctx| {
            if let Error::Peer(fault) = fault {
                ctx.tx.event(Event::Refused(fault));
            }
            inbox::judge_later(ctx, true).map(drop)
        })
    }
}
