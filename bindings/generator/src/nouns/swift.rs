//! The nouns in Swift.

use anyhow::{Result, bail};
use heck::ToLowerCamelCase;
use uniffi_bindgen::interface::Type;

use crate::noun::{Argument, Default, Method, Noun};

const HEAD: &str = "// The nouns of a chat: written from what the engine exports. Do not edit.\n\nimport Foundation\n";

pub fn write(nouns: &[Noun]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for noun in nouns {
        let name = &noun.name;
        text += &format!("\n{}public struct Chat{name}: Sendable {{\n", docs(&noun.about, 0));
        text += &format!("    let noun: {name}\n    let worker: Worker\n");
        for method in &noun.methods {
            text += &write_method(method)?;
        }
        text += "}\n";
    }
    Ok(text)
}

fn write_method(method: &Method) -> Result<String> {
    let mut given = Vec::new();
    for Argument { name, kind, default } in &method.arguments {
        let default = match default {
            None => String::new(),
            Some(Default::Nothing) => " = nil".to_owned(),
            Some(Default::Number(number)) => format!(" = {number}"),
            Some(Default::EmptyList) => " = []".to_owned(),
        };
        given.push(format!("{}: {}{default}", name.to_lower_camel_case(), type_name(kind)?));
    }
    let gives =
        method.gives.as_ref().map(type_name).transpose()?.map_or_else(String::new, |gives| format!(" -> {gives}"));
    let pass = |argument: &Argument| format!("{0}: {0}", argument.name.to_lower_camel_case());
    let passed: Vec<String> = method.arguments.iter().map(pass).collect();
    let name = method.name.to_lower_camel_case();
    Ok(format!(
        "\n{}    public func {name}({}) async throws{gives} {{\n        try await worker.run {{ try noun.{name}({}) }}\n    }}\n",
        docs(&method.about, 4),
        given.join(", "),
        passed.join(", ")
    ))
}

fn docs(about: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    about.lines().map(|line| format!("{indent}/// {line}").trim_end().to_owned() + "\n").collect()
}

fn type_name(kind: &Type) -> Result<String> {
    Ok(match kind {
        Type::UInt16 => "UInt16".to_owned(),
        Type::UInt32 => "UInt32".to_owned(),
        Type::UInt64 => "UInt64".to_owned(),
        Type::Int32 => "Int32".to_owned(),
        Type::Int64 => "Int64".to_owned(),
        Type::Boolean => "Bool".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes => "Data".to_owned(),
        Type::Duration => "TimeInterval".to_owned(),
        Type::Object { name, .. } | Type::Record { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Custom { name, .. } if name == "Time" => "Date".to_owned(),
        Type::Custom { name, .. } if name == "Span" => "TimeInterval".to_owned(),
        Type::Custom { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("{}?", type_name(inner_type)?),
        Type::Sequence { inner_type } => format!("[{}]", type_name(inner_type)?),
        Type::Box { inner_type } => type_name(inner_type)?,
        other => bail!("Swift does not know yet how to write {other:?}"),
    })
}
