//! What a doctored engine may say to others: for tests of those who must bear it.

use super::Engine;
use crate::codec;
use crate::conversation;
use crate::envelope::{Again, Content, EnvelopeKind, Kind};
use crate::error::{Error, Misuse, Result};
use crate::id::{ConversationId, EnvelopeId, Hash32, MessageId, UserId};
use crate::intent::{self, Intent};
use crate::outbox::{self, Item, Purpose};
use crate::receipt::Mark;
use crate::session;
use crate::time::Time;

impl Engine {
    /// Says something between engines, whatever it is: `kind` and `body` go to the members as they are.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`].
    pub fn say(&mut self, conversation: ConversationId, kind: Kind, body: Vec<u8>, now: Time) -> Result<()> {
        self.mutate(now, |ctx| {
            let mut row = conversation::require(&ctx.tx, conversation)?;
            outbox::push(ctx, &mut row, Item::Control(kind, body.into()))?;
            conversation::store(&mut ctx.tx, &row)
        })
    }

    /// Renews this device's leaf in a conversation's session now.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn renew_leaf(&mut self, conversation: ConversationId, now: Time) -> Result<()> {
        self.mutate(now, |ctx| intent::want(ctx, conversation, Intent::Update, now))
    }

    /// The body of a receipt that says that messages of `author` were delivered.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn receipt_for(author: &UserId, ids: &[MessageId]) -> Result<Vec<u8>> {
        crate::receipt::body(Mark::Delivered, author, ids)
    }

    /// Encrypts `content` for the members and hands it out as `kind`, with `commitment` on the envelope.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`] without a session.
    pub fn say_as(
        &mut self,
        conversation: ConversationId,
        kind: EnvelopeKind,
        content: &Content,
        commitment: Option<Hash32>,
        now: Time,
    ) -> Result<()> {
        let plaintext = content.encode()?;
        self.mutate(now, |ctx| {
            let session = conversation::require(&ctx.tx, conversation)?.session;
            let session = session.ok_or(Error::Misuse(Misuse::UnknownConversation))?;
            let sealed = ctx.with_group(session, |group, provider, signer| {
                Ok((group.encrypt(provider, signer, &plaintext)?, session::recipients(group)?))
            })?;
            let (body, recipients) = sealed.ok_or(Error::Misuse(Misuse::UnknownConversation))?;
            let mut envelope = outbox::new_envelope(ctx, kind, session, recipients)?;
            envelope.commitment = commitment;
            envelope.body = body;
            outbox::launch(ctx, Purpose::Control(conversation), &[envelope]).map(|_| ())
        })
    }

    /// The body of a content that brings `content` once more, which the envelope `lost` had carried.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn again(lost: EnvelopeId, content: &Content, accepted: Time) -> Result<Vec<u8>> {
        codec::encode(&Again(lost, content.encode()?.into(), accepted))
    }

    /// The body of a content that asks for what these envelopes carried.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn unreadable(envelopes: &[(EnvelopeId, Time)]) -> Result<Vec<u8>> {
        codec::encode(&envelopes)
    }

    /// The body of a text.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn text(text: &str) -> Result<Vec<u8>> {
        codec::encode(&text)
    }
}
