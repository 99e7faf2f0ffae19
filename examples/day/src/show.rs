//! What people see: phones side by side, and beneath them what the relay saw.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use undertone::envelope::PushHint;
use undertone::id::DeviceId;
use undertone_relay::logic::{EnvelopeView, Sight, SightEvent};

use crate::cast::Actor;
use crate::wire::{Chat, Ticks};

/// Characters between the borders of a phone.
const WIDTH: usize = 36;
/// Messages shown of one conversation.
const LINES: usize = 6;
/// Lines of what the relay saw in one scene.
const SIGHTS: usize = 14;

/// Colours, or none.
pub struct Screen {
    colours: bool,
    sides: bool,
    names: BTreeMap<DeviceId, String>,
}

impl Screen {
    /// Colours only on a terminal that wants them; phones side by side unless the terminal is known to be narrow.
    pub fn new() -> Screen {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(200);
        Screen { colours, sides: columns >= 3 * (WIDTH + 3), names: BTreeMap::new() }
    }

    /// A headline.
    pub fn title(&self, text: &str) {
        println!("{}", self.paint("1", text));
    }

    /// A scene begins.
    pub fn scene(&self, text: &str) {
        println!("\n{} {}", self.paint("1;36", "──"), self.paint("1", text));
    }

    /// Something happened.
    pub fn happened(&self, text: &str) {
        println!("   {text}");
    }

    /// Something was refused.
    pub fn refused(&self, text: &str) {
        println!("   {} {text}", self.paint("1;31", "✗"));
    }

    /// Less important.
    pub fn aside(&self, text: &str) {
        println!("{}", self.paint("2", text));
    }

    /// All phones.
    pub fn phones(&self, actors: &mut [Actor]) {
        for actor in actors.iter_mut() {
            for warning in std::mem::take(&mut actor.view.warnings) {
                self.refused(&format!("{}: {warning}", actor.name));
            }
        }
        let panels: Vec<Vec<String>> = actors.iter().map(|actor| self.panel(actor)).collect();
        println!();
        if !self.sides {
            panels.iter().flatten().for_each(|line| println!("   {line}"));
            return;
        }
        let height = panels.iter().map(Vec::len).max().unwrap_or(0);
        for row in 0..height {
            let empty = " ".repeat(WIDTH + 2);
            let cells: Vec<&str> = panels.iter().map(|panel| panel.get(row).map_or(empty.as_str(), |l| l)).collect();
            println!("   {}", cells.join(" ").trim_end());
        }
    }

    /// What the relay saw in this scene.
    pub fn relay(&mut self, sights: &[Sight]) {
        for sight in sights {
            if let SightEvent::Login { device, user, .. } = &sight.event {
                self.names.insert(*device, user.as_str().to_owned());
            }
        }
        println!("   {}", self.paint("1;35", "the relay saw"));
        for sight in sights.iter().take(SIGHTS) {
            println!("   {}", self.paint("35", &format!("  {}", self.describe(&sight.event))));
        }
        if sights.len() > SIGHTS {
            println!("   {}", self.paint("2", &format!("  … and {} more", sights.len() - SIGHTS)));
        }
    }

    fn panel(&self, actor: &Actor) -> Vec<String> {
        let state = match (actor.is_open(), actor.view.online) {
            (false, _) if actor.logged_out => "logged out",
            (false, _) => "killed",
            (true, true) => "online",
            (true, false) => "offline",
        };
        let head = format!(" {} · {} · {state} ", actor.name, actor.role);
        let colour = if state == "online" { "32" } else { "33" };
        let rest = "─".repeat((WIDTH - 1).saturating_sub(head.chars().count()));
        let mut lines = vec![format!("╭─{}{rest}╮", self.paint(colour, &head))];
        if let Some(call) = &actor.view.call {
            lines.push(self.row(call, "1;35"));
        }
        if actor.view.chats.is_empty() {
            lines.push(self.row("no conversations", "2"));
        }
        for chat in &actor.view.chats {
            self.chat(chat, &mut lines);
        }
        lines.push(format!("╰{}╯", "─".repeat(WIDTH)));
        lines
    }

