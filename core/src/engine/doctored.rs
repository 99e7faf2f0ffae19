//! What a doctored engine may say to others: for tests of those who must bear it.

use super::Engine;
use crate::conversation;
use crate::envelope::Kind;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::outbox::{self, Item};
use crate::receipt::Mark;
use crate::time::Time;

impl Engine {
    /// Says something between engines, whatever it is: `kind` and `body` go to the members as they are.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`](crate::error::Misuse::UnknownConversation).
    pub fn say(&mut self, conversation: ConversationId, kind: Kind, body: Vec<u8>, now: Time) -> Result<()> {
        self.mutate(now, |ctx| {
            let mut row = conversation::require(&ctx.tx, conversation)?;
            outbox::push(ctx, &mut row, Item::Control(kind, body.into()))?;
            conversation::store(&mut ctx.tx, &row)
        })
    }

    /// The body of a receipt that says that messages of `author` were delivered.
    ///
    /// # Errors
    /// [`Error::Bug`](crate::error::Error::Bug) when it cannot be encoded.
    pub fn receipt_for(author: &UserId, ids: &[MessageId]) -> Result<Vec<u8>> {
        crate::receipt::body(Mark::Delivered, author, ids)
    }
}
