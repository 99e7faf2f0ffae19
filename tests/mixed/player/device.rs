//! A device, by the commands of a scenario. The player in Python says what each is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use undertone::attachment::{Attachment, Details, FileName, MediaType};
use undertone::engine::{Draft, Unsent};
use undertone::envelope::{Clock, MessageRef};
use undertone::error::Misuse;
use undertone::id::{CallId, ConversationId, MessageId, UserId};
use undertone::message::{Cursor, Message, MessageContent};
use undertone::policy::{Action, CallKind, Decision, Role};
use undertone::privacy::Privacy;
use undertone::search::{Scope, SearchQuery};
use undertone::structured::{PaymentRequest, PaymentState, Place, Structured};
use undertone::{Engine, Error, Time};
use undertone_host::{FileError, Folder, Host, Profile, Rows};

/// What a command gives: words.
type Words = Result<Vec<String>, Fault>;

/// An error's code, or what is wrong with the scenario.
pub struct Fault(pub String);

impl From<Misuse> for Fault {
    fn from(misuse: Misuse) -> Fault {
        Error::Misuse(misuse).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        // What is denied has the code of its reason, as in the other languages.
        let code = match &error {
            Error::Denied(reason) => reason.code(),
            error => error.code(),
        };
        Fault(code.to_owned())
    }
}

/// How often is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(10);
/// Messages of a page.
const PAGE: usize = 50;

/// A device of a user, at a relay.
pub struct Device {
    profile: Profile,
    relay: String,
    user: UserId,
    role: Role,
    files: Folder,
    host: Option<Host>,
}

impl Device {
    /// Opens it: relay, folder, user, role.
    pub async fn open(words: &[String]) -> Result<Device, Fault> {
        let [relay, folder, user, role] = words else { return Err(Fault("open: four words".into())) };
        let folder = PathBuf::from(folder);
        let profile = Profile::at(folder.join(user), Rows::Sqlite).map_err(other)?;
        let user = UserId::new(user.as_str()).ok_or_else(|| Fault("misuse.user_id".into()))?;
        let role = Role::new(role.as_str()).ok_or_else(|| Fault("misuse.role".into()))?;
        let files = Folder::at(folder.join("blobs")).map_err(other)?;
        let mut device = Device { profile, relay: relay.clone(), user, role, files, host: None };
        device.begin().await?;
        device.online().await?;
        Ok(device)
    }

    /// The device's id.
    pub async fn id(&self) -> Result<String, Fault> {
        self.run(|engine, _| Ok(hex(engine.device().as_bytes()))).await
    }

    /// Does what a command says.
    pub async fn act(&mut self, command: &str, w: &[String]) -> Words {
        match command {
            "restart" => {
                self.host = None;
                self.begin().await?;
            }
            "offline" => self.host()?.connect(false).map_err(other)?,
            "online" => self.online().await?,
            "sleep" => self.run(|engine, _| engine.suspend().and_then(|()| engine.resume())).await?,
            "wipe" => {
                self.run(|engine, _| engine.wipe(Unsent::Lose)).await?;
                self.profile.forget().map_err(other)?;
            }
            "may" => return self.may(word(w, 0)?, user(w, 1)?).await,
            "file" => return self.give(talk(w)?, Path::new(word(w, 1)?), word(w, 2)?).await,
            "save" => {
                let (talk, message, path) = (talk(w)?, message(w)?, Path::new(word(w, 3)?));
                self.host()?.save_file(&self.files, talk, message, path, |_| ()).await.map_err(file_fault)?;
            }
            "call" | "offer" | "accept" | "signal" | "payloads" | "key" | "hang_up" | "status" => {
                return self.act_on_call(command, w).await;
            }
            "safety" | "verify" | "trust" | "hints" | "privacy" | "block" => {
                return self.act_on_people(command, w).await;
            }
            "start" | "unread" | "typing" | "typers" | "period" | "pin" | "draft" | "kept" => {
                return self.act_on_conversation(command, w).await;
            }
            _ => return self.act_on_messages(command, w).await,
        }
        Ok(Vec::new())
    }

