//! What is wrong with a policy file, and where.

use core::fmt;
use core::ops::Range;

/// A policy file that is refused: where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct PolicyError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, as a sentence without capital and full stop.
    pub reason: String,
    flaw: Flaw,
}

impl PolicyError {
    /// A stable name, like `policy.unknown_role`.
    pub const fn code(&self) -> &'static str {
        self.flaw.code()
    }

    /// An error at the bytes `span` of `text`.
    pub(super) fn at(text: &str, span: Range<usize>, flaw: Flaw, reason: impl fmt::Display) -> PolicyError {
        let start = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        PolicyError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            reason: reason.to_string(),
            flaw,
        }
    }
}

/// Kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not UTF-8.
    Encoding,
    /// Over the limit in bytes.
    TooLarge,
    /// Not TOML.
    Syntax,
    /// A version that this engine does not know.
    Version,
    /// A key that means nothing.
    UnknownKey,
    /// A key that must be there.
    MissingKey,
    /// A value of another type.
    Type,
    /// A value out of its bounds, or a name that is none.
    Value,
    /// The same thing twice.
    Duplicate,
    /// A rule about a role that is not there.
    UnknownRole,
    /// No role at all.
    NoRoles,
    /// Over the limit in roles.
    TooManyRoles,
    /// A reply rule for two who can never be in a conversation.
    NeverTogether,
    /// Two kinds of conversation would have one name.
    Ambiguous,
}

impl Flaw {
    const fn code(self) -> &'static str {
        match self {
            Flaw::Encoding => "policy.encoding",
            Flaw::TooLarge => "policy.too_large",
            Flaw::Syntax => "policy.syntax",
            Flaw::Version => "policy.version",
            Flaw::UnknownKey => "policy.unknown_key",
            Flaw::MissingKey => "policy.missing_key",
            Flaw::Type => "policy.type",
            Flaw::Value => "policy.value",
            Flaw::Duplicate => "policy.duplicate",
            Flaw::UnknownRole => "policy.unknown_role",
            Flaw::NoRoles => "policy.no_roles",
            Flaw::TooManyRoles => "policy.too_many_roles",
            Flaw::NeverTogether => "policy.never_together",
            Flaw::Ambiguous => "policy.ambiguous",
        }
    }
}
