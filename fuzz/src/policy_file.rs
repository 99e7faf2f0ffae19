//! Policy files.

use undertone::limits;
use undertone::policy::{Action, AttachmentKind, CallKind, Policy, PolicyError, Role};

/// A file is refused at a place in it and for a reason that can be shown, or its rules hang together.
pub fn check(data: &[u8]) {
    match Policy::from_toml_bytes(data) {
        Ok(policy) => accepted(&policy, data),
        Err(error) => refused(&error, data),
    }
}

fn refused(error: &PolicyError, data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!((1..=lines).contains(&error.line), "{error}");
    assert!((1..=data.len() + 1).contains(&error.column), "{error}");
    assert!(error.code().starts_with("policy."));
    assert!((1..=500).contains(&error.reason.len()), "{error}");
    assert!(!error.reason.chars().any(char::is_control), "{error:?}");
}

fn accepted(policy: &Policy, data: &[u8]) {
    let text = core::str::from_utf8(data).expect("UTF-8");
    assert_eq!(Policy::from_toml(text).map(|again| again.id()), Ok(policy.id()));
    let roles: Vec<&Role> = policy.roles().collect();
    assert!((1..=limits::POLICY_ROLES).contains(&roles.len()) && data.len() <= limits::POLICY);
    for actor in &roles {
        for target in &roles {
            pair(policy, actor, target);
        }
    }
}

fn pair(policy: &Policy, actor: &Role, target: &Role) {
    let may = |from: &Role, action, to: &Role| {
        let decision = policy.decide(from, action, to);
        assert_eq!(decision.is_allowed(), decision.reason().is_none());
        assert!(decision.reason().is_none_or(|reason| !reason.to_string().chars().any(char::is_control)));
        decision.is_allowed()
    };
    let starts = may(actor, Action::Start, target);
    let together = may(actor, Action::Continue, target);
    let writes = may(actor, Action::Reply, target);
    assert_eq!(together, starts || may(target, Action::Start, actor));
    assert!((!starts || writes) && (!writes || together));
    assert!(AttachmentKind::ALL.iter().all(|kind| writes || !may(actor, Action::Attach(*kind), target)));
    assert!(CallKind::ALL.iter().all(|kind| writes || !may(actor, Action::Call(*kind), target)));
    let of_two = [actor.clone(), target.clone()];
    assert_eq!(policy.conversation_type(&of_two), policy.conversation_type(&[target.clone(), actor.clone()]));
}
