//! The view of subscriptions.

use super::Engine;
use crate::error::{Error, Misuse, Result};
use crate::id::ConversationId;
use crate::message::{self, Message, MessageKey};
use crate::subscription::{Changed, Item, SubscriptionId, Topic, Update};
use crate::time::Time;

/// What has changed, topic by topic. Subscriptions live as long as the engine is open: whoever opens one reads by query
/// first, and then takes what has changed since.
pub struct SubscriptionsView<'e>(pub(super) &'e mut Engine);

impl SubscriptionsView<'_> {
    /// Subscribes to a topic.
    ///
    /// # Errors
    /// [`Misuse::TooManySubscriptions`]; [`Misuse::Closed`], [`Misuse::Suspended`].
    pub fn open(&mut self, topic: Topic) -> Result<SubscriptionId> {
        self.0.check_open()?;
        self.0.subscriptions.open(topic)
    }

    /// Ends a subscription; `false` when there is no such.
    pub fn close(&mut self, id: SubscriptionId) -> bool {
        self.0.subscriptions.close(id)
    }

    /// Those with something to [`take`](SubscriptionsView::take).
    pub fn ready(&self) -> Vec<SubscriptionId> {
        self.0.subscriptions.ready()
    }

    /// What has changed since the last time, each thing once and as it is now; messages oldest first. It is durable by
    /// then.
    ///
    /// # Errors
    /// [`Misuse::UnknownSubscription`]; any [`StoreError`](crate::error::StoreError), and then nothing is taken.
    pub fn take(&mut self, id: SubscriptionId, now: Time) -> Result<Vec<Update>> {
        self.0.check_open()?;
        let updates = match self.0.subscriptions.changed(id)? {
            Changed::All => vec![Update::Resync],
            Changed::Some(topic, items) => {
                self.0.make_durable()?;
                let mut updates = Vec::with_capacity(items.len());
                for item in items {
                    updates.extend(self.read(topic, item, now)?);
                }
                updates
            }
        };
        self.0.subscriptions.clear(id);
        Ok(updates)
    }

    fn read(&mut self, topic: Topic, (item, new): (Item, bool), now: Time) -> Result<Option<Update>> {
        Ok(match (item, topic) {
            (Item::Message(key), Topic::Conversation(id)) => Some(self.message(id, key, new, now)?),
            (Item::Typing, Topic::Conversation(id)) => Some(Update::Typing(self.0.conversations().typing(id, now)?)),
            (Item::Message(_) | Item::Typing, Topic::Conversations | Topic::Calls) => None,
            (Item::Conversation(id), _) => {
                let conversation = self.0.conversations().get(id, now)?;
                Some(Update::Conversation(Box::new(conversation)))
            }
            (Item::Call(call), _) => match self.0.calls().get(call, now) {
                Ok(call) => Some(Update::Call(Box::new(call))),
                // Its message went, and the call with it.
                Err(Error::Misuse(Misuse::UnknownCall)) => None,
                Err(error) => return Err(error),
            },
            (Item::Ringtone(call), _) if new => Some(Update::RingtoneStart(call)),
            (Item::Ringtone(call), _) => Some(Update::RingtoneStop(call)),
        })
    }

    fn message(&self, id: ConversationId, key: MessageKey, new: bool, now: Time) -> Result<Update> {
        let row = message::load(&self.0.read()?, id, key)?;
        Ok(match row.filter(|row| !row.went_by(key, self.0.hidden(now))) {
            Some(row) => {
                let message = Box::new(Message::new(id, key, row));
                if new { Update::MessageAdded(message) } else { Update::MessageChanged(message) }
            }
            None => Update::MessageRemoved(key),
        })
    }
}
