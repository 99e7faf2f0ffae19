//! The play itself.

use mls_rs::client_builder::MlsConfig;
use undertone::authority::{Certificate, DeviceKey};
use undertone::id::SessionId;
use undertone::interop::{Heard, Member};

use crate::engine;
use crate::people::{Person, Platform, check};
use crate::theirs::{self, Theirs, theirs};

/// How it went.
#[derive(Default)]
pub struct Tally {
    /// Application messages that arrived as they were sent.
    pub messages: usize,
    /// Things that went otherwise than they should.
    pub failures: usize,
}

pub type Result<T, E = Box<dyn core::error::Error>> = core::result::Result<T, E>;

impl Tally {
    pub fn expect(&mut self, good: bool, what: &str) {
        if !good {
            println!("failed: {what}");
            self.failures += 1;
        }
    }

    /// Counts an error; a scene that fails ends there.
    fn scene(&mut self, name: &str, scene: impl FnOnce(&mut Tally) -> Result<()>) {
        let before = self.failures;
        if let Err(error) = scene(self) {
            println!("failed: {name}: {error}");
            self.failures += 1;
        }
        if self.failures == before {
            println!("{name}: as it should be");
        }
    }
}

const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
/// Messages between two updates.
const UPDATE_EVERY: usize = 50;
/// Messages that overtake each other.
const SHUFFLED: usize = 10;

pub fn play(messages: usize) -> Tally {
    let mut tally = Tally::default();
    let mut platform = Platform::new(1);
    let authority = platform.public_key();
    let people = ["ann", "bob", "cas", "dee"].map(|name| platform.person(name));
    let (mut ann, mut cas) = (ours(&people[0], 1), ours(&people[2], 2));
    let (mut bob, mut dee) = (theirs(authority, &people[1], false), theirs(authority, &people[3], false));

    tally.scene("ours welcomes theirs", |tally| {
        ann.create(SESSION, b"facts of an interop group")?;
        let (_, welcome) = ann.commit(vec![bob.key_package()?], vec![], None)?;
        ann.merge_pending()?;
        let leaves = bob.join(&welcome.ok_or("no welcome")?)?;
        for (certificate, key) in &leaves {
            tally.expect(check(&authority, certificate, key).is_ok(), "certificates in our welcome");
        }
        tally.expect(leaves.len() == 2 && ann.agreed()? == bob.agreed()?, "agreement after the welcome");
        Ok(())
    });
    tally.scene("messages both ways, updates from either side", |tally| {
        talk(tally, &authority, &mut ann, &mut bob, messages)
    });
    tally.scene("theirs welcomes ours", |tally| {
        let (commit, welcome) = bob.commit(&[cas.key_package()?], &[], None)?;
        follow(tally, &authority, &mut ann, &commit)?;
        let leaves = cas.join(&welcome.ok_or("no welcome")?)?;
        for (certificate, key) in &leaves {
            tally.expect(check(&authority, certificate, key).is_ok(), "certificates in their welcome");
        }
        tally.expect(leaves.len() == 3 && cas.agreed()? == bob.agreed()?, "agreement after their welcome");
        Ok(())
    });
    tally.scene("ours welcomes another of theirs", |tally| {
        let (commit, welcome) = cas.commit(vec![dee.key_package()?], vec![], None)?;
        cas.merge_pending()?;
        follow(tally, &authority, &mut ann, &commit)?;
        tally.expect(bob.receive(&commit)? == theirs::Heard::Commit, "our commit at theirs");
        dee.join(&welcome.ok_or("no welcome")?)?;
        let agreed = cas.agreed()?;
        tally
            .expect(agreed == dee.agreed()? && agreed == bob.agreed()? && agreed == ann.agreed()?, "agreement of four");
        Ok(())
    });
    tally.scene("all hear each", |tally| everyone_speaks(tally, [&mut ann, &mut cas], [&mut bob, &mut dee]));
    tally.scene("certificates are renewed", |tally| {
        let renewed = platform.renew(&people[0].certificate);
        let (commit, _) = ann.commit(vec![], vec![], Some(renewed.as_bytes().to_vec()))?;
        ann.merge_pending()?;
        for device in [&mut bob, &mut dee] {
            tally.expect(device.receive(&commit)? == theirs::Heard::Commit, "our renewal at theirs");
        }
        follow(tally, &authority, &mut cas, &commit)?;
        let renewed = platform.renew(&people[1].certificate);
        let (commit, _) = bob.commit(&[], &[], Some(&renewed))?;
        let seen = follow(tally, &authority, &mut ann, &commit)?;
        tally.expect(seen.contains(&renewed.as_bytes().to_vec()), "their renewal at ours");
        follow(tally, &authority, &mut cas, &commit)?;
        tally.expect(dee.receive(&commit)? == theirs::Heard::Commit, "their renewal at theirs");
        everyone_speaks(tally, [&mut ann, &mut cas], [&mut bob, &mut dee])
    });
    tally.scene("a whole engine and theirs converse", |tally| engine::converse(tally, &mut platform, messages));
    tally.scene("forged certificates are refused by both", |tally| forgery(tally, &mut platform));
    tally.scene("removals by either", |tally| {
        let (commit, _) = bob.commit(&[], &[ann.own_leaf()?], None)?;
        follow(tally, &authority, &mut ann, &commit)?;
        follow(tally, &authority, &mut cas, &commit)?;
        dee.receive(&commit)?;
        tally.expect(!ann.is_active()?, "ours knows that it was removed");
        let leaf = bob.own_leaf()?;
        let (commit, _) = cas.commit(vec![], vec![leaf], None)?;
        cas.merge_pending()?;
        bob.receive(&commit)?;
        dee.receive(&commit)?;
        let secret = cas.encrypt(b"without ann and bob")?;
        tally.expect(bob.receive(&secret).is_err(), "theirs reads nothing after its removal");
        tally.expect(matches!(ann.receive(&secret)?, Heard::Refused(_)), "ours reads nothing after its removal");
        heard_by_theirs(tally, &mut dee, &secret, b"without ann and bob");
        talk(tally, &authority, &mut cas, &mut dee, UPDATE_EVERY)
    });
    tally
}

