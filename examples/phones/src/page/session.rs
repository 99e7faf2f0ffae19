//! One page at its WebSocket: takes what it asks for, one after the other, and tells it what has changed.

use std::sync::Arc;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use undertone::id::UserId;

use super::ask::{Ask, Wish};
use super::fault::Fault;
use super::watch::Watch;
use crate::deeds::{self, Found};
use crate::platform::Platform;

/// Messages that wait for a page at most; what asks and watches for it waits as well.
const WAITING: usize = 64;

/// A page that is connected.
struct Session {
    platform: Arc<Platform>,
    /// Of each phone, in the platform's order.
    watches: Vec<Arc<Watch>>,
    /// Where the last search goes on.
    found: Option<Found>,
}

/// Serves a page until it is gone.
pub async fn run(platform: Arc<Platform>, socket: WebSocket) {
    let (mut sender, mut receiver) = socket.split();
    let (out, mut outgoing) = mpsc::channel::<String>(WAITING);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(text) = outgoing.recv().await {
            if sender.send(Message::Text(Utf8Bytes::from(text))).await.is_err() {
                return;
            }
        }
    });
    let watches: Vec<Arc<Watch>> = platform.phones.iter().map(|phone| Watch::new(Arc::clone(phone))).collect();
    for watch in &watches {
        // These end by themselves when the page is gone, and close what they opened.
        tokio::spawn(Arc::clone(watch).run(out.clone()));
    }
    tasks.spawn(pass_on(Arc::clone(&platform), out.clone()));
    let mut session = Session { platform, watches, found: None };
    while let Some(Ok(message)) = receiver.next().await {
        let answer = match message {
            Message::Text(text) => session.answer(&text).await,
            Message::Binary(_) => refusal(None, &Fault::Malformed("bytes, where text is expected".into())),
            Message::Close(_) => break,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        if out.send(answer.to_string()).await.is_err() {
            break;
        }
    }
    tasks.shutdown().await;
}

/// Passes on what all pages are told.
async fn pass_on(platform: Arc<Platform>, out: mpsc::Sender<String>) {
    let mut pushes = platform.pushes.listen();
    loop {
        let told = match pushes.recv().await {
            Ok(told) => told.to_string(),
            Err(RecvError::Lagged(_)) => json!({ "resync": true }).to_string(),
            Err(RecvError::Closed) => return,
        };
        if out.send(told).await.is_err() {
            return;
        }
    }
}

impl Session {
    async fn answer(&mut self, text: &str) -> Value {
        let ask: Ask = match serde_json::from_str(text) {
            Ok(ask) => ask,
            Err(error) => return refusal(id_of(text), &Fault::Malformed(error.to_string())),
        };
        let id = ask.id;
        match self.perform(ask).await {
            Ok(value) => json!({ "id": id, "ok": value }),
            Err(fault) => refusal(Some(id), &fault),
        }
    }

    async fn perform(&mut self, ask: Ask) -> Result<Value, Fault> {
        match ask.ask {
            Wish::Hello => return Ok(self.hello().await),
            Wish::Advance { ms } => {
                self.platform.advance(ms).await;
                return Ok(self.platform.clock());
            }
            _ => {}
        }
        let user = ask.phone.unwrap_or_default();
        let at = self.platform.phones.iter().position(|phone| phone.person.user == user);
        let (phone, watch) = at
            .and_then(|at| Some((self.platform.phones.get(at)?, self.watches.get(at)?)))
            .ok_or(Fault::UnknownPhone)?;
        match ask.ask {
            Wish::Connect { online } => phone.connect(online),
            Wish::Kill => phone.kill().await,
            Wish::Open => phone.open().await?,
            Wish::Enter { conversation } => {
                watch.look_at(Some(conversation.0)).await;
                return deeds::newest(phone, conversation).await;
            }
            Wish::Leave => watch.look_at(None).await,
            Wish::People => {
                let others = self.platform.phones.iter().filter(|other| other.person.user != user);
                let others = others.filter_map(|other| UserId::new(other.person.user)).collect();
                return deeds::people(phone, others).await;
            }
            Wish::Search { words, conversation, more } => {
                let before = self.found.take().filter(|_| more);
                let (shown, found) = deeds::search(phone, &words, conversation, before).await?;
                self.found = found;
                return Ok(shown);
            }
            wish => return deeds::perform(phone, wish).await,
        }
        Ok(Value::Null)
    }

    async fn hello(&self) -> Value {
        let phones: Vec<Value> = self
            .platform
            .phones
            .iter()
            .map(|phone| {
                let person = phone.person;
                json!({ "user": person.user, "name": person.name, "role": person.role, "status": phone.status() })
            })
            .collect();
        json!({ "phones": phones, "clock": self.platform.clock(), "sights": self.platform.sights().await })
    }
}

fn refusal(id: Option<u64>, fault: &Fault) -> Value {
    json!({ "id": id, "error": fault.show() })
}

/// The number of a message that is not understood otherwise.
fn id_of(text: &str) -> Option<u64> {
    serde_json::from_str::<Value>(text).ok()?.get("id")?.as_u64()
}
