//! Plays a day: a relay in this process, phones in processes of their own.

use std::io;
use std::path::Path;

use tokio::runtime::Runtime;
use undertone::authority::Authority;
use undertone_relay::shell::{Server, ServerConfig, StoreKind, serve};

use crate::cast::{Actor, rest, wait_for};
use crate::forge::forge;
use crate::script::{CAST, Step};
use crate::show::Screen;
use crate::wire::{Deed, Order, Report};

/// Sights that the relay remembers between two scenes.
const SIGHTS: usize = 10_000;

/// A day while it is played.
pub struct Stage {
    screen: Screen,
    runtime: Runtime,
    server: Server,
    actors: Vec<Actor>,
    /// Sights that were shown.
    shown: usize,
    /// Whose turn it is to say words without a name.
    turn: usize,
    /// Whether something happened since the phones were shown.
    fresh: bool,
}

impl Stage {
    /// Starts the relay and the phones in a folder.
    ///
    /// # Errors
    /// What does not start.
    pub fn set(folder: &Path) -> io::Result<Stage> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let authority = Authority::from_seed(seed);
        let config = ServerConfig::new(vec![authority.public_key()]);
        let store = StoreKind::Sqlite(folder.join("relay.sqlite"));
        let blobs = Some(folder.join("blobs"));
        let config = ServerConfig { store, blobs, sights: SIGHTS, demo: Some(authority), ..config };
        let server = runtime.block_on(serve(config)).map_err(io::Error::other)?;
        let screen = Screen::new();
        screen.title("Undertone: a day of a client, an escort and a support agent");
        screen.aside(&format!(
            "A relay on {}, which sees only sealed envelopes. Three phones, each a process of its own\n\
             with its own encrypted store: ann and sam on sled, bea on SQLite.  … waiting  ✓ sent  ✓✓ delivered",
            server.url()
        ));
        let mut actors = Vec::new();
        for (name, role) in CAST {
            let rows = if name == "bea" { "sqlite" } else { "sled" };
            let mut actor = Actor::new(name, role, rows, &server.url(), folder);
            actor.open()?;
            actors.push(actor);
        }
        rest(&mut actors)?;
        Ok(Stage { screen, runtime, server, actors, shown: 0, turn: 0, fresh: true })
    }

    /// Plays the steps and shows every scene.
    ///
    /// # Errors
    /// When a phone died by itself, or the phones do not come to rest.
    pub fn play(&mut self, steps: &[Step]) -> io::Result<()> {
        for step in steps {
            self.step(step)?;
        }
        self.show()
    }

    /// Ends the day.
    ///
    /// # Errors
    /// When the relay's store failed.
    pub fn clear(self) -> io::Result<()> {
        drop(self.actors);
        self.runtime.block_on(self.server.shut_down()).map_err(io::Error::other)
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        if let Step::Scene(text) = step {
            self.show()?;
            self.screen.scene(text);
            return Ok(());
        }
        self.fresh = true;
        match step {
            Step::Scene(_) => {}
            Step::Write { from, to, text } => self.write(from.as_deref(), to.as_deref(), text)?,
            Step::Read { who, with } => {
                self.screen.happened(&format!("{who} reads what {with} wrote"));
                self.tell(who, &Order::Read(with.clone()))?;
            }
            Step::Do { who, with, deed } => self.perform(who, with, deed)?,
            Step::Start { who, with } => {
                self.screen.happened(&format!("{who} wants to start a conversation with {with}"));
                self.tell(who, &Order::Start(with.clone()))?;
            }
            Step::Offline(who) => self.connect(who, false)?,
            Step::Online(who) => self.connect(who, true)?,
            Step::Kill(who) => {
                self.screen.happened(&format!("{who}’s app is killed"));
                self.actor(who)?.kill()?;
            }
            Step::Restart(who) => {
                self.screen.happened(&format!("{who} opens the app again"));
                let actor = self.actor(who)?;
                actor.kill()?;
                actor.open()?;
            }
            Step::LogOut(who) => self.log_out(who)?,
            Step::Forge(victim) => self.forge(victim)?,
        }
        rest(&mut self.actors)
    }

    fn write(&mut self, from: Option<&str>, to: Option<&str>, text: &str) -> io::Result<()> {
        let (from, to) = match from {
            Some(from) => (from.to_owned(), to.map(ToOwned::to_owned)),
            None => {
                // Words without a name: the client and the escort in turn.
                let (speaker, other) = if self.turn.is_multiple_of(2) { ("ann", "bea") } else { ("bea", "ann") };
                self.turn += 1;
                (speaker.to_owned(), Some(other.to_owned()))
            }
        };
        let actor = self.actor(&from)?;
        let to = to.unwrap_or_else(|| actor.partner.clone());
        actor.partner.clone_from(&to);
        self.actor(&to)?.partner.clone_from(&from);
        self.screen.happened(&format!("{from} → {to}: {text}"));
        self.tell(&from, &Order::Write { to, text: text.to_owned() }).map(drop)
    }

    fn perform(&mut self, who: &str, with: &str, deed: &Deed) -> io::Result<()> {
        self.screen.happened(&match deed {
            Deed::React(emoji) => format!("{who} reacts to what {with} wrote: {emoji}"),
            Deed::Answer(text) => format!("{who} answers what {with} wrote: {text}"),
            Deed::Edit(text) => format!("{who} puts it in other words: {text}"),
            Deed::Once(text) => format!("{who} → {with}, to go when it is read: {text}"),
            Deed::Ask { note, .. } => format!("{who} asks {with} for a payment: {note}"),
            Deed::Paid => format!("{who} says that what {with} asked for is paid"),
            Deed::Type => format!("{who} types to {with}"),
            Deed::Delete => format!("{who} deletes what she wrote last, for everyone"),
            Deed::Search(words) => format!("{who} searches for “{words}”"),
            Deed::Verify => format!("{who} compares safety numbers with {with}"),
            Deed::Call => format!("{who} calls {with}"),
            Deed::Accept => format!("{who} answers"),
            Deed::HangUp => format!("{who} hangs up"),
            Deed::File(caption) => format!("{who} → {with}, a file: {caption}"),
            Deed::Save => format!("{who} saves the file that {with} sent"),
            Deed::Place { name, .. } => format!("{who} → {with}, a place: {name}"),
            Deed::Forward { of } => format!("{who} forwards to {with} what {of} wrote"),
            Deed::Name(name) => format!("{who} calls {with} “{name}”, on her own phone"),
            Deed::Pin => format!("{who} pins her conversation with {with}"),
            Deed::Mute => format!("{who} mutes her conversation with {with}"),
            Deed::Block(true) => format!("{who} blocks {with}"),
            Deed::Block(false) => format!("{who} blocks {with} no longer"),
            Deed::Report => format!("{who} reports what {with} wrote"),
            Deed::Discreet => format!("{who} tells nobody any more what she has read"),
            Deed::Diagnose => format!("{who} looks how her device does"),
        });
        self.tell(who, &Order::Do { with: with.to_owned(), deed: deed.clone() })?;
        if !self.actor(who)?.view.online || !self.actor(with)?.view.online {
            return Ok(());
        }
        // Nothing waits for what is said for the moment: it is there, or it is not.
        match deed {
            Deed::Type => wait_for(self.actor(with)?, |view| {
                view.chats.iter().any(|chat| chat.typing.iter().any(|user| user == who))
            }),
            Deed::Call => wait_for(self.actor(with)?, |view| view.call.is_some()),
            Deed::Accept => {
                wait_for(self.actor(with)?, |view| view.call.as_ref().is_some_and(|c| c.starts_with("in ")))
            }
            Deed::HangUp => wait_for(self.actor(with)?, |view| view.call.is_none()),
            _ => Ok(()),
        }
    }

    fn connect(&mut self, who: &str, wanted: bool) -> io::Result<()> {
        let what = if wanted { "is connected again" } else { "has no connection" };
        self.screen.happened(&format!("{who}’s phone {what}"));
        self.actor(who)?.online = wanted;
        self.tell(who, &Order::Connect(wanted)).map(drop)
    }

    fn log_out(&mut self, who: &str) -> io::Result<()> {
        self.screen.happened(&format!("{who} logs out"));
        if self.tell(who, &Order::LogOut)? { self.actor(who)?.log_out() } else { Ok(()) }
    }

    fn forge(&mut self, victim: &str) -> io::Result<()> {
        self.screen.happened(&format!("mallory, an escort with a doctored app, starts with {victim}"));
        let relay = self.server.url();
        let outcome = self.runtime.block_on(forge(&relay, victim)).map_err(io::Error::other)?;
        let [plain, forged] = outcome.answers;
        self.screen.refused(&format!("the relay gives out {} of {victim}’s key packages", outcome.key_packages));
        self.screen.refused(&format!("a welcome of mallory’s own: {plain}"));
        self.screen.refused(&format!("a welcome with a start token forged in {victim}’s name: {forged}"));
        Ok(())
    }

    /// Orders a phone about; `false` when it did not do it. What the rules forbid is shown, and is no failure of the day.
    fn tell(&mut self, who: &str, order: &Order) -> io::Result<bool> {
        if !self.actor(who)?.is_open() {
            self.screen.refused(&format!("{who}’s app is not open"));
            return Ok(false);
        }
        match self.actor(who)?.tell(order)? {
            Report::Done | Report::View(_) => return Ok(true),
            Report::Said(what) => {
                self.screen.happened(&what);
                return Ok(true);
            }
            Report::Denied(reason) => self.screen.refused(&format!("{who}’s engine does not allow it: {reason}")),
            Report::Failed(why) => self.screen.refused(&format!("{who}: {why}")),
        }
        Ok(false)
    }

    fn actor(&mut self, name: &str) -> io::Result<&mut Actor> {
        let unknown = || io::Error::other(format!("nobody is called {name}"));
        self.actors.iter_mut().find(|actor| actor.name == name).ok_or_else(unknown)
    }

    /// Shows the phones, and what the relay saw since the last time.
    fn show(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.fresh) {
            return Ok(());
        }
        self.screen.phones(&mut self.actors);
        let sights = self.runtime.block_on(self.server.view()).map_err(io::Error::other)?;
        let new = sights.get(self.shown.min(sights.len())..).unwrap_or_default();
        self.screen.relay(new);
        self.shown = sights.len();
        Ok(())
    }
}
