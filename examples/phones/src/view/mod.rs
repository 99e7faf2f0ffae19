//! How things look as JSON.

mod call;
mod conversation;
mod message;
mod name;
mod sight;
mod text;

pub use call::call;
pub use conversation::{conversation, people};
pub use message::{hit, message, transfer};
pub use name::{CallName, ConversationName, Place, Reference, hex, place, reference};
pub use sight::sight;
pub use text::marks;