    async fn act_on_conversation(&self, command: &str, w: &[String]) -> Words {
        if command == "start" {
            let user = user(w, 0)?;
            return one(self.run(move |engine, now| engine.conversations().start(&user, now)).await?.as_bytes());
        }
        let (talk, on, text) = (talk(w)?, is_on(w, 1), w.get(1).cloned());
        match command {
            "unread" => {
                let shown = self.run(move |engine, now| engine.conversations().get(talk, now)).await?;
                return Ok(vec![shown.unread.to_string()]);
            }
            "typing" => self.run(move |engine, now| engine.conversations().set_typing(talk, on, now)).await?,
            "typers" => {
                let typers = self.run(move |engine, now| engine.conversations().typing(talk, now)).await?;
                return Ok(typers.iter().map(|user| user.as_str().to_owned()).collect());
            }
            "period" => {
                let period = number(w, 1)?;
                self.run(move |engine, now| engine.conversations().set_period(talk, period, Clock::FromSend, now))
                    .await?;
            }
            "pin" => self.run(move |engine, now| engine.conversations().pin(talk, on, now)).await?,
            "draft" => self.run(move |engine, now| engine.conversations().set_draft(talk, text, now)).await?,
            _ => {
                let kept = self.run(move |engine, now| engine.conversations().get(talk, now)).await?;
                let pinned = if kept.pinned { "pinned" } else { "" };
                return Ok(vec![kept.period.to_string(), pinned.to_owned(), kept.draft.unwrap_or_default()]);
            }
        }
        Ok(Vec::new())
    }

    async fn act_on_messages(&self, command: &str, w: &[String]) -> Words {
        match command {
            "send" => {
                let (talk, text) = (talk(w)?, word(w, 1)?.to_owned());
                let period = w.get(2).map(|_| number(w, 2)).transpose()?;
                let draft = Draft { period, ..Draft::text(text) };
                one(self.run(move |engine, now| engine.messages().send(talk, draft, now)).await?.as_bytes())
            }
            "answer" => {
                let (talk, target, text) = (talk(w)?, message(w)?, word(w, 3)?.to_owned());
                let draft = Draft { target: Some(target), ..Draft::text(text) };
                one(self.run(move |engine, now| engine.messages().send(talk, draft, now)).await?.as_bytes())
            }
            "place" => {
                let place = Place { name: word(w, 3)?.to_owned(), ..Place::at(number(w, 1)?, number(w, 2)?) };
                self.card(talk(w)?, Structured::Place(place)).await
            }
            "ask" => {
                let request = PaymentRequest::new(number(w, 1)?, word(w, 2)?);
                self.card(talk(w)?, Structured::Payment(request)).await
            }
            "texts" => Ok(self.newest(talk(w)?).await?.iter().rev().map(|message| show(&message.content)).collect()),
            "search" => {
                let query = SearchQuery::parse(word(w, 0)?)?;
                let found =
                    self.run(move |engine, now| engine.messages().search(&query, Scope::All, None, PAGE, now)).await?;
                Ok(found.hits.iter().map(|hit| show(&hit.message.content)).collect())
            }
            "read" => {
                let talk = talk(w)?;
                let newest = self.newest(talk).await?.first().map(|message| message.key);
                let newest = newest.ok_or_else(|| Fault("there is nothing to read".into()))?;
                self.run(move |engine, now| engine.messages().mark_read(talk, newest, now)).await?;
                Ok(Vec::new())
            }
            "edit" => {
                let (talk, id, text) = (talk(w)?, MessageId::from_bytes(bytes(w, 1)?), word(w, 2)?.to_owned());
                self.run(move |engine, now| engine.messages().edit(talk, id, text, now)).await?;
                Ok(Vec::new())
            }
            _ => self.act_on_message(command, w).await,
        }
    }

    async fn act_on_message(&self, command: &str, w: &[String]) -> Words {
        let (talk, target) = (talk(w)?, message(w)?);
        match command {
            "react" => {
                let emoji = word(w, 3)?.to_owned();
                self.run(move |engine, now| engine.messages().react(talk, &target, Some(&emoji), now)).await?;
            }
            "delete" => self.run(move |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).await?,
            "forward" => {
                let to = ConversationId::from_bytes(bytes(w, 3)?);
                let sent = self.run(move |engine, now| engine.messages().forward(talk, &target, to, now)).await?;
                return one(sent.as_bytes());
            }
            "pay" => {
                let state = payment(word(w, 3)?)?;
                self.run(move |engine, now| engine.messages().set_payment(talk, &target, state, now)).await?;
            }
            _ => {
                let shown = self.run(move |engine, now| engine.messages().get(talk, &target, now)).await?;
                return match command {
                    "state" => Ok(vec![upper(&shown.state)]),
                    "forwarded" => Ok(vec![if shown.forwarded { "on" } else { "off" }.to_owned()]),
                    "answers" => Ok(shown.target.iter().map(|target| hex(target.id.as_bytes())).collect()),
                    "paid" => Ok(vec![shown.payment.map_or("none".to_owned(), |state| upper(&state))]),
                    "reactions" => {
                        let show = |r: &undertone::message::Reaction| format!("{}:{}", r.user.as_str(), r.emoji);
                        Ok(shown.reactions.iter().map(show).collect())
                    }
                    other => Err(Fault(format!("no command {other}"))),
                };
            }
        }
        Ok(Vec::new())
    }

