//! Where settings come from: one table out of the file, the environment and the flags, in this order.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::Settings;

/// Begins the name of a variable. `UNDERTONE_RELAY_LIMITS__MAILBOX` is `limits.mailbox`.
pub(super) const PREFIX: &str = "UNDERTONE_RELAY_";
/// The variable with the file's name, which is no setting itself.
pub(super) const CONFIG: &str = "UNDERTONE_RELAY_CONFIG";

/// Settings, being gathered.
#[derive(Default)]
pub(super) struct Sources(Table);

impl Sources {
    /// What the configuration file says. What is wrong in it is told with its line.
    pub(super) fn file(path: &Path) -> Result<Sources, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Sources::text(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn text(text: &str) -> Result<Sources, String> {
        // Read alone, as here, the error knows the line.
        toml::from_str::<Settings>(text).map_err(|error| error.to_string())?;
        toml::from_str(text).map(Sources).map_err(|error| error.to_string())
    }

    /// What the environment says, over what there is.
    pub(super) fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), String> {
        for (variable, value) in variables {
            let Some(key) = variable.strip_prefix(PREFIX).filter(|_| variable != CONFIG && !value.is_empty()) else {
                continue;
            };
            let key = key.to_ascii_lowercase().replace("__", ".");
            self.set(&key, &value).map_err(|error| format!("{variable}: {error}"))?;
        }
        Ok(())
    }

    /// One setting, like `limits.mailbox`, over what there is. The value is as in TOML; a text needs no quotes, and a
    /// list of texts may be separated by commas.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let texts = value.split(',').map(|text| Value::String(text.trim().into())).collect();
        let readings = [toml_value(value), Some(Value::String(value.into())), Some(Value::Array(texts))];
        let mut wrong = None;
        for reading in readings.into_iter().flatten() {
            let mut alone = Table::new();
            put(&mut alone, key, reading.clone())?;
            match Settings::deserialize(alone) {
                Ok(_) => return put(&mut self.0, key, reading),
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        Err(wrong.map_or_else(|| "it has no value".into(), |error| error.message().trim().to_owned()))
    }

    /// A text as it is: a folder named `5` is no number.
    pub(super) fn set_text(&mut self, key: &str, text: String) -> Result<(), String> {
        put(&mut self.0, key, Value::String(text))
    }

    /// A list of texts.
    pub(super) fn set_list(&mut self, key: &str, texts: Vec<String>) -> Result<(), String> {
        put(&mut self.0, key, Value::Array(texts.into_iter().map(Value::String).collect()))
    }

    pub(super) fn settings(self) -> Result<Settings, String> {
        Settings::deserialize(self.0).map_err(|error| error.to_string())
    }
}

fn toml_value(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}")).ok()?.remove("value")
}

/// Puts a value at a place like `limits.mailbox`, over what is there.
fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return Ok(());
    };
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let inner = inner.as_table_mut().ok_or_else(|| format!("{section} is no table"))?;
    put(inner, rest, value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const FILE: &str = "
listen = \"127.0.0.1:1\"
authorities = [\"aa\"]
[limits]
mailbox = 5
device_inputs = { burst = 1, per_minute = 2 }
[log]
format = \"json\"
";

    #[test]
    fn the_later_source_counts() {
        let mut sources = Sources::text(FILE).unwrap();
        let variables = [
            ("UNDERTONE_RELAY_LISTEN", "127.0.0.1:2"),
            ("UNDERTONE_RELAY_LIMITS__MAILBOX", "6"),
            ("UNDERTONE_RELAY_AUTHORITIES", "bb, cc"),
            ("UNDERTONE_RELAY_DATA", ""),
            ("UNDERTONE_RELAY_CONFIG", "ignored"),
            ("UNDERTONE_RELAY", "another's"),
            ("PATH", "/bin"),
        ];
        sources.environment(variables.map(|(name, value)| (name.into(), value.into())).into_iter()).unwrap();
        sources.set("limits.mailbox", "7").unwrap();
        let settings = sources.settings().unwrap();
        assert_eq!(settings.listen, "127.0.0.1:2".parse().unwrap());
        assert_eq!(settings.authorities, ["bb", "cc"]);
        assert_eq!(settings.limits.mailbox, 7);
        assert_eq!(settings.data, Path::new("relay-data"), "an empty variable says nothing");
        let logic = settings.limits.logic(&settings.blobs).unwrap();
        assert_eq!((logic.inputs.burst, logic.inputs.per_minute), (1, 2));
        assert_eq!(logic.key_packages, undertone_relay::logic::Limits::default().key_packages);
    }

    #[test]
    fn what_is_wrong_in_the_file_is_told_with_its_line() {
        for (text, line, word) in [
            ("listen = \"127.0.0.1:1\"\nlisten_port = 5\n", "line 2", "listen_port"),
            ("[limits]\n\nmailbocks = 5\n", "line 3", "mailbocks"),
            ("[limits]\nmailbox = \"many\"\n", "line 2", "many"),
            ("[limits]\ndevice_inputs = { burst = 1 }\n", "line 2", "per_minute"),
            ("[log]\nformat = \"xml\"\n", "line 2", "xml"),
            ("[tls]\ncertificate = \"a.pem\"\n", "line 1", "key"),
            ("listen = 127.0.0.1\n", "line 1", ""),
        ] {
            let error = Sources::text(text).err().unwrap();
            assert!(error.contains(line) && error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_environment_is_told_with_its_variable() {
        for (name, value) in [
            ("UNDERTONE_RELAY_LISTENN", "127.0.0.1:1"),
            ("UNDERTONE_RELAY_LISTEN", "here"),
            ("UNDERTONE_RELAY_LIMITS__MAILBOX", "-1"),
            ("UNDERTONE_RELAY_LIMITS", "5"),
        ] {
            let error = Sources::default().environment([(name.into(), value.into())].into_iter()).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
