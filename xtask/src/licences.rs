//! Checks the licence of every dependency against the list in `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

/// Fails with the packages whose licence is not on the list.
pub fn check() -> Result<(), String> {
    let allowed = allowed(&std::fs::read_to_string("deny.toml").map_err(|e| format!("deny.toml: {e}"))?)?;
    let packages = packages()?;
    let bad: Vec<String> = packages
        .iter()
        .filter(|(_, licence)| !permits(licence, &allowed))
        .map(|(package, licence)| format!("{package} ({licence})"))
        .collect();
    if !bad.is_empty() {
        return Err(format!("licences that deny.toml does not allow: {}", bad.join(", ")));
    }
    println!("{} packages, all under licences that deny.toml allows", packages.len());
    Ok(())
}

/// The strings of `allow = […]` in `deny.toml`.
fn allowed(deny: &str) -> Result<BTreeSet<String>, String> {
    let list = deny.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']')).map(|(list, _)| list);
    let list = list.ok_or("deny.toml has no `allow = […]`")?;
    Ok(list.split('"').skip(1).step_by(2).map(Into::into).collect())
}

/// Every package of the lock file that is built on some target, with its licence.
fn packages() -> Result<BTreeMap<String, String>, String> {
    let tree = "tree --locked --workspace --all-features --target all --edges normal,build,dev --prefix none --format";
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(tree.split(' '))
        .arg("{p}\t{l}")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo tree: {e}"))?;
    if !out.status.success() {
        return Err(format!("cargo tree ended with {}", out.status));
    }
    let text = String::from_utf8(out.stdout).map_err(|e| format!("cargo tree: {e}"))?;
    let rows = text.lines().filter_map(|line| line.split_once('\t'));
    // A package met before is marked with a star behind its licence.
    Ok(rows.map(|(package, licence)| (package.into(), licence.trim_end_matches("(*)").trim().into())).collect())
}

/// Whether an SPDX expression can be met with the licences allowed. `/` is an old way to write `OR`.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

/// `a OR b OR …`
fn any_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut good = all_of(words, allowed);
    while let [first, rest @ ..] = *words
        && *first == "OR"
    {
        *words = rest;
        good |= all_of(words, allowed);
    }
    good
}

/// `a AND b AND …`
fn all_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut good = one(words, allowed);
    while let [first, rest @ ..] = *words
        && *first == "AND"
    {
        *words = rest;
        good &= one(words, allowed);
    }
    good
}

/// A licence, with an exception perhaps, or an expression in parentheses.
fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    match **words {
        ["(", ref rest @ ..] => {
            *words = rest;
            let good = any_of(words, allowed);
            let closed = words.first() == Some(&")");
            *words = words.get(1..).unwrap_or_default();
            good && closed
        }
        [licence, "WITH", exception, ref rest @ ..] => {
            *words = rest;
            allowed.contains(&format!("{licence} WITH {exception}")) || allowed.contains(licence)
        }
        [licence, ref rest @ ..] => {
            *words = rest;
            allowed.contains(licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(expression: &str) -> bool {
        let list = ["MIT", "Apache-2.0", "Unicode-3.0"];
        permits(expression, &list.iter().map(|l| l.to_string()).collect())
    }

    #[test]
    fn an_expression_is_met_when_some_choice_is_allowed() {
        assert!(permitted("MIT OR GPL-3.0"));
        assert!(permitted("GPL-3.0/MIT"));
        assert!(permitted("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(permitted("Apache-2.0 WITH LLVM-exception OR GPL-3.0"));
    }

    #[test]
    fn an_expression_is_not_met_by_half_of_it() {
        assert!(!permitted("MIT AND GPL-3.0"));
        assert!(!permitted("(MIT OR Apache-2.0) AND OpenSSL"));
        assert!(!permitted("GPL-3.0"));
        assert!(!permitted(""));
        assert!(!permitted("(MIT"));
    }

    #[test]
    fn the_list_is_read_from_deny_toml() {
        let list = allowed("[licenses]\nversion = 2\nallow = [\n  \"MIT\",\n  \"0BSD\",\n]\n");
        assert_eq!(list, Ok(["MIT", "0BSD"].map(String::from).into()));
    }
}
