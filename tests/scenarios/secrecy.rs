//! Nothing that is secret is printed, written or sent in the clear.

use undertone::engine::Draft;
use undertone::envelope::Envelope;
use undertone::error::Error;
use undertone::time::HOUR;
use undertone_tests::sim::World;

/// Words that appear in no name of ours.
const TEXTS: [&str; 3] = ["zyzzyva at midnight", "quokka parade", "xerophyte garden"];
const USERS: [&str; 3] = ["ann-q7@example.org", "bea-z9@example.org", "sue-k3@example.org"];

/// A day with everything in it that people do.
fn day() -> (World, Vec<String>) {
    let mut world = World::new(110);
    let ann = world.device(USERS[0], "client");
    let tablet = world.another(ann);
    let bea = world.device(USERS[1], "escort");
    let sue = world.device(USERS[2], "support");
    world.settle();
    let mut printed = Vec::new();
    let talk = world.start(ann, bea);
    world.send(ann, talk, TEXTS[0]);
    world.settle();
    world.call(bea, |e, now| e.conversations().set_typing(talk, true, now)).unwrap();
    world.send(bea, talk, TEXTS[1]);
    let help = world.start(ann, sue);
    world.settle();
    world.send(sue, help, TEXTS[2]);
    world.settle();
    world.read_all(ann, talk);
    world.disconnect(bea);
    world.send(tablet, talk, TEXTS[2]);
    world.run(HOUR);
    world.crash(tablet, 0);
    world.restart(tablet);
    world.connect(bea);
    world.settle();
    let user = world.user(ann);
    let denied = world.call(bea, |e, now| e.conversations().start(&user, now));
    printed.push(format!("{denied:?}"));
    let unknown = world.user(sue);
    let errors: [Error; 2] = [
        world.call(ann, |e, now| e.messages().send(talk, Draft::text(""), now)).unwrap_err(),
        world.call(ann, |e, now| e.identity().enrol(b"x", now)).unwrap_err(),
    ];
    printed.push(format!("{errors:?} {:?}", errors.iter().map(ToString::to_string).collect::<Vec<_>>()));
    printed.push(format!("{unknown:?} {:?}", Draft::text(TEXTS[0])));
    for ix in [ann, tablet, bea, sue] {
        let now = world.now;
        let conversations = world.devices[ix].engine().conversations().newest(now).unwrap();
        printed.push(format!("{conversations:?}"));
        for conversation in conversations.conversations {
            printed.push(format!("{conversation:?} {:?}", world.messages(ix, conversation.id)));
        }
        printed.push(format!("{:?} {:?}", world.devices[ix].events, world.devices[ix].refusals));
        printed.push(format!("{:?}", world.devices[ix].engine().diagnose(now).unwrap()));
        let identity = world.devices[ix].engine().identity();
        printed.push(format!("{:?} {:?}", identity.certificate(), identity.enrolment_request()));
        printed.push(format!("{:?} {:?}", identity.safety_number(&user), identity.identity_key().unwrap()));
    }
    printed.extend(world.wire.iter().map(|(_, bytes)| format!("{:?}", Envelope::decode(bytes))));
    world.check();
    (world, printed)
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

// R15 R40 R45
#[test]
fn no_debug_output_of_a_day_shows_text_users_or_keys() {
    let (mut world, printed) = day();
    let keys: Vec<[u8; 32]> =
        (0..4).map(|ix| *world.devices[ix].engine().identity().identity_key().unwrap().to_bytes()).collect();
    for line in &printed {
        for secret in TEXTS.iter().chain(&USERS) {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
        for key in &keys {
            let decimal = format!("{key:?}");
            assert!(!line.contains(decimal.trim_matches(['[', ']'])), "a key in {line}");
        }
    }
}

// R15
#[test]
fn no_row_on_disk_shows_text_users_or_keys() {
    let (mut world, _) = day();
    for ix in 0..4 {
        let key = *world.devices[ix].engine().identity().identity_key().unwrap().to_bytes();
        let rows = world.devices[ix].disk.rows();
        assert!(rows.len() > 50);
        for (table, row_key, value) in rows {
            let secrets = TEXTS.iter().chain(&USERS).map(|s| s.as_bytes()).chain([key.as_slice()]);
            for secret in secrets {
                assert!(!holds(&row_key, secret) && !holds(&value, secret), "in {table:?}");
            }
        }
    }
}

// R11 R40
#[test]
fn nothing_that_crosses_the_network_shows_text() {
    let (world, _) = day();
    for (_, bytes) in &world.wire {
        for text in TEXTS {
            assert!(!holds(bytes, text.as_bytes()));
        }
    }
}
