//! The nouns in Kotlin.

use anyhow::{Result, bail};
use heck::ToLowerCamelCase;
use uniffi_bindgen::interface::Type;

use crate::noun::{Argument, Default, Method, Noun};

const HEAD: &str =
    "// The nouns of a chat: written from what the engine exports. Do not edit.\n\npackage dev.undertone\n";

pub fn write(nouns: &[Noun]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for noun in nouns {
        let name = &noun.name;
        text += &format!("\n{}public class Chat{name} internal constructor(\n", docs(&noun.about, 0));
        text += &format!("    internal val noun: {name},\n    private val worker: Worker,\n) {{\n");
        let methods = noun.methods.iter().map(write_method).collect::<Result<Vec<_>>>()?;
        text += &methods.join("\n");
        text += "}\n";
    }
    Ok(text)
}

fn write_method(method: &Method) -> Result<String> {
    let mut given = Vec::new();
    for Argument { name, kind, default } in &method.arguments {
        let default = match (default, kind) {
            (None, _) => String::new(),
            (Some(Default::Nothing), _) => " = null".to_owned(),
            (Some(Default::Number(number)), Type::UInt32) => format!(" = {number}u"),
            (Some(Default::EmptyList), _) => " = emptyList()".to_owned(),
            (Some(Default::Number(_)), other) => bail!("Kotlin does not know yet how to write a number of {other:?}"),
        };
        given.push(format!("{}: {}{default}", name.to_lower_camel_case(), type_name(kind)?));
    }
    let gives =
        method.gives.as_ref().map(type_name).transpose()?.map_or_else(String::new, |gives| format!(": {gives}"));
    let passed: Vec<String> = method.arguments.iter().map(|argument| argument.name.to_lower_camel_case()).collect();
    let name = method.name.to_lower_camel_case();
    Ok(format!(
        "{}    public suspend fun {name}({}){gives} =\n        worker.run {{ noun.{name}({}) }}\n",
        docs(&method.about, 4),
        given.join(", "),
        passed.join(", ")
    ))
}

fn docs(about: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let lines: String = about.lines().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}

fn type_name(kind: &Type) -> Result<String> {
    Ok(match kind {
        Type::UInt16 => "UShort".to_owned(),
        Type::UInt32 => "UInt".to_owned(),
        Type::UInt64 => "ULong".to_owned(),
        Type::Int32 => "Int".to_owned(),
        Type::Int64 => "Long".to_owned(),
        Type::Boolean => "Boolean".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes => "ByteArray".to_owned(),
        Type::Duration => "java.time.Duration".to_owned(),
        Type::Object { name, .. } | Type::Record { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Custom { name, .. } if name == "Time" => "java.time.Instant".to_owned(),
        Type::Custom { name, .. } if name == "Span" => "java.time.Duration".to_owned(),
        Type::Custom { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("{}?", type_name(inner_type)?),
        Type::Sequence { inner_type } => format!("List<{}>", type_name(inner_type)?),
        Type::Box { inner_type } => type_name(inner_type)?,
        other => bail!("Kotlin does not know yet how to write {other:?}"),
    })
}
