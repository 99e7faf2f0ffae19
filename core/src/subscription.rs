//! Subscriptions: what has changed of one conversation, of the list of all, or of calls, for whoever shows just that.
//!
//! A subscription remembers *what* changed and not *how*: each message, conversation or call at most once. When it is
//! taken, everything is read as it is then. So a subscriber that falls behind loses nothing, what it gets is never older
//! than what a query would say, and what is kept for it is bounded: beyond [`limits::SUBSCRIPTION`] things it gets one
//! [`Update::Resync`], and reads anew.

use std::collections::BTreeMap;

use crate::call::Call;
use crate::conversation::Conversation;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::id::{CallId, ConversationId, UserId};
use crate::limits;
use crate::message::{Message, MessageKey};

/// What a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The messages of one conversation: new, changed, removed, receipts included; and who types there.
    Conversation(ConversationId),
    /// The list of all conversations: new ones, last messages, unread counts, settings.
    Conversations,
    /// Calls and the ringtone.
    Calls,
}

/// Names a subscription of this engine, until it is closed or the engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

impl SubscriptionId {
    /// Its number, for a host in another language to keep.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The subscription of a number; one that was never given is unknown wherever it is asked for.
    pub fn from_number(number: u64) -> SubscriptionId {
        SubscriptionId(number)
    }
}

/// Something that has changed, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Update {
    /// A message is new at its place.
    MessageAdded(Box<Message>),
    /// A message is another than before, or how far it has come is.
    MessageChanged(Box<Message>),
    /// There is no message at this place any more.
    MessageRemoved(MessageKey),
    /// Who types in the conversation now.
    Typing(Vec<UserId>),
    /// A conversation is new, or changed.
    Conversation(Box<Conversation>),
    /// A call is new, or has come further.
    Call(Box<Call>),
    /// Play the ringtone for this call, as [`Event::RingtoneStart`] says.
    RingtoneStart(CallId),
    /// Stop the ringtone for this call.
    RingtoneStop(CallId),
    /// Read everything anew: more has changed than is kept, or what, is not known.
    Resync,
}

/// A thing that has changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    Message(MessageKey),
    Typing,
    Conversation(ConversationId),
    Call(CallId),
    Ringtone(CallId),
}

/// The subscriptions of an engine.
#[derive(Default)]
pub(crate) struct Subscriptions {
    next: u64,
    open: BTreeMap<SubscriptionId, Subscription>,
}

struct Subscription {
    topic: Topic,
    /// What has changed, and whether it is new, or rings.
    changed: BTreeMap<Item, bool>,
    overflowed: bool,
}

/// What is yet to be told to a subscriber.
pub(crate) enum Changed {
    All,
    Some(Topic, Vec<(Item, bool)>),
}

impl Subscriptions {
    pub fn open(&mut self, topic: Topic) -> Result<SubscriptionId> {
        if self.open.len() >= limits::SUBSCRIPTIONS {
            return Err(Error::Misuse(Misuse::TooManySubscriptions));
        }
        self.next += 1;
        let id = SubscriptionId(self.next);
        self.open.insert(id, Subscription { topic, changed: BTreeMap::new(), overflowed: false });
        Ok(id)
    }

    /// Ends one; `false` when there is no such.
    pub fn close(&mut self, id: SubscriptionId) -> bool {
        self.open.remove(&id).is_some()
    }

    /// Those that have something to take.
    pub fn ready(&self) -> Vec<SubscriptionId> {
        let has = |subscription: &Subscription| subscription.overflowed || !subscription.changed.is_empty();
        self.open.iter().filter(|(_, subscription)| has(subscription)).map(|(id, _)| *id).collect()
    }

    /// What has changed since it was last [cleared](Subscriptions::clear).
    pub fn changed(&self, id: SubscriptionId) -> Result<Changed> {
        let subscription = self.open.get(&id).ok_or(Error::Misuse(Misuse::UnknownSubscription))?;
        if subscription.overflowed {
            return Ok(Changed::All);
        }
        let items = subscription.changed.iter().map(|(item, new)| (*item, *new)).collect();
        Ok(Changed::Some(subscription.topic, items))
    }

    /// It was told.
    pub fn clear(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.open.get_mut(&id) {
            subscription.changed.clear();
            subscription.overflowed = false;
        }
    }

    /// Something has happened.
    pub fn note(&mut self, event: &Event) {
        for subscription in self.open.values_mut() {
            // Another process has changed the store, or the clock was set: what changed, is not known.
            if *event == Event::Resync {
                subscription.overflow();
            }
            if let Some((item, new)) = subscription.topic.item(event) {
                subscription.note(item, new);
            }
        }
    }
}

impl Subscription {
    fn note(&mut self, item: Item, new: bool) {
        if self.overflowed {
            return;
        }
        let known = self.changed.entry(item).or_insert(new);
        // What is new stays new until that was told; a ringtone is as it was last.
        *known = if matches!(item, Item::Ringtone(_)) { new } else { *known || new };
        if self.changed.len() > limits::SUBSCRIPTION {
            self.overflow();
        }
    }

