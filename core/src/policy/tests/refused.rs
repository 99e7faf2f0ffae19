//! Files that are refused, each at its place and for its reason (R8).

use super::*;
use crate::limits;

/// Where `«` stands in `text` the error must be; the mark itself is taken out.
fn refused(text: &str, code: &str, reason: &str) {
    let at = text.find('«').unwrap_or_else(|| panic!("no mark in {text}"));
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    let error = Policy::from_toml(&text.replace('«', "")).expect_err(text);
    assert_eq!((error.line, error.column, error.code()), (line, column, code), "{error}\n{text}");
    assert!(error.reason.contains(reason), "{error}\n{text}");
    assert_eq!(error.to_string(), format!("line {line}, column {column}: {}", error.reason));
}

/// Two roles, with `extra` behind the keys of the first and `rules` at the end.
fn two_roles(extra: &str, rules: &str) -> String {
    format!(
        "version = 1\n[[role]]\nname = \"guest\"\nsingular = \"a guest\"\nplural = \"guests\"\n{extra}\n\
         [[role]]\nname = \"host\"\nsingular = \"a host\"\nplural = \"hosts\"\n{rules}"
    )
}

#[test]
fn r8_the_patterns_of_these_tests_are_good_without_the_mistake() {
    let rules = "[start]\nguest = [\"host\"]\n[reply]\nhost = [\"guest\"]";
    Policy::from_toml(&two_roles("rank = 3\nattachments = [\"image\"]\ncalls = []", rules)).unwrap();
}

#[test]
fn r8_the_example_of_the_documentation_reads_as_it_says() {
    let guide = include_str!("../../../../docs/policy.md");
    let text = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let policy = Policy::from_toml(text).unwrap();
    assert_eq!(policy.conversation_type(&[role("host"), role("guest")]), "guest_host");
    assert!(policy.decide(&role("host"), Action::RemoveMember, &role("guest")).is_allowed());
    assert!(!policy.decide(&role("guest"), Action::Start, &role("guest")).is_allowed());
}

#[test]
fn r8_what_is_not_toml_is_refused_at_its_place() {
    refused("version = 1\n[[role]«\nname = \"guest\"\n", "policy.syntax", "expected `]`");
    refused("version = 1\nreply = «@", "policy.syntax", "string values must be quoted");
    refused("version = 1\n«version = 1", "policy.syntax", "duplicate key");
}

#[test]
fn r8_the_version_must_be_known() {
    refused("«[[role]]\nname = \"guest\"", "policy.missing_key", "“version” is missing");
    refused("«", "policy.missing_key", "“version” is missing");
    refused("# later\nversion = «2", "policy.version", "version 2 is not known here; this engine reads version 1");
    refused("version = «\"1\"", "policy.type", "expected a whole number, found a value of type string");
    refused("version = «-1", "policy.value", "not a whole number from 0");
    refused("version = «4294967296", "policy.value", "not a whole number from 0 to 4294967295");
}

#[test]
fn r8_a_policy_has_roles() {
    refused("«version = 1", "policy.no_roles", "there is no role");
    refused("version = 1\nrole = «[]", "policy.no_roles", "there is no role");
    refused("version = 1\nrole = «\"guest\"", "policy.type", "expected a list");
    refused("version = 1\nrole = [«\"guest\"]", "policy.type", "expected a table “role”");
}

#[test]
fn r8_a_role_says_what_it_must_and_nothing_unknown() {
    refused("version = 1\n«[[role]]\nsingular = \"a guest\"", "policy.missing_key", "“name” is missing");
    refused("version = 1\n«[[role]]\nname = \"guest\"\nplural = \"g\"", "policy.missing_key", "“singular” is missing");
    refused("version = 1\n«[[role]]\nname = \"guest\"\nsingular = \"g\"", "policy.missing_key", "“plural” is missing");
    refused(&two_roles("«colour = \"red\"", ""), "policy.unknown_key", "“colour” is not known here");
    refused("version = 1\n«starts = 1", "policy.unknown_key", "known are version, reply, role, start");
}

#[test]
fn r8_names_are_plain_and_numbers_are_numbers() {
    for name in ["\"Guest\"", "\"\"", "\"a guest\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""] {
        refused(&format!("version = 1\n[[role]]\nname = «{name}"), "policy.value", "a role's name has 1 to 32");
    }
    refused("version = 1\n[[role]]\nname = «7", "policy.type", "expected a string, found a value of type integer");
    let role = |singular: &str| format!("version = 1\n[[role]]\nname = \"guest\"\nsingular = «{singular}");
    for singular in ["\"\"", "\"  \"", r#""a\u0007""#, "\"a\u{202E}b\"", &format!("\"{}\"", "g".repeat(65))] {
        refused(&role(singular), "policy.value", "“singular” has 1 to 64 bytes");
    }
    refused(&two_roles("rank = «-1", ""), "policy.value", "-1 is not a whole number");
    refused(&two_roles("rank = «1.0", ""), "policy.type", "expected a whole number");
}

