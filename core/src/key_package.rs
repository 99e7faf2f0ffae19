//! The key packages that this device has published.
//!
//! An ordinary one is used once, and its private key goes with it. Those that were handed out to somebody who never
//! came, or withdrawn, are known by what was written down when they were made: once a month the directory is given all
//! anew, and when no welcome to the old ones can be under way any more, their private keys go.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::{Error, Result, StoreError};
use crate::id::Hash32;
use crate::input::Login;
use crate::limits;
use crate::output::{Request, Wake};
use crate::request::{self, Purpose};
use crate::session::{Provider, key_package};
use crate::store::{Direction, KeyRange, Table};
use crate::time::{MINUTE, Time};
use crate::timer;

const STATE: &[u8] = b"state";
const BATCH: &[u8] = b"batch ";
/// Between two steps that look for private keys to delete.
const TIDY_PAUSE: u64 = MINUTE;
/// Private keys that one such step looks at.
const TIDY_STEP: usize = 64;
/// Withdrawals and replaced last-resort packages that are told apart; of more, the newest count as one.
const TOLD_APART: usize = 16;

/// What was published, and when.
#[derive(Default, Serialize, Deserialize)]
struct Published {
    last_resort: Option<(Hash32, Time)>,
    /// Replaced last-resort packages, whose private keys go when what is under way has arrived.
    replaced: Vec<(Hash32, Time)>,
    /// The number of the next batch of ordinary packages.
    next: u64,
    /// How many ordinary packages all batches name.
    held: usize,
    /// When the directory was last told to withdraw all there were.
    renewed: Time,
    /// Batches below this number are withdrawn when the directory answers.
    replacing: Option<u64>,
    /// Batches below a number were withdrawn at a time.
    withdrawn: Vec<(u64, Time)>,
    /// The batch where the next step of tidying begins.
    tidy: u64,
}

/// Publishes what the directory lacks; everything anew when what it has may be of keys that this store does not hold.
pub(crate) fn replenish(ctx: &mut Ctx<'_>, login: Login, replace: bool) -> Result<()> {
    let kept = ctx.config.key_packages;
    let Some(mut published) = load(ctx)? else { return publish(ctx, Published::default(), kept, true) };
    tidy(ctx, &mut published)?;
    match login.key_packages.map(|left| left as usize) {
        _ if replace => publish(ctx, published, kept, true),
        // Below two fifths, the directory is replenished.
        Some(left) if left.saturating_mul(5) < kept * 2 => publish(ctx, published, kept - left, false),
        _ => store(ctx, &published),
    }
}

/// The weekly renewal of the last-resort package, the monthly one of all, and the end of private keys.
pub(crate) fn due(ctx: &mut Ctx<'_>) -> Result<()> {
    let Some(mut published) = load(ctx)? else { return Ok(()) };
    let now = ctx.now;
    let (gone, kept): (Vec<_>, Vec<_>) =
        published.replaced.drain(..).partition(|(_, at)| now.since(*at) >= limits::LAST_RESORT_KEPT);
    published.replaced = kept;
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    for (reference, _) in gone {
        key_package::delete(&provider, &reference)?;
    }
    if tidy(ctx, &mut published)? {
        timer::set(&ctx.tx, now.plus(TIDY_PAUSE), Wake::KeyPackages, b"tidy");
    }
    let renew = now.since(published.renewed) >= limits::KEY_PACKAGES_AGE;
    let count = if renew { ctx.config.key_packages } else { 0 };
    publish(ctx, published, count, renew)
}

/// The directory has them, and none that it was to withdraw.
pub(crate) fn published(ctx: &mut Ctx<'_>) -> Result<()> {
    let Some(mut published) = load(ctx)? else { return Ok(()) };
    let Some(below) = published.replacing.take().filter(|below| *below > 0) else { return Ok(()) };
    if published.withdrawn.len() == TOLD_APART {
        published.withdrawn.pop();
    }
    published.withdrawn.push((below, ctx.now));
    store(ctx, &published)
}

/// Makes so many ordinary packages, as far as the bound allows, and a last-resort one if that is due. What waits to be
/// published goes with them; when all others are withdrawn, it is among those.
fn publish(ctx: &mut Ctx<'_>, mut published: Published, count: usize, replace: bool) -> Result<()> {
    let waiting = if replace { None } else { request::unanswered(ctx, &Purpose::Publish)? };
    let Some(Request::Publish { mut packages, last_resort: earlier, replace: withdraws }) =
        waiting.or(Some(Request::Publish { packages: Vec::new(), last_resort: None, replace }))
    else {
        return Err(Error::Bug("key_package.request"));
    };
    if replace {
        published.replacing = Some(published.next);
        published.renewed = ctx.now;
    }
    let room = limits::KEY_PACKAGES_HELD.saturating_sub(published.held);
    let made = make(ctx, &mut published, count.saturating_sub(packages.len()).min(room))?;
    let news = replace || !made.is_empty();
    packages.extend(made);
    let last_resort = last_resort(ctx, &mut published, replace)?;
    store(ctx, &published)?;
    if !news && last_resort.is_none() {
        return Ok(());
    }
    let last_resort = last_resort.or(earlier);
    request::make_anew(ctx, Purpose::Publish, Request::Publish { packages, last_resort, replace: withdraws })
}

