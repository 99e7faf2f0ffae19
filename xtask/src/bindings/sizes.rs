//! How large the library is: an app's users download it. See docs/decisions/0030-size-of-the-library.md.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::library::Library;
use crate::tool;

/// The library with some of its features, and how large that may be.
pub struct Set {
    /// Who takes it.
    pub name: &'static str,
    /// Its features, with commas between them; `None` for the usual ones, which are all.
    pub features: Option<&'static str>,
    /// Bytes of the stripped file at most: what was measured and 2 % more, so that nobody adds to it without noticing.
    stripped: u64,
    /// Bytes of it in a package at most, by `gzip -9`.
    packed: u64,
}

/// What every package is made of that this repository tests.
pub const EVERYTHING: Set = Set { name: "everything", features: None, stripped: 10_920_000, packed: 4_272_000 };

/// The last one is what all other commands build.
const SETS: [Set; 4] = [
    Set { name: "phones", features: Some("sqlite"), stripped: 7_812_000, packed: 4_000_000 },
    Set { name: "phones with images", features: Some("sqlite,image"), stripped: 8_878_000, packed: 4_000_000 },
    Set { name: "servers", features: Some("sled,sqlite"), stripped: 9_402_000, packed: 4_000_000 },
    EVERYTHING,
];

/// Builds and weighs every set; an error when one is too large.
pub fn run() -> Result<(), String> {
    let mut weighed = Vec::new();
    for set in &SETS {
        let library = Library::of(set);
        library.build_only()?;
        weighed.push((set, weigh(library)?));
    }
    println!(
        "\n{:<20} {:<14} {:>10} {:>10} {:>10} {:>10}",
        "set", "features", "stripped", "at most", "gzip -9", "at most"
    );
    for (set, (stripped, packed)) in &weighed {
        let features = set.features.unwrap_or("all");
        println!("{:<20} {features:<14} {stripped:>10} {:>10} {packed:>10} {:>10}", set.name, set.stripped, set.packed);
    }
    let faults: Vec<String> = weighed.iter().filter_map(|(set, sizes)| set.check(*sizes).err()).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Weighs the library that the packages were made of.
pub fn weigh_everything() -> Result<(), String> {
    let (stripped, packed) = weigh(Library::SHIPPED)?;
    println!("stripped library: {stripped} bytes; {packed} in a package");
    EVERYTHING.check((stripped, packed))
}

impl Set {
    fn check(&self, (stripped, packed): (u64, u64)) -> Result<(), String> {
        for (what, size, most) in [("stripped", stripped, self.stripped), ("in a package", packed, self.packed)] {
            if size > most {
                return Err(format!("the library for {} has {size} bytes {what}, and may have {most}", self.name));
            }
        }
        Ok(())
    }
}

/// Bytes of the library as it is shipped, and of what is downloaded of it.
fn weigh(library: Library) -> Result<(u64, u64), String> {
    let library = library.stripped(&tool::folder("weighed")?)?;
    let size = fs::metadata(&library).map_err(|error| format!("{}: {error}", library.display()))?.len();
    Ok((size, packed(&library)?))
}

fn packed(file: &Path) -> Result<u64, String> {
    let mut gzip = tool::command("gzip", &["-9", "--stdout", &file.to_string_lossy()], &tool::root()?);
    let output = gzip.stderr(Stdio::inherit()).output().map_err(|error| format!("gzip cannot be run: {error}"))?;
    if output.status.success() {
        Ok(output.stdout.len() as u64)
    } else {
        Err(format!("gzip ended with {}", output.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_refused_for_what_is_too_large_of_it() {
        let set = Set { name: "x", features: None, stripped: 10, packed: 5 };
        assert_eq!(set.check((10, 5)), Ok(()));
        assert!(set.check((11, 5)).unwrap_err().contains("11 bytes stripped"));
        assert!(set.check((10, 6)).unwrap_err().contains("6 bytes in a package"));
    }
}