#[test]
fn r8_kinds_and_rights_are_known_and_named_once() {
    refused(
        &two_roles("attachments = [\"image\", «\"gif\"]", ""),
        "policy.value",
        "known are image, video, voice, file",
    );
    refused(&two_roles("attachments = [\"image\", «\"image\"]", ""), "policy.duplicate", "“image” is named twice");
    refused(&two_roles("attachments = «\"image\"", ""), "policy.type", "expected a list");
    refused(&two_roles("calls = [«\"text\"]", ""), "policy.value", "known are voice, video");
    refused(&two_roles("calls = [«1]", ""), "policy.type", "expected a string");
    refused(&two_roles("rights = [«\"all\"]", ""), "policy.value", "known are remove_member, delete_others");
}

#[test]
fn r8_rules_speak_of_roles_that_are_there() {
    refused(&two_roles("", "[start]\n«admin = [\"host\"]"), "policy.unknown_role", "there is no role “admin”");
    refused(&two_roles("", "[start]\nguest = [\n  \"host\",\n  «\"hots\"\n]"), "policy.unknown_role", "“hots”");
    refused(&two_roles("", "[start]\nguest = [«\"a\\nb\"]"), "policy.unknown_role", r"there is no role “a\u{a}b”");
    refused(&two_roles("", "[start]\nguest = [\"host\", «\"host\"]"), "policy.duplicate", "“host” is named twice");
    refused(&two_roles("", "[start]\nguest = «\"host\""), "policy.type", "expected a list");
    refused(&two_roles("", "[reply]\nhost = [«\"admin\"]"), "policy.unknown_role", "“admin”");
    refused(
        "version = 1\nstart = «1\n[[role]]\nname=\"a\"\nsingular=\"a\"\nplural=\"as\"",
        "policy.type",
        "a table “start”",
    );
}

#[test]
fn r8_a_reply_rule_is_a_known_word_or_about_a_pair_that_can_meet() {
    let rules = "[start]\nguest = [\"host\"]\n[reply]\nhost = [\"guest\", «\"host\"]";
    refused(&two_roles("", rules), "policy.never_together", "no start rule ever brings these two together");
    let text = two_roles("", "").replacen("version = 1", "version = 1\nreply = «\"anyone\"", 1);
    refused(&text, "policy.value", "“anyone” is not known: expected “members”");
    let text = two_roles("", "").replacen("version = 1", "version = 1\nreply = «true", 1);
    refused(&text, "policy.type", "expected “members” or a table of roles, found a value of type boolean");
}

#[test]
fn r8_no_role_is_there_twice_and_no_type_has_two_meanings() {
    let text = two_roles("", "").replace("\"host\"", "«\"guest\"");
    refused(&text, "policy.duplicate", "the role “guest” is there twice");
    let role = |name: &str| format!("[[role]]\nname = {name}\nsingular = \"s\"\nplural = \"p\"\n");
    let names = ["\"a\"", "\"b_c\"", "\"a_b\"", "«\"c\""];
    let text = ["version = 1\n".to_owned()].into_iter().chain(names.iter().map(|name| role(name))).collect::<String>();
    refused(&text, "policy.ambiguous", "two kinds of conversation would be called “a_b_c”");
}

#[test]
fn r8_a_file_is_bounded() {
    let role = |at: usize| format!("[[role]]\nname = \"r{at}\"\nsingular = \"r\"\nplural = \"rs\"\n");
    let roles = |count: usize| "version = 1\n".to_owned() + &(0..count).map(role).collect::<String>();
    Policy::from_toml(&roles(limits::POLICY_ROLES)).unwrap();
    let text = roles(limits::POLICY_ROLES) + "«" + &role(limits::POLICY_ROLES);
    refused(&text, "policy.too_many_roles", "more than 64 roles");

    let comment = "#".repeat(limits::POLICY);
    refused(&format!("«{comment}#"), "policy.too_large", "65537 bytes; 65536 are allowed");
    assert_eq!(Policy::from_toml(&comment).unwrap_err().code(), "policy.missing_key");
}

#[test]
fn r8_a_file_that_is_not_utf_8_is_refused_at_its_place() {
    let error = Policy::from_toml_bytes(b"version = 1\n# caf\xe9\n").unwrap_err();
    assert_eq!((error.line, error.column, error.code()), (2, 6, "policy.encoding"));
    let preset = Policy::from_toml_bytes(Policy::COMPANION_TOML.as_bytes()).unwrap();
    assert_eq!(preset, Policy::companion());
}

#[test]
fn r8_every_prefix_of_a_good_file_is_good_or_refused_in_its_bounds() {
    let text = Policy::COMPANION_TOML;
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        if let Err(error) = Policy::from_toml(&text[..end]) {
            assert!((1..=text[..end].matches('\n').count() + 1).contains(&error.line), "{end}: {error}");
            assert!(error.column >= 1 && !error.reason.is_empty(), "{end}: {error}");
        }
    }
}
