//! Policy files: TOML 1.0 in, checked rules out. Every error has its place in the text.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::action::Right;
use super::error::Flaw;
use super::rules::{Pair, Replies, RoleRules};
use super::{AttachmentKind, CallKind, Policy, PolicyError, Role};
use crate::limits;

/// The version of the format that this engine reads.
const VERSION: u32 = 1;

/// Reads a policy file from bytes.
pub(super) fn policy_bytes(bytes: &[u8]) -> Result<Policy, PolicyError> {
    match core::str::from_utf8(bytes) {
        Ok(text) => policy(text),
        Err(e) => {
            let good = core::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default();
            Err(PolicyError::at(good, good.len()..good.len(), Flaw::Encoding, "the file is not UTF-8"))
        }
    }
}

/// Reads a policy file.
pub(super) fn policy(text: &str) -> Result<Policy, PolicyError> {
    let source = Source { text };
    if text.len() > limits::POLICY {
        let reason = format!("the file has {} bytes; {} are allowed", text.len(), limits::POLICY);
        return Err(source.fail(0..0, Flaw::TooLarge, reason));
    }
    let document = DeTable::parse(text).map_err(|e| {
        let span = e.span().unwrap_or(text.len()..text.len());
        source.fail(span, Flaw::Syntax, e.message())
    })?;
    let file = Section { source, table: document.get_ref(), at: 0..0 };
    file.only(&["version", "reply", "role", "start"])?;
    version(&file)?;

    let (roles, index) = roles(&file)?;
    let start = match file.get("start") {
        Some(value) => pairs(&file.section(value, "start")?, &index)?.into_keys().collect(),
        None => BTreeSet::new(),
    };
    let replies = replies(&file, &index, &start)?;
    Ok(Policy::new(roles, start, replies))
}

/// A role's place in the policy's order.
type Index = BTreeMap<Role, usize>;
type Value<'i> = Spanned<DeValue<'i>>;
type Span = core::ops::Range<usize>;

fn version(file: &Section<'_, '_>) -> Result<(), PolicyError> {
    let value = file.need("version")?;
    match file.source.number(value)? {
        VERSION => Ok(()),
        other => {
            let reason = format!("version {other} is not known here; this engine reads version {VERSION}");
            Err(file.source.fail(value.span(), Flaw::Version, reason))
        }
    }
}

/// The roles in the order of the file, and where each stands.
fn roles(file: &Section<'_, '_>) -> Result<(Vec<RoleRules>, Index), PolicyError> {
    let none = |span| file.source.fail(span, Flaw::NoRoles, "there is no role: add one as [[role]]");
    let value = file.get("role").ok_or_else(|| none(0..0))?;
    let array = file.source.array(value)?;
    if array.is_empty() {
        return Err(none(value.span()));
    }
    let (mut roles, mut index, mut types) = (Vec::new(), Index::new(), BTreeSet::new());
    for (at, entry) in array.iter().enumerate() {
        let section = file.section(entry, "role")?;
        if at == limits::POLICY_ROLES {
            let reason = format!("more than {} roles", limits::POLICY_ROLES);
            return Err(file.source.fail(entry.span(), Flaw::TooManyRoles, reason));
        }
        let (rules, name_at) = role(&section)?;
        if index.insert(rules.role.clone(), at).is_some() {
            let reason = format!("the role “{}” is there twice", rules.role);
            return Err(file.source.fail(name_at, Flaw::Duplicate, reason));
        }
        roles.push(rules);
        distinct_types(&roles, &mut types).map_err(|both| {
            let reason = format!("two kinds of conversation would be called “{both}”: rename a role");
            file.source.fail(name_at, Flaw::Ambiguous, reason)
        })?;
    }
    Ok((roles, index))
}

/// Adds the types of conversation that the last role makes possible; an error is a name that two would share.
fn distinct_types(roles: &[RoleRules], types: &mut BTreeSet<String>) -> Result<(), String> {
    let Some(last) = roles.last() else { return Ok(()) };
    for rules in roles {
        let name = format!("{}_{}", rules.role, last.role);
        if types.contains(&name) {
            return Err(name);
        }
        types.insert(name);
    }
    Ok(())
}

