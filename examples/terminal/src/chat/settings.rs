//! How the open conversation is kept.

use undertone::id::{ConversationId, UserId};
use undertone::time::MINUTE;
use undertone::{Engine, Error, Time};

use super::Chat;
use crate::command::Setting;
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
    }
}
