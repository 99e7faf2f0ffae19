//! R25 on real files: engines on sled and on SQLite whose messages are deleted and expire. Then every file of their stores
//! is searched for what was said, as it is and with every key that was at hand. What that shows, and of whom, is in
//! `docs/decisions/0027-what-is-deleted-loses-its-key.md`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod people;
mod record;
mod searcher;

use people::{Ann, Kind, People};
use searcher::{Keys, Needles};
use undertone::time::{MINUTE, SECOND};

/// What is searched for: words of a text, of one that expires, of both wordings of an edit, of a caption and of a draft;
/// the place and key of a file; bytes of its preview.
fn needles(people: &People) -> Needles {
    let words = ["quokkas", "wombats", "numbats", "bilbies", "potoroos", "bettongs", "files/quolls"];
    let mut needles: Needles = words.iter().map(|word| (word.to_string(), word.as_bytes().to_vec())).collect();
    needles.push(("the preview".to_owned(), people::PREVIEW[100..132].to_vec()));
    let key = Keys::at(people, Ann).file_key(b"files/quolls");
    needles.push(("the file's key".to_owned(), key.expect("a row says where the file is, and then its key")));
    needles
}

/// Deletes on both sides, by every way there is, and looks before, in between and after.
fn what_is_deleted_cannot_be_read(kind: Kind) {
    let mut people = People::new(kind);
    people.chat(40);
    let said = people.say_secrets();
    people.chat(40);
    people.run(10 * SECOND);
    let needles = needles(&people);
    let before = people.both(Keys::at);
    for (who, keys) in people::BOTH.into_iter().zip(&before) {
        keys.each_is_readable(&people, who, &needles);
        searcher::none_is_in_the_clear(&people, who, &needles);
    }

    people.delete(&said);
    people.run(2 * SECOND);
    let between = people.both(Keys::at);
    assert!(between.iter().all(|keys| !keys.reads(&needles).is_empty()), "keys are thrown away minutes later");

    people.run(17 * MINUTE);
    for who in people::BOTH {
        people.shows_only_what_stays(who);
        let after = Keys::at(&people, who);
        assert_eq!(after.reads(&needles), [], "{kind:?} {who:?}: by all keys that the files and the host still have");
        searcher::none_is_in_the_clear(&people, who, &needles);
    }

    // Whoever copied the keys while they were there needs the rows as well. Those go as the store gives space back.
    for who in people::BOTH {
        people.compact(who);
        people.suspend(who);
        let of_old = [&before, &between].map(|keys| &keys[who as usize]);
        for keys in of_old {
            assert_eq!(keys.left_in_files(&people, who, &needles), [], "{kind:?} {who:?}: rows, whatever opens them");
        }
        searcher::none_is_in_the_clear(&people, who, &needles);
    }
}

// R25
#[test]
fn r25_what_is_deleted_cannot_be_read_in_files_of_sled() {
    what_is_deleted_cannot_be_read(Kind::Sled);
}

// R25
#[test]
fn r25_what_is_deleted_cannot_be_read_in_files_of_sqlite() {
    what_is_deleted_cannot_be_read(Kind::Sqlite);
}
