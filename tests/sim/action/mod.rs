//! What may happen: people's actions and the world's faults, drawn by weight.

use undertone::authority::Certificate;
use undertone::envelope::{Envelope, MessageRef};
use undertone::error::{Error, Misuse, StoreError};
use undertone::id::ConversationId;
use undertone::message::{Cursor, Message, MessageKey, SendState};
use undertone::search::{Scope, SearchQuery};
use undertone::store::{Effect, FaultPlan};
use undertone::time::{DAY, MINUTE};

use super::check;
use super::device::is_fatal;
use super::model::{Fate, Line, Model, NEEDLE, Pair, Standing, UserIx};
use super::run::{PAGE, PAUSE, Sim};
use super::world::DeviceIx;

/// All actions, by name.
pub const ACTIONS: [&str; 21] = [
    "start",
    "start forbidden",
    "send",
    "type",
    "read",
    "react",
    "search",
    "cancel",
    "retry",
    "page",
    "offline",
    "online",
    "look up",
    "renew",
    "archive",
    "add device",
    "revoke device",
    "lose device",
    "forge",
    "replay",
    "wait",
];

/// All faults, by name.
pub const FAULTS: [&str; 10] = [
    "lost",
    "doubled",
    "overtaken",
    "cut off",
    "relay crash",
    "crash",
    "crash at operation",
    "partition",
    "clock jump",
    "slow network",
];

type Deed = fn(&mut Sim);

/// How likely what is, in parts of the sum.
const WEIGHTS: [(u64, Deed); 24] = [
    (60, start),
    (10, start_forbidden),
    (480, send),
    (60, types),
    (160, read),
    (60, react),
    (20, search),
    (25, cancel),
    (15, retry),
    (60, page),
    (40, offline),
    (60, online),
    (10, look_up),
    (6, renew),
    (10, archive),
    (4, add_device),
    (2, revoke),
    (2, lose),
    (30, forge),
    (30, replay),
    (40, wait),
    (40, crash),
    (45, fault),
    (30, fail_store),
];

/// Does one thing, and lets a little time pass.
pub fn step(sim: &mut Sim) {
    let sum: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let mut drawn = sim.dice.below(sum);
    for (weight, deed) in WEIGHTS {
        if drawn < weight {
            deed(sim);
            break;
        }
        drawn -= weight;
    }
    sim.revive();
    let pause = sim.dice.below(PAUSE);
    sim.pass(pause);
    check::always(sim);
}

/// A running device and a conversation of its user.
fn place(sim: &mut Sim) -> Option<(DeviceIx, Pair, ConversationId)> {
    let running = sim.running();
    let ix = sim.pick(&running)?;
    let user = sim.user(ix);
    let mine: Vec<(Pair, ConversationId)> =
        sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).map(|(p, c)| (*p, *c)).collect();
    let (pair, talk) = sim.pick(&mine)?;
    Some((ix, pair, talk))
}

fn start(sim: &mut Sim) {
    start_between(sim, true);
}

fn start_forbidden(sim: &mut Sim) {
    start_between(sim, false);
}

fn start_between(sim: &mut Sim, allowed: bool) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    let user = sim.user(ix);
    let others: Vec<UserIx> =
        (0..sim.model.people.len()).filter(|o| *o != user && sim.model.may_start(user, *o) == allowed).collect();
    let Some(other) = sim.pick(&others) else { return };
    sim.tally.action(if allowed { "start" } else { "start forbidden" });
    let pair = Model::pair(user, other);
    let name = sim.world.user_named(&sim.model.people[other].name.clone());
    let started = sim.world.call(ix, |engine, now| engine.conversations().start(&name, now));
    match started {
        Ok(id) => {
            sim.model.conversations.insert(pair, id);
            if allowed {
                sim.model.started.insert(pair);
            }
        }
        Err(Error::Denied(_)) if !allowed => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => sim.violation(format!("device {ix} cannot start with {other}: {error:?}")),
    }
}