    async fn act_on_call(&self, command: &str, w: &[String]) -> Words {
        if command == "call" {
            let kind = if word(w, 1)? == "VIDEO" { CallKind::Video } else { CallKind::Voice };
            let (talk, offer) = (talk(w)?, word(w, 2)?.as_bytes().to_vec());
            return one(self.run(move |engine, now| engine.calls().start(talk, kind, &offer, now)).await?.as_bytes());
        }
        let call = CallId::from_bytes(bytes(w, 0)?);
        let said = w.get(1).map(|text| text.as_bytes().to_vec()).unwrap_or_default();
        match command {
            "offer" => Ok(vec![plain(self.run(move |engine, _| engine.calls().description(call)).await?)]),
            "accept" => {
                self.run(move |engine, now| engine.calls().accept(call, &said, now)).await?;
                Ok(Vec::new())
            }
            "signal" => {
                self.run(move |engine, now| engine.calls().signal(call, &[said], now)).await?;
                Ok(Vec::new())
            }
            "payloads" => {
                let payloads = self.run(move |engine, now| engine.calls().take_payloads(call, now)).await?;
                Ok(payloads.into_iter().map(plain).collect())
            }
            "key" => self.run(move |engine, _| Ok(vec![hex(engine.calls().media_key(call)?.as_bytes())])).await,
            "hang_up" => {
                self.run(move |engine, now| engine.calls().hang_up(call, now)).await?;
                Ok(Vec::new())
            }
            _ => Ok(vec![upper(&self.run(move |engine, now| engine.calls().get(call, now)).await?.status)]),
        }
    }

    async fn act_on_people(&self, command: &str, w: &[String]) -> Words {
        match command {
            "privacy" => {
                let settings = Privacy { read_receipts: is_on(w, 0), typing: is_on(w, 1) };
                self.run(move |engine, now| engine.privacy().set(settings, now)).await?;
                return Ok(Vec::new());
            }
            "hints" => {
                let hints = self.run(|engine, now| engine.notifications().hints(now)).await?;
                return Ok(hints.iter().map(|hint| hint.sender.as_str().to_owned()).collect());
            }
            _ => {}
        }
        let (user, on) = (user(w, 0)?, is_on(w, 1));
        match command {
            "block" => self.run(move |engine, now| engine.privacy().block(&user, on, now)).await?,
            "verify" => self.run(move |engine, now| engine.identity().set_verified(&user, on, now)).await?,
            "trust" => return Ok(vec![upper(&self.run(move |engine, _| engine.identity().trust(&user)).await?)]),
            _ => {
                let number = self.run(move |engine, _| engine.identity().safety_number(&user)).await?;
                return Ok(number.iter().map(|number| number.digits().to_owned()).collect());
            }
        }
        Ok(Vec::new())
    }

    async fn may(&self, action: &str, user: UserId) -> Words {
        let action = match action {
            "start" => Action::Start,
            "reply" => Action::Reply,
            _ => Action::DeleteOthers,
        };
        let decision = self
            .run(move |engine, now| {
                let decision = engine.conversations().can(action, &user)?;
                if decision.is_none() {
                    engine.identity().look_up(&user, now)?;
                }
                Ok(decision)
            })
            .await?;
        Ok(vec![match decision {
            None => "unknown".to_owned(),
            Some(Decision::Allow) => "allowed".to_owned(),
            Some(Decision::Deny(reason)) => reason.code().to_owned(),
        }])
    }

    async fn card(&self, talk: ConversationId, card: Structured) -> Words {
        let sent = self.run(move |engine, now| engine.messages().send_structured(talk, card, Draft::text(""), now));
        one(sent.await?.as_bytes())
    }

