//! One phone: an engine with its host, which can be cut off, killed and opened again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc::UnboundedReceiver, watch};
use tokio::task::JoinHandle;
use undertone::attachment::Way;
use undertone::envelope::MessageRef;
use undertone::id::{ConversationId, UserId};
use undertone::policy::Role;
use undertone::{Engine, Error, Event, Time};
use undertone_host::{BlobError, Clock, FileError, Host, Notice, Profile, ProfileError, Rows, start_by};

use crate::page::Fault;
use crate::platform::Pushes;
use crate::view::{hex, transfer};

/// What phones with sound tell each other at the start of a call: a session description. These have none.
pub const DESCRIPTION: &[u8] = b"a page that rings, without sound or pictures";

/// Whose phone it is.
#[derive(Clone, Copy)]
pub struct Person {
    /// The id.
    pub user: &'static str,
    /// What others call them.
    pub name: &'static str,
    /// The role.
    pub role: &'static str,
}

/// How often something happened on a phone, and how often its engine was opened: subscriptions end with a life.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Number of the engine's life.
    pub life: u64,
    /// Things that happened.
    pub count: u64,
}

/// A phone.
pub struct Phone {
    /// Whose.
    pub person: Person,
    /// Tells whoever shows this phone that something happened.
    pub ticks: watch::Sender<Tick>,
    place: PathBuf,
    others: Vec<Person>,
    profile: Profile,
    relay: String,
    clock: Clock,
    pushes: Pushes,
    life: Mutex<Life>,
}

/// What there is of a phone while its app runs.
struct Life {
    host: Option<Host>,
    /// Whether it should be connected.
    wanted: bool,
    online: bool,
    /// What its user must know: that it was refused, or that the engine stopped.
    trouble: Option<String>,
    /// Ends when the engine is gone.
    listener: Option<JoinHandle<()>>,
    uploads: Vec<JoinHandle<()>>,
}

impl Phone {
    /// A phone that is not opened yet.
    ///
    /// # Errors
    /// [`ProfileError::File`].
    pub fn new(
        person: Person,
        others: Vec<Person>,
        (place, rows): (PathBuf, Rows),
        relay: String,
        clock: Clock,
        pushes: Pushes,
    ) -> Result<Arc<Phone>, ProfileError> {
        let profile = Profile::at(&place, rows)?.by(clock.clone());
        let outgoing = place.join("outgoing");
        std::fs::create_dir_all(&outgoing).map_err(|error| ProfileError::File(outgoing, error))?;
        let life = Life { host: None, wanted: true, online: false, trouble: None, listener: None, uploads: Vec::new() };
        let (ticks, life) = (watch::Sender::default(), Mutex::new(life));
        Ok(Arc::new(Phone { person, ticks, place, others, profile, relay, clock, pushes, life }))
    }

