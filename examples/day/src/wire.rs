//! What the day and its phones say to each other: each phone is a process of its own, so that it can be killed.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a phone is told.
#[derive(Serialize, Deserialize)]
pub enum Order {
    /// Start a conversation with a user.
    Start(String),
    /// Write to a user.
    Write { to: String, text: String },
    /// Mark everything of a user as read.
    Read(String),
    /// Do something else in the conversation with a user.
    Do { with: String, deed: Deed },
    /// Remove everything of this user from the phone.
    LogOut,
    /// Be connected, or not.
    Connect(bool),
    /// Show yourself.
    View,
}

/// What somebody does in a conversation, beside writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// React to the other's last message.
    React(String),
    /// Answer the other's last message.
    Answer(String),
    /// Give the own last text another wording.
    Edit(String),
    /// Write what goes when the other has read it.
    Once(String),
    /// Ask for a payment: hundredths of a currency, and what for.
    Ask { amount: u64, currency: String, note: String },
    /// Say that the other's last request is paid.
    Paid,
    /// Type.
    Type,
    /// Delete the own last message, for everyone.
    Delete,
    /// Search the conversation: how many messages have these words.
    Search(String),
    /// Look whether the other's safety number is the same, as two people do who meet.
    Verify,
    /// Call.
    Call,
    /// Answer the call that rings.
    Accept,
    /// End the call.
    HangUp,
    /// Send a file with this caption.
    File(String),
    /// Save the other's last file.
    Save,
    /// Send a place: ten-millionths of degrees north and east, and what it is called.
    Place { north: i32, east: i32, name: String },
    /// Send what this other user wrote last, marked as forwarded.
    Forward { of: String },
    /// Call the other something, on this device only.
    Name(String),
    /// Keep the conversation on top of the list.
    Pin,
    /// Let it make no notifications.
    Mute,
    /// Block the other, or no longer.
    Block(bool),
    /// Make a report of the other's last message for the platform.
    Report,
    /// Tell nobody any more that messages were read.
    Discreet,
    /// Tell how this device does.
    Diagnose,
}

/// What a phone answers.
#[derive(Serialize, Deserialize)]
pub enum Report {
    /// It was done.
    Done,
    /// It was done, and this came of it.
    Said(String),
    /// The rules forbid it: what a button would show.
    Denied(String),
    /// It failed.
    Failed(String),
    /// What the phone shows.
    View(View),
}

/// What a phone shows.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct View {
    /// Whether it is connected.
    pub online: bool,
    /// Whether something is under way or about to be.
    pub busy: bool,
    /// Its conversations, newest activity first.
    pub chats: Vec<Chat>,
    /// What there is of a call: who calls, or with whom it goes on.
    pub call: Option<String>,
    /// Warnings since the last view.
    pub warnings: Vec<String>,
}

/// A conversation as a phone shows it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Chat {
    /// With whom.
    pub with: String,
    /// How it is kept here: pinned, muted, blocked.
    pub kept: Vec<String>,
    /// Unread messages.
    pub unread: u32,
    /// Messages, oldest first.
    pub lines: Vec<Line>,
    /// Who types.
    pub typing: Vec<String>,
}

/// A message as a phone shows it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    /// The ticks of an own one.
    pub ticks: Option<Ticks>,
    /// What it says.
    pub text: String,
    /// The beginning of what it answers.
    pub answers: Option<String>,
    /// What belongs to it beside.
    pub marks: Vec<String>,
}

/// How far an own message has come.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ticks {
    /// Still here.
    Waiting,
    /// The relay has it.
    Sent,
    /// The other's device has it.
    Delivered,
    /// It was read.
    Read,
    /// It will not be sent.
    Failed,
}

/// Writes a value behind its length.
///
/// # Errors
/// When the other process is gone.
pub fn write<T: Serialize>(out: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = rmp_serde::to_vec(value).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&len.to_be_bytes())?;
    out.write_all(&bytes)?;
    out.flush()
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// When the other process is gone.
pub fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<T> {
    let mut len = [0; 4];
    input.read_exact(&mut len)?;
    let mut bytes = vec![0; u32::from_be_bytes(len) as usize];
    input.read_exact(&mut bytes)?;
    rmp_serde::from_slice(&bytes).map_err(io::Error::other)
}