type Bytes = serde_bytes::ByteBuf;

/// A batch of ordinary packages, written down so that their private keys are found again.
fn make(ctx: &Ctx<'_>, published: &mut Published, count: usize) -> Result<Vec<Bytes>> {
    let certificate = ctx.account.certificate()?.as_bytes();
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let (mut packages, mut references) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let made = key_package::make(&provider, &ctx.account.device, certificate, false)?;
        packages.push(made.bytes.into());
        references.push(made.reference);
    }
    if count > 0 {
        ctx.tx.put_row(Table::KeyPackage, batch_key(published.next), &references)?;
        published.next += 1;
        published.held += count;
    }
    Ok(packages)
}

/// A new last-resort package, if the present one is too old or to be withdrawn.
fn last_resort(ctx: &Ctx<'_>, published: &mut Published, replace: bool) -> Result<Option<Bytes>> {
    let stale = published.last_resort.is_none_or(|(_, at)| ctx.now.since(at) >= limits::LAST_RESORT_AGE);
    if !stale && !replace {
        return Ok(None);
    }
    let certificate = ctx.account.certificate()?.as_bytes();
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let made = key_package::make(&provider, &ctx.account.device, certificate, true)?;
    if let Some((reference, _)) = published.last_resort.replace((made.reference, ctx.now)) {
        published.replaced.push((reference, ctx.now));
    }
    if published.replaced.len() > TOLD_APART {
        let (oldest, _) = published.replaced.remove(0);
        key_package::delete(&provider, &oldest)?;
    }
    timer::set(&ctx.tx, ctx.now.plus(limits::LAST_RESORT_AGE), Wake::KeyPackages, b"last resort");
    Ok(Some(made.bytes.into()))
}

/// One step through the batches: forgets packages that were used, and deletes the private keys of those withdrawn long
/// enough ago. Says whether there are more.
fn tidy(ctx: &Ctx<'_>, published: &mut Published) -> Result<bool> {
    let provider = Provider::new(ctx.crypto, &ctx.tx);
    let end = batch_key(u64::MAX);
    let mut looked = 0;
    while looked < TIDY_STEP {
        let from = batch_key(published.tidy);
        let range = KeyRange { from: &from, to: &end };
        let rows = ctx.tx.scan(Table::KeyPackage, range, Direction::Forward, 1)?;
        let Some((key, bytes)) = rows.into_iter().next() else {
            published.tidy = 0;
            published.forget_withdrawals(ctx)?;
            return Ok(false);
        };
        let number = number(&key)?;
        let references: Vec<Hash32> = crate::codec::decode_row(&bytes, "key packages")?;
        looked += references.len();
        let gone = published.may_go(number, ctx.now);
        let mut left = Vec::with_capacity(references.len());
        for reference in &references {
            if gone {
                key_package::delete(&provider, reference)?;
            } else if key_package::exists(&provider, reference)? {
                left.push(*reference);
            }
        }
        published.held = published.held.saturating_sub(references.len() - left.len());
        published.tidy = number.saturating_add(1);
        if left.is_empty() {
            ctx.tx.delete(Table::KeyPackage, &key);
        } else if left.len() < references.len() {
            ctx.tx.put_row(Table::KeyPackage, key, &left)?;
        }
    }
    Ok(true)
}

impl Published {
    /// Whether a batch was withdrawn so long ago that no welcome to it can be under way.
    fn may_go(&self, batch: u64, now: Time) -> bool {
        self.withdrawn.iter().any(|(below, at)| batch < *below && now.since(*at) >= limits::KEY_PACKAGES_KEPT)
    }

    /// Forgets withdrawals of which no batch is left.
    fn forget_withdrawals(&mut self, ctx: &Ctx<'_>) -> Result<()> {
        let rows = ctx.tx.scan_prefix(Table::KeyPackage, BATCH, 1)?;
        let oldest = rows.first().map(|(key, _)| number(key)).transpose()?.unwrap_or(self.next);
        self.withdrawn.retain(|(below, _)| *below > oldest);
        Ok(())
    }
}

fn load(ctx: &Ctx<'_>) -> Result<Option<Published>> {
    ctx.tx.row(Table::KeyPackage, STATE, "key packages")
}

