//! Acts of members: which feature each one concerns.

use crate::act::{Arrival, Received, Taken};
use crate::authority::Certificate;
use crate::change::Change;
use crate::conversation;
use crate::ctx::Ctx;
use crate::early::{self, Early, Waiting};
use crate::envelope::{Content, Kind, MessageRef};
use crate::error::{Error, PeerFault, Result};
use crate::expiry;
use crate::id::{ConversationId, MessageId, UserId};
use crate::limits;
use crate::message;
use crate::own_state;
use crate::receipt;
use crate::structured;

/// Takes in what a member did; what refers to a message that is not here waits for it.
pub(super) fn apply(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    content: &Content,
    arrival: Arrival<'_>,
) -> Result<()> {
    let taken = taken(ctx, conversation, sender, content, arrival)?;
    let by_hand = matches!(content.kind, Kind::EDIT | Kind::DELETE | Kind::REACTION | Kind::PAYMENT_STATE);
    if by_hand && *sender.user() != ctx.account.user {
        ctx.tx.change(Change::Touched(conversation, arrival.accepted));
    }
    if taken == Taken::Done {
        return Ok(());
    }
    let Some(target) = &content.head.target else { return Ok(()) };
    if arrival.padded.len() > limits::EARLY_ACT {
        return Ok(());
    }
    let certificate = sender.as_bytes().to_vec().into();
    let Arrival { accepted, frank, padded } = arrival;
    let what = Early::Act { certificate, content: padded.to_vec().into(), accepted, frank: frank.cloned() };
    let id = content.head.id;
    let waiting = Waiting { author: &target.author, id: target.id, from: sender.user(), tag: id.as_bytes(), what };
    early::keep(ctx, conversation, &[waiting])
}

fn taken(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    sender: &Certificate,
    content: &Content,
    arrival: Arrival<'_>,
) -> Result<Taken> {
    let received = Received::new(conversation, sender, content, arrival);
    match content.kind {
        Kind::EXPIRY_NOTICE => expiry::received(ctx, &received),
        Kind::OWN_STATE => own_state::received(ctx, &received),
        Kind::SETTINGS => conversation::settings_received(ctx, &received),
        Kind::EDIT => message::edited(ctx, &received),
        Kind::DELETE => message::deleted(ctx, &received),
        Kind::REACTION => message::reacted(ctx, &received),
        Kind::PAYMENT_STATE => structured::payment_received(ctx, &received),
        // A newer version's business: nothing is shown, nothing is lost.
        _ => Ok(Taken::Done),
    }
}

/// A message has come: what came before it counts now, in the order of its making.
pub(super) fn apply_early(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    author: &UserId,
    id: MessageId,
) -> Result<()> {
    for early in early::take(ctx, conversation, author, id)? {
        match early {
            Early::Receipt { from, read, at } => {
                receipt::apply_early(ctx, conversation, (author, id), &from, read, at)?
            }
            Early::Notice { from, at } => {
                let target = MessageRef { author: author.clone(), id };
                expiry::apply_early(ctx, conversation, &target, &from, at)?;
            }
            Early::Act { certificate, content, accepted, frank } => {
                let arrival = Arrival { accepted, frank: frank.as_ref(), padded: &content };
                let (sender, content) = (Certificate::decode(&certificate)?, Content::decode(&content)?);
                match taken(ctx, conversation, &sender, &content, arrival) {
                    // It was let in when it came; now that its message is here, it turns out to be no right of its sender.
                    Ok(_) | Err(Error::Peer(PeerFault::Malformed(_) | PeerFault::Forbidden)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}
