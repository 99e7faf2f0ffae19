//! Reads what `recorder.c` wrote.

/// A number that the recorder gave a file.
pub type FileNumber = u32;

/// One thing that the recorded process did, in the order of effects. Paths are relative to the recorded folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A file or folder was opened.
    Open { file: FileNumber, path: String, created: bool, truncated: bool, directory: bool },
    /// Bytes were written.
    Write { file: FileNumber, offset: u64, data: &'a [u8] },
    /// The length was set.
    Truncate { file: FileNumber, length: u64 },
    /// The file has at least this length.
    Allocate { file: FileNumber, end: u64 },
    /// All of a file, or of a folder's entries, was made durable.
    Sync { file: FileNumber, directory: bool },
    /// A file or folder got another name.
    Rename { from: String, to: String },
    /// A file got a further name.
    Link { from: String, to: String },
    /// A name was removed.
    Unlink { path: String },
    /// A folder was removed.
    RemoveDir { path: String },
    /// A folder was made.
    MakeDir { path: String },
    /// The process wrote to its standard output.
    Said(&'a [u8]),
}

/// Length of a record's head.
const HEAD: usize = 33;

/// The events of a trace. `below` is the recorded folder as the recorder saw it.
pub fn parse<'a>(mut bytes: &'a [u8], below: &str) -> Result<Vec<Event<'a>>, String> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (record, rest) = Record::split(bytes)?;
        events.push(record.event(below)?);
        bytes = rest;
    }
    Ok(events)
}

/// A record with its fields still unnamed.
struct Record<'a> {
    op: u8,
    file: FileNumber,
    a: u64,
    b: u64,
    path: &'a [u8],
    data: &'a [u8],
}

impl<'a> Record<'a> {
    fn split(bytes: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), String> {
        let cut = |n: usize, from: &'a [u8]| from.split_at_checked(n).ok_or("the trace ends inside a record");
        let (head, rest) = cut(HEAD, bytes)?;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| head[at + i]));
        let (path, rest) = cut(half(21) as usize, rest)?;
        let (data, rest) = cut(word(25) as usize, rest)?;
        Ok((Record { op: head[0], file: half(1), a: word(5), b: word(13), path, data }, rest))
    }

    fn event(&self, below: &str) -> Result<Event<'a>, String> {
        let file = self.file;
        let path = || relative(self.path, below);
        let target = || relative(self.data, below);
        Ok(match self.op {
            b'O' => Event::Open {
                file,
                path: path()?,
                created: self.a & 1 != 0,
                truncated: self.a & 2 != 0,
                directory: self.b != 0,
            },
            b'W' => Event::Write { file, offset: self.a, data: self.data },
            b'T' => Event::Truncate { file, length: self.a },
            b'L' => Event::Allocate { file, end: self.a },
            b'F' => Event::Sync { file, directory: self.b != 0 },
            b'R' if self.a != 0 => return Err("a rename with flags is not modelled".into()),
            b'R' => Event::Rename { from: path()?, to: target()? },
            b'H' => Event::Link { from: path()?, to: target()? },
            b'U' => Event::Unlink { path: path()? },
            b'D' => Event::RemoveDir { path: path()? },
            b'M' => Event::MakeDir { path: path()? },
            b'S' => Event::Said(self.data),
            other => return Err(format!("unknown record {other:#x}")),
        })
    }
}

/// A path below the folder; the folder itself is the empty path.
fn relative(path: &[u8], below: &str) -> Result<String, String> {
    let path = std::str::from_utf8(path).map_err(|_| "a path that is not UTF-8")?;
    let inner = path.strip_prefix(below).ok_or_else(|| format!("{path} is not below {below}"))?;
    Ok(inner.trim_start_matches('/').into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(op: u8, file: u32, a: u64, b: u64, path: &str, data: &[u8]) -> Vec<u8> {
        let mut out = vec![op];
        out.extend(file.to_le_bytes());
        out.extend(a.to_le_bytes());
        out.extend(b.to_le_bytes());
        out.extend((path.len() as u32).to_le_bytes());
        out.extend((data.len() as u64).to_le_bytes());
        out.extend(path.as_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn records_become_events() {
        let mut bytes = record(b'O', 1, 1, 0, "/d/x", b"");
        bytes.extend(record(b'W', 1, 512, 0, "", b"abc"));
        bytes.extend(record(b'R', 0, 0, 0, "/d/x", b"/d/e/y"));
        let events = parse(&bytes, "/d").unwrap();
        let open = Event::Open { file: 1, path: "x".into(), created: true, truncated: false, directory: false };
        let write = Event::Write { file: 1, offset: 512, data: b"abc" };
        assert_eq!(events, [open, write, Event::Rename { from: "x".into(), to: "e/y".into() }]);
    }

    #[test]
    fn a_trace_that_ends_inside_a_record_is_refused() {
        let bytes = record(b'W', 1, 0, 0, "", b"abc");
        assert!(parse(&bytes[..bytes.len() - 1], "/d").is_err());
    }
}
