//! `docs/troubleshooting.md` has a word on everything that a diagnosis or an error can say. R45.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOC: &str = include_str!("../../docs/troubleshooting.md");
/// Where codes are made.
const CODES: [&str; 3] = [
    include_str!("../../core/src/error.rs"),
    include_str!("../../core/src/policy/reason.rs"),
    include_str!("../../core/src/input.rs"),
];
/// Where the bindings make codes of their own, beside their crate.
const HOSTS: [&str; 3] = [
    include_str!("../../bindings/python/src/undertone/_checked.py"),
    include_str!("../../bindings/python/src/undertone/_library.py"),
    include_str!("../../bindings/python/src/undertone/driver.py"),
];
const DIAGNOSIS: &str = include_str!("../../core/src/diagnosis.rs");
const STATES: &str = include_str!("../../core/src/message/state.rs");

/// What stands between quotation marks and looks like a code.
fn codes(source: &str) -> BTreeSet<String> {
    let quoted = source.split('"').skip(1).step_by(2);
    quoted.filter(|text| is_code(text)).map(str::to_owned).collect()
}

/// What the crate of the bindings makes: `misuse("id", …)` is `misuse.id`, others stand there whole.
fn codes_of_bindings() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/src");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    files.flat_map(|source| [named(&source, "misuse(\"", "misuse."), named(&source, "code: \"", "")].concat()).collect()
}

/// The codes that stand behind some words of a source.
fn named(source: &str, behind: &str, family: &str) -> Vec<String> {
    let names = source.split(behind).skip(1).filter_map(|rest| rest.split('"').next());
    names.map(|name| format!("{family}{name}")).filter(|code| is_code(code)).collect()
}

fn is_code(text: &str) -> bool {
    let Some((family, name)) = text.split_once('.') else { return matches!(text, "denied" | "bug") };
    let families = ["misuse", "peer", "store", "denied", "relay"];
    families.contains(&family) && !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
}

/// What the document says between backticks.
fn terms() -> BTreeSet<String> {
    DOC.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The variants of an enum, and the fields of structs, in a source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, after) = source.split_once(&format!("pub enum {name} {{")).unwrap();
    let (body, _) = after.split_once("\n}").unwrap();
    let lines = body.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    lines.map(|line| line.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}

fn fields(source: &str) -> BTreeSet<String> {
    let fields = source.lines().filter_map(|line| line.strip_prefix("    pub "));
    fields.filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_code_is_in_the_document_and_no_other() {
    let of_bindings = codes_of_bindings();
    assert!(of_bindings.len() > 10, "{of_bindings:?}");
    let sources = CODES.iter().chain(&HOSTS);
    let made: BTreeSet<String> = sources.flat_map(|source| codes(source)).chain(of_bindings).collect();
    assert!(made.len() > 75, "{made:?}");
    let told: BTreeSet<String> = terms().into_iter().filter(|term| is_code(term)).collect();
    assert_eq!(made.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the document");
    assert_eq!(told.difference(&made).collect::<Vec<_>>(), Vec::<&String>::new(), "only in the document");
}

#[test]
fn every_field_of_a_diagnosis_and_every_cause_is_in_the_document() {
    // Of `stored.queue.messages`, each part.
    let told: BTreeSet<String> = terms().iter().flat_map(|term| term.split('.')).map(str::to_owned).collect();
    let asked = fields(DIAGNOSIS);
    assert!(asked.len() > 25, "{asked:?}");
    // What an error is made of stands in every line about one.
    let of_errors = BTreeSet::from(["code".to_owned()]);
    let missing: Vec<_> = asked.difference(&told).filter(|name| !of_errors.contains(*name)).collect();
    assert_eq!(missing, Vec::<&String>::new());
    for (source, name) in [(STATES, "Cause"), (DIAGNOSIS, "CertificateState")] {
        let variants = variants(source, name);
        assert!(!variants.is_empty());
        assert_eq!(variants.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
    }
}

#[test]
fn links_within_the_document_lead_somewhere() {
    let heading = |line: &str| {
        let name = line.trim_start_matches('#').trim().to_lowercase();
        name.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>().replace(' ', "-")
    };
    let headings: BTreeSet<String> = DOC.lines().filter(|line| line.starts_with("##")).map(heading).collect();
    let links: Vec<&str> = DOC.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5);
    for link in links {
        assert!(headings.contains(link), "{link} in {headings:?}");
    }
}
