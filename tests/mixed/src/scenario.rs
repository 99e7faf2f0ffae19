//! A scenario: who does what, and what each must see. `tests/scenarios/*.toml` has them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::Language;
use crate::player::Player;

/// How long something may take until it is seen. Far more than it takes: it is no measurement.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of the file `$folder/given` that there is to give: some pieces. What is saved as `$folder/saved` must be the same.
const GIVEN: u32 = 3_000_000;
/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);

/// A file of `tests/scenarios`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name.
    #[serde(skip)]
    pub name: String,
    /// A sentence on what it shows.
    pub about: String,
    /// Its devices.
    #[serde(rename = "device")]
    pub devices: Vec<Device>,
    #[serde(rename = "step")]
    steps: Vec<Step>,
}

/// A device, of a user of the same name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    name: String,
    role: String,
}

/// A command for a player: with `until`, it is asked again and again until the answer is as it should be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    who: String,
    /// The command and its words; `$name` is what was kept under that name, `@name` is the user of a device.
    #[serde(rename = "do")]
    act: Vec<String>,
    /// Keeps the first word of the answer.
    keep: Option<String>,
    /// What the answer must be, once.
    is: Option<Vec<String>>,
    /// What the answer must come to be.
    until: Option<Vec<String>>,
    /// The code of the error that must come.
    error: Option<String>,
}

/// A performance: users have names of their own in each, since all are on one relay.
struct Stage {
    players: BTreeMap<String, Player>,
    users: BTreeMap<String, String>,
    kept: BTreeMap<String, String>,
}

impl Scenario {
    /// The scenarios of a folder, by name.
    pub fn all(folder: &Path, only: Option<&str>) -> Result<Vec<Scenario>, String> {
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let mut scenarios = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| fault(&error))? {
            let path = entry.map_err(|error| fault(&error))?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_some_and(|ending| ending == "toml") && only.is_none_or(|only| only == name) {
                let text = fs::read_to_string(&path).map_err(|error| fault(&error))?;
                let read: Scenario = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
                scenarios.push(Scenario { name, ..read });
            }
        }
        scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        if scenarios.is_empty() { Err(fault(&"no such scenario")) } else { Ok(scenarios) }
    }

    /// Plays it with a player for each device.
    pub fn play(&self, cast: &[Language], relay: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
        let place = folder.path().to_string_lossy().into_owned();
        let given: Vec<u8> = (0..GIVEN).map(|byte| (byte * 31 % 251) as u8).collect();
        fs::write(folder.path().join("given"), &given).map_err(|error| format!("no file to give: {error}"))?;
        let mark: String = cast.iter().map(|language| format!("-{}", language.name)).collect();
        let mut stage = Stage { players: BTreeMap::new(), users: BTreeMap::new(), kept: BTreeMap::new() };
        stage.kept.insert("folder".into(), place.clone());
        for (device, language) in self.devices.iter().zip(cast) {
            let user = format!("{}-{}{mark}", device.name, self.name);
            let mut player = Player::start(&language.command)?;
            let open = ["open", relay, &place, &user, &device.role].map(str::to_owned);
            player.ask(&open)?.map_err(|code| format!("{}: open: {code}", device.name))?;
            stage.players.insert(device.name.clone(), player);
            stage.users.insert(device.name.clone(), user);
        }
        for (number, step) in self.steps.iter().enumerate() {
            stage.perform(step).map_err(|why| format!("step {}: {} {:?}: {why}", number + 1, step.who, step.act))?;
        }
        if let Ok(saved) = fs::read(folder.path().join("saved"))
            && saved != given
        {
            return Err("the file that was saved is another than the one that was given".into());
        }
        for player in stage.players.values_mut() {
            player.ask(&["quit".to_owned()])?.map_err(|code| format!("quit: {code}"))?;
        }
        Ok(())
    }
}

impl Stage {
    fn perform(&mut self, step: &Step) -> Result<(), String> {
        let words: Vec<String> = step.act.iter().map(|word| self.fill(word)).collect();
        let filled = |wanted: &Vec<String>| wanted.iter().map(|word| self.fill(word)).collect::<Vec<_>>();
        let (is, until) = (step.is.as_ref().map(filled), step.until.as_ref().map(filled));
        let player = self.players.get_mut(&step.who).ok_or("there is no such device")?;
        let begun = Instant::now();
        loop {
            let answer = player.ask(&words)?;
            if let Some(code) = &step.error {
                return if answer.as_ref().err() == Some(code) { Ok(()) } else { Err(format!("answered {answer:?}")) };
            }
            if let Some(until) = &until {
                match answer {
                    Ok(seen) if seen == *until => return Ok(()),
                    seen if begun.elapsed() > PATIENCE => return Err(format!("saw {seen:?}, and not {until:?}")),
                    _ => sleep(LOOK),
                }
                continue;
            }
            let seen = answer.map_err(|code| format!("answered error {code}"))?;
            if let Some(is) = is.filter(|is| *is != seen) {
                return Err(format!("answered {seen:?}, and not {is:?}"));
            }
            if let Some(name) = &step.keep {
                let first = seen.first().ok_or("answered nothing to keep")?;
                self.kept.insert(name.clone(), first.clone());
            }
            return Ok(());
        }
    }

    /// A word with what was kept and the users of devices in it.
    fn fill(&self, word: &str) -> String {
        let mut filled = word.to_owned();
        for (mark, known) in [('$', &self.kept), ('@', &self.users)] {
            // Longer names first, so that one that begins like another is not taken for it.
            let mut names: Vec<_> = known.iter().collect();
            names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
            for (name, value) in names {
                filled = filled.replace(&format!("{mark}{name}"), value);
            }
        }
        filled
    }
}
