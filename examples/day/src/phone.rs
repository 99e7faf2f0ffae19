//! A phone: one engine with its host in a process of its own, ordered about through its standard input.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use tokio::sync::mpsc::UnboundedReceiver;
use undertone::call::Stage;
use undertone::conversation::Member;
use undertone::engine::{Draft, Unsent};
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, Message, MessageContent, SendState};
use undertone::output::Wake;
use undertone::policy::Role;
use undertone::structured::PaymentState;
use undertone::time::SECOND;
use undertone::{Engine, Error, Event, Time};
use undertone_host::{FileError, Host, Notice, Profile, RelayFiles, Rows, Status, now, start};

use crate::deed;
use crate::wire::{self, Chat, Deed, Line, Order, Report, Ticks, View};

/// The argument that makes this program a phone.
pub const FLAG: &str = "--phone";

/// The file that is sent, and what is saved of one that has come: they are their user's, not the engine's.
const SENT: &str = "menu.txt";
const SAVED: &str = "saved.txt";

/// Messages shown of one conversation.
const LINES: usize = 20;

/// Runs until the standard input ends, or until it is killed.
///
/// # Errors
/// What it cannot start for, or that the day is gone.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let [folder, relay, user, role, rows] = arguments else { return Err("a phone has five arguments".into()) };
    let user = UserId::new(user.as_str()).ok_or("a bad user id")?;
    let role = Role::new(role).ok_or("a bad role")?;
    let rows = if rows == "sled" { Rows::Sled } else { Rows::Sqlite };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let profile = Profile::at(folder, rows).map_err(|e| e.to_string())?;
    let engine = runtime.block_on(profile.open(relay, &user, &role, None)).map_err(|e| e.to_string())?;
    let (host, notices) = start(engine, relay.clone()).map_err(|e| e.to_string())?;
    host.connect(true).map_err(|e| e.to_string())?;
    let place = PathBuf::from(folder);
    let files = host.relay_files().map_err(|e| e.to_string())?;
    let mut phone = Phone { host, profile, notices, place, files, warnings: VecDeque::new() };
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Ok(order) = wire::read::<Order>(&mut input) {
        let report = runtime.block_on(phone.obey(order));
        wire::write(&mut output, &report).map_err(|e| e.to_string())?;
    }
    Ok(())
}

struct Phone {
    host: Host,
    profile: Profile,
    notices: UnboundedReceiver<Notice>,
    /// Where its user keeps files.
    place: PathBuf,
    /// Where encrypted files are.
    files: RelayFiles,
    warnings: VecDeque<String>,
}

impl Phone {
    async fn obey(&mut self, order: Order) -> Report {
        let done = match order {
            Order::View => return self.view().await,
            Order::Connect(wanted) => return self.host.connect(wanted).map_or_else(failed, |()| Report::Done),
            Order::LogOut => return self.log_out().await,
            Order::Start(user) => self.engine(move |engine, now| conversation(engine, &user, now).map(drop)).await,
            Order::Write { to, text } => {
                let send = move |engine: &mut Engine, now| {
                    let conversation = conversation(engine, &to, now)?;
                    engine.messages().send(conversation, Draft::text(text), now).map(drop)
                };
                self.engine(send).await
            }
            Order::Do { with, deed: Deed::File(caption) } => return self.send_file(with, caption).await,
            Order::Do { with, deed: Deed::Save } => return self.save_file(with).await,
            Order::Read(user) => self.engine(move |engine, now| read(engine, &user, now)).await,
            Order::Do { with, deed } => {
                let perform = move |engine: &mut Engine, now| {
                    let conversation = conversation(engine, &with, now)?;
                    deed::perform(engine, conversation, deed, now)
                };
                return match self.engine(perform).await {
                    Ok(Some(said)) => Report::Said(said),
                    done => report(done.map(drop)),
                };
            }
        };
        report(done)
    }

