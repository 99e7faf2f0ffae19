//! What a doctored engine may say to others: for tests of those who must bear it.

use super::Engine;
use crate::codec;
use crate::conversation;
use crate::envelope::{Again, Content, EnvelopeKind, Kind};
use crate::error::{Error, Misuse, Result};
use crate::id::{CallId, ConversationId, EnvelopeId, Hash32, MessageId, UserId};
use crate::outbox::{self, Item, Purpose};
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

    /// The body of a receipt that says that messages of `author` were delivered.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn receipt_for(author: &UserId, ids: &[MessageId]) -> Result<Vec<u8>> {
        crate::receipt::body(author, ids)
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
        self.say_bytes(conversation, kind, &content.encode()?, commitment, now)
    }

    /// The same, with a content that is encoded already.
    ///
    /// # Errors
    /// [`Misuse::UnknownConversation`] without a session.
    pub fn say_bytes(
        &mut self,
        conversation: ConversationId,
        kind: EnvelopeKind,
        plaintext: &[u8],
        commitment: Option<Hash32>,
        now: Time,
    ) -> Result<()> {
        self.mutate(now, |ctx| {
            let session = conversation::require(&ctx.tx, conversation)?.session;
            let session = session.ok_or(Error::Misuse(Misuse::UnknownConversation))?;
            let sealed = ctx.with_group(session, |group, provider, signer| {
                Ok((group.encrypt(provider, signer, plaintext)?, session::recipients(group)?))
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

    /// The body of a signal of a call: its number, and a payload in MessagePack.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn call_signal(call: CallId, number: u8, payload: &impl serde::Serialize) -> Result<Vec<u8>> {
        codec::encode(&(call, number, serde_bytes::ByteBuf::from(codec::encode(payload)?)))
    }

    /// The body of the history message of a call, kind 10: by its numbers, as `docs/wire.md` has them.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn call_record(call: CallId, kind: u8, outcome: u8, times: (Time, Option<Time>, Time)) -> Result<Vec<u8>> {
        codec::encode(&(call, kind, outcome, times.0, times.1, times.2))
    }

    /// The body of a text.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be encoded.
    pub fn text(text: &str) -> Result<Vec<u8>> {
        codec::encode(&text)
    }
}
