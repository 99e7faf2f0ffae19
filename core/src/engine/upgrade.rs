//! The first opening by a version that understands more than the last one: what that one has kept is judged again.

use super::Engine;
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::inbox::{self, Next, What};
use crate::time::Time;

impl Engine {
    /// Judges again what another version has kept, one thing a mutation. Messages come before what was done to them. A
    /// crash in between lets it begin anew.
    pub(super) fn judge_again(&mut self, now: Time) -> Result<()> {
        if !self.transact(now, |ctx| inbox::later_is_due(ctx))? {
            return Ok(());
        }
        for what in [What::Messages, What::Acts, What::Rest] {
            let mut after = None;
            while let Some(key) = self.judge_next(what, after.as_deref(), now)? {
                after = Some(key);
            }
        }
        self.mutate(now, inbox::later_judged)
    }

    fn judge_next(&mut self, what: What, after: Option<&[u8]>, now: Time) -> Result<Option<Vec<u8>>> {
        let mut refused = None;
        let judged = self.transact(now, |ctx| match inbox::judge_later(ctx, what, after, false) {
            Ok(Some(Next { key, fault: None })) => Ok(Some(key)),
            Ok(Some(Next { fault: Some(fault), .. })) => {
                refused = Some(fault.clone());
                Err(fault)
            }
            Ok(None) => Ok(None),
            // As when it had come just now: nothing that somebody sent keeps the engine from starting.
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
            Ok(inbox::judge_later(ctx, what, after, true)?.map(|next| next.key))
        })
    }
}