    /// Wipes the store and forgets the keys, and says what the phone still has.
    async fn log_out(&self) -> Report {
        if let Err(error) = self.engine(|engine, _| engine.wipe(Unsent::Refuse)).await {
            return failed(error);
        }
        if let Err(error) = self.profile.forget() {
            return failed(error);
        }
        let is_saved = |name: &String| [SENT, SAVED].contains(&name.as_str());
        let left: Result<Vec<String>, io::Error> = std::fs::read_dir(&self.place)
            .and_then(|entries| entries.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect());
        match left.map(|left| left.into_iter().filter(|name| !is_saved(name)).collect::<Vec<_>>()) {
            Ok(left) if left.is_empty() => Report::Said("of store and keys, no file is left on the phone".into()),
            Ok(left) => Report::Said(format!("left on the phone: {}", left.join(", "))),
            Err(error) => failed(error),
        }
    }

    /// Writes a small file and sends it.
    async fn send_file(&self, with: String, caption: String) -> Report {
        let path = self.place.join(SENT);
        let text = "Soup of the day\nSole with potatoes\nLemon tart\n";
        if let Err(error) = std::fs::write(&path, text) {
            return failed(error);
        }
        let sent = async {
            let id = self.engine(move |engine, now| conversation(engine, &with, now)).await?;
            let file = deed::describe_file(SENT, text.len() as u64)?;
            self.host.send_file(&self.files, id, file, &path, Draft::text(caption), |_| ()).await
        };
        filed(sent.await.map(drop))
    }

    /// Saves the other's last file, and reads it.
    async fn save_file(&self, with: String) -> Report {
        let path = self.place.join(SAVED);
        let saved = async {
            let is_file = |message: &Message| !message.own && matches!(message.content, MessageContent::Attachment(_));
            let find = move |engine: &mut Engine, now| {
                let id = conversation(engine, &with, now)?;
                Ok((id, deed::last(engine, id, now, is_file)?))
            };
            let (id, message) = self.engine(find).await?;
            self.host.save_file(&self.files, id, message, &path, |_| ()).await
        };
        match saved.await {
            Ok(()) => match std::fs::read_to_string(&path) {
                Ok(text) => Report::Said(format!("it says: {}", text.lines().collect::<Vec<_>>().join(", "))),
                Err(error) => failed(error),
            },
            Err(error) => filed(Err(error)),
        }
    }

    async fn engine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Time) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.host.run(work).await.unwrap_or(Err(Error::Misuse(undertone::error::Misuse::Closed)))
    }

    async fn view(&mut self) -> Report {
        while let Ok(notice) = self.notices.try_recv() {
            self.warnings.extend(warning(notice));
        }
        let Ok(status) = self.host.status().await else { return failed(undertone_host::Stopped) };
        match self.engine(|engine, now| Ok((chats(engine, now)?, call(engine)?))).await {
            Ok((chats, call)) => Report::View(View {
                call,
                online: status.online,
                busy: busy(&status),
                chats,
                warnings: self.warnings.drain(..).collect(),
            }),
            Err(error) => failed(error),
        }
    }
}

fn report(done: Result<(), Error>) -> Report {
    match done {
        Ok(()) => Report::Done,
        Err(Error::Denied(reason)) => Report::Denied(reason.to_string()),
        Err(error) => failed(error),
    }
}

fn filed(done: Result<(), FileError>) -> Report {
    match done {
        Ok(()) => Report::Done,
        Err(FileError::Engine(error)) => report(Err(error)),
        Err(error) => failed(error),
    }
}

/// What there is of a call.
fn call(engine: &mut Engine) -> Result<Option<String>, Error> {
    let call = engine.calls().active()?.into_iter().next();
    Ok(call.map(|call| {
        let other = if call.own { call.receiver.as_str() } else { call.caller.as_str() };
        match call.stage {
            Stage::RingingIn => format!("♪ {other} calls"),
            Stage::RingingOut => format!("calling {other} …"),
            _ => format!("in a call with {other}"),
        }
    }))
}

fn failed(error: impl ToString) -> Report {
    Report::Failed(error.to_string())
}

/// The conversation with a user, started if need be.
fn conversation(engine: &mut Engine, user: &str, now: Time) -> Result<ConversationId, Error> {
    let user = UserId::new(user).ok_or(Error::Misuse(undertone::error::Misuse::UserId))?;
    engine.conversations().start(&user, now)
}

