//! The phones of the day: processes that are started, ordered about, and killed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::phone;
use crate::wire::{self, Order, Report, View};

/// How long the phones may take to come to rest.
const REST_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(60);
/// How long a phone may take to show something.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// How often in a row they must be at rest.
const LOOKS: u32 = 3;

/// One person's phone.
pub struct Actor {
    /// Who.
    pub name: &'static str,
    /// As what.
    pub role: &'static str,
    /// Whether it should be connected.
    pub online: bool,
    /// Whether its user has logged out.
    pub logged_out: bool,
    /// What it showed last.
    pub view: View,
    /// To whom the next words go.
    pub partner: String,
    folder: PathBuf,
    rows: &'static str,
    relay: String,
    process: Option<Process>,
}

struct Process {
    child: Child,
    orders: ChildStdin,
    reports: ChildStdout,
}

impl Actor {
    /// A phone in a folder of its own.
    pub fn new(name: &'static str, role: &'static str, rows: &'static str, relay: &str, folder: &Path) -> Actor {
        Actor {
            name,
            role,
            online: true,
            logged_out: false,
            view: View::default(),
            partner: if name == "ann" { "bea".into() } else { "ann".into() },
            folder: folder.join(name),
            rows,
            relay: relay.into(),
            process: None,
        }
    }

    /// Whether its app is open.
    pub fn is_open(&self) -> bool {
        self.process.is_some()
    }

    /// Opens the app.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(&mut self) -> io::Result<()> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(phone::FLAG)
            .arg(&self.folder)
            .args([&self.relay, self.name, self.role, self.rows])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, reports) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        self.online = true;
        self.logged_out = false;
        self.process = Some(Process { child, orders, reports });
        Ok(())
    }

    /// Kills the app: SIGKILL where there is such a thing. It gets no chance to say goodbye.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.child.kill()?;
        process.child.wait().map(drop)
    }

    /// Closes the app of somebody who has logged out.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn log_out(&mut self) -> io::Result<()> {
        self.logged_out = true;
        self.view = View::default();
        self.kill()
    }

    /// Tells it something.
    ///
    /// # Errors
    /// When its app is not open, or died.
    pub fn tell(&mut self, order: &Order) -> io::Result<Report> {
        let process = self.process.as_mut().ok_or_else(|| io::Error::other("the app is not open"))?;
        wire::write(&mut process.orders, order)?;
        wire::read(&mut process.reports)
    }

    /// Looks at it.
    ///
    /// # Errors
    /// When its app died or its engine failed.
    pub fn look(&mut self) -> io::Result<()> {
        match self.tell(&Order::View)? {
            Report::View(mut view) => {
                // Warnings stay until they are shown.
                let mut warnings = std::mem::take(&mut self.view.warnings);
                warnings.append(&mut view.warnings);
                self.view = View { warnings, ..view };
                Ok(())
            }
            Report::Failed(why) => Err(io::Error::other(why)),
            Report::Done | Report::Said(_) | Report::Denied(_) => Err(io::Error::other("no view")),
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Waits until nothing moves any more.
///
/// # Errors
/// When an app died, or they do not come to rest.
pub fn rest(actors: &mut [Actor]) -> io::Result<()> {
    let (until, mut looks) = (Instant::now() + REST_WITHIN, 0);
    while looks < LOOKS {
        if Instant::now() > until {
            return Err(io::Error::other("the phones do not come to rest"));
        }
        std::thread::sleep(LOOK_EVERY);
        let mut moving = false;
        for actor in actors.iter_mut().filter(|actor| actor.is_open()) {
            actor.look()?;
            moving |= actor.view.busy || actor.view.online != actor.online;
        }
        looks = if moving { 0 } else { looks + 1 };
    }
    Ok(())
}

/// Waits until a phone shows something, for a moment at most.
///
/// # Errors
/// When the app died.
pub fn wait_for(actor: &mut Actor, shown: impl Fn(&View) -> bool) -> io::Result<()> {
    let until = Instant::now() + SHOWN_WITHIN;
    while actor.is_open() && Instant::now() < until {
        actor.look()?;
        if shown(&actor.view) {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