fn send(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("send");
    say(sim, ix, pair, talk);
}

/// Somebody hits a key, or stops.
fn types(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("type");
    let typing = sim.draw(4) > 0;
    let said = sim.world.call(ix, |engine, now| engine.conversations().set_typing(talk, typing, now));
    let user = sim.user(ix);
    match said {
        Ok(()) => drop(sim.model.typed.insert((pair, user), sim.world.now)),
        Err(Error::Misuse(Misuse::UnknownConversation)) => {}
        Err(Error::Denied(_)) if !is_allowed(sim, ix, pair, talk) || !sim.healed => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => sim.violation(format!("device {ix} cannot type: {error:?}")),
    }
}

/// Writes something new.
pub fn say(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let text = format!("{NEEDLE} {} of device {ix}", sim.model.lines.len());
    let draft = undertone::engine::Draft::text(text.clone());
    let (healed, allowed) = (sim.healed, is_allowed(sim, ix, pair, talk));
    let sent = sim.world.call(ix, |engine, now| engine.messages().send(talk, draft, now));
    let author = sim.user(ix);
    let (id, fate) = match sent {
        Ok(id) if sim.world.devices[ix].failed => (Some(id), Fate::Maybe),
        Ok(id) => (Some(id), Fate::Sent),
        Err(Error::Misuse(Misuse::UnknownConversation)) => return,
        // The other side may have started, and the welcome be on its way still.
        Err(Error::Denied(_)) if !allowed || !healed => return,
        Err(error) if is_fatal(&error) => (None, Fate::Maybe),
        Err(error) => return sim.violation(format!("device {ix} cannot send: {error:?}")),
    };
    sim.model.wrote(Line { text, id, pair, author, device: ix, fate, allowed, healed, retried: false });
}

/// Whether somebody who may has started the conversation, and the device knows it: until then it may be an attempt of its
/// own that the rules deny, and what is written there fails.
fn is_allowed(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) -> bool {
    let initiator = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)).map(|shown| shown.initiator);
    let by = initiator.and_then(|user| sim.model.person_named(user.as_str()));
    sim.model.started.contains(&pair) && by.is_none_or(|by| sim.model.may_start(by, Model::other(pair, by)))
}

fn read(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("read");
    read_up_to(sim, ix, pair, talk);
}

/// Reads up to some message.
pub fn read_up_to(sim: &mut Sim, ix: DeviceIx, _pair: Pair, talk: ConversationId) {
    let Some(messages) = check::shown(sim, ix, talk) else { return };
    if messages.is_empty() {
        return;
    }
    let last = messages[sim.draw(messages.len())].key;
    let done = sim.world.call(ix, |engine, now| engine.messages().mark_read(talk, last, now));
    let user = sim.user(ix);
    match done {
        Ok(()) if !sim.world.devices[ix].failed => {
            for message in messages.iter().filter(|m| m.key <= last && !m.own) {
                if let Some(line) = check::text(message).and_then(|text| sim.model.line_of(text)) {
                    sim.model.read.entry(user).or_default().insert(line);
                }
            }
        }
        // What of it has happened shows when the engine is open again.
        Ok(()) => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => sim.violation(format!("device {ix} cannot read: {error:?}")),
    }
}

/// Reacts to a message that others know, or takes a reaction back.
fn react(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let known = |m: &Message| !m.own || matches!(m.state, SendState::Sent | SendState::Delivered | SendState::Read);
    let sent = |m: &&Message| check::text(m).is_some() && known(m);
    let targets: Vec<MessageKey> = messages.iter().filter(sent).map(|m| m.key).collect();
    let Some(key) = sim.pick(&targets) else { return };
    let Some(author) = messages.iter().find(|m| m.key == key).map(|m| m.author.clone()) else { return };
    sim.tally.action("react");
    let emoji = [Some("👍"), Some("❤️"), Some("🎉"), None][sim.draw(4)];
    let (target, allowed) = (MessageRef { author, id: key.id }, is_allowed(sim, ix, pair, talk));
    match sim.world.call(ix, |engine, now| engine.messages().react(talk, &target, emoji, now)) {
        Ok(()) => {}
        Err(Error::Denied(_)) if !allowed || !sim.healed => {}
        Err(error) if is_fatal(&error) => {}
        Err(error) => sim.violation(format!("device {ix} cannot react: {error:?}")),
    }
}

