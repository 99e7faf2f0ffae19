//! Each store operation of a scripted day fails in turn: the engine closes, is opened again, and the day ends well.

use undertone::engine::{Draft, Engine};
use undertone::error::{Error, StoreError};
use undertone::id::ConversationId;
use undertone::message::{Cursor, MessageContent, SendState};
use undertone::store::{Effect, FaultPlan};
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

/// A client whose store may fail, and an escort whose store does not.
struct Day {
    world: World,
    ann: DeviceIx,
    bea: DeviceIx,
    /// The operation of ann's store at which the day began.
    begin: u64,
    /// Operations before the disks that crashes left behind.
    operations: u64,
    keep: usize,
}

impl Day {
    fn new(fault: Option<(u64, Effect)>) -> Day {
        let mut world = World::new(77);
        let (ann, bea) = (world.device("ann", "client"), world.device("bea", "escort"));
        let begin = world.devices[ann].disk.operations();
        let keep = match fault {
            Some((at, effect)) => {
                let error = StoreError::Io("injected".into());
                world.devices[ann].disk.plan(Some(FaultPlan { at: begin + at, error, effect }));
                if effect == Effect::Done { usize::MAX } else { 0 }
            }
            None => 0,
        };
        Day { world, ann, bea, begin, operations: 0, keep }
    }

    /// Opens ann's engine again if its store has failed.
    fn mend(&mut self) {
        if self.world.devices[self.ann].failed {
            self.operations = self.world.devices[self.ann].disk.operations();
            self.world.crash(self.ann, self.keep);
            self.world.restart(self.ann);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.world.run(ms);
        self.mend();
    }

    /// Asks or tells ann's engine something, once more if its store fails meanwhile.
    fn call<T>(&mut self, f: impl Fn(&mut Engine, undertone::Time) -> Result<T, Error>) -> T {
        for _ in 0..2 {
            let answer = self.world.call(self.ann, &f);
            let failed = self.world.devices[self.ann].failed;
            self.mend();
            match answer {
                Ok(answer) if !failed => return answer,
                Ok(_) | Err(Error::Store(StoreError::Io(_))) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("the store fails only once");
    }

    fn texts(&mut self, talk: ConversationId) -> Vec<String> {
        let page = self.call(|engine, now| engine.messages().page(talk, Cursor::Newest, 100, now));
        let text = |content| if let MessageContent::Text(text) = content { text } else { "?".to_owned() };
        page.messages.into_iter().rev().map(|message| text(message.content)).collect()
    }

    /// Ann says something. An app that was told of a failure looks first whether it is there.
    fn say(&mut self, talk: ConversationId, text: &str) {
        let said = self.world.call(self.ann, |engine, now| engine.messages().send(talk, Draft::text(text), now));
        let failed = said.is_err() || self.world.devices[self.ann].failed;
        self.mend();
        if failed && !self.texts(talk).iter().any(|known| known == text) {
            self.call(|engine, now| engine.messages().send(talk, Draft::text(text), now));
        }
    }

    /// What failed is tried again after a while.
    fn until_bea_knows(&mut self, talk: ConversationId) {
        for _ in 0..60 {
            let now = self.world.now;
            if self.world.devices[self.bea].engine().conversations().get(talk, now).is_ok() {
                return;
            }
            self.pass(10 * SECOND);
        }
        panic!("the conversation has not come in ten minutes");
    }

    /// The script, from the first login to the last receipt.
    fn live(&mut self) -> ConversationId {
        let bea = self.world.user(self.bea);
        self.pass(20 * SECOND);
        let talk = self.call(|engine, now| engine.conversations().start(&bea, now));
        self.say(talk, "hello");
        self.pass(20 * SECOND);
        self.until_bea_knows(talk);
        self.world.send(self.bea, talk, "hello yourself");
        self.pass(20 * SECOND);
        let newest = self.call(|engine, now| engine.messages().page(talk, Cursor::Newest, 1, now)).messages[0].key;
        self.call(|engine, now| engine.messages().mark_read(talk, newest, now));
        self.world.disconnect(self.ann);
        self.mend();
        self.say(talk, "said offline");
        self.world.send(self.bea, talk, "said meanwhile");
        self.pass(MINUTE);
        self.world.connect(self.ann);
        self.pass(MINUTE);
        self.world.read_all(self.bea, talk);
        self.pass(2 * MINUTE);
        talk
    }

    /// All is there, once, in one order, and has arrived.
    fn check(&mut self, talk: ConversationId, what: &str) {
        self.pass(10 * MINUTE);
        // What came late is read late.
        self.world.read_all(self.bea, talk);
        self.pass(2 * MINUTE);
        self.world.check();
        let mut texts = self.texts(talk);
        assert_eq!(texts, self.world.texts(self.bea, talk), "{what}");
        texts.sort();
        assert_eq!(texts, ["hello", "hello yourself", "said meanwhile", "said offline"], "{what}");
        let page = self.call(|engine, now| engine.messages().page(talk, Cursor::Newest, 100, now));
        assert!(page.messages.iter().all(|m| !m.own || m.state == SendState::Read), "{what}");
        let bea = self.bea;
        assert!(self.world.messages(bea, talk).iter().all(|m| !m.own || m.state >= SendState::Delivered), "{what}");
    }
}

// R15 R30
#[test]
fn a_day_ends_well_whichever_store_operation_fails() {
    let mut quiet = Day::new(None);
    let talk = quiet.live();
    let operations = quiet.world.devices[quiet.ann].disk.operations() - quiet.begin;
    quiet.check(talk, "nothing fails");
    assert!(operations > 200, "a day has {operations} operations");
    let mut failed = 0;
    for at in 0..operations {
        for effect in [Effect::None, Effect::Done] {
            let mut day = Day::new(Some((at, effect)));
            let talk = day.live();
            failed += u64::from(day.operations > 0);
            day.check(talk, &format!("operation {at} fails, {effect:?}"));
        }
    }
    assert!(failed >= operations, "{failed} failures in {operations} operations");
}
