//! Whether the clock may be believed: what a jump of it would destroy is hidden, and waits until a relay confirms it.

use serde::{Deserialize, Serialize};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::limits;
use crate::store::Table;
use crate::time::{MINUTE, Time};
use crate::tx::Tx;

const ROW: &[u8] = b"expiry clock";
/// A clock that moves further than this between two looks at it has jumped.
const JUMP: u64 = 2 * limits::CLOCK_WATCHED;
/// How far what is kept in the store may be behind.
const SAVED_EVERY: u64 = 10 * MINUTE;

/// What is believed of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trust {
    /// The latest time that the clock has come to without a jump, or that a relay has shown.
    seen: Time,
    /// The latest time that the clock has shown: what was hidden by then stays so, even if the clock is put back.
    shown: Time,
}

impl Trust {
    /// Before the first look, any time is believed.
    pub const NONE: Trust = Trust { seen: Time::ZERO, shown: Time::ZERO };

    /// The clock shows `now`.
    pub fn tick(&mut self, now: Time) {
        if self.seen == Time::ZERO || now <= self.seen.plus(JUMP) {
            self.seen = self.seen.max(now);
        }
        self.shown = self.shown.max(now);
    }

    /// The relay has accepted something at `relay`, some time ago perhaps: it is that late at least, if our clock says so too.
    pub fn has_come(&mut self, relay: Time, now: Time) {
        self.seen = self.seen.max(relay.min(now));
    }

    /// A relay's clock shows `relay`, while ours shows `now`. It is believed as far as both agree.
    pub fn confirm(&mut self, relay: Time, now: Time) {
        let near = relay.since(now) <= JUMP && now.since(relay) <= JUMP;
        self.seen = self.seen.max(relay.min(now));
        if near {
            self.seen = self.seen.min(now.max(relay));
            self.shown = now;
        }
    }

    /// What went before this instant, or at it, may be destroyed.
    pub fn destroys_until(&self, now: Time) -> Time {
        self.seen.min(now)
    }

    /// What went before this instant, or at it, is invisible.
    pub fn hides_until(&self, now: Time) -> Time {
        self.shown.max(now)
    }
}

/// What the store knows, for a start.
pub(crate) fn load(tx: &Tx<'_>) -> Result<Trust> {
    Ok(tx.row(Table::Meta, ROW, "expiry clock")?.unwrap_or(Trust::NONE))
}