/// One `[[role]]`, and where its name stands.
fn role(section: &Section<'_, '_>) -> Result<(RoleRules, Span), PolicyError> {
    section.only(&["name", "singular", "plural", "rank", "attachments", "calls", "rights"])?;
    let name = section.need("name")?;
    let rank = section.get("rank").map(|value| section.source.number(value)).transpose()?;
    let rules = RoleRules {
        role: section.source.role_name(name)?,
        singular: section.display_name("singular")?,
        plural: section.display_name("plural")?,
        rank: rank.unwrap_or(0),
        attachments: section.kinds("attachments", &AttachmentKind::ALL.map(|kind| (kind.name(), kind)))?,
        calls: section.kinds("calls", &CallKind::ALL.map(|kind| (kind.name(), kind)))?,
        rights: section.kinds("rights", &Right::ALL.map(|right| (right.name(), right)))?,
    };
    Ok((rules, name.span()))
}

/// `actor = ["target", …]`, and where each target stands.
fn pairs(section: &Section<'_, '_>, index: &Index) -> Result<BTreeMap<Pair, Span>, PolicyError> {
    let source = section.source;
    let mut pairs = BTreeMap::new();
    for (key, value) in section.table {
        let from = source.known_role(key.get_ref(), key.span(), index)?;
        for entry in source.array(value)? {
            let name = source.text(entry)?;
            let to = source.known_role(name, entry.span(), index)?;
            if pairs.insert((from, to), entry.span()).is_some() {
                return Err(source.fail(entry.span(), Flaw::Duplicate, format!("“{name}” is named twice")));
            }
        }
    }
    Ok(pairs)
}

fn replies(file: &Section<'_, '_>, index: &Index, start: &BTreeSet<Pair>) -> Result<Replies, PolicyError> {
    let Some(value) = file.get("reply") else { return Ok(Replies::Pairs(BTreeSet::new())) };
    match value.get_ref() {
        DeValue::String(word) if word == "members" => Ok(Replies::Members),
        DeValue::Table(_) => {
            let pairs = pairs(&file.section(value, "reply")?, index)?;
            let apart =
                pairs.iter().find(|((from, to), _)| !start.contains(&(*from, *to)) && !start.contains(&(*to, *from)));
            if let Some((_, span)) = apart {
                let reason = "no start rule ever brings these two together, so there is nothing to reply to";
                return Err(file.source.fail(span.clone(), Flaw::NeverTogether, reason));
            }
            Ok(Replies::Pairs(pairs.into_keys().collect()))
        }
        DeValue::String(word) => {
            let reason = format!("“{}” is not known: expected “members” or a table of roles", Printable(word));
            Err(file.source.fail(value.span(), Flaw::Value, reason))
        }
        other => Err(file.source.mismatch(value.span(), "“members” or a table of roles", other)),
    }
}

/// The text, to say where something stands in it.
#[derive(Clone, Copy)]
struct Source<'t> {
    text: &'t str,
}

impl Source<'_> {
    fn fail(self, span: Span, flaw: Flaw, reason: impl core::fmt::Display) -> PolicyError {
        PolicyError::at(self.text, span, flaw, reason)
    }

    fn mismatch(self, span: Span, expected: &str, found: &DeValue<'_>) -> PolicyError {
        self.fail(span, Flaw::Type, format!("expected {expected}, found a value of type {}", found.type_str()))
    }

    fn array<'v, 'i>(self, value: &'v Value<'i>) -> Result<&'v DeArray<'i>, PolicyError> {
        match value.get_ref() {
            DeValue::Array(array) => Ok(array),
            other => Err(self.mismatch(value.span(), "a list", other)),
        }
    }

    fn text<'v>(self, value: &'v Value<'_>) -> Result<&'v str, PolicyError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            other => Err(self.mismatch(value.span(), "a string", other)),
        }
    }

    /// A whole number from 0 to `u32::MAX`.
    fn number(self, value: &Value<'_>) -> Result<u32, PolicyError> {
        let DeValue::Integer(digits) = value.get_ref() else {
            return Err(self.mismatch(value.span(), "a whole number", value.get_ref()));
        };
        u32::from_str_radix(digits.as_str(), digits.radix()).map_err(|_| {
            self.fail(
                value.span(),
                Flaw::Value,
                format!("{} is not a whole number from 0 to {}", Printable(digits.as_str()), u32::MAX),
            )
        })
    }

    fn role_name(self, value: &Value<'_>) -> Result<Role, PolicyError> {
        let name = self.text(value)?;
        Role::new(name).ok_or_else(|| {
            let reason = format!("a role's name has 1 to {} of the characters a–z, 0–9, _ and -", limits::ROLE);
            self.fail(value.span(), Flaw::Value, reason)
        })
    }

    fn known_role(self, name: &str, span: Span, index: &Index) -> Result<usize, PolicyError> {
        let known = Role::new(name).and_then(|role| index.get(&role).copied());
        known.ok_or_else(|| self.fail(span, Flaw::UnknownRole, format!("there is no role “{}”", Printable(name))))
    }
}

