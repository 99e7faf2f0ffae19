//! What one page is told of one phone: the engine's subscriptions, taken whenever something happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use undertone::id::{CallId, ConversationId, UserId};
use undertone::subscription::{SubscriptionId, Topic, Update};
use undertone::{Engine, Error, Time};

use crate::deeds;
use crate::phone::{Phone, Tick};
use crate::view;

/// The subscriptions of a page on a phone. They end with the engine's life, or with the page.
pub struct Watch {
    phone: Arc<Phone>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    life: u64,
    /// The list and the calls.
    always: Vec<SubscriptionId>,
    /// The conversation that is on screen.
    thread: Option<(ConversationId, Option<SubscriptionId>)>,
}

impl Watch {
    pub fn new(phone: Arc<Phone>) -> Arc<Watch> {
        Arc::new(Watch { phone, open: Mutex::default() })
    }

    /// Another conversation is on screen, or none. Call it before reading: what changes in between is told.
    pub async fn look_at(&self, conversation: Option<ConversationId>) {
        let before = {
            let mut open = self.open();
            let before = open.thread.take().and_then(|(_, subscription)| subscription);
            open.thread = conversation.map(|id| (id, None));
            before
        };
        if let Some(before) = before {
            let _ = self.phone.run(move |engine, _| Ok(engine.subscriptions().close(before))).await;
        }
        self.subscribe().await;
    }

    /// Tells what has changed, until the page is gone. Then it ends its subscriptions.
    pub async fn run(self: Arc<Self>, out: mpsc::Sender<String>) {
        let mut ticks = self.phone.ticks.subscribe();
        let mut tick = *ticks.borrow_and_update();
        loop {
            let told = self.told(tick).await;
            if let Some(told) = told
                && out.send(told.to_string()).await.is_err()
            {
                break;
            }
            tokio::select! {
                changed = ticks.changed() => if changed.is_err() { break },
                () = out.closed() => break,
            }
            tick = *ticks.borrow_and_update();
        }
        let open = std::mem::take(&mut *self.open());
        let all: Vec<SubscriptionId> =
            open.always.into_iter().chain(open.thread.and_then(|(_, subscription)| subscription)).collect();
        let close = move |engine: &mut Engine, _: Time| {
            for id in all {
                engine.subscriptions().close(id);
            }
            Ok(())
        };
        let _ = self.phone.run(close).await;
    }

    /// What there is to tell at this tick.
    async fn told(&self, tick: Tick) -> Option<Value> {
        let mut updates = Vec::new();
        let reopened = {
            let mut open = self.open();
            let reopened = open.life != tick.life;
            if reopened {
                // What was subscribed to was another life's.
                open.life = tick.life;
                open.always.clear();
                open.thread.iter_mut().for_each(|(_, subscription)| *subscription = None);
            }
            reopened
        };
        if reopened {
            self.subscribe().await;
            updates.push(json!({ "kind": "resync" }));
        }
        let (always, thread) = {
            let open = self.open();
            (open.always.clone(), open.thread)
        };
        let take = move |engine: &mut Engine, now: Time| take(engine, &always, thread, now);
        let (changed, hints) = self.phone.run(take).await.ok()?;
        updates.extend(changed);
        if updates.is_empty() {
            return None;
        }
        Some(json!({ "phone": self.phone.person.user, "updates": updates, "hints": hints }))
    }

    /// Opens what is not open.
    async fn subscribe(&self) {
        let (missing, thread) = {
            let open = self.open();
            let thread = open.thread.filter(|(_, subscription)| subscription.is_none()).map(|(id, _)| id);
            (open.always.is_empty(), thread)
        };
        let subscribe = move |engine: &mut Engine, _: Time| {
            let mut subscriptions = engine.subscriptions();
            let mut always = Vec::new();
            if missing {
                always = vec![subscriptions.open(Topic::Conversations)?, subscriptions.open(Topic::Calls)?];
            }
            let thread = thread.map(|id| Ok::<_, Error>((id, subscriptions.open(Topic::Conversation(id))?)));
            Ok((always, thread.transpose()?))
        };
        let Ok((always, thread)) = self.phone.run(subscribe).await else { return };
        let mut open = self.open();
        if open.always.is_empty() {
            open.always = always;
        }
        if let Some((id, subscription)) = thread
            && let Some((current, place)) = &mut open.thread
            && *current == id
        {
            *place = Some(subscription);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // What it guards is never left half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what has changed; with the notifications, when these may be others now.
fn take(
    engine: &mut Engine,
    always: &[SubscriptionId],
    thread: Option<(ConversationId, Option<SubscriptionId>)>,
    now: Time,
) -> Result<(Vec<Value>, Option<Value>), Error> {
    let mut updates = Vec::new();
    for id in always {
        for update in engine.subscriptions().take(*id, now)? {
            updates.push(show(engine, None, update, now));
        }
    }
    let listed = !updates.is_empty();
    if let Some((conversation, Some(id))) = thread {
        for update in engine.subscriptions().take(id, now)? {
            updates.push(show(engine, Some(conversation), update, now));
        }
    }
    let hints = if listed { Some(deeds::hints(engine, now)?) } else { None };
    Ok((updates, hints))
}

fn show(engine: &mut Engine, thread: Option<ConversationId>, update: Update, now: Time) -> Value {
    let thread = thread.map(|id| view::hex(id.as_bytes()));
    match update {
        Update::MessageAdded(message) => {
            json!({ "kind": "message", "new": true, "message": view::message(engine, &message, now) })
        }
        Update::MessageChanged(message) => {
            json!({ "kind": "message", "new": false, "message": view::message(engine, &message, now) })
        }
        Update::MessageRemoved(key) => {
            json!({ "kind": "removed", "conversation": thread, "place": view::place(&key) })
        }
        Update::Typing(users) => {
            json!({ "kind": "typing", "conversation": thread, "users": users.iter().map(UserId::as_str).collect::<Vec<_>>() })
        }
        Update::Conversation(of) => {
            json!({ "kind": "conversation", "conversation": view::conversation(engine, &of, now) })
        }
        Update::Call(call) => json!({ "kind": "call", "call": view::call(engine, &call) }),
        Update::RingtoneStart(call) => ring(call, true),
        Update::RingtoneStop(call) => ring(call, false),
        _ => json!({ "kind": "resync" }),
    }
}

fn ring(call: CallId, on: bool) -> Value {
    json!({ "kind": "ring", "call": view::hex(call.as_bytes()), "on": on })
}