fn ours(person: &Person, seed: u8) -> Member {
    Member::new([seed; 32], DeviceKey::from_bytes(person.key), person.certificate.as_bytes().to_vec())
}

/// Takes in a commit of another, checks what it brings, and merges it; gives the certificates.
fn follow(tally: &mut Tally, authority: &[u8; 32], member: &mut Member, commit: &[u8]) -> Result<Vec<Vec<u8>>> {
    match member.receive(commit)? {
        Heard::Commit { leaves, foreign } => {
            tally.expect(!foreign, "a commit of the shape that ours have");
            for (certificate, key) in &leaves {
                tally.expect(check(authority, certificate, key).is_ok(), "certificates in a commit");
            }
            member.merge()?;
            Ok(leaves.into_iter().map(|(certificate, _)| certificate).collect())
        }
        Heard::Text { .. } => Err("a text in a commit's place".into()),
        Heard::Refused(why) => Err(why.into()),
    }
}

/// `count` messages each way: the first half one by one, the second with some overtaking others.
fn talk(
    tally: &mut Tally,
    authority: &[u8; 32],
    ours: &mut Member,
    theirs: &mut Theirs<impl MlsConfig>,
    count: usize,
) -> Result<()> {
    let texts: Vec<Vec<u8>> =
        (0..count).map(|i| format!("text {i} {}", "x".repeat(i * 37 % 900)).into_bytes()).collect();
    for (round, texts) in texts.chunks(UPDATE_EVERY).enumerate() {
        if round % 2 == 0 {
            for text in texts {
                let message = ours.encrypt(text)?;
                heard_by_theirs(tally, theirs, &message, text);
                let message = theirs.encrypt(text)?;
                heard_by_ours(tally, ours, &message, text)?;
            }
        } else {
            for texts in texts.chunks(SHUFFLED) {
                shuffled(tally, ours, theirs, texts)?;
            }
        }
        let commit = if round % 4 < 2 {
            let (commit, _) = ours.commit(vec![], vec![], None)?;
            ours.merge_pending()?;
            tally.expect(theirs.receive(&commit)? == theirs::Heard::Commit, "our update at theirs");
            None
        } else {
            Some(theirs.commit(&[], &[], None)?.0)
        };
        if let Some(commit) = commit {
            follow(tally, authority, ours, &commit)?;
        }
        tally.expect(ours.agreed()? == theirs.agreed()?, "agreement after an update");
    }
    Ok(())
}

