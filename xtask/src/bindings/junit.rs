//! What a runner of tests has written down in JUnit's form of XML, which those of all three languages can.

use std::path::Path;

/// A test that passed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// The class or module, as its language calls it: `dev.undertone.ChatTest`.
    pub class: String,
    /// Its name, without arguments.
    pub name: String,
}

/// The tests of these files; an error when one was skipped or failed.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        tests.extend(parse(&text).map_err(|why| format!("{}: {why}", file.display()))?);
    }
    Ok(tests)
}

fn parse(xml: &str) -> Result<Vec<Test>, String> {
    xml.split("<testcase ").skip(1).map(test).collect()
}

/// A test from behind `<testcase `, with all that comes after it.
fn test(xml: &str) -> Result<Test, String> {
    let (tag, rest) = xml.split_once('>').ok_or("a test without an end")?;
    let attribute = |name: &str| {
        let (_, value) =
            format!(" {tag}").split_once(&format!(" {name}=\"")).map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        Some(unescape(value.split('"').next()?))
    };
    let (Some(class), Some(name)) = (attribute("classname"), attribute("name")) else {
        return Err(format!("a test without a name: {tag}"));
    };
    let within = if tag.ends_with('/') { "" } else { rest.split("</testcase>").next().unwrap_or_default() };
    match ["<skipped", "<failure", "<error"].into_iter().find(|mark| within.contains(mark)) {
        Some(mark) => Err(format!("{class}: {name}: {}", mark.trim_start_matches('<'))),
        None => Ok(Test { class, name: without_arguments(&name).into() }),
    }
}

/// `a_program_ends[exit]` is one test, run several times; and so is `a store ends(Path)[1]`.
fn without_arguments(name: &str) -> &str {
    name.split(['[', '(', '{']).next().unwrap_or(name).trim_end()
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.into_iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_read_with_their_classes_and_without_their_arguments() {
        let xml = "<testsuite name=\"x\" tests=\"3\">\
            <testcase classname=\"tests.test_chat\" name=\"test_ends[exit]\" time=\"0.1\" />\
            <testcase name=\"it&apos;s a&amp;b\" classname=\"dev.undertone.ChatTest\" time=\"1\"><system-out>a > b</system-out></testcase>\
            <testcase name=\"closes(Path)\" classname=\"dev.undertone.ChatTest\"/></testsuite>";
        let tests = parse(xml).unwrap();
        let names: Vec<_> = tests.iter().map(|test| (test.class.as_str(), test.name.as_str())).collect();
        let chat = "dev.undertone.ChatTest";
        assert_eq!(names, [("tests.test_chat", "test_ends"), (chat, "it's a&b"), (chat, "closes")]);
    }

    #[test]
    fn what_was_skipped_or_failed_is_an_error() {
        let xml = |inner: &str| format!("<testcase classname=\"a\" name=\"b\">{inner}</testcase>");
        for mark in ["skipped", "failure", "error"] {
            let error = parse(&xml(&format!("<{mark} message=\"x\"/>"))).unwrap_err();
            assert!(error.contains("a: b") && error.contains(mark), "{error}");
        }
        assert_eq!(parse(&xml("")).unwrap().len(), 1);
        // Another test's is none of this one's.
        assert!(parse(&(xml("") + &xml("<skipped/>"))).is_err());
        assert!(parse("<testcase name=\"b\"/>").is_err());
    }
}
