//! What the records and enums of each language say of themselves, in a log or a debugger: nobody's words, files or keys.
//!
//! Whatever holds text or bytes says its name, and nothing of what it holds. UniFFI's own descriptions show every field.

use anyhow::{Result, bail, ensure};
use heck::{ToLowerCamelCase, ToShoutySnakeCase};
use uniffi_bindgen::ComponentInterface;
use uniffi_bindgen::interface::{AsType, Enum, Field, Type};

/// Texts that this project wrote: names of errors and what they mean.
const OURS: [&str; 2] = ["code", "sentence"];

/// Whether a field holds what a person or a host wrote, or bytes.
fn is_content(field: &Field) -> bool {
    fn holds(kind: &Type) -> bool {
        match kind {
            Type::String | Type::Bytes => true,
            Type::Optional { inner_type } | Type::Sequence { inner_type } | Type::Box { inner_type } => {
                holds(inner_type)
            }
            _ => false,
        }
    }
    !OURS.contains(&field.name()) && holds(&field.as_type())
}

/// The records that hold content.
fn records(interface: &ComponentInterface) -> Vec<&str> {
    let records = interface.record_definitions().iter().filter(|record| record.fields().iter().any(is_content));
    records.map(uniffi_bindgen::interface::Record::name).collect()
}

/// The enums with variants that hold content, and these variants.
fn enums(interface: &ComponentInterface) -> Vec<(&Enum, Vec<&str>)> {
    let values = interface.enum_definitions().iter().filter(|kind| !interface.is_name_used_as_error(kind.name()));
    values.map(|kind| (kind, variants(kind))).filter(|(_, variants)| !variants.is_empty()).collect()
}

fn variants(kind: &Enum) -> Vec<&str> {
    let variants = kind.variants().iter().filter(|variant| variant.fields().iter().any(is_content));
    variants.map(uniffi_bindgen::interface::Variant::name).collect()
}

/// A module that is read after UniFFI's.
pub fn python(interface: &ComponentInterface) -> String {
    let mut text =
        "\"\"\"What holds content says its name alone: written from what the engine exports. Do not edit.\"\"\"\n\n\
                    from __future__ import annotations\n\n\
                    from typing import Any\n\n\
                    from ._native import undertone_ffi as _native\n\n\n\
                    def _hide(kind: Any, name: str) -> None:\n    \
                        kind.__str__ = kind.__repr__ = lambda self: f\"{name}(…)\"\n\n\n"
            .to_owned();
    for name in records(interface) {
        text += &format!("_hide(_native.{name}, \"{name}\")\n");
    }
    for (kind, variants) in enums(interface) {
        for variant in variants {
            let name = format!("{}.{}", kind.name(), variant.to_shouty_snake_case());
            text += &format!("_hide(_native.{name}, \"{name}\")\n");
        }
    }
    text
}

/// A file of the module that UniFFI wrote.
pub fn swift(interface: &ComponentInterface) -> String {
    let mut text =
        "// What holds content says its name alone: written from what the engine exports. Do not edit.\n".to_owned();
    for name in records(interface) {
        text +=
            &format!("\nextension {name}: Discreet {{\n    public var discreetly: String {{ \"{name}(…)\" }}\n}}\n");
    }
    for (kind, hidden) in enums(interface) {
        text += &format!(
            "\nextension {}: Discreet {{\n    public var discreetly: String {{\n        switch self {{\n",
            kind.name()
        );
        for variant in kind.variants() {
            let name = variant.name().to_lower_camel_case();
            let fields: Vec<String> = (0..variant.fields().len()).map(|at| format!("field{at}")).collect();
            text += &if hidden.contains(&variant.name()) {
                format!("        case .{name}: \"{name}(…)\"\n")
            } else if fields.is_empty() {
                format!("        case .{name}: \"{name}\"\n")
            } else {
                let shown: Vec<String> =
                    fields.iter().map(|field| format!("\\(String(describing: {field}))")).collect();
                format!("        case let .{name}({}): \"{name}({})\"\n", fields.join(", "), shown.join(", "))
            };
        }
        text += "        }\n    }\n}\n";
    }
    text
}

/// UniFFI's source, with what its classes say of themselves.
pub fn kotlin(interface: &ComponentInterface, source: &str) -> Result<String> {
    let mut missing: Vec<String> = records(interface).into_iter().map(ToOwned::to_owned).collect();
    for (kind, variants) in enums(interface) {
        missing.extend(variants.iter().map(|variant| format!("{}.{variant}", kind.name())));
    }
    let (mut text, mut around, mut inside) = (String::new(), "", None);
    for line in source.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = class(line, "sealed class ") {
            around = name;
        } else if let Some(name) = class(line, "data class ") {
            let name = if indent == 0 { name.to_owned() } else { format!("{around}.{name}") };
            inside = missing.iter().position(|hidden| *hidden == name).map(|at| missing.swap_remove(at));
        } else if line.trim() == "companion object"
            && let Some(name) = inside.take()
        {
            let name = name.rsplit('.').next().unwrap_or(&name).to_owned();
            text += &format!("{:indent$}override fun toString(): String = \"{name}(…)\"\n\n", "");
        }
        text += line;
        text.push('\n');
    }
    ensure!(inside.is_none(), "UniFFI's Kotlin looks otherwise: the end of a class was not found");
    if missing.is_empty() {
        Ok(text)
    } else {
        bail!("UniFFI's Kotlin looks otherwise: it has no {}", missing.join(", "))
    }
}

/// The name of the class that begins in a line.
fn class<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    line.trim_start().strip_prefix(words)?.split(|c: char| !c.is_alphanumeric()).next()
}