    async fn give(&self, talk: ConversationId, path: &Path, name: &str) -> Words {
        let size = std::fs::metadata(path).map_err(other)?.len();
        let media_type = MediaType::new("application/octet-stream").ok_or_else(|| Fault("a media type".into()))?;
        let name = Some(FileName::clean(name));
        let attachment = Attachment { name, ..Attachment::new(Details::File, media_type, size) };
        let draft = Draft::text("");
        let sent = self.host()?.send_file(&self.files, talk, attachment, path, draft, |_| ()).await;
        one(sent.map_err(file_fault)?.as_bytes())
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        let engine = self.profile.open(&self.relay, &self.user, &self.role, None).await.map_err(other)?;
        let (host, mut notices) = undertone_host::start(engine, self.relay.clone()).map_err(other)?;
        // A scenario looks at the engine instead.
        tokio::spawn(async move { while notices.recv().await.is_some() {} });
        host.connect(true).map_err(other)?;
        self.host = Some(host);
        Ok(())
    }

    async fn online(&self) -> Result<(), Fault> {
        let host = self.host()?;
        host.connect(true).map_err(other)?;
        while !host.status().await.map_err(other)?.online {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn newest(&self, talk: ConversationId) -> Result<Vec<Message>, Fault> {
        let page = self.run(move |engine, now| engine.messages().page(talk, Cursor::Newest, PAGE, now)).await?;
        Ok(page.messages)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Time) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        // A host ends with its engine.
        let done = self.host()?.run(work).await.unwrap_or(Err(Error::Misuse(Misuse::Closed)));
        Ok(done?)
    }

    fn host(&self) -> Result<&Host, Fault> {
        self.host.as_ref().ok_or_else(|| Fault("the device is closed".into()))
    }
}

fn other(error: impl std::fmt::Display) -> Fault {
    Fault(error.to_string())
}

/// What the engine says of a file has a code; the rest is the scenario's fault.
fn file_fault(error: FileError) -> Fault {
    match error {
        FileError::Engine(error) => error.into(),
        error => other(error),
    }
}

fn one(id: &[u8]) -> Words {
    Ok(vec![hex(id)])
}

fn hex(id: &[u8]) -> String {
    HEXLOWER.encode(id)
}

fn word(w: &[String], at: usize) -> Result<&str, Fault> {
    w.get(at).map(String::as_str).ok_or_else(|| Fault(format!("word {} is missing", at + 1)))
}

fn is_on(w: &[String], at: usize) -> bool {
    w.get(at).is_some_and(|word| word == "on")
}

fn number<T: std::str::FromStr>(w: &[String], at: usize) -> Result<T, Fault> {
    word(w, at)?.parse().map_err(|_| Fault(format!("word {} is no number", at + 1)))
}

fn bytes(w: &[String], at: usize) -> Result<[u8; 16], Fault> {
    let decoded = HEXLOWER.decode(word(w, at)?.as_bytes()).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Fault("misuse.id".into()))
}

fn user(w: &[String], at: usize) -> Result<UserId, Fault> {
    UserId::new(word(w, at)?).ok_or_else(|| Fault("misuse.user_id".into()))
}

fn talk(w: &[String]) -> Result<ConversationId, Fault> {
    Ok(ConversationId::from_bytes(bytes(w, 0)?))
}

fn message(w: &[String]) -> Result<MessageRef, Fault> {
    Ok(MessageRef { author: user(w, 1)?, id: MessageId::from_bytes(bytes(w, 2)?) })
}

fn payment(name: &str) -> Result<PaymentState, Fault> {
    let states = [
        PaymentState::Requested,
        PaymentState::Declined,
        PaymentState::Cancelled,
        PaymentState::Paid,
        PaymentState::Confirmed,
    ];
    let named = states.into_iter().find(|state| upper(state) == name);
    named.ok_or_else(|| Fault(format!("no state {name}")))
}

/// A name as the other languages have it; those that scenarios look at are single words.
fn upper(name: &impl std::fmt::Debug) -> String {
    format!("{name:?}").to_uppercase()
}

fn plain(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text as it is, anything else by its name.
fn show(content: &MessageContent) -> String {
    match content {
        MessageContent::Text(text) => text.clone(),
        MessageContent::Attachment(_) => "[ATTACHMENT]".into(),
        MessageContent::Structured(_) => "[STRUCTURED]".into(),
        MessageContent::Call(_) => "[CALL]".into(),
        MessageContent::Unsupported(_) => "[UNSUPPORTED]".into(),
        MessageContent::System(_) => "[SYSTEM]".into(),
        MessageContent::Encrypted(_) => "[ENCRYPTED]".into(),
        #[allow(unreachable_patterns, reason = "a later engine has more")]
        _ => "[OTHER]".into(),
    }
}
