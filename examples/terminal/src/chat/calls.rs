//! Calls: they ring, are answered and end as anywhere; only that a terminal has no sound.

use undertone::call::{Call, Stage};
use undertone::error::Misuse;
use undertone::id::{CallId, ConversationId};
use undertone::policy::CallKind;
use undertone::{Engine, Error, Time};

use super::Chat;
use crate::command::CallOrder;
use crate::{date, show};

/// What hosts with sound tell each other instead: a session description.
const DESCRIPTION: &[u8] = b"a terminal, without sound";
/// Calls that are listed.
const LISTED: usize = 20;

impl Chat {
    /// Does what was typed about calls.
    pub(super) async fn call(&self, order: CallOrder) {
        let open = self.open.as_ref().map(|(id, _)| *id);
        let done = match order {
            CallOrder::List => return self.list_calls(open).await,
            CallOrder::Start(kind) => {
                let Some(id) = open else { return self.paper.line("31", "whom? /start USER first") };
                self.engine(move |engine, now| engine.calls().start(id, kind, DESCRIPTION, now).map(drop)).await
            }
            CallOrder::Accept => self.engine(accept).await,
            CallOrder::Reject => {
                self.engine(|engine, now| {
                    with_active(engine, true, now, |engine, call, now| engine.calls().reject(call, now))
                })
                .await
            }
            CallOrder::HangUp => {
                self.engine(|engine, now| {
                    with_active(engine, false, now, |engine, call, now| engine.calls().hang_up(call, now))
                })
                .await
            }
        };
        match done {
            Ok(()) => {}
            Err(Error::Misuse(Misuse::UnknownCall)) => self.paper.line("31", "there is no such call"),
            Err(error) => self.fail(&error),
        }
    }

    /// Somebody calls.
    pub(super) async fn rings(&self, call: CallId) {
        if let Some(call) = self.look_at_call(call).await {
            let (who, kind) = (call.caller.as_str(), kind(call.kind));
            self.paper.line("1;35", &format!("♪ {who} calls ({kind}): /accept or /reject"));
        }
    }

    /// Both have called at once, and so want to talk: this call goes on, and is answered without asking.
    pub(super) async fn crossed(&self, call: CallId) {
        self.paper.line("35", "— you have called each other");
        if let Err(error) = self.engine(move |engine, now| engine.calls().accept(call, DESCRIPTION, now)).await {
            self.fail(&error);
        }
    }

    /// A call has come further; its end is a message of the conversation.
    pub(super) async fn call_changed(&self, call: CallId) {
        let Some(call) = self.look_at_call(call).await else { return };
        let other = if call.own { &call.receiver } else { &call.caller };
        match call.stage {
            Stage::RingingOut => self.paper.line("2", &format!("— it rings at {}", other.as_str())),
            Stage::Active => self.paper.line("35", &format!("— in a call with {}: /hangup ends it", other.as_str())),
            Stage::Elsewhere => self.paper.line("2", "— answered on another device"),
            Stage::RingingIn | Stage::Accepting | Stage::Over => {}
        }
    }

    async fn look_at_call(&self, call: CallId) -> Option<Call> {
        self.engine(move |engine, now| engine.calls().get(call, now)).await.ok()
    }

    async fn list_calls(&self, open: Option<ConversationId>) {
        match self.engine(move |engine, now| engine.calls().page(open, None, LISTED, now)).await {
            Ok(page) if page.calls.is_empty() => self.paper.line("2", "no calls yet"),
            Ok(page) => page.calls.iter().rev().for_each(|call| self.paper.line("0", &line(call))),
            Err(error) => self.fail(&error),
        }
    }
}

fn accept(engine: &mut Engine, now: Time) -> Result<(), Error> {
    with_active(engine, true, now, |engine, call, now| engine.calls().accept(call, DESCRIPTION, now))
}

/// Does something with the call that rings here, or with the one that this device is in.
fn with_active(
    engine: &mut Engine,
    rings: bool,
    now: Time,
    act: impl FnOnce(&mut Engine, CallId, Time) -> Result<(), Error>,
) -> Result<(), Error> {
    let call = engine.calls().active()?.into_iter().find(|call| !rings || call.stage == Stage::RingingIn);
    act(engine, call.ok_or(Error::Misuse(Misuse::UnknownCall))?.id, now)
}

fn line(call: &Call) -> String {
    let other = if call.own { &call.receiver } else { &call.caller };
    let way = if call.own { "to" } else { "from" };
    let how = call.outcome.map_or("goes on".into(), |outcome| show::outcome(outcome, call.duration));
    format!("{}  {} {way} {}: {how}", date::show(call.started), kind(call.kind), other.as_str())
}

fn kind(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Voice => "voice",
        CallKind::Video => "video",
    }
}
