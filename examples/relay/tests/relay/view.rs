//! R40: what a relay sees, all of it. A field more than here is a compile error, a kind more fails the test.

use std::collections::BTreeSet;

use undertone_relay::frame::Up;
use undertone_relay::logic::{EnvelopeView, SightEvent};

use crate::kit::{Platform, accepted, refused};

/// Where the same is told to readers.
const THREAT_MODEL: &str = include_str!("../../../../docs/threat-model.md");

/// Names every field of a sight; there is no `..` here on purpose.
fn fields(event: &SightEvent) -> Vec<&'static str> {
    match event {
        SightEvent::Login { device: _, user: _, role: _, serial: _, not_after: _ } => {
            vec!["login: device, user, role, certificate's number and end"]
        }
        SightEvent::Publish { device: _, packages: _, last_resort: _ } => {
            vec!["publish: device, number of packages, whether one is of last resort"]
        }
        SightEvent::LookUp { device: _, users: _, key_packages: _ } => {
            vec!["look-up: device, users, whether it wants to start with them"]
        }
        SightEvent::Upload { device: _, size: _ } => vec!["upload: device, size of the encrypted file"],
        SightEvent::Push { device: _, hint: _ } => vec!["push: device, hint"],
        SightEvent::Refused { device: _, reason: _ } => vec!["refused: device, reason"],
        SightEvent::Envelope(EnvelopeView {
            id: _,
            kind: _,
            tag: _,
            sender: _,
            sequence: _,
            recipients: _,
            expires_at: _,
            push: _,
            slot,
            token,
            commitment,
            body: _,
        }) => {
            let mut fields =
                vec!["envelope: id, kind, tag, sender, sequence, recipients, expiry, push hint, length of its body"];
            fields.extend(slot.map(|_| "commit: slot"));
            fields.extend(token.map(|_| "welcome: who started with whom"));
            fields.extend(commitment.map(|_| "message: blind commitment"));
            fields
        }
    }
}

#[test]
fn this_is_all_that_a_relay_sees_of_a_day() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    platform.relay.look_up(ann.id(), std::slice::from_ref(&bea.user), true, platform.now).unwrap();
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    // A file, and a message for somebody who is away: she is to be woken.
    let token = platform.relay.upload_token(ann.id(), platform.now).unwrap().token;
    platform.relay.begin_upload(&token, 65_552, platform.now).ok().unwrap();
    platform.relay.logout(bea.id());
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    platform.login(&bea).unwrap();
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 1)));
    accepted(platform.submit(&bea, &bea.ephemeral(tag, &[&ann], platform.now, 1_000)));
    let other = platform.tag();
    refused(platform.submit(&bea, &bea.message(other, &[&ann])), undertone_relay::answer::RefusedReason::UnknownTag);
    let seen: BTreeSet<_> = platform.relay.view().flat_map(|sight| fields(&sight.event)).collect();
    let all = [
        "commit: slot",
        "envelope: id, kind, tag, sender, sequence, recipients, expiry, push hint, length of its body",
        "login: device, user, role, certificate's number and end",
        "look-up: device, users, whether it wants to start with them",
        "message: blind commitment",
        "publish: device, number of packages, whether one is of last resort",
        "push: device, hint",
        "refused: device, reason",
        "upload: device, size of the encrypted file",
        "welcome: who started with whom",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(told().iter().filter_map(|line| line.strip_prefix("- ")).collect::<Vec<_>>(), all);
}

/// What readers are told of it, line by line.
fn told() -> Vec<&'static str> {
    let (_, told) = THREAT_MODEL.split_once("## What a relay sees").unwrap();
    told.lines().take_while(|line| !line.starts_with("## ")).collect()
}

/// The words that tell readers of a frame, and of what is in it, for every frame. A match without `..` is made of them, so
/// that a frame more, or a field, is a compile error until it is told.
macro_rules! words {
    ($($frame:ident { $($field:ident),* } => [$($words:literal),* $(,)?],)*) => {
        const WORDS: &[(&str, &[&str])] = &[$((stringify!($frame), &[$($words),*])),*];

        const _: fn(&Up) = |frame| match frame {
            $(Up::$frame { $($field: _),* } => {})*
        };
    };
}

words! {
    Login { certificate, signature } => [
        "when a device connects",
        "login: device, user, role, certificate's number and end",
    ],
    Transmit { id, bundle } => [
        "envelope: id, kind, tag, sender, sequence, recipients, expiry, push hint, length of its body",
        "The body of an envelope is a message of MLS",
    ],
    Acknowledge { ids } => ["which deliveries it acknowledges, and so when its store has taken them in"],
    Fetch { request, since, limit } => ["fetches its mailbox"],
    LookUp { request, users, key_packages } => ["look-up: device, users, whether it wants to start with them"],
    Publish { request, packages, last_resort, replace } => [
        "publish: device, number of packages, whether one is of last resort",
        "A published key package shows its device's certificate and keys",
    ],
    Slot { request, name } => ["which slots it asks about, and so that somebody else committed first"],
    Revocations { request } => ["that it asks for revocation lists"],
    UploadToken { request } => ["for a token to upload with"],
}

#[test]
fn readers_are_told_of_every_frame() {
    let told = told().join(" ");
    for (frame, words) in WORDS {
        for words in *words {
            assert!(told.contains(words), "nobody is told of {frame}: {words}");
        }
    }
}
