//! Flags of `undertone-terminal`.

use std::path::PathBuf;

use lexopt::prelude::*;
use undertone::id::UserId;
use undertone::policy::Role;
use undertone::time::MINUTE;

const HELP: &str = "\
undertone-terminal --user NAME --role ROLE: a chat for two terminals

    --user NAME       who you are
    --role ROLE       client, escort or support
    --relay ADDRESS   the relay (default ws://127.0.0.1:8787)
    --data FOLDER     where this device keeps its things (default ./terminal-data/NAME)
    --mail-after MIN  say whom the platform should mail, when messages stay unread for so many minutes

Start a relay first, in another terminal:

    cargo run --release -p undertone-relay -- --demo";

/// What was asked for.
pub enum Asked {
    /// To chat.
    Chat(Options),
    /// To print this.
    Print(String),
}

/// Who chats where.
pub struct Options {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Over which relay.
    pub relay: String,
    /// Where the device keeps its things.
    pub folder: PathBuf,
    /// After how many milliseconds another channel is due.
    pub mail_after: Option<u64>,
}

/// Reads the flags.
pub fn read() -> Result<Asked, String> {
    let (mut user, mut role, mut folder, mut mail_after) = (None, None, None, None);
    let mut relay = "ws://127.0.0.1:8787".to_owned();
    let mut flags = lexopt::Parser::from_env();
    while let Some(flag) = flags.next().map_err(|e| e.to_string())? {
        match flag {
            Long("user") => user = Some(value(&mut flags)?),
            Long("role") => role = Some(value(&mut flags)?),
            Long("relay") => relay = value(&mut flags)?,
            Long("data") => folder = Some(PathBuf::from(value(&mut flags)?)),
            Long("mail-after") => mail_after = Some(minutes(&value(&mut flags)?)?),
            Short('h') | Long("help") => return Ok(Asked::Print(HELP.into())),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let name = user.ok_or("say who you are: --user ann")?;
    let role = role.ok_or("say as what: --role client")?;
    let user = UserId::new(name.as_str()).ok_or("a user has a name of 1 to 128 bytes")?;
    let role = Role::new(&role).ok_or("a role has a name like client, escort or support")?;
    let relay = if relay.contains("://") { relay } else { format!("ws://{relay}") };
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let folder = folder.unwrap_or_else(|| PathBuf::from("terminal-data").join(safe));
    Ok(Asked::Chat(Options { user, role, relay, folder, mail_after }))
}

fn minutes(text: &str) -> Result<u64, String> {
    let minutes: u64 = text.parse().map_err(|_| format!("{text} is no number of minutes"))?;
    Ok(minutes.saturating_mul(MINUTE))
}

fn value(flags: &mut lexopt::Parser) -> Result<String, String> {
    flags.value().map_err(|e| e.to_string())?.into_string().map_err(|_| "a value is not Unicode".into())
}
