//! How the open conversation is kept.

use undertone::id::{ConversationId, UserId};
use undertone::privacy::Privacy;
use undertone::time::MINUTE;
use undertone::{Engine, Error, Time};

use super::Chat;
use crate::command::{Setting, Switch};
use crate::show;

impl Chat {
    /// Sets something for the open conversation, and says so.
    pub(super) async fn set(&self, setting: Setting) {
        let Some((id, user)) = self.open.clone() else {
            return self.paper.line("31", "for which conversation? /start USER first");
        };
        let name = user.as_str().to_owned();
        match self.engine(move |engine, now| apply(engine, id, &user, setting, now)).await {
            Ok(()) => self.paper.line("2", &format!("— {}", said(setting, &name))),
            Err(error) => self.fail(&error),
        }
    }
}

impl Chat {
    /// Sets something for this user, and says so.
    pub(super) async fn switch(&self, switch: Switch) {
        match self.engine(move |engine, now| turn(engine, switch, now)).await {
            Ok(()) => self.paper.line("2", &format!("— {}", turned(switch))),
            Err(error) => self.fail(&error),
        }
    }

    /// Keeps what was begun to be written; it stands there when the conversation is opened again.
    pub(super) async fn draft(&self, text: String) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        let draft = (!text.is_empty()).then_some(text);
        let said = if draft.is_some() { "— kept" } else { "— forgotten" };
        match self.engine(move |engine, now| engine.conversations().set_draft(id, draft, now)).await {
            Ok(()) => self.paper.line("2", said),
            Err(error) => self.fail(&error),
        }
    }
}

fn turn(engine: &mut Engine, switch: Switch, now: Time) -> Result<(), Error> {
    let settings = engine.privacy().settings()?;
    match switch {
        Switch::Receipts(read_receipts) => engine.privacy().set(Privacy { read_receipts, ..settings }, now),
        Switch::Typing(typing) => engine.privacy().set(Privacy { typing, ..settings }, now),
        Switch::Quiet(minutes) => {
            let until = minutes.map_or(Time::NEVER, |minutes| now.plus(u64::from(minutes) * MINUTE));
            engine.notifications().set_do_not_disturb(Some(until), now)
        }
        Switch::Loud => engine.notifications().set_do_not_disturb(None, now),
    }
}

fn turned(switch: Switch) -> String {
    match switch {
        Switch::Receipts(true) => "others learn that you have read".into(),
        Switch::Receipts(false) => "nobody learns that you have read".into(),
        Switch::Typing(true) => "others see that you type, and you that they do".into(),
        Switch::Typing(false) => "nobody sees that you type, nor you that they do".into(),
        Switch::Quiet(None) => "no notifications until /loud".into(),
        Switch::Quiet(Some(minutes)) => format!("no notifications for {minutes} min"),
        Switch::Loud => "notifications again".into(),
    }
}

fn apply(engine: &mut Engine, id: ConversationId, user: &UserId, setting: Setting, now: Time) -> Result<(), Error> {
    match setting {
        Setting::Timer(minutes, clock) => engine.conversations().set_period(id, minutes, clock, now),
        Setting::Mute(minutes) => {
            let until = minutes.map_or(Time::NEVER, |minutes| now.plus(u64::from(minutes) * MINUTE));
            engine.conversations().mute(id, Some(until), now)
        }
        Setting::Unmute => engine.conversations().mute(id, None, now),
        Setting::Archive(archived) => engine.conversations().archive(id, archived, now),
        Setting::Pin(pinned) => engine.conversations().pin(id, pinned, now),
        Setting::Block(blocked) => engine.privacy().block(user, blocked, now),
        Setting::Verify(verified) => engine.identity().set_verified(user, verified, now),
        Setting::Trust => engine.identity().accept_identity(user, now),
    }
}

fn said(setting: Setting, user: &str) -> String {
    match setting {
        Setting::Timer(minutes, clock) => format!("new messages {}", show::period_of(minutes, clock)),
        Setting::Mute(None) => "muted".into(),
        Setting::Mute(Some(minutes)) => format!("muted for {minutes} min"),
        Setting::Unmute => "no longer muted".into(),
        Setting::Archive(true) => "archived".into(),
        Setting::Archive(false) => "no longer archived".into(),
        Setting::Pin(true) => "pinned".into(),
        Setting::Pin(false) => "no longer pinned".into(),
        Setting::Block(true) => format!("{user} is blocked"),
        Setting::Block(false) => format!("{user} is no longer blocked"),
        Setting::Verify(true) => format!("{user} is verified"),
        Setting::Verify(false) => format!("{user} is no longer verified"),
        Setting::Trust => format!("the identity that {user} has now is believed"),
    }
}