/// A table with its place.
struct Section<'t, 'i> {
    source: Source<'t>,
    table: &'t DeTable<'i>,
    at: Span,
}

impl<'t, 'i> Section<'t, 'i> {
    fn section<'v>(&self, value: &'v Value<'i>, name: &str) -> Result<Section<'v, 'i>, PolicyError>
    where
        't: 'v,
    {
        match value.get_ref() {
            DeValue::Table(table) => Ok(Section { source: self.source, table, at: value.span() }),
            other => Err(self.source.mismatch(value.span(), &format!("a table “{name}”"), other)),
        }
    }

    fn get(&self, key: &str) -> Option<&'t Value<'i>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn need(&self, key: &str) -> Result<&'t Value<'i>, PolicyError> {
        self.get(key)
            .ok_or_else(|| self.source.fail(self.at.clone(), Flaw::MissingKey, format!("the key “{key}” is missing")))
    }

    /// Refuses every key but these.
    fn only(&self, known: &[&str]) -> Result<(), PolicyError> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            Some(key) => {
                let name = Printable(key.get_ref());
                let reason = format!("the key “{name}” is not known here; known are {}", known.join(", "));
                Err(self.source.fail(key.span(), Flaw::UnknownKey, reason))
            }
            None => Ok(()),
        }
    }

    /// What people call a role.
    fn display_name(&self, key: &str) -> Result<String, PolicyError> {
        let value = self.need(key)?;
        let name = self.source.text(value)?;
        let fits = (1..=limits::ROLE_DISPLAY).contains(&name.len());
        if fits && !name.trim().is_empty() && !name.chars().any(unfit_to_show) {
            return Ok(name.to_owned());
        }
        let reason = format!("“{key}” has 1 to {} bytes and no control characters", limits::ROLE_DISPLAY);
        Err(self.source.fail(value.span(), Flaw::Value, reason))
    }

    /// A list of names out of `known`; an absent key is an empty list.
    fn kinds<T: Copy + Ord>(&self, key: &str, known: &[(&str, T)]) -> Result<BTreeSet<T>, PolicyError> {
        let mut kinds = BTreeSet::new();
        let Some(value) = self.get(key) else { return Ok(kinds) };
        for entry in self.source.array(value)? {
            let name = self.source.text(entry)?;
            let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let reason = format!("“{}” is not known here; known are {}", Printable(name), names.join(", "));
                return Err(self.source.fail(entry.span(), Flaw::Value, reason));
            };
            if !kinds.insert(*kind) {
                return Err(self.source.fail(entry.span(), Flaw::Duplicate, format!("“{name}” is named twice")));
            }
        }
        Ok(kinds)
    }
}

/// Control characters, and those that turn the direction of text: a button must show what the file says.
fn unfit_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A name out of the file in an error's sentence: cut short, control characters escaped.
struct Printable<'a>(&'a str);

impl core::fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for c in self.0.chars().take(limits::ROLE) {
            if unfit_to_show(c) { write!(f, "{}", c.escape_unicode())? } else { write!(f, "{c}")? }
        }
        if self.0.chars().nth(limits::ROLE).is_some() { f.write_str("…") } else { Ok(()) }
    }
}
