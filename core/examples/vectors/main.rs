//! Writes `tests/vectors/`: `cargo run -p undertone --example vectors`.
//!
//! The vectors are frozen. A difference in a file that was there before is a change of the wire format, which needs a
//! new version number of that format, vectors of its own, and a reader for both; see `docs/wire.md`.
//!
//! With `-- --seeds` it writes the seeds of the fuzz corpora as well, which are the same bytes.

mod seeds;
mod sheet;
mod sheets;

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    for (name, text) in sheets::all()? {
        let path = folder.join(name);
        let verdict = match std::fs::read_to_string(&path) {
            Ok(old) if old == text => "unchanged",
            Ok(_) => "CHANGED: this needs a new version of the format",
            Err(_) => "new",
        };
        println!("{name}: {verdict}");
        std::fs::write(path, text)?;
    }
    if std::env::args().any(|arg| arg == "--seeds") {
        seeds::write(&folder, &folder.join("../../fuzz/corpus"))?;
    }
    Ok(())
}
