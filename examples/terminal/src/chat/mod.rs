//! The chat: typed lines in, notices in, lines out.

mod calls;
mod files;
mod film;
mod messages;
mod people;
mod settings;
mod sight;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use undertone::engine::Unsent;
use undertone::error::Misuse;
use undertone::id::{ConversationId, MessageId, UserId};
use undertone::input::RequestId;
use undertone::{Engine, Error, Event, Time};
use undertone_host::{Host, Notice, Profile, RelayFiles};

use crate::command::{self, Command};
use crate::shown::Shown;
use crate::text::Paper;
use files::Ready;

/// How long a chat whose input has ended waits for what is under way.
const SETTLE: Duration = Duration::from_secs(3);

/// A running chat.
pub struct Chat {
    host: Host,
    profile: Profile,
    files: RelayFiles,
    /// Files that are not uploaded yet.
    outgoing: BTreeMap<MessageId, (ConversationId, Ready)>,
    user: UserId,
    paper: Paper,
    /// The open conversation, and with whom it is.
    open: Option<(ConversationId, UserId)>,
    shown: Shown,
}

impl Chat {
    /// Around a host, whose device keeps its things in a profile, and files at the relay.
    pub fn new(host: Host, profile: Profile, files: RelayFiles, user: UserId) -> Chat {
        Chat {
            host,
            profile,
            files,
            outgoing: BTreeMap::new(),
            user,
            paper: Paper::new(),
            open: None,
            shown: Shown::default(),
        }
    }

    /// Connects and greets.
    pub fn begin(&self) -> Result<(), String> {
        self.paper.line("1", &format!("You are {}. /start USER begins, /help lists the rest.", self.user.as_str()));
        self.host.connect(true).map_err(|e| e.to_string())
    }

    /// Takes a typed line; `false` ends the chat.
    pub async fn line(&mut self, line: &str) -> Result<bool, String> {
        match command::parse(line) {
            Command::Quit => return Ok(false),
            Command::Nothing => self.paper.line("0", ""),
            Command::Wrong(why) => self.paper.line("31", &why),
            Command::Help => self.paper.line("0", command::HELP),
            Command::Online => self.host.connect(true).map_err(|e| e.to_string())?,
            Command::Offline => self.host.connect(false).map_err(|e| e.to_string())?,
            Command::Start(user) => self.start(user).await,
            Command::Say(text) => self.say(text).await,
            Command::Card(card) => self.card(card).await,
            Command::To(number, deed) => self.deed(number, deed).await,
            Command::Set(setting) => self.set(setting).await,
            Command::Switch(switch) => self.switch(switch).await,
            Command::Call(order) => self.call(order).await,
            Command::File(kind, path, caption) => self.send_file(kind, path, caption).await,
            Command::Save(number, path) => self.save_file(number, path).await,
            Command::Once(minutes, text) => self.once(minutes, text).await,
            Command::Name(name) => self.name(name).await,
            Command::Find(name) => self.find(name).await,
            Command::Qr => self.qr().await,
            Command::Scan(scanned) => self.scan(scanned).await,
            Command::Draft(text) => self.draft(text).await,
            Command::Search(words) => self.search(words).await,
            Command::Chats => self.chats().await,
            Command::History(count) => self.history(count).await,
            Command::Typing => self.typing().await,
            Command::Safety => self.safety().await,
            Command::Diagnose => self.diagnose().await,
            Command::LogOut(name, unsent) => return Ok(!self.log_out(&name, unsent).await),
        }
        Ok(true)
    }

    /// Takes what the host tells.
    pub async fn notice(&mut self, notice: Notice) -> Result<(), String> {
        match notice {
            Notice::Online => {
                self.paper.line("2", "— connected");
                self.go_on_with_files().await;
            }
            Notice::Offline(None) => self.paper.line("2", "— offline"),
            Notice::Offline(Some(why)) => self.paper.line("2", &format!("— no connection ({why}); trying again")),
            Notice::Refused(why) | Notice::Trouble(why) => self.paper.line("31", &why),
            Notice::Fallback(request, user, count) => self.mail(request, &user, count).await,
            Notice::Stopped(why) => return Err(why),
            Notice::Event(event) => self.event(event).await,
        }
        Ok(())
    }

    /// The input has ended: waits a little for what is under way, so that a pipe's last line is sent.
    pub async fn settle(&mut self, notices: &mut UnboundedReceiver<Notice>) -> Result<(), String> {
        let until = tokio::time::Instant::now() + SETTLE;
        while let Ok(Some(notice)) = tokio::time::timeout_at(until, notices.recv()).await {
            self.notice(notice).await?;
        }
        Ok(())
    }

