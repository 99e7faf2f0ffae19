//! The tests that ran and passed, by source file, from what `cargo test` printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The tests that passed, by name, of each source file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ran {
    files: BTreeMap<PathBuf, BTreeSet<String>>,
}

impl Ran {
    /// Reads the output of `cargo test`, given the root source file of every test program by the program's name, and a
    /// way to read sources.
    pub fn of(output: &str, roots: &BTreeMap<String, PathBuf>, read: impl Fn(&Path) -> Option<String>) -> Ran {
        let mut ran = Ran::default();
        let mut root = None;
        for line in output.lines() {
            if let Some(program) = program(line) {
                root = roots.get(program);
            } else if let (Some(root), Some(test)) = (root, passed(line)) {
                let (file, name) = source_of(root, test, &read);
                ran.files.entry(file).or_default().insert(name.into());
            }
        }
        ran
    }

    /// Reads a record that has a file and a test in each line, with a tab between them.
    pub fn recorded(record: &str) -> Ran {
        let mut ran = Ran::default();
        for (file, test) in record.lines().filter_map(|line| line.split_once('\t')) {
            ran.files.entry(file.into()).or_default().insert(test.into());
        }
        ran
    }

    /// Whether a test of a file ran and passed.
    pub fn has(&self, file: &Path, test: &str) -> bool {
        self.files.get(file).is_some_and(|tests| tests.contains(test))
    }
}

/// The root source file of each test program, by the program's name, from what cargo tells of a build in JSON, a line for
/// each artifact.
pub fn roots(artifacts: &str, repository: &Path) -> BTreeMap<String, PathBuf> {
    let root = |line| {
        let (executable, source) = (string(line, "executable")?, string(line, "src_path")?);
        let program = Path::new(&executable).file_name()?.to_str()?.to_string();
        Some((program, Path::new(&source).strip_prefix(repository).ok()?.to_path_buf()))
    };
    artifacts.lines().filter_map(root).collect()
}

/// The string of a field. Paths hold no escapes but those of a backslash.
fn string(json: &str, field: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{field}\":\""))?;
    Some(rest.split('"').next()?.replace("\\\\", "\\"))
}

/// `Running unittests src/lib.rs (target/debug/deps/undertone-1f3a)`: the name of the program.
fn program(line: &str) -> Option<&str> {
    let (_, path) = line.trim_start().strip_prefix("Running ")?.rsplit_once(" (")?;
    Path::new(path.trim_end().strip_suffix(')')?).file_name()?.to_str()
}

/// `test expiry::tests::a_name ... ok`: the path of the test.
fn passed(line: &str) -> Option<&str> {
    let test = line.trim_end().strip_prefix("test ")?.strip_suffix(" ... ok")?;
    Some(test.trim_end_matches(" - should panic"))
}

/// The file of a test, found module by module, and the test's name.
fn source_of<'a>(root: &Path, test: &'a str, read: impl Fn(&Path) -> Option<String>) -> (PathBuf, &'a str) {
    let Some((modules, name)) = test.rsplit_once("::") else { return (root.to_path_buf(), test) };
    let mut file = root.to_path_buf();
    let mut folder = root.parent().map(Path::to_path_buf).unwrap_or_default();
    for module in modules.split("::") {
        let text = read(&file).unwrap_or_default();
        let below = folder.join(module);
        let named = path_attribute(&text, module).map(|path| tidy(&file.with_file_name(path)));
        let usual = [folder.join(format!("{module}.rs")), below.join("mod.rs")];
        // A module that has no file stands in the one around it.
        if let Some(found) = named.into_iter().chain(usual).find(|path| read(path).is_some()) {
            file = found;
        }
        folder = below;
    }
    (file, name)
}

/// The path that stands above `mod module;`.
fn path_attribute<'a>(text: &'a str, module: &str) -> Option<&'a str> {
    let declaration = format!("mod {module};");
    let mut lines = text.lines().map(str::trim);
    let mut path = None;
    lines.find_map(|line| match line.strip_prefix("#[path = \"") {
        Some(rest) => {
            path = rest.strip_suffix("\"]");
            None
        }
        None if line.ends_with(&declaration) => Some(path),
        None => {
            path = path.filter(|_| line.starts_with("#["));
            None
        }
    })?
}

/// Without `..`.
fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut tidy, part| {
        match part {
            Component::ParentDir => drop(tidy.pop()),
            part => tidy.push(part),
        }
        tidy
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
     Running unittests src/lib.rs (target/debug/deps/undertone-1f)
running 3 tests
test policy::tests::preset::allowed ... ok
test policy::tests::preset::denied ... FAILED
test policy::tests::preset::left ... ignored
test text::tests::folded ... ok
test image::tests::blurred - should panic ... ok
     Running tests/corpus.rs (target/debug/deps/corpus-2a)
test all_of_it ... ok
     Running tests/other.rs (target/debug/deps/other-3b)
test unknown ... ok
";

    fn read(path: &Path) -> Option<String> {
        let known =
            ["core/src/lib.rs", "core/src/policy/mod.rs", "core/src/policy/tests/preset.rs", "core/src/text.rs"];
        let path = path.to_str()?;
        match path {
            "core/src/image.rs" => Some("use x;\n#[cfg(test)]\n#[path = \"image_tests.rs\"]\nmod tests;\n".into()),
            "core/src/image_tests.rs" => Some(String::new()),
            "core/src/policy/tests/mod.rs" => Some(String::new()),
            path => known.contains(&path).then(String::new),
        }
    }

    fn ran() -> Ran {
        let artifact = |program: &str, source: &str| {
            format!(
                "{{\"target\":{{\"src_path\":\"/x/{source}\"}},\"executable\":\"/x/target/debug/deps/{program}\"}}\n"
            )
        };
        let artifacts = artifact("undertone-1f", "core/src/lib.rs") + &artifact("corpus-2a", "core/tests/corpus.rs");
        Ran::of(OUTPUT, &roots(&artifacts, Path::new("/x")), read)
    }

    #[test]
    fn a_test_is_found_in_its_file() {
        let ran = ran();
        assert!(ran.has(Path::new("core/src/policy/tests/preset.rs"), "allowed"), "{ran:?}");
        assert!(ran.has(Path::new("core/src/text.rs"), "folded"), "{ran:?}");
        assert!(ran.has(Path::new("core/src/image_tests.rs"), "blurred"), "{ran:?}");
        assert!(ran.has(Path::new("core/tests/corpus.rs"), "all_of_it"), "{ran:?}");
    }

    #[test]
    fn what_failed_or_was_left_out_did_not_run() {
        let ran = ran();
        assert!(!ran.has(Path::new("core/src/policy/tests/preset.rs"), "denied"));
        assert!(!ran.has(Path::new("core/src/policy/tests/preset.rs"), "left"));
        assert_eq!(ran.files.values().map(BTreeSet::len).sum::<usize>(), 4, "{ran:?}");
    }

    #[test]
    fn a_path_of_a_module_is_that_of_its_own_declaration() {
        let text = "#[path = \"a.rs\"]\nmod a;\nmod b;\n#[path = \"../c.rs\"]\n#[cfg(test)]\nmod c;\n";
        assert_eq!(path_attribute(text, "a"), Some("a.rs"));
        assert_eq!(path_attribute(text, "b"), None);
        assert_eq!(path_attribute(text, "c"), Some("../c.rs"));
        assert_eq!(tidy(Path::new("x/y/../c.rs")), Path::new("x/c.rs"));
    }
}
