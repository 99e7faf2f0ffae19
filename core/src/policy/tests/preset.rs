//! The preset, decision by decision (R1, R4, R5, R6, R7, R8).

use super::*;

#[test]
fn r8_the_preset_is_its_own_text() {
    let policy = Policy::from_toml(Policy::COMPANION_TOML).unwrap();
    assert_eq!(policy, Policy::companion());
    assert_eq!(policy.roles().map(Role::as_str).collect::<Vec<_>>(), ["client", "escort", "support"]);
    assert!(policy.has_role(&role("escort")) && !policy.has_role(&role("stranger")));
}

/// The whole of the preset: for every pair of actor and target what is allowed, the rest is denied.
/// `s` start, `c` continue, `r` reply, `a` every kind of attachment, `v` every kind of call, `x` remove a member,
/// `d` delete the other's messages.
#[test]
fn r4_r5_r6_r7_the_preset_allows_exactly_this() {
    let table = [
        ("client", "client", ""),
        ("client", "escort", "scrav"),
        ("client", "support", "scrav"),
        ("escort", "client", "crav"),
        ("escort", "escort", ""),
        ("escort", "support", "scrav"),
        ("support", "client", "scravxd"),
        ("support", "escort", "scravxd"),
        ("support", "support", "scravxd"),
    ];
    let policy = Policy::companion();
    for (actor, target, allowed) in table {
        for action in every_action() {
            let letter = match action {
                Action::Start => 's',
                Action::Continue => 'c',
                Action::Reply => 'r',
                Action::Attach(_) => 'a',
                Action::Call(_) => 'v',
                Action::RemoveMember => 'x',
                Action::DeleteOthers => 'd',
            };
            let decision = policy.decide(&role(actor), action, &role(target));
            assert_eq!(decision.is_allowed(), allowed.contains(letter), "{actor} {action:?} {target}");
            check_reason(&decision, actor, action, target);
        }
    }
}

fn check_reason(decision: &Decision, actor: &str, action: Action, target: &str) {
    let Some(reason) = decision.reason() else { return };
    assert_eq!((reason.actor().as_str(), reason.action(), reason.target().as_str()), (actor, action, target));
    assert_eq!(reason.code(), format!("denied.{}", action.name()));
    assert!(reason.to_string().starts_with(&format!("{actor}s cannot ")), "{reason}");
}

#[test]
fn r7_a_button_can_show_the_reason() {
    let sentences = [
        ("escort", Action::Start, "client", "escorts cannot start a conversation with a client"),
        ("client", Action::Start, "client", "clients cannot start a conversation with a client"),
        ("escort", Action::Continue, "escort", "escorts cannot be in a conversation with an escort"),
        ("client", Action::Reply, "client", "clients cannot write to a client"),
        ("escort", Action::Attach(AttachmentKind::Image), "escort", "escorts cannot send images to an escort"),
        ("client", Action::Call(CallKind::Voice), "client", "clients cannot call a client"),
        ("client", Action::Call(CallKind::Video), "client", "clients cannot make a video call to a client"),
        ("client", Action::RemoveMember, "support", "clients cannot remove a support agent from a conversation"),
        ("escort", Action::DeleteOthers, "client", "escorts cannot delete messages of a client"),
    ];
    let policy = Policy::companion();
    for (actor, action, target, sentence) in sentences {
        let decision = policy.decide(&role(actor), action, &role(target));
        assert_eq!(decision.into_result().unwrap_err().to_string(), sentence);
    }
}

#[test]
fn r7_a_role_that_no_rule_knows_may_nothing() {
    let policy = Policy::companion();
    for action in every_action() {
        for (actor, target) in [("stranger", "support"), ("support", "stranger"), ("stranger", "stranger")] {
            let decision = policy.decide(&role(actor), action, &role(target));
            let reason = decision.reason().unwrap();
            assert_eq!(reason.code(), "denied.unknown_role");
            assert_eq!(reason.to_string(), "the rules do not know the role “stranger”");
        }
    }
}

#[test]
fn r1_a_conversation_is_typed_by_its_roles_in_the_policys_order() {
    let policy = Policy::companion();
    let types = [
        (&["client", "escort"][..], "client_escort"),
        (&["escort", "client"], "client_escort"),
        (&["support", "client"], "client_support"),
        (&["support", "escort"], "escort_support"),
        (&["support", "support"], "support_support"),
        (&["stranger", "support"], "support_stranger"),
        (&["zed", "abe"], "abe_zed"),
        (&["client", "escort", "support"], "group"),
        (&["client"], "group"),
        (&[], "group"),
    ];
    for (names, name) in types {
        let roles: Vec<Role> = names.iter().map(|name| role(name)).collect();
        assert_eq!(policy.conversation_type(&roles), name);
    }
}
