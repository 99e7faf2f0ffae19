//! Starts children: this program again, recorded or not.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::disk::Image;
use crate::stores::StoreKind;
use crate::verdict::Verdict;

/// How long a look at a store may take. The slowest seen is some seconds on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Where a store lies in a recorded folder, so that the making of its own folder is recorded as well.
pub const STORE: &str = "store";

/// Starts children, and has a folder for what they leave.
pub struct Runner {
    program: PathBuf,
    recorder: PathBuf,
    scratch: TempDir,
}

impl Runner {
    /// Builds the recorder and makes a folder.
    pub fn new() -> Result<Runner, String> {
        let scratch = TempDir::with_prefix("undertone-crash-").map_err(|e| format!("no temporary folder: {e}"))?;
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let recorder = build_recorder(scratch.path())?;
        Ok(Runner { program, recorder, scratch })
    }

    /// An empty folder with this name.
    pub fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.scratch.path().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|e| e.to_string())?;
        }
        fs::create_dir_all(&path).map_err(|e| e.to_string())?;
        Ok(path)
    }

    /// A child with a task on a store.
    pub fn command(&self, task: &str, store: StoreKind, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args([task, "--store", store.name(), "--folder"]).arg(folder).stdin(Stdio::null());
        command
    }

    /// Has what a child does below `folder` recorded; returns where.
    pub fn record(&self, command: &mut Command, folder: &Path) -> PathBuf {
        let trace = self.scratch.path().join("trace");
        command.env("LD_PRELOAD", &self.recorder).env("RECORD_BELOW", folder).env("RECORD_TO", &trace);
        trace
    }

    /// Lets a child look at a store and say its verdict.
    pub fn ask(&self, command: &mut Command) -> Result<Verdict, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let (said, complained) = (listen(child.stdout.take()), listen(child.stderr.take()));
        let Ok(said) = said.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Verdict::Unopened(format!("no answer within {} s", PATIENCE.as_secs())));
        };
        let status = child.wait().map_err(|e| e.to_string())?;
        // A crash of the one who looks is a failure to open, whatever it says.
        Ok(Verdict::parse(&said).unwrap_or_else(|| {
            let complaint = complained.recv_timeout(PATIENCE).unwrap_or_default();
            Verdict::Unopened(format!("{status}: {}", complaint.lines().take(4).collect::<Vec<_>>().join(" ")))
        }))
    }
}

/// Reads all that a pipe gives, elsewhere.
fn listen(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it had to say.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Compiles `recorder.c`, which the loader puts in front of the C library.
fn build_recorder(folder: &Path) -> Result<PathBuf, String> {
    let (source, library) = (folder.join("recorder.c"), folder.join("recorder.so"));
    fs::write(&source, include_str!("recorder.c")).map_err(|e| e.to_string())?;
    let status = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-pthread", "-o"])
        .args([&library, &source])
        .status()
        .map_err(|e| format!("a C compiler is needed to build the recorder: {e}"))?;
    if status.success() { Ok(library) } else { Err(format!("the recorder does not compile: {status}")) }
}

/// Writes an image into an empty folder.
pub fn write_image(image: &Image, folder: &Path) -> Result<(), String> {
    for (path, content) in image {
        let path = folder.join(path);
        match content {
            None => fs::create_dir(&path),
            Some(bytes) => fs::write(&path, bytes),
        }
        .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// Reads a folder.
pub fn read_image(folder: &Path) -> Result<Image, String> {
    let mut image = Image::new();
    read_below(folder, "", &mut image).map_err(|e| e.to_string())?;
    Ok(image)
}

fn read_below(folder: &Path, inner: &str, image: &mut Image) -> std::io::Result<()> {
    for entry in fs::read_dir(folder.join(inner))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inner.is_empty() { name } else { format!("{inner}/{name}") };
        if entry.file_type()?.is_dir() {
            image.insert(path.clone(), None);
            read_below(folder, &path, image)?;
        } else {
            image.insert(path, Some(fs::read(entry.path())?));
        }
    }
    Ok(())
}
