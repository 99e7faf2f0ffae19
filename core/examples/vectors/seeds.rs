//! Seeds of the fuzz corpora: the vectors, good and refused, each as a file of its own.

use std::error::Error;
use std::path::Path;

use undertone::policy::Policy;

/// Length of an Ed25519 signature as a bin.
const SIGNATURE: usize = 66;

/// What the target that receives takes for the kind of an ephemeral envelope, in front of a body.
const EPHEMERAL: u8 = 4;

/// What the target of what members say takes for a content about the first message, in front of a body.
const ABOUT_HELLO: u8 = 1;

/// Which files of vectors a target reads.
const TARGETS: [(&str, &[&str]); 4] = [
    ("attachment", &["attachment"]),
    ("certificate", &["certificate", "enrolment", "revocation", "start_token"]),
    ("content", &["content"]),
    ("envelope", &["envelope"]),
];

/// Writes `corpus/TARGET/seed-FORMAT-NUMBER`.
pub fn write(vectors: &Path, corpus: &Path) -> Result<(), Box<dyn Error>> {
    for (target, formats) in TARGETS {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        for format in formats {
            let good = bytes_in(&vectors.join(format!("{format}.toml")), None)?;
            let bodies = good.iter().filter(|_| target == "certificate").map(|bytes| body(bytes));
            let refused = bytes_in(&vectors.join("refused.toml"), Some(format))?;
            for (at, bytes) in good.iter().cloned().chain(bodies).chain(refused).enumerate() {
                std::fs::write(folder.join(format!("seed-{format}-{at:02}")), bytes)?;
            }
        }
    }
    let folder = corpus.join("receive");
    for (at, body) in bytes_in(&vectors.join("ephemeral.toml"), None)?.into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-ephemeral-{at:02}")), [vec![EPHEMERAL], body].concat())?;
    }
    let folder = corpus.join("said");
    std::fs::create_dir_all(&folder)?;
    for format in ["engines", "structured", "attachment"] {
        for (at, (kind, body)) in bodies_in(&vectors.join(format!("{format}.toml")))?.into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{format}-{at:02}")), [vec![kind, ABOUT_HELLO], body].concat())?;
        }
    }
    let folder = corpus.join("policy_file");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join("seed-companion"), Policy::COMPANION_TOML)?)
}

/// The body of a signed record, which the fuzz target signs anew.
fn body(bytes: &[u8]) -> Vec<u8> {
    // A version, an array's header, and a bin with one byte of length or two.
    let start = if bytes[2] == 0xc4 { 4 } else { 5 };
    bytes[start..bytes.len() - SIGNATURE].to_vec()
}

/// A kind and a body.
type Body = (u8, Vec<u8>);

/// Kinds and bodies of a file's vectors.
fn bodies_in(path: &Path) -> Result<Vec<Body>, Box<dyn Error>> {
    let file: toml::Table = std::fs::read_to_string(path)?.parse()?;
    let vectors = file.get("vector").and_then(toml::Value::as_array).ok_or("no vectors")?;
    let kind = |vector: &toml::Value| vector.get("kind").and_then(toml::Value::as_integer);
    let kinds = vectors.iter().map(|vector| Ok(u8::try_from(kind(vector).ok_or("no kind")?)?));
    let kinds: Vec<u8> = kinds.collect::<Result<_, Box<dyn Error>>>()?;
    Ok(kinds.into_iter().zip(bytes_in(path, None)?).collect())
}

/// The bytes of a file's vectors; of those of one format when it says so.
fn bytes_in(path: &Path, format: Option<&str>) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let file: toml::Table = std::fs::read_to_string(path)?.parse()?;
    let vectors = file.get("vector").and_then(toml::Value::as_array).ok_or("no vectors")?;
    let chosen = vectors.iter().filter(|vector| match format {
        Some(format) => vector.get("format").and_then(toml::Value::as_str) == Some(format),
        None => true,
    });
    let texts = chosen.map(|vector| vector.get("bytes").and_then(toml::Value::as_str).ok_or("a vector without bytes"));
    texts.map(|text| Ok(unhex(text?)?)).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect()
}
