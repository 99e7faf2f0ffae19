//! The auto-delete period of a conversation, which both sides share: either may set it, and the last one to do so counts.
//!
//! “Last” is by count, not by clock: each setting counts one up from the highest known, and of two with the same count
//! the one with the greater id stays. So all devices agree however wrong their clocks are.

use serde::{Deserialize, Serialize};

use super::row::{self, ConversationRow};
use crate::act::{self, Draft, Received, Taken};
use crate::codec;
use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::envelope::{Clock, Kind};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, DeviceId, MessageId, UserId};
use crate::limits;
use crate::message::{self, Body, MessageKey, MessageRow, SystemNote};
use crate::person;
use crate::time::Time;

/// What the id of a line is derived under.
const LINE_LABEL: &[u8] = b"undertone setting v1";

/// The body of [`Kind::SETTINGS`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Settings {
    count: u64,
    /// The act that set it first: it is told again to devices that come later.
    id: MessageId,
    period: i32,
    clock: Clock,
}

/// This user sets the period of new messages.
pub(crate) fn set(ctx: &mut Ctx<'_>, id: ConversationId, period: i32, clock: Clock) -> Result<()> {
    if period < -1 {
        return Err(Error::Misuse(Misuse::Config("a period is -1, 0 or a number of minutes")));
    }
    let mut row = row::require(&ctx.tx, id)?;
    if (row.period, row.clock) == (period, clock) {
        return Ok(());
    }
    let count = row.settings.next();
    let setting = Settings { count, id: MessageId::fresh(ctx.rng, ctx.now), period, clock };
    act::perform(ctx, &mut row, Draft::new(Kind::SETTINGS, None, codec::encode(&setting)?))?;
    let (author, device) = (ctx.account.user.clone(), ctx.account.id);
    let at = row.last_stamp.plus(1).max(ctx.now);
    row.last_stamp = at;
    apply(ctx, &mut row, &setting, (&author, device, at))?;
    row::store(&mut ctx.tx, &row)
}

/// Tells the period to devices that have come: what they were let in with is as old as the session. Says whether there is
/// anything to tell; the caller stores the row.
pub(crate) fn tell_again(ctx: &mut Ctx<'_>, row: &mut ConversationRow) -> Result<bool> {
    let Decided(count, id) = row.settings;
    if count == 0 {
        return Ok(false);
    }
    let body = codec::encode(&Settings { count, id, period: row.period, clock: row.clock })?;
    act::perform(ctx, row, Draft::new(Kind::SETTINGS, None, body)).map(|_| true)
}

/// A member has set the period.
pub(crate) fn received(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let setting: Settings = codec::decode_exact(act.body, "settings")?;
    let mut row = row::require(&ctx.tx, act.conversation)?;
    let decided = Decided(setting.count, setting.id);
    // A device that is new knows less than its user's others, which tell it.
    let other = *act.author != ctx.account.user;
    let ahead = (other && decided.is_absurd_after(row.settings)) || setting.count > limits::COUNT_MAX;
    if setting.period < -1 || setting.count == 0 || ahead {
        return Err(PeerFault::Malformed("settings").into());
    }
    if decided.replaces(row.settings, ctx.config) {
        apply(ctx, &mut row, &setting, (act.author, act.device, act.at))?;
        row::store(&mut ctx.tx, &row)?;
    }
    Ok(Taken::Done)
}

/// Makes a setting the one that counts; the caller stores the row. A change leaves a line in the conversation, unless who
/// is blocked has made it: it counts, since both sides must have the same, and shows nothing.
fn apply(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    setting: &Settings,
    (author, device, at): (&UserId, DeviceId, Time),
) -> Result<()> {
    let changed = (row.period, row.clock) != (setting.period, setting.clock);
    row.period = setting.period;
    row.clock = setting.clock;
    row.settings = Decided(setting.count, setting.id);
    let id = line_id(setting.id);
    if !changed || person::is_blocked(ctx, author)? || message::find(&ctx.tx, row.id, author, id)?.is_some() {
        return Ok(());
    }
    let own = *author == ctx.account.user;
    let note = SystemNote::PeriodChanged { period: setting.period, clock: setting.clock };
    let message = MessageRow { own, accepted: Some(at), ..MessageRow::new(author.clone(), at, Body::System(note)) };
    super::added(ctx, row, MessageKey { at, device, id }, &message)
}

/// What stands for a setting in the conversation is named after it, by a hash: its author chooses the setting's id, and
/// could name a message so, and the line would not be there.
fn line_id(setting: MessageId) -> MessageId {
    MessageId::derived(LINE_LABEL, setting.as_bytes())
}