/// Keeps it, when it has moved on far enough.
pub(crate) fn save(ctx: &Ctx<'_>) -> Result<()> {
    let (saved, trust) = (load(&ctx.tx)?, ctx.memory.trust);
    let far = |a: Time, b: Time| a.since(b).max(b.since(a)) >= SAVED_EVERY;
    if far(saved.seen, trust.seen) || far(saved.shown, trust.shown) {
        ctx.tx.put_row(Table::Meta, ROW.to_vec(), &trust)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! R25.

    use super::*;
    use crate::engine::testing::{NOW, enrolled};
    use crate::time::{DAY, HOUR};

    const NOON: Time = Time::from_ms(1_800_000_000_000);

    fn at_noon() -> Trust {
        let mut trust = Trust::NONE;
        trust.tick(NOON);
        trust
    }

    #[test]
    fn r25_what_the_relay_accepted_brings_nothing_back_that_a_jump_has_hidden() {
        let mut trust = at_noon();
        trust.tick(NOON.plus(2 * DAY));
        trust.tick(NOON.plus(HOUR));
        trust.has_come(NOON.plus(HOUR), NOON.plus(HOUR));
        assert_eq!(trust.hides_until(NOON.plus(HOUR)), NOON.plus(2 * DAY));
        trust.has_come(NOON.plus(9 * DAY), NOON.plus(HOUR));
        assert_eq!(
            trust.destroys_until(NOON.plus(9 * DAY)),
            NOON.plus(HOUR),
            "nor does it destroy by the relay's word alone"
        );
    }

    #[test]
    fn r25_a_clock_that_runs_is_believed() {
        let mut trust = at_noon();
        for hour in 1..100 {
            let now = NOON.plus(hour * HOUR);
            trust.tick(now);
            assert_eq!(trust.destroys_until(now), now);
        }
    }

    #[test]
    fn r25_a_jump_hides_and_destroys_nothing_until_a_relay_confirms_it() {
        let mut trust = at_noon();
        let later = NOON.plus(3 * DAY);
        trust.tick(later);
        assert_eq!((trust.destroys_until(later), trust.hides_until(later)), (NOON, later));
        trust.confirm(later.plus(MINUTE), later);
        assert_eq!(trust.destroys_until(later), later);
    }

    #[test]
    fn r25_a_relay_alone_destroys_nothing() {
        let mut trust = at_noon();
        trust.confirm(NOON.plus(900 * DAY), NOON);
        assert_eq!(trust.destroys_until(NOON), NOON);
        assert_eq!(trust.hides_until(NOON), NOON);
    }

    #[test]
    fn r25_what_was_hidden_stays_hidden_when_the_clock_goes_back() {
        let mut trust = at_noon();
        trust.tick(NOON.plus(DAY));
        trust.tick(NOON.plus(MINUTE));
        assert_eq!(trust.hides_until(NOON.plus(MINUTE)), NOON.plus(DAY));
        assert_eq!(trust.destroys_until(NOON.plus(MINUTE)), NOON.plus(MINUTE));
    }

    #[test]
    fn r25_a_clock_put_right_shows_again_what_it_had_hidden_by_mistake() {
        let mut trust = at_noon();
        trust.tick(NOON.plus(900 * DAY));
        trust.tick(NOON.plus(MINUTE));
        trust.confirm(NOON.plus(MINUTE), NOON.plus(MINUTE));
        assert_eq!(trust.hides_until(NOON.plus(MINUTE)), NOON.plus(MINUTE));
    }

    #[test]
    fn r25_a_clock_far_ahead_of_the_relay_is_not_believed() {
        let mut trust = at_noon();
        let ahead = NOON.plus(30 * DAY);
        trust.tick(ahead);
        trust.confirm(NOON.plus(HOUR), ahead);
        assert_eq!(trust.destroys_until(ahead), NOON.plus(HOUR));
        assert_eq!(trust.hides_until(ahead), ahead);
    }

    #[test]
    fn r25_nothing_is_shown_again_while_the_clock_is_far_from_the_relays() {
        for (now, relay) in [(MINUTE, 9 * DAY), (2 * DAY, HOUR)] {
            let mut trust = at_noon();
            trust.tick(NOON.plus(5 * DAY));
            trust.confirm(NOON.plus(relay), NOON.plus(now));
            assert_eq!(trust.hides_until(NOON.plus(now)), NOON.plus(5 * DAY));
        }
    }

    #[test]
    fn r25_what_is_believed_is_kept_in_the_store_when_it_has_moved_far_enough() {
        let mut engine = enrolled("ann");
        let mut kept = |now| {
            engine.handle_timeout(now).unwrap();
            load(&engine.read().unwrap()).unwrap()
        };
        let first = kept(NOW);
        assert_eq!(first.seen, NOW);
        assert_eq!(kept(NOW.plus(10 * MINUTE - 1)), first);
        let second = kept(NOW.plus(10 * MINUTE));
        assert_eq!(second, Trust { seen: NOW.plus(10 * MINUTE), shown: NOW.plus(10 * MINUTE) });
        let jumped = kept(NOW.plus(3 * DAY));
        assert_eq!(jumped, Trust { shown: NOW.plus(3 * DAY), ..second }, "what is hidden, though it is not believed");
    }

    #[test]
    fn r25_a_clock_that_is_wrong_at_the_second_start_is_not_believed() {
        use crate::config::Config;
        use crate::engine::Engine;
        use crate::id::UserId;
        use crate::store::{HostKey, MemoryDisk, MemoryStore};

        let disk = MemoryDisk::new();
        let open = |now| {
            let store = Box::new(MemoryStore::open(&disk).unwrap());
            let config = Config::new(UserId::new("ann").unwrap(), [1; 32]);
            Engine::open(config, store, &HostKey::from_bytes([2; 32]), [3; 32], now).unwrap()
        };
        // No deadline has come yet, and nothing was done.
        open(NOON).poll_output().unwrap();
        let jumped = NOON.plus(3 * DAY);
        let again = open(jumped);
        assert_eq!(load(&again.read().unwrap()).unwrap().destroys_until(jumped), NOON);
    }
}
