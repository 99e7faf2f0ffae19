//! Cards: places, contacts, entries for a calendar.

use undertone::engine::Draft;
use undertone::structured::{CalendarEvent, Contact, Labelled, Place, Structured};
use undertone::time::{DAY, HOUR};

use super::place;
use super::talk::{Wish, terms, write};
use crate::sim::model::{Marks, NEEDLE};
use crate::sim::run::Sim;

/// Somebody sends a card of some kind.
pub(super) fn send(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("send card");
    let title = format!("{NEEDLE} {} of device {ix}", sim.model.lines.len());
    let knows_events = sim.world.devices[ix].profile.older.is_none();
    let card = match sim.draw(3) {
        0 => Structured::Contact(contact(sim, &title)),
        1 if knows_events => Structured::Event(event(sim, &title)),
        _ => Structured::Place(spot(sim, &title)),
    };
    let terms = terms(sim);
    let (period, clock) = (terms.map(|terms| terms.period), terms.map(|terms| terms.clock));
    let draft = Draft { period, clock, ..Draft::text("") };
    let wish = Wish { text: title, terms, marks: Marks::default(), what: "send a card" };
    let sent = card.clone();
    let at =
        write(sim, (ix, pair, talk), wish, |engine, now| engine.messages().send_structured(talk, sent, draft, now));
    if let Some(at) = at {
        sim.model.lines[at].card = Some(card);
    }
}

/// Anywhere on earth, poles and all.
fn spot(sim: &mut Sim, name: &str) -> Place {
    let mut degrees = |most: usize| (sim.draw(2 * most + 1) as i64 - most as i64) as i32;
    let (latitude, longitude) = (degrees(900_000_000), degrees(1_800_000_000));
    let accuracy = (sim.draw(2) == 0).then(|| sim.draw(5_000) as u32);
    Place { name: name.to_owned(), address: some(sim, "Hauptplatz"), accuracy, ..Place::at(latitude, longitude) }
}

fn contact(sim: &mut Sim, name: &str) -> Contact {
    let phones = (0..sim.draw(3)).map(|n| Labelled { label: "mobile".to_owned(), value: format!("+43 660 {n}") });
    let emails = (0..sim.draw(3)).map(|n| Labelled::plain(format!("mail{n}@example.org")));
    let (phones, emails) = (phones.collect(), emails.collect());
    let someone = sim.draw(sim.model.people.len());
    let user = (sim.draw(2) == 0).then(|| sim.world.user_named(&sim.model.people[someone].name));
    Contact { organization: some(sim, "Circus"), phones, emails, user, ..Contact::named(name) }
}

fn event(sim: &mut Sim, title: &str) -> CalendarEvent {
    let start = sim.world.now.plus(sim.dice.below(30 * DAY));
    let end = (sim.draw(2) == 0).then(|| start.plus(sim.dice.below(9 * HOUR)));
    let all_day = sim.draw(4) == 0;
    let (place, description) = (some(sim, "Hall"), some(sim, "Bring your own"));
    CalendarEvent { end, all_day, place, description, ..CalendarEvent::new(title, start) }
}

/// A text with a number, or none: words that no message is searched for by.
fn some(sim: &mut Sim, word: &str) -> String {
    if sim.draw(2) == 0 { String::new() } else { format!("{word} {}", sim.draw(100)) }
}