    fn overflow(&mut self) {
        self.changed.clear();
        self.overflowed = true;
    }
}

impl Topic {
    /// What an event changes of this topic, and whether it is new.
    fn item(self, event: &Event) -> Option<(Item, bool)> {
        match (self, event) {
            (Topic::Conversation(id), Event::MessageAdded(of, key)) if *of == id => Some((Item::Message(*key), true)),
            (Topic::Conversation(id), Event::MessageChanged(of, key) | Event::MessageRemoved(of, key)) if *of == id => {
                Some((Item::Message(*key), false))
            }
            (Topic::Conversation(id), Event::TypingStart(of, _) | Event::TypingStop(of, _)) if *of == id => {
                Some((Item::Typing, false))
            }
            // A message that has changed may be the last one of its conversation, which the list shows.
            (
                Topic::Conversations,
                Event::ConversationAdded(id) | Event::ConversationChanged(id) | Event::MessageChanged(id, _),
            ) => Some((Item::Conversation(*id), false)),
            (
                Topic::Calls,
                Event::CallIncoming(_, call) | Event::CallChanged(_, call) | Event::CallCrossed(_, call),
            ) => Some((Item::Call(*call), false)),
            (Topic::Calls, Event::CallMissed(_, call)) => Some((Item::Call(*call), false)),
            (Topic::Calls, Event::RingtoneStart(call)) => Some((Item::Ringtone(*call), true)),
            (Topic::Calls, Event::RingtoneStop(call)) => Some((Item::Ringtone(*call), false)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    //! R29.

    use super::*;
    use crate::id::{DeviceId, MessageId};
    use crate::time::Time;

    fn key(n: u64) -> MessageKey {
        MessageKey { at: Time::from_ms(n), device: DeviceId::from_bytes([1; 16]), id: MessageId::from_bytes([2; 16]) }
    }

    fn items(subscriptions: &Subscriptions, id: SubscriptionId) -> Option<usize> {
        match subscriptions.changed(id).unwrap() {
            Changed::All => None,
            Changed::Some(_, items) => Some(items.len()),
        }
    }

    #[test]
    fn r29_a_subscriber_that_falls_far_behind_is_told_to_read_anew_and_nothing_grows() {
        let (mut all, talk) = (Subscriptions::default(), ConversationId::from_bytes([3; 16]));
        let id = all.open(Topic::Conversation(talk)).unwrap();
        for n in 0..limits::SUBSCRIPTION as u64 {
            all.note(&Event::MessageAdded(talk, key(n)));
            all.note(&Event::MessageChanged(talk, key(n)));
        }
        assert_eq!(items(&all, id), Some(limits::SUBSCRIPTION));
        for n in 0..5_000 {
            all.note(&Event::MessageAdded(talk, key(10_000 + n)));
        }
        assert_eq!((items(&all, id), all.ready().len()), (None, 1));
        assert!(all.open[&id].changed.is_empty());
        all.clear(id);
        assert_eq!((items(&all, id), all.ready().len()), (Some(0), 0));
    }

    #[test]
    fn r29_what_another_process_did_is_read_anew() {
        let mut all = Subscriptions::default();
        let ids = [Topic::Calls, Topic::Conversations].map(|topic| all.open(topic).unwrap());
        all.note(&Event::Resync);
        assert_eq!(ids.map(|id| items(&all, id)), [None, None]);
    }

    #[test]
    fn r29_each_topic_hears_of_its_own() {
        let (talk, other) = (ConversationId::from_bytes([3; 16]), ConversationId::from_bytes([4; 16]));
        let call = CallId::from_bytes([5; 16]);
        let heard = |topic: Topic, event: Event| topic.item(&event).is_some();
        for (event, expected) in [
            (Event::MessageAdded(talk, key(1)), [true, false, false]),
            (Event::MessageChanged(talk, key(1)), [true, true, false]),
            (Event::MessageRemoved(other, key(1)), [false, false, false]),
            (Event::ConversationChanged(other), [false, true, false]),
            (Event::CallIncoming(talk, call), [false, false, true]),
            (Event::RingtoneStop(call), [false, false, true]),
        ] {
            let topics = [Topic::Conversation(talk), Topic::Conversations, Topic::Calls];
            assert_eq!(topics.map(|topic| heard(topic, event.clone())), expected, "{event:?}");
        }
    }

    #[test]
    fn r29_there_is_an_end_to_subscriptions() {
        let mut all = Subscriptions::default();
        let ids: Vec<_> = (0..limits::SUBSCRIPTIONS).map(|_| all.open(Topic::Calls).unwrap()).collect();
        assert_eq!(all.open(Topic::Calls), Err(Error::Misuse(Misuse::TooManySubscriptions)));
        assert!(all.close(ids[0]) && !all.close(ids[0]));
        assert_eq!(all.changed(ids[0]).err(), Some(Error::Misuse(Misuse::UnknownSubscription)));
        assert!(all.open(Topic::Calls).is_ok());
    }
}
