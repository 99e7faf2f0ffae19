//! What is done on a phone's engine for a page.

mod call;
mod list;
mod message;
mod person;
mod search;
mod thread;

use serde_json::Value;

use crate::page::{Fault, Wish};
use crate::phone::Phone;

pub use list::{hints, people};
pub use message::draft;
pub use search::{Found, search};
pub use thread::newest;

/// Does what a page asked for on a phone.
///
/// # Errors
/// [`Fault`]; then nothing was changed.
pub async fn perform(phone: &Phone, wish: Wish) -> Result<Value, Fault> {
    match wish {
        Wish::List => list::list(phone).await,
        Wish::Start { user } => list::start(phone, user).await,
        Wish::Page { conversation, before, after } => thread::page(phone, conversation, before, after).await,
        Wish::Around { conversation, place } => thread::around(phone, conversation, place).await,
        Wish::Settings => person::settings(phone).await,
        Wish::Safety { user } => person::safety(phone, user).await,
        Wish::Calls { conversation } => call::page(phone, conversation).await,
        Wish::Call { conversation, video } => call::start(phone, conversation, video).await,
        Wish::Send { conversation, text, terms } => message::send(phone, conversation, text, terms).await,
        Wish::Forward { conversation, message, to } => message::forward(phone, conversation, message, to).await,
        wish => {
            phone
                .run(move |engine, now| {
                    match wish {
                        Wish::Answer { .. } | Wish::Decline { .. } | Wish::HangUp { .. } => {
                            call::act(engine, wish, now)
                        }
                        Wish::Block { .. }
                        | Wish::Verify { .. }
                        | Wish::Accept { .. }
                        | Wish::Privacy { .. }
                        | Wish::Quiet { .. } => person::act(engine, wish, now),
                        Wish::Typing { .. }
                        | Wish::Draft { .. }
                        | Wish::Timer { .. }
                        | Wish::Archive { .. }
                        | Wish::Pin { .. }
                        | Wish::Mute { .. } => list::act(engine, wish, now),
                        wish => message::act(engine, wish, now),
                    }
                    .map(|()| Value::Null)
                })
                .await
        }
    }
}