    /// Opens the app: the engine comes back from its store.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub async fn open(self: &Arc<Self>) -> Result<(), ProfileError> {
        if self.host().is_ok() {
            return Ok(());
        }
        let (user, role) = self.names()?;
        let engine = self.profile.open(&self.relay, &user, &role, None).await?;
        let (host, notices) = start_by(self.clock.clone(), engine, self.relay.clone())
            .map_err(|error| ProfileError::File(self.place.clone(), error))?;
        self.greet(&host).await?;
        {
            let mut life = self.life();
            life.trouble = None;
            if life.wanted {
                host.connect(true)?;
            }
            life.host = Some(host);
            life.listener = Some(tokio::spawn(Arc::clone(self).listen(notices)));
        }
        self.ticks.send_modify(|tick| tick.life += 1);
        self.tell_status();
        Ok(())
    }

    /// Kills the app: the engine is dropped wherever it is, and nothing is said to anybody.
    pub async fn kill(&self) {
        let listener = {
            let mut life = self.life();
            life.uploads.drain(..).for_each(|upload| upload.abort());
            (life.host, life.online) = (None, false);
            life.listener.take()
        };
        // Whatever else holds the engine lets go of it.
        self.happened();
        // The notices end with the thread that has it.
        if let Some(listener) = listener {
            let _ = listener.await;
        }
        self.happened();
        self.tell_status();
    }

    /// Connects the phone, or cuts it off.
    pub fn connect(&self, wanted: bool) {
        let mut life = self.life();
        life.wanted = wanted;
        if !wanted {
            life.uploads.drain(..).for_each(|upload| upload.abort());
        }
        if let Some(host) = &life.host {
            let _ = host.connect(wanted);
        }
        drop(life);
        self.tell_status();
    }

    /// The clock was moved: whatever connection there is, is as old as that.
    pub async fn clock_has_moved(&self) {
        let wanted = self.life().wanted;
        if let Ok(host) = self.host() {
            let _ = host.connect(false);
            let _ = host.connect(wanted);
            // What is done from here on is done by the new time.
            let _ = host.run(|_, _| ()).await;
        }
        self.pushes.tell(&json!({ "phone": self.person.user, "updates": [{ "kind": "resync" }] }));
        self.happened();
    }

    /// The engine's host.
    ///
    /// # Errors
    /// `Fault::Killed`.
    pub fn host(&self) -> Result<Host, Fault> {
        self.life().host.clone().ok_or(Fault::Killed)
    }

    /// Runs something on the engine.
    ///
    /// # Errors
    /// `Fault::Killed`, or what the engine says.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Time) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        Ok(self.host()?.run(work).await.map_err(|_| Fault::Killed)??)
    }

    /// Ends when the app is killed: for what holds the engine for longer.
    pub async fn killed(&self) {
        let mut ticks = self.ticks.subscribe();
        while self.host().is_ok() && ticks.changed().await.is_ok() {}
    }

    /// Whether it is connected.
    pub fn is_online(&self) -> bool {
        self.life().online
    }

    /// How it stands, for the page.
    pub fn status(&self) -> Value {
        let life = self.life();
        json!({
            "alive": life.host.is_some(), "online": life.online, "wanted": life.wanted, "trouble": life.trouble,
        })
    }

    /// Where the file of an own message is, until it is uploaded.
    pub fn outgoing(&self, message: &MessageRef) -> PathBuf {
        self.place.join("outgoing").join(hex(message.id.as_bytes()))
    }

    /// A place for a file while it comes in.
    pub fn incoming(&self) -> PathBuf {
        self.place.join("outgoing")
    }

    /// Uploads the file of an own message, as soon as there is a connection.
    pub fn upload(self: &Arc<Self>, conversation: ConversationId, message: MessageRef) {
        let mut life = self.life();
        if !life.online {
            return;
        }
        let Some(host) = life.host.clone() else { return };
        let path = self.outgoing(&message);
        life.uploads.retain(|upload| !upload.is_finished());
        life.uploads.push(tokio::spawn(async move {
            let uploaded = match host.relay_files() {
                Ok(relay) => host.upload(&relay, conversation, message.id, &path, |_| ()).await,
                Err(error) => Err(error),
            };
            match uploaded {
                Ok(()) => drop(tokio::fs::remove_file(path).await),
                // It would be refused for ever: the message fails, and its user decides.
                Err(FileError::Relay(BlobError::Refused(_))) => {
                    let cancel =
                        move |engine: &mut Engine, now| engine.attachments().cancel(conversation, &message, now);
                    let _ = host.run(cancel).await;
                }
                // Goes on with the next connection.
                Err(_) => {}
            }
        }));
    }

    /// Says what the others are called.
    async fn greet(&self, host: &Host) -> Result<(), ProfileError> {
        let others: Vec<(UserId, &str)> =
            self.others.iter().filter_map(|other| Some((UserId::new(other.user)?, other.name))).collect();
        let name = move |engine: &mut Engine, now| {
            others.iter().try_for_each(|(user, name)| engine.privacy().set_display_name(user, Some(name), now))
        };
        Ok(host.run(name).await??)
    }

    /// Takes what the engine says, until it is gone. It holds no host: that would keep the engine alive.
    async fn listen(self: Arc<Self>, mut notices: UnboundedReceiver<Notice>) {
        while let Some(notice) = notices.recv().await {
            match notice {
                Notice::Event(event) => self.event(event).await,
                Notice::Online => self.connected().await,
                Notice::Offline(_) => self.life().online = false,
                Notice::Refused(why) => self.renew(why).await,
                Notice::Trouble(why) | Notice::Stopped(why) => self.life().trouble = Some(why),
                Notice::Fallback(..) => {}
            }
            self.happened();
            self.tell_status();
        }
    }

    async fn event(&self, event: Event) {
        match event {
            Event::AttachmentProgress(progress) => {
                self.pushes.tell(&json!({ "phone": self.person.user, "updates": [transfer(&progress)] }));
            }
            // Both called at once: this call goes on, and is answered without asking.
            Event::CallCrossed(_, call) => {
                let _ = self.run(move |engine, now| engine.calls().accept(call, DESCRIPTION, now)).await;
            }
            Event::CertificateNeeded => self.renew("the certificate has run out".into()).await,
            _ => {}
        }
    }

    /// Asks for the roles of all others, and goes on with what waits to be uploaded.
    async fn connected(self: &Arc<Self>) {
        self.life().online = true;
        let others: Vec<UserId> = self.others.iter().filter_map(|other| UserId::new(other.user)).collect();
        let ask = move |engine: &mut Engine, now| {
            others.iter().try_for_each(|other| engine.identity().look_up(other, now))?;
            engine.attachments().transfers()
        };
        let waiting = self.run(ask).await.unwrap_or_default();
        for transfer in waiting.into_iter().filter(|transfer| transfer.way == Way::Up) {
            self.upload(transfer.conversation, transfer.message);
        }
    }

    /// Certificates end: after the clock was moved far enough, another is needed.
    async fn renew(&self, why: String) {
        let Ok(host) = self.host() else { return };
        let renewed = host.renew(&self.relay).await;
        self.life().trouble = renewed.err().map(|error| format!("{why}: {error}"));
    }

    fn names(&self) -> Result<(UserId, Role), ProfileError> {
        let names = UserId::new(self.person.user).zip(Role::new(self.person.role));
        names.ok_or_else(|| ProfileError::Damaged(self.place.clone()))
    }

    fn happened(&self) {
        self.ticks.send_modify(|tick| tick.count += 1);
    }

    fn tell_status(&self) {
        self.pushes.tell(&json!({ "phone": self.person.user, "status": self.status() }));
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        // What it guards is never left half changed.
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
