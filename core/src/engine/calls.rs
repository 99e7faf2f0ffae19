//! The view of calls.

use super::Engine;
use crate::call::{self, Call, CallCursor, CallPage, Input, MediaKey, Share};
use crate::conversation;
use crate::error::{Error, Misuse, Result};
use crate::id::{CallId, ConversationId};
use crate::limits;
use crate::policy::{CallKind, Decision};
use crate::time::Time;

/// The calls of this user. `docs/calls.md` has everything that can happen to one.
///
/// The engine rings, answers, ends and remembers; sound and pictures are the host's, and so are the descriptions (SDP)
/// and candidates that it hands over here as bytes. They reach the other host encrypted, in order as far as the network
/// keeps it, and not beyond [`limits::RING`].
pub struct Calls<'e>(pub(super) &'e mut Engine);

impl Calls<'_> {
    /// Calls the other member of a conversation. The phones of the other side ring for [`limits::RING`]; without a
    /// connection the call waits as long for one.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`], [`Misuse::Oneself`], [`Misuse::TooLarge`], [`Misuse::NotEnrolled`];
    /// [`Misuse::InCall`] while this device is in a call; [`Misuse::Blocked`]; [`Misuse::IdentityChanged`];
    /// [`Error::Denied`] when the rules forbid it.
    pub fn start(
        &mut self,
        conversation: ConversationId,
        kind: CallKind,
        description: &[u8],
        now: Time,
    ) -> Result<CallId> {
        bounded(description)?;
        self.0.mutate(now, |ctx| call::start(ctx, conversation, kind, description))
    }

    /// Answers a call that rings here, or that both sides made at once. A second time changes nothing.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], [`Misuse::TooLarge`]; [`Misuse::CallOver`]; [`Misuse::Blocked`];
    /// [`Misuse::IdentityChanged`]; [`Misuse::State`] for a call that is this
    /// user's own or another device's.
    pub fn accept(&mut self, call: CallId, description: &[u8], now: Time) -> Result<()> {
        bounded(description)?;
        self.0.mutate(now, |ctx| {
            let share = Share::fresh(ctx.rng);
            call::command(ctx, call, Input::Accept(share), description)
        })
    }

    /// Declines a call that rings here, and with it on the user's other devices.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], [`Misuse::CallOver`]; [`Misuse::State`] for a call that does not ring here.
    pub fn reject(&mut self, call: CallId, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| call::command(ctx, call, Input::Reject, &[]))
    }

    /// Hangs up: ends a call, takes back one that rings at the other side, declines one that rings here.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], [`Misuse::CallOver`]; [`Misuse::State`] for a call of another device of this user.
    pub fn hang_up(&mut self, call: CallId, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| call::command(ctx, call, Input::HangUp, &[]))
    }

    /// Says that the host's connection for sound and pictures is broken for good.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], [`Misuse::CallOver`]; [`Misuse::State`] for a call that this device is not in.
    pub fn connection_lost(&mut self, call: CallId, now: Time) -> Result<()> {
        self.0.mutate(now, |ctx| call::command(ctx, call, Input::Lost, &[]))
    }

    /// Tells the other host something: candidates, a new description. What is told at once is one batch. The other engine
    /// keeps at most [`limits::CALL_BATCHES`] of them and [`limits::CALL_WAITING`] bytes for a host that has not taken them
    /// yet: what comes beyond that is dropped there, and nobody is told.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], [`Misuse::CallOver`], [`Misuse::Empty`]; [`Misuse::State`] for a call of another device;
    /// [`Misuse::TooLarge`] for more than [`limits::CALL_PAYLOADS`] at once, [`limits::CALL_PAYLOAD`] bytes in one,
    /// [`limits::CALL_BATCH`] together, or when too much waits to be sent already.
    pub fn signal(&mut self, call: CallId, payloads: &[Vec<u8>], now: Time) -> Result<()> {
        let too_large = |what, limit| Err(Error::Misuse(Misuse::TooLarge { what, limit }));
        if payloads.is_empty() {
            return Err(Error::Misuse(Misuse::Empty));
        }
        if payloads.len() > limits::CALL_PAYLOADS {
            return too_large("the list of candidates", limits::CALL_PAYLOADS);
        }
        if payloads.iter().any(|payload| payload.len() > limits::CALL_PAYLOAD) {
            return too_large("a candidate", limits::CALL_PAYLOAD);
        }
        if payloads.iter().map(Vec::len).sum::<usize>() > limits::CALL_BATCH {
            return too_large("all candidates together", limits::CALL_BATCH);
        }
        self.0.mutate(now, |ctx| call::tell(ctx, call, payloads))
    }

    /// Takes what the other host has told since the last time, in the order of its arrival.
    /// [`Event::CallSignals`](crate::Event::CallSignals) says when there is something. Nothing while this device calls and
    /// nobody has answered.
    ///
    /// Take it soon: at most [`limits::CALL_BATCHES`] batches wait, as the other host handed them over, and
    /// [`limits::CALL_WAITING`] bytes. What comes beyond that is dropped until these are taken, with no event and no error.
    /// While nobody has answered, what any device of the other side tells counts.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`].
    pub fn take_payloads(&mut self, call: CallId, now: Time) -> Result<Vec<Vec<u8>>> {
        self.0.mutate(now, |ctx| call::take_payloads(ctx, call))
    }

    /// The description of the other side: the offer's while it rings here, the answer's where this device called.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`]; [`Misuse::State`] when there is none, yet or any more.
    pub fn description(&self, call: CallId) -> Result<Vec<u8>> {
        call::description(&self.0.read()?, call)
    }

    /// The key for the host's encryption of sound and pictures, while the call is active on this device.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`]; [`Misuse::State`] when it is not active here.
    pub fn media_key(&self, call: CallId) -> Result<MediaKey> {
        let key = call::media_key(&self.0.read()?, self.0.device(), call)?;
        #[cfg(feature = "sabotage")]
        let key = key.sabotaged(self.0.config(), self.0.device());
        Ok(key)
    }

    /// One call. One that goes on as another is that other one.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`], also when its history message has expired.
    pub fn get(&self, call: CallId, now: Time) -> Result<Call> {
        call::get(&self.0.read()?, self.0.user(), call, self.0.hidden(now))
    }

    /// The call that this device is in, or that rings here.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn active(&self) -> Result<Vec<Call>> {
        call::active(&self.0.read()?, self.0.user())
    }

    /// A page of at most `limit` calls, newest first: of a conversation, or of all. [`limits::PAGE`] is a good limit.
    ///
    /// # Errors
    /// [`Misuse::TooLarge`] for a limit of 0 or over [`limits::PAGE_MAX`].
    pub fn page(
        &self,
        conversation: Option<ConversationId>,
        cursor: Option<CallCursor>,
        limit: usize,
        now: Time,
    ) -> Result<CallPage> {
        call::page(&self.0.read()?, self.0.user(), conversation, cursor, limit, self.0.hidden(now))
    }

    /// Whether the rules let this user call in a conversation, as far as the roles are known: what a button shows.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`], [`Misuse::NotEnrolled`].
    pub fn can(&mut self, conversation: ConversationId, kind: CallKind, now: Time) -> Result<Decision> {
        self.0.mutate(now, |ctx| {
            let talk = conversation::require(&ctx.tx, conversation)?;
            call::decide(ctx, &talk, kind)
        })
    }

    /// Notes where the host keeps a recording of a call, on this device; `None` for nowhere.
    ///
    /// # Errors
    /// [`Misuse::UnknownCall`]; [`Misuse::TooLarge`] over [`limits::CALL_RECORDING`] bytes.
    pub fn set_recording(&mut self, call: CallId, place: Option<String>, now: Time) -> Result<()> {
        if place.as_ref().is_some_and(|place| place.len() > limits::CALL_RECORDING) {
            return Err(Error::Misuse(Misuse::TooLarge { what: "a place", limit: limits::CALL_RECORDING }));
        }
        self.0.mutate(now, |ctx| call::set_recording(ctx, call, place))
    }
}

fn bounded(description: &[u8]) -> Result<()> {
    if description.len() > limits::CALL_DESCRIPTION {
        let what = "a description";
        return Err(Error::Misuse(Misuse::TooLarge { what, limit: limits::CALL_DESCRIPTION }));
    }
    Ok(())
}