    /// Stands in for the platform's mail server.
    async fn mail(&self, request: RequestId, user: &UserId, count: u32) {
        let what = if count == 1 { "1 unread message".into() } else { format!("{count} unread messages") };
        self.paper.line("33", &format!("— the platform mails {}: “You have {what}”", user.as_str()));
        if let Ok(Err(error)) = self.host.notified(request).await {
            self.fail(&error);
        }
    }

    async fn event(&mut self, event: Event) {
        match event {
            Event::MessageAdded(id, key) | Event::MessageChanged(id, key) => self.show(id, key).await,
            Event::MessageRemoved(id, key) => self.removed(id, key).await,
            Event::TypingStart(id, user) if self.is_open(id) => {
                self.paper.line("2", &format!("{} is typing …", user.as_str()));
            }
            Event::CallIncoming(_, call) => self.rings(call).await,
            Event::CallCrossed(_, call) => self.crossed(call).await,
            Event::CallChanged(_, call) => self.call_changed(call).await,
            Event::Forbidden(_, reason) => self.paper.line("31", &format!("not allowed: {reason}")),
            Event::Refused(fault) => self.paper.line("31", &format!("refused an envelope: {fault}")),
            Event::IdentityChanged(user) => {
                let text = format!("the identity of {} is another than before: compare /safety", user.as_str());
                self.paper.line("1;31", &text);
            }
            Event::DeviceAdded(user, _) => {
                self.paper.line("2", &format!("— {} has another device", user.as_str()));
            }
            Event::RolledBack => {
                self.paper.line("33", "this store is older than what the relay has seen: keys are renewed")
            }
            Event::CertificateNeeded => self.paper.line("33", "this device's certificate has run out"),
            // Lists and counters are read when they are asked for.
            _ => {}
        }
    }

    async fn start(&mut self, name: String) {
        let Some(user) = UserId::new(name) else { return self.fail(&Error::Misuse(Misuse::UserId)) };
        let other = user.clone();
        match self.engine(move |engine, now| engine.conversations().start(&other, now)).await {
            Ok(id) => {
                self.paper.line("1", &format!("— {}", user.as_str()));
                self.open = Some((id, user));
                self.history(10).await;
                self.show_draft(id).await;
            }
            Err(error) => self.fail(&error),
        }
    }

    async fn show_draft(&self, id: ConversationId) {
        let chat = self.engine(move |engine, now| engine.conversations().get(id, now)).await;
        if let Some(draft) = chat.ok().and_then(|chat| chat.draft) {
            self.paper.line("2", &format!("(begun: {draft})"));
        }
    }

    async fn typing(&self) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        if let Err(error) = self.engine(move |engine, now| engine.conversations().set_typing(id, true, now)).await {
            self.fail(&error);
        }
    }

    async fn diagnose(&self) {
        match self.engine(|engine, now| engine.diagnose(now)).await {
            Ok(diagnosis) => self.paper.line("0", &format!("{diagnosis:#?}")),
            Err(error) => self.fail(&error),
        }
    }

    /// Removes everything of this user from this device, if the name says that this is meant; `true` when it is done.
    async fn log_out(&self, name: &str, unsent: Unsent) -> bool {
        let own = self.user.as_str();
        if name != own {
            let text = format!("this removes all your conversations from this device, for good: /logout {own}");
            self.paper.line("33", &text);
            return false;
        }
        match self.engine(move |engine, _| engine.wipe(unsent)).await {
            Ok(()) => {}
            Err(Error::Misuse(Misuse::Unsent)) => {
                let text = format!("something was not sent yet: go /online first, or lose it by /logout {own} lose");
                self.paper.line("33", &text);
                return false;
            }
            Err(error) => {
                self.fail(&error);
                return false;
            }
        }
        match self.profile.forget() {
            Ok(()) => self.paper.line("1", "— logged out: nothing of yours is left on this device"),
            Err(error) => self.paper.line("31", &error.to_string()),
        }
        true
    }

    fn is_open(&self, id: ConversationId) -> bool {
        self.open.as_ref().is_some_and(|(open, _)| *open == id)
    }

    fn fail(&self, error: &Error) {
        self.paper.line("31", &error.to_string());
    }

    async fn engine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Time) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.host.run(work).await.unwrap_or(Err(Error::Misuse(Misuse::Closed)))
    }
}
