//! The preset's tables, files that are refused, and rules against a model.

mod judge;
mod model;
mod preset;
mod refused;

use super::*;

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

/// Every action there is.
fn every_action() -> Vec<Action> {
    let attach = AttachmentKind::ALL.map(Action::Attach);
    let call = CallKind::ALL.map(Action::Call);
    let plain = [Action::Start, Action::Continue, Action::Reply, Action::RemoveMember, Action::DeleteOthers];
    [&plain[..], &attach[..], &call[..]].concat()
}