/// Searches for a text that a device shows: it is found, as whole as it stands, and nothing else with it.
fn search(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let texts: Vec<(MessageKey, String)> =
        messages.iter().filter_map(|m| Some((m.key, check::text(m)?.to_owned()))).collect();
    if texts.is_empty() {
        return;
    }
    let (key, text) = texts[sim.draw(texts.len())].clone();
    sim.tally.action("search");
    let Ok(query) = SearchQuery::parse(&format!("\"{text}\"")) else { return sim.violation("a text is no query") };
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let scope = Scope::Conversation(talk);
        let page = sim.ask(ix, |engine, now| engine.messages().search(&query, scope, cursor.as_ref(), PAGE, now));
        let Some(page) = page else { return };
        found.extend(page.hits.into_iter().map(|hit| hit.message.key));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    if found != [key] {
        sim.violation(format!("device {ix} finds {found:?} for what stands at {key:?}: {text}"));
    }
}

fn cancel(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let queued: Vec<_> = messages.iter().filter(|m| m.own && m.state == SendState::Queued).map(|m| m.key).collect();
    let Some(key) = sim.pick(&queued) else { return };
    sim.tally.action("cancel");
    let done = sim.world.call(ix, |engine, now| engine.messages().cancel(talk, key.id, now));
    let line = messages.iter().find(|m| m.key == key).and_then(check::text).and_then(|t| sim.model.line_of(t));
    match (done, line) {
        (Ok(()), Some(line)) if !sim.world.devices[ix].failed => sim.model.lines[line].fate = Fate::Cancelled,
        (Ok(()), Some(line)) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), Some(line)) if is_fatal(&error) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), _) => sim.violation(format!("device {ix} cannot cancel what is queued: {error:?}")),
        (Ok(()), None) => sim.violation("cancelled what nobody wrote"),
    }
}

fn retry(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let failed = |m: &&Message| m.own && matches!(m.state, SendState::Failed(_));
    let failed: Vec<_> = messages.iter().filter(failed).map(|m| m.key).collect();
    let Some(key) = sim.pick(&failed) else { return };
    sim.tally.action("retry");
    let allowed = is_allowed(sim, ix, pair, talk);
    let done = sim.world.call(ix, |engine, now| engine.messages().retry(talk, key.id, now));
    let line = messages.iter().find(|m| m.key == key).and_then(check::text).and_then(|t| sim.model.line_of(t));
    let Some(line) = line else { return sim.violation("a failed message that nobody wrote") };
    match done {
        Ok(()) => {
            let maybe = sim.world.devices[ix].failed;
            sim.model.lines[line].fate = if maybe { Fate::Maybe } else { Fate::Sent };
            sim.model.lines[line].allowed = allowed;
            sim.model.lines[line].retried = true;
        }
        Err(Error::Denied(_)) if !allowed || !sim.healed => {}
        Err(error) if is_fatal(&error) => sim.model.lines[line].fate = Fate::Maybe,
        Err(error) => sim.violation(format!("device {ix} cannot retry: {error:?}")),
    }
}

