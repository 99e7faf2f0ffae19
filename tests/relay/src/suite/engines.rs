//! Real engines that talk while relays and NATS servers are killed: what a person sees is there once, and in order.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use undertone::authority::Authority;
use undertone::conversation::ConversationState;
use undertone::engine::Draft;
use undertone::id::{ConversationId, UserId};
use undertone::message::{Cursor, MessageContent};
use undertone::policy::Role;
use undertone_host::{Host, Notice, Profile, Rows, start};

use crate::kills::Victims;

/// Messages that each sends.
const MESSAGES: usize = 120;

/// Two clients and two escorts, each with a relay of its own.
pub fn talk() -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(play())
}

struct Person {
    host: Host,
    conversation: ConversationId,
}

async fn play() -> Result<(), String> {
    let mut victims = Victims::start("engines", Authority::from_seed([22; 32]).public_key())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let urls = victims.urls();
    let mut people = Vec::new();
    for pair in 0..2 {
        let names = [format!("ann {pair}"), format!("bea {pair}")];
        for (which, role) in ["escort", "client"].iter().enumerate() {
            let (own, other) = (&names[1 - which], &names[which]);
            let url = &urls[(pair + which) % urls.len()];
            people.push(person(&folder.path().join(own), url, own, role, other).await?);
        }
    }
    // Escorts answer: they may not start, and so wait until they were asked.
    for escort in people.iter().step_by(2) {
        asked(escort).await?;
    }
    let kills = async {
        victims.kill_all().await?;
        Ok::<_, String>(())
    };
    let writing = async {
        for number in 0..MESSAGES {
            for (who, person) in people.iter().enumerate() {
                // Escorts answer: they may not start.
                if who % 2 == 0 && number < 10 {
                    continue;
                }
                let conversation = person.conversation;
                let text = format!("{who}/{number:04}");
                let sent =
                    person.host.run(move |engine, now| engine.messages().send(conversation, Draft::text(text), now));
                sent.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            }
            sleep(Duration::from_millis(250)).await;
        }
        Ok::<_, String>(())
    };
    tokio::try_join!(kills, writing)?;
    let start = Instant::now();
    loop {
        let wrong = compare(&people).await?;
        match wrong {
            None => break,
            Some(why) if start.elapsed() > Duration::from_secs(90) => {
                return Err(format!("{why}\nwhat the relays said:\n{}", victims.said()));
            }
            Some(_) => sleep(Duration::from_millis(500)).await,
        }
    }
    println!("    {} messages, each seen once and in its sender's order", 4 * MESSAGES - 20);
    Ok(())
}

async fn person(folder: &std::path::Path, relay: &str, name: &str, role: &str, other: &str) -> Result<Person, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let profile = Profile::at(folder, Rows::Sqlite).map_err(|e| said(&e))?;
    let (user, other) = (UserId::new(name).ok_or("a user")?, UserId::new(other).ok_or("a user")?);
    let role = Role::new(role).ok_or("a role")?;
    let engine = profile.open(relay, &user, &role, None).await.map_err(|e| said(&e))?;
    let (host, mut notices) = start(engine, relay.into()).map_err(|e| said(&e))?;
    tokio::spawn(async move {
        while let Some(notice) = notices.recv().await {
            if let Notice::Trouble(why) | Notice::Stopped(why) | Notice::Refused(why) = notice {
                println!("    an engine says: {why}");
            }
        }
    });
    host.connect(true).map_err(|e| said(&e))?;
    let conversation = host.run(move |engine, now| engine.conversations().start(&other, now)).await;
    let conversation = conversation.map_err(|e| said(&e))?.map_err(|e| said(&e))?;
    Ok(Person { host, conversation })
}

/// Waits until somebody has begun the conversation.
async fn asked(person: &Person) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(90) {
        let conversation = person.conversation;
        let shown = person.host.run(move |engine, now| engine.conversations().get(conversation, now)).await;
        let state = shown.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?.state;
        if state == ConversationState::Live {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("an escort was asked by nobody".into())
}

/// What a person of a pair sees is what both wrote, each text once. `None` when all is well.
async fn compare(people: &[Person]) -> Result<Option<String>, String> {
    for (who, person) in people.iter().enumerate() {
        let seen = texts(person).await?;
        for writer in [who & !1, who | 1] {
            let from = if writer % 2 == 0 { 10 } else { 0 };
            let wanted: Vec<String> = (from..MESSAGES).map(|number| format!("{writer}/{number:04}")).collect();
            let prefix = format!("{writer}/");
            let got: Vec<&String> = seen.iter().filter(|text| text.starts_with(&prefix)).collect();
            if !got.iter().copied().eq(wanted.iter()) {
                let (got, wanted) = (got.len(), wanted.len());
                return Ok(Some(format!(
                    "person {who} sees {got} of {wanted} messages of {writer}, or in another order"
                )));
            }
        }
    }
    Ok(None)
}

/// All texts of a person's conversation, oldest first.
async fn texts(person: &Person) -> Result<Vec<String>, String> {
    let conversation = person.conversation;
    let read = person.host.run(move |engine, now| {
        let (mut texts, mut cursor) = (Vec::new(), Cursor::Newest);
        loop {
            let page = engine.messages().page(conversation, cursor, 200, now)?;
            let last = page.messages.last().map(|message| message.key);
            for message in page.messages {
                if let MessageContent::Text(text) = message.content {
                    texts.push(text.to_string());
                }
            }
            match last {
                Some(key) if page.more => cursor = Cursor::Before(key),
                _ => break,
            }
        }
        texts.reverse();
        Ok::<_, undertone::Error>(texts)
    });
    read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
