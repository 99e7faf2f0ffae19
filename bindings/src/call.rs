//! Calls.

use std::sync::Arc;

use undertone::call as core;
use undertone::call::{
    Call as CoreCall, CallPage as CoreCallPage, CallStatus as CoreCallStatus, Outcome as CoreOutcome,
    Stage as CoreStage,
};
use undertone::id::{CallId, ConversationId, UserId};
use undertone::time::Time;

use crate::error::Result;
use crate::mirror::{Mirror, mirror};
use crate::policy::{CallKind, Decision};
use crate::shared::Shared;

mirror!(
    /// A call as a host shows it.
    pub struct Call of CoreCall {
        /// Its id.
        id: CallId,
        /// Where it was made.
        conversation: ConversationId,
        /// Who called.
        caller: UserId,
        /// Who was called.
        receiver: UserId,
        /// Whether this user called, from this device or another.
        own: bool,
        /// Sound, or pictures as well.
        kind: CallKind,
        /// How far it has come.
        status: CallStatus,
        /// Where it stands on this device.
        stage: Stage,
        /// How it ended, if it has.
        outcome: Option<Outcome>,
        /// When it began to ring.
        started: Time,
        /// When they began to talk.
        answered: Option<Time>,
        /// When it ended.
        ended: Option<Time>,
        /// How long they talked, in whole seconds; while they talk, 0.
        duration: u64,
        /// Whether the caller's word has come: from then on all devices of both sides show the same.
        settled: bool,
        /// Where the host keeps a recording of it; known to this device only.
        recording: Option<String>,
    }
);

mirror!(
    /// How far a call has come.
    pub enum CallStatus of CoreCallStatus {
        /// It rings.
        Pending,
        /// They talk.
        Active,
        /// They have talked, or the caller gave up, or the connection broke.
        Ended,
        /// The receiver declined, or was busy.
        Rejected,
        /// Nobody answered in time.
        Missed,
    }
);

mirror!(
    /// Where a call stands on this device.
    pub enum Stage of CoreStage {
        /// This device calls.
        RingingOut,
        /// This device rings.
        RingingIn,
        /// Both called at once, and this call goes on: answer it, without asking.
        Accepting,
        /// This device talks.
        Active,
        /// It goes on at another device of this user.
        Elsewhere,
        /// It is over.
        Over,
    }
);

mirror!(
    /// How a call is over: on every device the same, once the caller's word has come.
    pub enum Outcome of CoreOutcome {
        /// They talked, and one of them hung up.
        Completed,
        /// The caller hung up before anybody answered.
        Cancelled,
        /// The connection broke, or a process died.
        ConnectionLost,
        /// The receiver did not want it.
        Declined,
        /// The receiver was in another call.
        Busy,
        /// Nobody answered in time.
        Missed,
    }
);

/// Where a page of calls goes on.
#[derive(uniffi::Object)]
pub struct CallCursor(core::CallCursor);

impl Mirror<core::CallCursor> for Arc<CallCursor> {
    fn of(from: core::CallCursor) -> Self {
        Arc::new(CallCursor(from))
    }
}

mirror!(
    /// A page of calls.
    pub struct CallPage of CoreCallPage {
        /// Newest first.
        calls: Vec<Call>,
        /// Where it goes on; `None` at the end.
        next: Option<Arc<CallCursor>>,
    }
);

/// Calls of this user. Descriptions and payloads are the host's own, such as SDP and candidates.
#[derive(uniffi::Object)]
pub struct Calls(Arc<Shared>);

impl Calls {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Calls> {
        Arc::new(Calls(shared.clone()))
    }
}

#[uniffi::export]
impl Calls {
    /// Calls the other member of a conversation.
    pub fn start(&self, conversation: ConversationId, kind: CallKind, description: Vec<u8>) -> Result<CallId> {
        self.0.change(|engine, now| engine.calls().start(conversation, kind.into(), &description, now))
    }

    /// Answers a call that rings here.
    pub fn accept(&self, call: CallId, description: Vec<u8>) -> Result<()> {
        self.0.change(|engine, now| engine.calls().accept(call, &description, now))
    }

    /// Declines a call that rings here.
    pub fn reject(&self, call: CallId) -> Result<()> {
        self.0.change(|engine, now| engine.calls().reject(call, now))
    }

    /// Hangs up: ends a call, takes back one that rings at the other side, declines one that rings here.
    pub fn hang_up(&self, call: CallId) -> Result<()> {
        self.0.change(|engine, now| engine.calls().hang_up(call, now))
    }

    /// Says that the host's connection for sound and pictures is broken for good.
    pub fn connection_lost(&self, call: CallId) -> Result<()> {
        self.0.change(|engine, now| engine.calls().connection_lost(call, now))
    }

    /// Tells the other host something: candidates, a new description.
    pub fn signal(&self, call: CallId, payloads: Vec<Vec<u8>>) -> Result<()> {
        self.0.change(|engine, now| engine.calls().signal(call, &payloads, now))
    }

    /// Takes what the other host has told since the last time, in the order of its arrival.
    pub fn take_payloads(&self, call: CallId) -> Result<Vec<Vec<u8>>> {
        self.0.change(|engine, now| engine.calls().take_payloads(call, now))
    }

    /// The description of the other side: the offer's while it rings here, the answer's where this device called.
    pub fn description(&self, call: CallId) -> Result<Vec<u8>> {
        self.0.read(|engine, _| engine.calls().description(call))
    }

    /// The key, 32 bytes, for the host's encryption of sound and pictures, while the call is active on this device.
    pub fn media_key(&self, call: CallId) -> Result<Vec<u8>> {
        self.0.read(|engine, _| engine.calls().media_key(call).map(|key| key.as_bytes().to_vec()))
    }

    /// One call. One that goes on as another is that other one.
    pub fn get(&self, call: CallId) -> Result<Call> {
        self.0.read(|engine, now| engine.calls().get(call, now)).map(Mirror::of)
    }

    /// The call that this device is in, or that rings here.
    pub fn active(&self) -> Result<Vec<Call>> {
        self.0.read(|engine, _| engine.calls().active()).map(Mirror::of)
    }

    /// A page of at most `limit` calls, newest first: of a conversation, or of all.
    #[uniffi::method(default(conversation = None, cursor = None, limit = 50))]
    pub fn page(
        &self,
        conversation: Option<ConversationId>,
        cursor: Option<Arc<CallCursor>>,
        limit: u32,
    ) -> Result<CallPage> {
        let cursor = cursor.as_deref().map(|cursor| cursor.0);
        self.0.read(|engine, now| engine.calls().page(conversation, cursor, limit as usize, now)).map(Mirror::of)
    }

    /// Whether the rules let this user call in a conversation, as far as the roles are known: what a button shows.
    pub fn can(&self, conversation: ConversationId, kind: CallKind) -> Result<Decision> {
        self.0.change(|engine, now| engine.calls().can(conversation, kind.into(), now)).map(Mirror::of)
    }

    /// Notes where the host keeps a recording of a call, on this device; `None` for nowhere.
    pub fn set_recording(&self, call: CallId, place: Option<String>) -> Result<()> {
        self.0.change(|engine, now| engine.calls().set_recording(call, place, now))
    }
}
