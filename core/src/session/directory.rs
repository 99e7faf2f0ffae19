//! What the directory may list by now: word of it, or a device that is seen for the first time, has conversations
//! compared with it again. Which session is used hangs on what is listed; whoever goes on with an old list chooses another
//! one than everybody else.

use crate::authority::Certificate;
use crate::codec;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{ConversationId, DeviceId, UserId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member;
use crate::output::Wake;
use crate::request::{self, Purpose};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::timer;

/// Conversations that one mutation looks at.
const STEP: usize = 16;

/// Where a walk through all conversations is: the device that is to be listed, if it began with one, and the key to go on
/// from.
type Walk = (Option<DeviceId>, serde_bytes::ByteBuf);

/// The directory has changed for a user.
pub(crate) fn changed(ctx: &mut Ctx<'_>, user: &UserId) -> Result<()> {
    look_again(ctx, user, None)
}

/// A device is seen for the first time. Word of it may have been lost: the directory takes any look-up for an answer to
/// it, also that of another conversation. One whose certificate has run out or was taken back is in no list: whoever brings
/// it along has nobody ask for it.
pub(crate) fn met(ctx: &mut Ctx<'_>, certificate: &Certificate) -> Result<()> {
    if member::acceptable(ctx, certificate).is_err() {
        return Ok(());
    }
    look_again(ctx, certificate.user(), Some(certificate.device()))
}

fn look_again(ctx: &mut Ctx<'_>, user: &UserId, device: Option<DeviceId>) -> Result<()> {
    if *user == ctx.account.user {
        return walk_on(ctx, &(device, serde_bytes::ByteBuf::new()));
    }
    let id = ConversationId::direct(ctx.config.authority(), &ctx.account.user, user);
    match conversation::load(&ctx.tx, id)? {
        Some(row) => compare_unless_listed(ctx, &row, device, limits::RECONCILE_AFTER),
        None => Ok(()),
    }
}

/// Goes on with a walk at once, whatever the clock does.
fn walk_on(ctx: &Ctx<'_>, walk: &Walk) -> Result<()> {
    timer::set(&ctx.tx, Time::ZERO, Wake::Intent, &codec::encode(walk)?);
    Ok(())
}

/// A step of a walk through all conversations. Those that begin meanwhile look their devices up anyway.
pub(crate) fn compare_some(ctx: &mut Ctx<'_>, reference: &[u8]) -> Result<()> {
    let (device, from): Walk = codec::decode_row(reference, "walk")?;
    let rows = ctx.tx.scan(Table::Conversation, KeyRange { from: &from, to: &[] }, Direction::Forward, STEP)?;
    for (_, bytes) in &rows {
        let row: ConversationRow = codec::decode_row(bytes, "conversation")?;
        compare_unless_listed(ctx, &row, device, 0)?;
    }
    match rows.last().filter(|_| rows.len() == STEP) {
        Some((last, _)) => walk_on(ctx, &(device, [last, &[0][..]].concat().into())),
        None => Ok(()),
    }
}

/// Compares a conversation's leaves with the directory soon, unless the device in question is in its list: at once for
/// one's own devices; for those of others after a while, so that their own devices go first. What was asked before is
/// asked anew: its answer may be older than this word and yet come after it, and would put an end to the wish.
fn compare_unless_listed(
    ctx: &mut Ctx<'_>,
    row: &ConversationRow,
    device: Option<DeviceId>,
    patience: u64,
) -> Result<()> {
    let id = row.id;
    if device.is_some_and(|device| row.devices.contains(&device)) {
        return Ok(());
    }
    for purpose in [Purpose::Open(id), Purpose::Compare(id), Purpose::Add(id)] {
        request::withdraw(ctx, &purpose)?;
    }
    ctx.busy(id);
    if intent::get(&ctx.tx, id, Intent::Open)?.is_some() {
        // Who was looked for in vain may be there now.
        return intent::postpone(ctx, id, Intent::Open, ctx.now);
    }
    let wait = if patience == 0 { 0 } else { patience + ctx.rng.below(patience) };
    intent::want(ctx, id, Intent::Reconcile, ctx.now.plus(wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, authority, certified, enrolled};
    use crate::input::{Answer, Connection, DirectoryUser, Login, RequestId};
    use crate::output::{Output, Request};

    /// The look-ups that an engine hands out now; everything else is answered.
    fn look_ups(engine: &mut Engine) -> Vec<RequestId> {
        let mut ids = Vec::new();
        loop {
            match engine.poll_output().unwrap() {
                Output::Request(id, Request::LookUp { .. }) => ids.push(id),
                Output::Request(id, Request::Fetch { .. }) => {
                    engine.request_done(id, Answer::Fetched { next: None }, NOW).unwrap();
                }
                Output::Request(id, Request::Publish { .. }) => {
                    engine.request_done(id, Answer::Published, NOW).unwrap();
                }
                Output::Timeout { .. } => return ids,
                _ => {}
            }
        }
    }

    // R12
    #[test]
    fn an_answer_that_may_be_older_than_a_word_of_the_directory_does_not_count() {
        let (mut ann, bea) = (enrolled("ann"), UserId::new("bea").unwrap());
        ann.connection(Connection::Up(Login::default()), NOW).unwrap();
        ann.conversations().start(&bea, NOW).unwrap();
        let [first] = look_ups(&mut ann)[..] else { panic!("one look-up") };
        // Bea was not there when the relay looked; the word that she is now overtakes the answer.
        ann.directory_changed(&bea, NOW).unwrap();
        let nobody = Answer::Directory(vec![DirectoryUser { user: bea.clone(), devices: Vec::new() }]);
        ann.request_done(first, nobody.clone(), NOW).unwrap();
        let [second] = look_ups(&mut ann)[..] else { panic!("she is looked up again") };
        // Without such a word, she is looked for after a while.
        ann.request_done(second, nobody, NOW).unwrap();
        assert_eq!(look_ups(&mut ann), []);
        let later = NOW.plus(limits::INTENT_WAIT);
        ann.handle_timeout(later).unwrap();
        assert_eq!(look_ups(&mut ann).len(), 1);
    }

    // R12: the directory's word of it may be lost, and one look-up is an answer to it for all conversations
    #[test]
    fn a_device_of_ones_own_that_is_seen_in_one_place_is_looked_for_in_every_conversation() {
        let mut ann = enrolled("ann");
        ann.connection(Connection::Up(Login::default()), NOW).unwrap();
        let others = 2 * STEP + 3;
        for n in 0..others {
            ann.conversations().start(&UserId::new(format!("user {n}")).unwrap(), NOW).unwrap();
        }
        assert_eq!(look_ups(&mut ann).len(), others);
        assert_eq!(look_ups(&mut ann), []);
        let tablet = certified("ann", 77);
        let unlisted = others - 1;
        ann.mutate(NOW, |ctx| {
            let listed =
                ConversationId::direct(ctx.config.authority(), &ctx.account.user, &UserId::new("user 5").unwrap());
            let mut row = conversation::require(&ctx.tx, listed)?;
            row.devices.push(tablet.device());
            conversation::store(&mut ctx.tx, &row)?;
            member::learn(ctx, &tablet)
        })
        .unwrap();
        let asked = [(); 3].map(|()| {
            ann.handle_timeout(NOW).unwrap();
            look_ups(&mut ann).len()
        });
        assert!(asked.iter().all(|step| (1..=STEP).contains(step)), "{asked:?}");
        assert_eq!(asked.iter().sum::<usize>(), unlisted);
        // It is no stranger from now on.
        ann.mutate(NOW, |ctx| member::learn(ctx, &tablet)).unwrap();
        ann.handle_timeout(NOW).unwrap();
        assert_eq!(look_ups(&mut ann), []);
    }

    #[test]
    fn a_device_of_somebody_else_is_looked_for_in_the_conversation_with_them() {
        let mut ann = enrolled("ann");
        ann.connection(Connection::Up(Login::default()), NOW).unwrap();
        for name in ["bea", "cid"] {
            ann.conversations().start(&UserId::new(name).unwrap(), NOW).unwrap();
        }
        assert_eq!(look_ups(&mut ann).len(), 2);
        ann.mutate(NOW, |ctx| member::learn(ctx, &certified("bea", 77))).unwrap();
        assert_eq!(look_ups(&mut ann).len(), 1);
    }

    #[test]
    fn nobody_looks_for_a_device_that_was_revoked() {
        let mut ann = enrolled("ann");
        ann.connection(Connection::Up(Login::default()), NOW).unwrap();
        ann.conversations().start(&UserId::new("bea").unwrap(), NOW).unwrap();
        assert_eq!(look_ups(&mut ann).len(), 1);
        let gone = certified("ann", 77);
        let list = authority().revoke(1, NOW, &[gone.serial()].into()).unwrap();
        ann.identity().revoke(list.as_bytes(), NOW).unwrap();
        ann.mutate(NOW, |ctx| member::learn(ctx, &gone)).unwrap();
        ann.handle_timeout(NOW).unwrap();
        assert_eq!(look_ups(&mut ann), []);
    }
}
