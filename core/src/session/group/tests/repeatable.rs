//! The same seed gives the same bytes, and no clock or thread has a say.

use std::collections::BTreeMap;

use crate::session::group::Changes;
use crate::session::testing::{Device, join_all};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Messages and rows of a day in a group of nine.
fn day() -> (Vec<Vec<u8>>, Vec<Rows>) {
    let mut devices: Vec<Device> = (0..9).map(|i| Device::new(&format!("device {i}"))).collect();
    let mut sent = join_all(&mut devices);
    for round in 0..12 {
        let at = round % devices.len();
        // Taking a leaf's certificate anew changes nothing but makes the commit longer.
        let certificate = Some(devices[at].certificate.clone());
        let commit = devices[at].committed(Changes { certificate, ..Changes::default() }).commit;
        devices.iter_mut().enumerate().filter(|(i, _)| *i != at).for_each(|(_, device)| device.follow(&commit));
        let message = devices[(at + 1) % 9].send(b"text");
        (0..9).filter(|i| *i != (at + 1) % 9).for_each(|i| drop(devices[i].read(&message).unwrap()));
        sent.extend([commit, message]);
    }
    (sent, devices.iter().map(|device| device.rows.snapshot()).collect())
}

#[test]
fn a_day_repeats_byte_for_byte() {
    let first = day();
    for _ in 0..3 {
        let again = day();
        assert!(first.0 == again.0, "what is sent");
        assert!(first.1 == again.1, "what is stored");
    }
}