/// The last sent arrives first.
fn shuffled(
    tally: &mut Tally,
    ours: &mut Member,
    theirs: &mut Theirs<impl MlsConfig>,
    texts: &[Vec<u8>],
) -> Result<()> {
    let mut sent = Vec::new();
    for text in texts {
        sent.push((text, ours.encrypt(text)?, theirs.encrypt(text)?));
    }
    for (text, from_ours, from_theirs) in sent.iter().rev() {
        heard_by_theirs(tally, theirs, from_ours, text);
        heard_by_ours(tally, ours, from_theirs, text)?;
    }
    let (_, from_ours, from_theirs) = &sent[0];
    tally.expect(theirs.receive(from_ours).is_err(), "theirs refuses a repeat");
    tally.expect(matches!(ours.receive(from_theirs)?, Heard::Refused(_)), "ours refuses a repeat");
    Ok(())
}

fn everyone_speaks(tally: &mut Tally, ours: [&mut Member; 2], theirs: [&mut Theirs<impl MlsConfig>; 2]) -> Result<()> {
    let [ann, cas] = ours;
    let [bob, dee] = theirs;
    let messages = [
        (b"from ann", ann.encrypt(b"from ann")?),
        (b"from cas", cas.encrypt(b"from cas")?),
        (b"from bob", bob.encrypt(b"from bob")?),
        (b"from dee", dee.encrypt(b"from dee")?),
    ];
    for (at, (text, message)) in messages.iter().enumerate() {
        if at != 0 {
            heard_by_ours(tally, ann, message, *text)?;
        }
        if at != 1 {
            heard_by_ours(tally, cas, message, *text)?;
        }
        if at != 2 {
            heard_by_theirs(tally, bob, message, *text);
        }
        if at != 3 {
            heard_by_theirs(tally, dee, message, *text);
        }
    }
    Ok(())
}

fn heard_by_ours(tally: &mut Tally, ours: &mut Member, message: &[u8], text: &[u8]) -> Result<()> {
    match ours.receive(message)? {
        Heard::Text { plaintext, certificate } => {
            tally.expect(plaintext == text && Certificate::decode(&certificate).is_ok(), "their text at ours");
            tally.messages += 1;
        }
        Heard::Refused(why) => tally.expect(false, &format!("their text at ours: {why}")),
        Heard::Commit { .. } => tally.expect(false, "a commit in a text's place"),
    }
    Ok(())
}

fn heard_by_theirs(tally: &mut Tally, theirs: &mut Theirs<impl MlsConfig>, message: &[u8], text: &[u8]) {
    match theirs.receive(message) {
        Ok(heard) => {
            tally.expect(heard == theirs::Heard::Text(text.to_vec()), "our text at theirs");
            tally.messages += 1;
        }
        Err(why) => tally.expect(false, &format!("our text at theirs: {why}")),
    }
}

/// Someone whose certificate is of another authority, or another's, is brought in by a careless member.
fn forgery(tally: &mut Tally, platform: &mut Platform) -> Result<()> {
    let authority = platform.public_key();
    let people = ["fay", "gus", "hal"].map(|name| platform.person(name));
    let foreign = Platform::new(2).person("eve");
    let borrowed = Person { key: [8; 32], certificate: Certificate::decode(people[0].certificate.as_bytes())? };
    for (name, forger) in [("of another authority", &foreign), ("of another user", &borrowed)] {
        let mut fay = ours(&people[0], 3);
        let (mut gus, mut hal) = (theirs(authority, &people[1], true), theirs(authority, &people[2], false));
        fay.create(SESSION, b"facts")?;
        let (_, welcome) = fay.commit(vec![gus.key_package()?, hal.key_package()?], vec![], None)?;
        fay.merge_pending()?;
        let welcome = welcome.ok_or("no welcome")?;
        gus.join(&welcome)?;
        hal.join(&welcome)?;
        let eve = theirs(authority, forger, true);
        let (commit, _) = gus.commit(&[eve.key_package()?], &[], None)?;
        tally.expect(hal.receive(&commit).is_err(), &format!("theirs refuses a certificate {name}"));
        let Heard::Commit { leaves, foreign: false } = fay.receive(&commit)? else {
            return Err("the forger's commit is well-formed".into());
        };
        let bad = leaves.iter().filter(|(certificate, key)| check(&authority, certificate, key).is_err()).count();
        tally.expect(bad == 1, &format!("ours is shown a certificate {name} before it merges"));
        let text = fay.encrypt(b"as if nothing had been")?;
        heard_by_theirs(tally, &mut hal, &text, b"as if nothing had been");
    }
    Ok(())
}
