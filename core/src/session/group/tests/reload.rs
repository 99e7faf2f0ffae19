//! A group loaded from its rows is the group that was in memory.

use crate::session::group::Changes;
use crate::session::testing::{Device, join_all};

/// What was sent, what is stored, and what all agree on.
type Outcome = [Vec<Vec<u8>>; 3];

/// A script of messages, commits, additions and removals; reloads after every step, or never.
fn script(reload: bool) -> Outcome {
    let mut devices: Vec<Device> = (0..4).map(|i| Device::new(&format!("device {i}"))).collect();
    let mut spare: Vec<Device> = (0..3).map(|i| Device::new(&format!("spare {i}"))).collect();
    let mut sent = join_all(&mut devices);
    let again = |devices: &mut Vec<Device>| {
        if reload {
            devices.iter_mut().for_each(Device::reload);
        }
    };
    for round in 0..18 {
        again(&mut devices);
        let at = round % devices.len();
        let text = devices[at].send(format!("text {round}").as_bytes());
        again(&mut devices);
        devices.iter_mut().enumerate().filter(|(i, _)| *i != at).for_each(|(_, d)| drop(d.read(&text).unwrap()));
        again(&mut devices);
        let mut changes = Changes::default();
        let next = (at + 1) % devices.len();
        match round % 6 {
            1 => changes.adds.extend(spare.last().map(Device::key_package)),
            3 => changes.facts = Some(format!("facts {round}").into_bytes()),
            5 => changes.removes.push(devices[next].group().own_leaf()),
            _ => {}
        }
        let removed = (!changes.removes.is_empty()).then_some(next);
        let pending = devices[at].commit(changes);
        again(&mut devices);
        devices.iter_mut().enumerate().filter(|(i, _)| *i != at).for_each(|(_, d)| d.follow(&pending.commit));
        devices[at].merge_pending();
        sent.extend([text, pending.commit]);
        if let Some(welcome) = pending.welcome {
            let mut new = spare.pop().unwrap();
            new.join(&welcome);
            devices.push(new);
        }
        if let Some(removed) = removed {
            assert!(!devices.remove(removed).group().is_active());
        }
    }
    let rows = devices.iter().map(|device| format!("{:?}", device.rows.snapshot()).into_bytes()).collect();
    [sent, rows, devices.iter_mut().map(|device| device.group().authenticator()).collect()]
}

#[test]
fn reloading_after_every_step_changes_no_byte_of_what_is_sent_or_stored() {
    let (kept, reloaded) = (script(false), script(true));
    for (at, name) in ["sent", "stored", "agreed on"].iter().enumerate() {
        assert!(kept[at] == reloaded[at], "what is {name}");
    }
    assert!(kept[2].windows(2).all(|pair| pair[0] == pair[1]), "all agree");
}
