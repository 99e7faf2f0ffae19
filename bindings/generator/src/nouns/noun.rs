//! The nouns that the library exports.

use anyhow::{Context, Result, bail};
use heck::ToUpperCamelCase;
use uniffi_bindgen::interface::{DefaultValue, Literal, Method as Exported, Object, Type};
use uniffi_bindgen::{BindgenLoader, BindgenPaths, ComponentInterface, GlobalConfig};

/// Those that an engine gives, by the method that gives them. What it gives else is for the driver.
const NOUNS: [&str; 7] = ["conversations", "messages", "attachments", "calls", "identity", "privacy", "notifications"];

/// An object that the engine gives.
pub struct Noun {
    /// Its class, like `Conversations`.
    pub name: String,
    pub about: String,
    pub methods: Vec<Method>,
}

pub struct Method {
    /// In snake case.
    pub name: String,
    pub about: String,
    pub arguments: Vec<Argument>,
    pub gives: Option<Type>,
}

pub struct Argument {
    /// In snake case.
    pub name: String,
    pub kind: Type,
    pub default: Option<Default>,
}

/// What an argument is when it is left out.
pub enum Default {
    Nothing,
    Number(u64),
    EmptyList,
}

/// Reads what the compiled library exports.
pub fn read(library: &str) -> Result<ComponentInterface> {
    let loader = BindgenLoader::new(BindgenPaths::default(), GlobalConfig::default());
    let interfaces = loader.load_cis(loader.load_metadata(library.into())?)?;
    let ours = interfaces.into_iter().find(|interface| interface.crate_name() == "undertone_ffi");
    ours.context("that library is not Undertone's")
}

impl Noun {
    /// Those of an engine.
    pub fn all(interface: &ComponentInterface) -> Result<Vec<Noun>> {
        NOUNS.iter().map(|name| Noun::find(interface, &name.to_upper_camel_case())).collect()
    }

    fn find(interface: &ComponentInterface, name: &str) -> Result<Noun> {
        let object: &Object = interface.get_object_definition(name).with_context(|| format!("there is no {name}"))?;
        let methods = object.methods().into_iter().map(Method::of).collect::<Result<_>>()?;
        Ok(Noun { name: name.to_owned(), about: about(object.docstring()), methods })
    }
}

impl Method {
    fn of(exported: &Exported) -> Result<Method> {
        let argument = |argument: &uniffi_bindgen::interface::Argument| {
            let default = argument.default_value().map(default).transpose()?;
            anyhow::Ok(Argument { name: argument.name().to_owned(), kind: plain(argument.as_type_of()), default })
        };
        Ok(Method {
            name: exported.name().to_owned(),
            about: about(exported.docstring()),
            arguments: exported.arguments().into_iter().map(argument).collect::<Result<_>>()?,
            gives: exported.return_type().cloned().map(plain),
        })
    }
}

trait TypeOf {
    fn as_type_of(&self) -> Type;
}

impl TypeOf for uniffi_bindgen::interface::Argument {
    fn as_type_of(&self) -> Type {
        uniffi_bindgen::interface::AsType::as_type(self)
    }
}

/// Without the boxes, which no host sees.
fn plain(kind: Type) -> Type {
    match kind {
        Type::Box { inner_type } => plain(*inner_type),
        other => other,
    }
}

fn default(value: &DefaultValue) -> Result<Default> {
    Ok(match value {
        DefaultValue::Literal(Literal::None) => Default::Nothing,
        DefaultValue::Literal(Literal::EmptySequence) => Default::EmptyList,
        DefaultValue::Literal(Literal::UInt(number, ..)) => Default::Number(*number),
        other => bail!("no language knows yet how to write {other:?}"),
    })
}

fn about(docstring: Option<&str>) -> String {
    docstring.unwrap_or_default().trim().to_owned()
}