fn store(ctx: &Ctx<'_>, published: &Published) -> Result<()> {
    ctx.tx.put_row(Table::KeyPackage, STATE.to_vec(), published)
}

fn batch_key(number: u64) -> Vec<u8> {
    [BATCH, &number.to_be_bytes()].concat()
}

fn number(key: &[u8]) -> Result<u64> {
    let number = key.get(BATCH.len()..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
    number.ok_or(Error::Store(StoreError::Corrupt("key packages")))
}

#[cfg(test)]
mod tests {
    //! R12, R14.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, enrolled};
    use crate::input::{Answer, Connection, RequestId};
    use crate::output::Output;
    use crate::time::DAY;

    /// A publication that the engine asks for.
    type Asked = (RequestId, Vec<Bytes>, bool);

    /// What it wants published after a login; nothing is answered.
    fn login(engine: &mut Engine, key_packages: u32, accepted: Option<u64>, now: Time) -> Vec<Asked> {
        let login = Login { accepted_sequence: accepted, key_packages: Some(key_packages), time: None };
        engine.connection(Connection::Down, now).unwrap();
        engine.connection(Connection::Up(login), now).unwrap();
        asked(engine)
    }

    fn asked(engine: &mut Engine) -> Vec<Asked> {
        let mut asked = Vec::new();
        loop {
            match engine.poll_output().unwrap() {
                Output::Timeout { .. } => return asked,
                Output::Request(id, Request::Publish { packages, replace, .. }) => asked.push((id, packages, replace)),
                _ => {}
            }
        }
    }

    fn answer(engine: &mut Engine, asked: Vec<Asked>, now: Time) {
        for (id, ..) in asked {
            engine.request_done(id, Answer::Published, now).unwrap();
        }
    }

    fn private_keys(engine: &Engine) -> usize {
        let rows =
            engine.read().unwrap().scan(Table::Mls, KeyRange { from: &[], to: &[] }, Direction::Forward, usize::MAX);
        rows.unwrap().len()
    }

    #[test]
    fn what_waits_to_be_published_goes_with_what_comes_after_it() {
        let mut engine = enrolled("ann");
        let first = login(&mut engine, 0, None, NOW);
        answer(&mut engine, first, NOW);
        let some = login(&mut engine, 10, None, NOW);
        assert_eq!((some.len(), some[0].1.len()), (1, limits::KEY_PACKAGES - 10));
        let all = login(&mut engine, 0, None, NOW);
        assert_eq!((all.len(), all[0].1.len(), all[0].2), (1, limits::KEY_PACKAGES, false));
        assert!(some[0].1.iter().all(|package| all[0].1.contains(package)));
    }

    #[test]
    fn a_rollback_withdraws_all_though_an_earlier_answer_is_missing() {
        let mut engine = enrolled("ann");
        let first = login(&mut engine, 0, None, NOW);
        answer(&mut engine, first, NOW);
        let waiting = login(&mut engine, 0, None, NOW);
        let anew = login(&mut engine, 50, Some(7), NOW);
        assert_eq!((anew.len(), anew[0].1.len(), anew[0].2), (1, limits::KEY_PACKAGES, true));
        assert!(waiting[0].1.iter().all(|package| !anew[0].1.contains(package)), "they may have been used");
        // It stays so until it is answered.
        let again = login(&mut engine, 0, None, NOW);
        assert_eq!((again.len(), again[0].1.len(), again[0].2), (1, limits::KEY_PACKAGES, true));
    }

    #[test]
    fn private_keys_are_bounded_and_go_when_no_welcome_can_come() {
        let mut engine = enrolled("ann");
        for _ in 0..20 {
            let wanted = login(&mut engine, 0, None, NOW);
            answer(&mut engine, wanted, NOW);
        }
        let peak = private_keys(&engine);
        let each = peak / (limits::KEY_PACKAGES_HELD + 1);
        assert_eq!(peak, each * (limits::KEY_PACKAGES_HELD + 1), "with the last-resort one");
        let mut withdrawn_at = None;
        for half_day in 0..2 * 80 {
            let now = NOW.plus(half_day * DAY / 2);
            engine.handle_timeout(now).unwrap();
            let wanted = asked(&mut engine);
            withdrawn_at = withdrawn_at.or(wanted.iter().any(|(_, _, replace)| *replace).then_some(now));
            answer(&mut engine, wanted, now);
            if withdrawn_at.is_some_and(|at| now.since(at) < limits::MAILBOX_AGE) {
                assert!(private_keys(&engine) >= peak - each * 2, "a welcome may be under way");
            }
        }
        assert!(withdrawn_at.is_some_and(|at| at.since(NOW) >= limits::KEY_PACKAGES_AGE));
        assert!(private_keys(&engine) <= each * (limits::KEY_PACKAGES + 4), "{}", private_keys(&engine));
    }
}