fn read(engine: &mut Engine, user: &str, now: Time) -> Result<(), Error> {
    let newest = engine.conversations().newest(now)?.conversations;
    let Some(chat) = newest.iter().find(|chat| chat.others.iter().any(|other| other.user.as_str() == user)) else {
        return Ok(());
    };
    match &chat.last_message {
        Some(last) => engine.messages().mark_read(chat.id, last.key, now),
        None => Ok(()),
    }
}

fn chats(engine: &mut Engine, now: Time) -> Result<Vec<Chat>, Error> {
    let conversations = engine.conversations().newest(now)?.conversations;
    conversations
        .into_iter()
        .map(|chat| {
            let page = engine.messages().page(chat.id, Cursor::Newest, LINES, now)?;
            let called = |other: &Member| other.name.clone().unwrap_or_else(|| other.user.as_str().to_owned());
            let with = chat.others.iter().map(called).collect::<Vec<_>>().join(", ");
            let blocked = chat.others.iter().any(|other| other.blocked);
            let kept = [(chat.pinned, "pinned"), (chat.muted_until.is_some(), "muted"), (blocked, "blocked")];
            let kept = kept.into_iter().filter(|(is, _)| *is).map(|(_, what)| what.to_owned()).collect();
            let lines = page.messages.iter().rev().map(|message| line(engine, message, now)).collect();
            let typing = engine.conversations().typing(chat.id, now)?;
            let typing = typing.iter().map(|user| user.as_str().to_owned()).collect();
            Ok(Chat { with, kept, unread: chat.unread, lines, typing })
        })
        .collect()
}

fn line(engine: &mut Engine, message: &Message, now: Time) -> Line {
    let ticks = match message.state {
        SendState::Queued | SendState::Sending => Ticks::Waiting,
        SendState::Sent => Ticks::Sent,
        SendState::Delivered => Ticks::Delivered,
        SendState::Read => Ticks::Read,
        SendState::Failed(_) => Ticks::Failed,
    };
    let target = message.target.as_ref();
    let answered = target.and_then(|target| engine.messages().get(message.conversation, target, now).ok());
    Line {
        ticks: message.own.then_some(ticks),
        text: deed::text(message),
        answers: answered.as_ref().map(deed::text),
        marks: marks(message),
    }
}

fn marks(message: &Message) -> Vec<String> {
    let payment = message.payment.map(|state| match state {
        PaymentState::Requested => "asked for",
        PaymentState::Declined => "declined",
        PaymentState::Cancelled => "cancelled",
        PaymentState::Paid => "paid",
        PaymentState::Confirmed => "paid, and it has come",
    });
    let edited = message.edited.then_some("edited");
    let forwarded = message.forwarded.then_some("forwarded");
    let goes = (message.period == 0).then_some("goes when read");
    let reactions = message.reactions.iter().map(|reaction| format!("{} {}", reaction.emoji, reaction.user.as_str()));
    [payment, edited, forwarded, goes].into_iter().flatten().map(str::to_owned).chain(reactions).collect()
}

/// Whether something is under way, or will be in a moment. Without a connection nothing is.
fn busy(status: &Status) -> bool {
    let soon = status.wake_at <= now().plus(2 * SECOND);
    let matters = matches!(status.wake_for, Wake::Receipts | Wake::Retry | Wake::Request);
    status.online && (status.under_way > 0 || (soon && matters))
}

/// What a person should see of a notice.
fn warning(notice: Notice) -> Option<String> {
    match notice {
        Notice::Event(Event::Forbidden(_, reason)) => Some(format!("not allowed: {reason}")),
        Notice::Event(Event::Refused(fault)) => Some(format!("refused an envelope: {fault}")),
        Notice::Event(Event::IdentityChanged(_)) => Some("the identity of the other changed: verify it".into()),
        Notice::Event(_) | Notice::Online | Notice::Offline(_) | Notice::Fallback(..) => None,
        Notice::Refused(why) | Notice::Trouble(why) | Notice::Stopped(why) => Some(why),
    }
}
