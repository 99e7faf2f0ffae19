//! The nouns in Python.

use anyhow::{Result, bail};
use uniffi_bindgen::interface::Type;

use crate::noun::{Argument, Default, Method, Noun};

const HEAD: &str = r#""""The nouns of a chat: written from what the engine exports. Do not edit."""

from __future__ import annotations

import datetime
from typing import Awaitable, Callable, List, Optional, ParamSpec, Protocol, TypeVar

from ._native.undertone_ffi import *  # noqa: F403
from ._ids import CallId, ConversationId, DeviceId, MessageId, MessageKey, Role, UserId

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Run(Protocol):
    """Runs a call of the engine off the event loop."""

    def __call__(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]: ...
"#;

/// Words of Python that the engine's names may meet.
const KEYWORDS: [&str; 7] = ["as", "class", "from", "global", "in", "is", "with"];

pub fn write(nouns: &[Noun]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for noun in nouns {
        let name = &noun.name;
        text += &format!("\n\nclass Chat{name}:\n{}", docs(&noun.about, 4));
        text += &format!("    def __init__(self, noun: {name}, run: _Run) -> None:\n");
        text += "        self._noun = noun\n        self._run = run\n";
        for method in &noun.methods {
            text += &write_method(method)?;
        }
    }
    Ok(text)
}

fn write_method(method: &Method) -> Result<String> {
    let gives = method.gives.as_ref().map_or(Ok("None".to_owned()), type_name)?;
    let mut given = vec!["self".to_owned()];
    for Argument { name, kind, default } in &method.arguments {
        let default = match default {
            None => String::new(),
            Some(Default::Nothing) => " = None".to_owned(),
            Some(Default::Number(number)) => format!(" = {number}"),
            Some(Default::EmptyList) => " = []".to_owned(),
        };
        given.push(format!("{name}: {}{default}", type_name(kind)?));
    }
    let passed: String = method.arguments.iter().map(|argument| format!(", {}", argument.name)).collect();
    let (name, given) = (&method.name, given.join(", "));
    Ok(format!(
        "\n    async def {name}({given}) -> {gives}:\n{}        return await self._run(self._noun.{name}{passed})\n",
        docs(&method.about, 8)
    ))
}

fn docs(about: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{}\n", line.trim_end()) };
    match about.lines().count() {
        1 => format!("{indent}\"\"\"{about}\"\"\"\n\n"),
        _ => format!("{indent}\"\"\"{}{indent}\"\"\"\n\n", about.lines().map(line).collect::<String>().trim_start()),
    }
}

/// A name that is no word of Python's own.
pub fn escaped(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("_{name}") } else { name.to_owned() }
}

pub fn type_name(kind: &Type) -> Result<String> {
    Ok(match kind {
        Type::UInt8
        | Type::Int8
        | Type::UInt16
        | Type::Int16
        | Type::UInt32
        | Type::Int32
        | Type::UInt64
        | Type::Int64 => "int".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::String => "str".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Duration => "datetime.timedelta".to_owned(),
        Type::Object { name, .. } | Type::Record { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Custom { name, .. } if name == "Time" => "datetime.datetime".to_owned(),
        Type::Custom { name, .. } if name == "Span" => "datetime.timedelta".to_owned(),
        Type::Custom { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("Optional[{}]", type_name(inner_type)?),
        Type::Sequence { inner_type } => format!("List[{}]", type_name(inner_type)?),
        Type::Box { inner_type } => type_name(inner_type)?,
        other => bail!("Python does not know yet how to write {other:?}"),
    })
}
