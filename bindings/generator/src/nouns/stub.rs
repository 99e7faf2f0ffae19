//! What a type checker of Python is told of UniFFI's module, whose own hints stop at enums with fields.

use anyhow::Result;
use heck::ToShoutySnakeCase;
use uniffi_bindgen::ComponentInterface;
use uniffi_bindgen::interface::{AsType, Enum, Field, Method, Object, Record, Type};

use crate::python::{escaped, type_name};

const HEAD: &str = "import datetime\nimport enum\nfrom typing import List, Optional, Union\n\n\
from undertone._ids import CallId, ConversationId, DeliveryId, DeviceId, MessageId, MessageKey, RequestId, Role\n\
from undertone._ids import SubscriptionId, TransmitId, UserId\n";

pub fn write(interface: &ComponentInterface) -> Result<String> {
    let mut text = HEAD.to_owned();
    for function in interface.function_definitions() {
        let given =
            arguments(function.arguments().iter().map(|a| (a.name(), a.as_type(), a.default_value().is_some())))?;
        text += &format!("\ndef {}({given}) -> {}: ...\n", function.name(), gives(function.return_type())?);
    }
    for record in interface.record_definitions() {
        text += &write_record(record)?;
    }
    for kind in interface.enum_definitions() {
        text += &if interface.is_name_used_as_error(kind.name()) {
            write_error(kind)?
        } else if kind.is_flat() {
            write_flat(kind)
        } else {
            write_enum(kind)?
        };
    }
    for object in interface.object_definitions() {
        text += &write_object(object)?;
    }
    Ok(text)
}

fn write_record(record: &Record) -> Result<String> {
    let mut text = format!("\nclass {}:\n", record.name());
    for field in record.fields() {
        text += &format!("    {}: {}\n", escaped(field.name()), type_name(&field.as_type())?);
    }
    let given = arguments(record.fields().iter().map(|f| (f.name(), f.as_type(), f.default_value().is_some())))?;
    let star = if given.is_empty() { "" } else { ", *, " };
    Ok(text + &format!("    def __init__(self{star}{given}) -> None: ...\n"))
}

fn write_flat(kind: &Enum) -> String {
    let variants = kind.variants().iter().enumerate();
    let lines: String = variants.map(|(at, v)| format!("    {} = {at}\n", v.name().to_shouty_snake_case())).collect();
    format!("\nclass {}(enum.Enum):\n{lines}", kind.name())
}

/// Each variant is a class of its own, which the enum names: so a checker can tell them apart.
fn write_enum(kind: &Enum) -> Result<String> {
    let name = kind.name();
    let (mut inside, mut outside) = (String::new(), String::new());
    for variant in kind.variants() {
        let shout = variant.name().to_shouty_snake_case();
        inside += &format!("    {shout} = _{name}_{shout}\n    def is_{shout}(self) -> bool: ...\n");
        outside += &format!("\nclass _{name}_{shout}({name}):\n{}", write_fields(variant.fields())?);
    }
    Ok(format!("\nclass {name}:\n{inside}{outside}"))
}

fn write_error(kind: &Enum) -> Result<String> {
    let name = kind.name();
    let (mut inside, mut outside) = (String::new(), String::new());
    for variant in kind.variants() {
        inside += &format!("    {0} = _{name}_{0}\n", variant.name());
        outside += &format!("\nclass _{name}_{}({name}):\n{}", variant.name(), write_fields(variant.fields())?);
    }
    Ok(format!("\nclass {name}(Exception):\n{inside}    code: str\n    text: str\n{outside}"))
}

fn write_fields(fields: &[Field]) -> Result<String> {
    let mut text = String::new();
    for field in fields {
        text += &format!("    {}: {}\n", escaped(field.name()), type_name(&field.as_type())?);
    }
    let given = arguments(fields.iter().map(|f| (f.name(), f.as_type(), f.default_value().is_some())))?;
    let comma = if given.is_empty() { "" } else { ", " };
    Ok(text + &format!("    def __init__(self{comma}{given}) -> None: ...\n"))
}

fn write_object(object: &Object) -> Result<String> {
    let mut text = format!("\nclass {}:\n", object.name());
    for constructor in object.constructors() {
        let given =
            arguments(constructor.arguments().iter().map(|a| (a.name(), a.as_type(), a.default_value().is_some())))?;
        let comma = if given.is_empty() { "" } else { ", " };
        text += &if constructor.is_primary_constructor() {
            format!("    def __init__(self{comma}{given}) -> None: ...\n")
        } else {
            let (name, class) = (constructor.name(), object.name());
            format!("    @classmethod\n    def {name}(cls{comma}{given}) -> {class}: ...\n")
        };
    }
    for method in object.methods() {
        text += &write_method(method)?;
    }
    if object.constructors().is_empty() && object.methods().is_empty() {
        text += "    ...\n";
    }
    Ok(text)
}

fn write_method(method: &Method) -> Result<String> {
    let given = arguments(method.arguments().iter().map(|a| (a.name(), a.as_type(), a.default_value().is_some())))?;
    let comma = if given.is_empty() { "" } else { ", " };
    let wait = if method.is_async() { "async " } else { "" };
    Ok(format!("    {wait}def {}(self{comma}{given}) -> {}: ...\n", method.name(), gives(method.return_type())?))
}

fn arguments<'a>(given: impl Iterator<Item = (&'a str, Type, bool)>) -> Result<String> {
    let one = |(name, kind, default): (&str, Type, bool)| {
        anyhow::Ok(format!("{}: {}{}", escaped(name), type_name(&kind)?, if default { " = ..." } else { "" }))
    };
    Ok(given.map(one).collect::<Result<Vec<_>>>()?.join(", "))
}

fn gives(kind: Option<&Type>) -> Result<String> {
    kind.map_or(Ok("None".to_owned()), type_name)
}