/// Walks through a conversation in small pages, both ways: it must meet what one large page shows.
fn page(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    sim.tally.action("page");
    let size = 1 + sim.draw(9);
    let expected: Vec<_> = messages.iter().rev().map(|m| m.key).collect();
    let mut met = Vec::new();
    let mut cursor = Cursor::Newest;
    while met.len() < expected.len() {
        let Some(page) = check::page(sim, ix, talk, cursor, size) else { return };
        let Some(last) = page.last() else { break };
        cursor = Cursor::Before(last.key);
        met.extend(page.iter().map(|m| m.key));
    }
    met.truncate(expected.len());
    if met != expected {
        sim.violation(format!("device {ix}: pages of {size} meet other messages than one large page"));
        return;
    }
    let Some(oldest) = expected.last() else { return };
    let Some(forward) = check::page(sim, ix, talk, Cursor::After(*oldest), PAGE) else { return };
    let after: Vec<_> = forward.iter().map(|m| m.key).collect();
    if after != expected[..expected.len() - 1] {
        sim.violation(format!("device {ix}: a page forwards meets other messages than pages backwards"));
    }
}

fn offline(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("offline");
    sim.world.disconnect(ix);
}

fn online(sim: &mut Sim) {
    let running = sim.running();
    let away: Vec<_> = running.into_iter().filter(|ix| !sim.world.devices[*ix].wants_link).collect();
    let Some(ix) = sim.pick(&away) else { return };
    sim.tally.action("online");
    sim.world.connect(ix);
}

fn look_up(sim: &mut Sim) {
    let running = sim.running();
    let (Some(ix), user) = (sim.pick(&running), sim.draw(sim.model.people.len())) else { return };
    sim.tally.action("look up");
    let name = sim.world.user_named(&sim.model.people[user].name.clone());
    let _ = sim.world.call(ix, |engine, now| engine.identity().look_up(&name, now));
}

fn renew(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("renew");
    let role = sim.model.people[sim.user(ix)].role;
    let _ = sim.world.renew(ix, role, 300 * DAY);
}

fn archive(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    sim.tally.action("archive");
    let archived = sim.draw(2) == 0;
    let _ = sim.world.call(ix, |engine, now| engine.conversations().archive(talk, archived, now));
}

/// Devices of one user at most, lost ones included.
const DEVICES: usize = 4;

fn add_device(sim: &mut Sim) {
    let user = sim.draw(sim.model.people.len());
    let running = sim.running();
    let Some(first) = sim.model.live_of(user).into_iter().find(|ix| running.contains(ix)) else { return };
    if sim.model.people[user].devices.len() >= DEVICES {
        return;
    }
    sim.tally.action("add device");
    let ix = sim.world.another(first);
    sim.model.add_device(user, ix, Standing::Late);
}

/// A device of a user who has another one is stolen: the authority revokes it.
fn revoke(sim: &mut Sim) {
    let Some(ix) = spare(sim) else { return };
    sim.tally.action("revoke device");
    bury(sim, ix, Standing::Revoked);
    let list = sim.world.platform.revoke(&certificate(sim, ix), sim.world.now);
    sim.world.revoke(&list);
}

/// A device of a user who has another one falls into the water.
fn lose(sim: &mut Sim) {
    let Some(ix) = spare(sim) else { return };
    sim.tally.action("lose device");
    bury(sim, ix, Standing::Gone);
    sim.world.devices[ix].wants_link = false;
    sim.world.crash(ix, 0);
    let list = sim.world.platform.revoke(&certificate(sim, ix), sim.world.now);
    sim.world.revoke(&list);
}

fn certificate(sim: &Sim, ix: DeviceIx) -> Certificate {
    sim.world.devices[ix].certificate.clone().expect("an enrolled device")
}

/// A running device of a user who has another one.
fn spare(sim: &mut Sim) -> Option<DeviceIx> {
    let running = sim.running();
    let spare = |ix: &DeviceIx| sim.model.live_of(sim.model.owner[ix]).len() > 1;
    let spares: Vec<_> = running.into_iter().filter(spare).collect();
    sim.pick(&spares)
}

/// What a device wrote and had not sent goes with it.
fn bury(sim: &mut Sim, ix: DeviceIx, standing: Standing) {
    let user = sim.user(ix);
    sim.model.standing.insert(ix, standing);
    sim.model.people[user].lost = true;
    for line in sim.model.lines.iter_mut().filter(|line| line.device == ix && line.fate != Fate::Cancelled) {
        line.fate = Fate::Lost;
    }
}

