//! A file of vectors, as TOML.

use std::fmt::Write;

/// One file.
pub struct Sheet(String);

impl Sheet {
    /// An empty file with a heading, each line of which becomes a comment.
    pub fn new(heading: &str) -> Sheet {
        Sheet(heading.lines().map(|line| format!("# {line}\n")).collect())
    }

    /// Begins a vector.
    pub fn vector(&mut self, name: &str) -> &mut Sheet {
        self.0 += "\n[[vector]]\n";
        self.text("name", name)
    }

    /// A string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Sheet {
        self.line(key, &format!("{value:?}"))
    }

    /// A number or a truth value.
    pub fn plain(&mut self, key: &str, value: impl ToString) -> &mut Sheet {
        self.line(key, &value.to_string())
    }

    /// Bytes in hexadecimal.
    pub fn hex(&mut self, key: &str, bytes: &[u8]) -> &mut Sheet {
        self.line(key, &format!("\"{}\"", hex(bytes)))
    }

    /// Bytes that may be absent.
    pub fn maybe(&mut self, key: &str, bytes: Option<&[u8]>) -> &mut Sheet {
        match bytes {
            Some(bytes) => self.hex(key, bytes),
            None => self,
        }
    }

    /// A list of byte strings.
    pub fn list(&mut self, key: &str, items: &[&[u8]]) -> &mut Sheet {
        let items: Vec<String> = items.iter().map(|bytes| format!("\"{}\"", hex(bytes))).collect();
        self.line(key, &format!("[{}]", items.join(", ")))
    }

    /// The whole file.
    pub fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, key: &str, value: &str) -> &mut Sheet {
        self.0 += &format!("{key} = {value}\n");
        self
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