    fn chat(&self, chat: &Chat, lines: &mut Vec<String>) {
        let unread = if chat.unread > 0 { format!(" ({} unread)", chat.unread) } else { String::new() };
        let kept = if chat.kept.is_empty() { String::new() } else { format!(" · {}", chat.kept.join(", ")) };
        lines.push(self.row(&format!("{}{unread}{kept}", chat.with), if chat.unread > 0 { "1;33" } else { "1" }));
        let hidden = chat.lines.len().saturating_sub(LINES);
        if hidden > 0 {
            lines.push(self.row(&format!("  … {hidden} earlier"), "2"));
        }
        for line in chat.lines.iter().skip(hidden) {
            let (tick, colour) = match line.ticks {
                None => ("", "0"),
                Some(Ticks::Waiting) => ("…", "2"),
                Some(Ticks::Sent) => ("✓", "0"),
                Some(Ticks::Delivered) => ("✓✓", "0"),
                Some(Ticks::Read) => ("✓✓ read", "36"),
                Some(Ticks::Failed) => ("✗", "31"),
            };
            if let Some(answered) = &line.answers {
                lines.push(self.row(&format!("   ↳ {answered}"), "2"));
            }
            let mark = if line.ticks.is_some() { "›" } else { "‹" };
            let room = WIDTH - 6 - tick.chars().count();
            let text = clip(&line.text, room);
            lines.push(self.row(&format!(" {mark} {} {tick}", fill(&text, room)), colour));
            if !line.marks.is_empty() {
                lines.push(self.row(&format!("   ({})", line.marks.join(", ")), "2"));
            }
        }
        for user in &chat.typing {
            lines.push(self.row(&format!("   {user} is typing …"), "2"));
        }
    }

    /// One line of a panel.
    fn row(&self, text: &str, colour: &str) -> String {
        let text = fill(&clip(text, WIDTH - 2), WIDTH - 2);
        format!("│ {} │", self.paint(colour, &text))
    }

    fn describe(&self, event: &SightEvent) -> String {
        match event {
            SightEvent::Login { device, user, role, .. } => {
                format!("login       {} as {} ({role})", short(device.as_bytes()), user.as_str())
            }
            SightEvent::Publish { device, packages, .. } => {
                format!("publish     {}: {packages} key packages", self.device(device))
            }
            SightEvent::LookUp { device, users, key_packages } => {
                let users: Vec<&str> = users.iter().map(|user| user.as_str()).collect();
                let what = if *key_packages { "devices and key packages" } else { "devices" };
                format!("look-up     {} asks for the {what} of {}", self.device(device), users.join(", "))
            }
            SightEvent::Envelope(view) => self.envelope(view),
            SightEvent::Upload { device, size } => format!("upload      {}: {size} sealed bytes", self.device(device)),
            SightEvent::Push { device, hint } => {
                format!("push        {}: {}", self.device(device), format!("{hint:?}").to_lowercase())
            }
            SightEvent::Refused { device, reason } => format!("REFUSED     {}: {reason:?}", self.device(device)),
        }
    }

    fn envelope(&self, view: &EnvelopeView) -> String {
        let kind = format!("{:?}", view.kind).to_lowercase();
        let to: Vec<String> = view.recipients.iter().map(|device| self.device(device)).collect();
        let push = if view.push == PushHint::None { "" } else { ", push hint" };
        let tag = short(view.tag.as_bytes());
        let from = self.device(&view.sender);
        format!("{kind:<11} {from} → {}, tag {tag}, {} sealed bytes{push}", to.join(", "), view.body)
    }

    /// A device with the user that its certificate names.
    fn device(&self, device: &DeviceId) -> String {
        match self.names.get(device) {
            Some(name) => format!("{}’s {}", name, short(device.as_bytes())),
            None => short(device.as_bytes()),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn short(bytes: &[u8]) -> String {
    bytes.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// At most so many characters; control characters of a message are not for the terminal.
fn clip(text: &str, most: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if text.chars().count() <= most {
        return clean.collect();
    }
    clean.take(most.saturating_sub(1)).chain(['…']).collect()
}

fn fill(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}