/// Somebody on the line changes an envelope, and gives it to somebody.
fn forge(sim: &mut Sim) {
    let Some((ix, mut envelope)) = overheard(sim) else { return };
    sim.tally.action("forge");
    match sim.draw(4) {
        0 => envelope.body.truncate(envelope.body.len() / 2),
        1 => envelope.sender = sim.world.devices[(ix + 1) % sim.world.devices.len()].id,
        2 => envelope.recipients = vec![sim.world.devices[ix].id],
        _ => {
            let at = sim.draw(envelope.body.len().max(1));
            if let Some(byte) = envelope.body.get_mut(at) {
                *byte ^= 1;
            }
        }
    }
    if let Ok(bytes) = envelope.encode() {
        sim.smuggle(ix, bytes);
    }
}

/// An envelope arrives once more, long after.
fn replay(sim: &mut Sim) {
    let Some((ix, envelope)) = overheard(sim) else { return };
    sim.tally.action("replay");
    if let Ok(bytes) = envelope.encode() {
        sim.smuggle(ix, bytes);
    }
}

fn overheard(sim: &mut Sim) -> Option<(DeviceIx, Envelope)> {
    let running = sim.running();
    let ix = sim.pick(&running)?;
    if sim.world.wire.is_empty() {
        return None;
    }
    let at = sim.draw(sim.world.wire.len());
    // Only what the relay has taken: somebody on the line cannot be faster than the relay and keep it from it.
    let envelope = Envelope::decode(&sim.world.wire[at].1).ok()?;
    sim.world.accepted.contains_key(&envelope.id).then_some((ix, envelope))
}

fn wait(sim: &mut Sim) {
    sim.tally.action("wait");
    let pause = sim.dice.below(3 * MINUTE);
    sim.pass(pause);
}

fn crash(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.fault("crash", 1);
    sim.crash(ix);
    sim.restart(ix);
}

/// One of the next operations of a device's store fails.
fn fail_store(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.fault("crash at operation", 1);
    let at = sim.world.devices[ix].disk.operations() + sim.dice.below(300);
    let effect = if sim.draw(2) == 0 { Effect::None } else { Effect::Done };
    let plan = FaultPlan { at, error: StoreError::Io("injected".into()), effect };
    sim.world.devices[ix].disk.plan(Some(plan));
}

fn fault(sim: &mut Sim) {
    let running = sim.running();
    match sim.draw(4) {
        0 => {
            let cut: Vec<_> = running.iter().copied().filter(|ix| sim.world.devices[*ix].cut).collect();
            if let (Some(ix), true) = (sim.pick(&cut), sim.draw(3) > 0) {
                sim.world.devices[ix].cut = false;
            } else if let Some(ix) = sim.pick(&running) {
                sim.tally.fault("partition", 1);
                sim.world.cut(ix);
            }
        }
        1 => {
            let Some(ix) = sim.pick(&running) else { return };
            sim.tally.fault("clock jump", 1);
            let skews = [0, 0, MINUTE, 40 * MINUTE, 3 * DAY].map(|span| span as i64);
            let skew = skews[sim.draw(skews.len())];
            // Further back than an hour, the certificate would not be valid yet.
            let back = sim.draw(2) == 0 && skew < DAY as i64;
            sim.world.set_clock(ix, if back { -skew } else { skew });
        }
        2 => {
            let after = 1 + sim.dice.below(20);
            sim.world.relay_dies_after = Some(after);
        }
        _ => {
            sim.tally.fault("slow network", 1);
            sim.world.net.weather.jitter = [50, 400, 3_000, 12_000][sim.draw(4)];
            sim.world.net.weather.lost = [0, 30, 150][sim.draw(3)];
            sim.world.net.weather.doubled = [0, 30, 150][sim.draw(3)];
        }
    }
}
