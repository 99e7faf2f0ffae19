//! R40: what a relay sees, all of it. A field more than here is a compile error, a kind more fails the test.

use std::collections::BTreeSet;

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
    let (_, listed) = THREAT_MODEL.split_once("## What a relay sees").unwrap();
    let listed: Vec<_> = listed.lines().take_while(|line| !line.starts_with("## ")).collect();
    assert_eq!(listed.iter().filter_map(|line| line.strip_prefix("- ")).collect::<Vec<_>>(), all);
}
