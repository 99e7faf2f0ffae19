//! `cargo xtask fuzz`: runs fuzz targets for a while each, on stable Rust.

use std::fs;

use crate::needs::Need;
use crate::stage::Step;

/// Seconds for each target when none are given.
const SECONDS: u64 = 60;

/// Runs the targets named, or all, for `--seconds N` each.
pub fn run(args: &[String]) -> Result<(), String> {
    let (mut seconds, mut chosen) = (SECONDS, Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let number = words.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or("--seconds needs a number")?;
            }
            target => chosen.push(target.to_string()),
        }
    }
    let all = targets()?;
    if let Some(unknown) = chosen.iter().find(|target| !all.contains(target)) {
        return Err(format!("no target `{unknown}`; there are {}", all.join(", ")));
    }
    Need::CargoFuzz.check()?;
    for target in if chosen.is_empty() { &all } else { &chosen } {
        let limits = "-timeout=10 -rss_limit_mb=1024";
        let step = Step::cargo(&format!("fuzz run -s none {target} -- -max_total_time={seconds} {limits}"));
        println!("$ {step}");
        step.run()?;
    }
    Ok(())
}

/// The names of the targets, in order.
fn targets() -> Result<Vec<String>, String> {
    let folder = "fuzz/fuzz_targets";
    let entries = fs::read_dir(folder).map_err(|e| format!("{folder}: {e}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut targets: Vec<String> = names.filter_map(|name| name.strip_suffix(".rs").map(Into::into)).collect();
    targets.sort();
    Ok(targets)
}
