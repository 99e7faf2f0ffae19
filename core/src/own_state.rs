//! What a user decides on one device, told to the user's other devices: archived, muted and pinned conversations, blocked
//! people, what others are told, what was read where nobody else is told.
//!
//! It travels in the session of a conversation, to the user's own devices only, and is sealed once more under a key that
//! follows from the user's identity key: the other side could read what is only encrypted for the session, if a relay
//! handed it over. XChaCha20-Poly1305 under HKDF-SHA-256 of the identity key; the associated data is the conversation.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::act::{self, Audience, Draft, Received, Taken};
use crate::authority::IdentityKey;
use crate::codec;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::envelope::Kind;
use crate::error::{Error, PeerFault, Result};
use crate::event::Event;
use crate::id::{ConversationId, MessageId, UserId};
use crate::person;
use crate::privacy::{self, Privacy};
use crate::receipt;
use crate::time::Time;

const LABEL: &[u8] = b"undertone own state v1";
const NONCE: usize = 24;

/// One decision. The later one counts, see [`Decided::follows`].
#[derive(Serialize, Deserialize)]
enum OwnState {
    /// How this user keeps the conversation that it comes in.
    Kept { decided: Decided, archived: bool, muted_until: Option<Time>, pinned: bool },
    /// Whether somebody is blocked.
    Blocked { decided: Decided, user: UserId, blocked: bool },
    /// Messages of the conversation that this user has read.
    Read(Vec<(UserId, Vec<MessageId>)>),
    /// What others are told of this user.
    Privacy { decided: Decided, settings: Privacy },
}

/// Tells how a conversation is kept now. The caller has counted one up, and stores the row.
pub(crate) fn tell_kept(ctx: &mut Ctx<'_>, row: &mut ConversationRow) -> Result<()> {
    let state =
        OwnState::Kept { decided: row.kept, archived: row.archived, muted_until: row.muted_until, pinned: row.pinned };
    tell(ctx, row, &state)
}

/// Tells whether a member of a conversation is blocked. The caller stores the row.
pub(crate) fn tell_blocked(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    user: &UserId,
    decided: Decided,
    blocked: bool,
) -> Result<()> {
    tell(ctx, row, &OwnState::Blocked { decided, user: user.clone(), blocked })
}

/// Tells what was read. The caller stores the row.
pub(crate) fn tell_read(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    read: Vec<(UserId, Vec<MessageId>)>,
) -> Result<()> {
    tell(ctx, row, &OwnState::Read(read))
}

/// Tells what others are told of this user. The caller stores the row.
pub(crate) fn tell_privacy(
    ctx: &mut Ctx<'_>,
    row: &mut ConversationRow,
    settings: Privacy,
    decided: Decided,
) -> Result<()> {
    tell(ctx, row, &OwnState::Privacy { decided, settings })
}

/// Tells devices of this user that have come to a conversation all that was decided before. Says whether there is anything
/// to tell; the caller stores the row.
pub(crate) fn tell_again(ctx: &mut Ctx<'_>, row: &mut ConversationRow) -> Result<bool> {
    let mut told = false;
    if row.kept != Decided::NEVER {
        tell_kept(ctx, row)?;
        told = true;
    }
    for user in row.others.iter().map(|other| other.user.clone()).collect::<Vec<_>>() {
        let person = person::load(&ctx.tx, &user)?;
        if let Some(decided) = person.blocking {
            tell_blocked(ctx, row, &user, decided, person.blocked)?;
            told = true;
        }
    }
    if let Some((settings, decided)) = privacy::decided(&ctx.tx)? {
        tell_privacy(ctx, row, settings, decided)?;
        told = true;
    }
    Ok(told)
}

/// The one after a decision.
pub(crate) fn next(ctx: &mut Ctx<'_>, decided: Decided) -> Decided {
    let now = ctx.memory.relay_now(ctx.now).min(Time::END);
    decided.after(ctx.rng, now)
}

fn tell(ctx: &mut Ctx<'_>, row: &mut ConversationRow, state: &OwnState) -> Result<()> {
    let plain = Zeroizing::new(codec::encode(state)?);
    let nonce: [u8; NONCE] = ctx.rng.bytes();
    let payload = Payload { msg: &plain, aad: row.id.as_bytes() };
    let sealed = cipher(&ctx.account.identity)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Error::Bug("own_state.seal"))?;
    let body = [nonce.as_slice(), &sealed].concat();
    let draft = Draft { audience: Audience::OwnDevices, ..Draft::new(Kind::OWN_STATE, None, body) };
    act::perform(ctx, row, draft).map(drop)
}

/// Another device of this user has decided something.
pub(crate) fn received(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    if *act.author != ctx.account.user {
        return Err(PeerFault::Forbidden.into());
    }
    let plain = open(&ctx.account.identity, act.conversation, act.body)?;
    match codec::decode(&plain, "own state")? {
        OwnState::Kept { decided, archived, muted_until, pinned } => {
            let mut row = conversation::require(&ctx.tx, act.conversation)?;
            if newer(ctx, decided, row.kept) {
                row.kept = decided;
                (row.archived, row.muted_until) = (archived, muted_until);
                conversation::pin(&ctx.tx, &mut row, pinned)?;
                conversation::store(&mut ctx.tx, &row)?;
            }
        }
        OwnState::Blocked { decided, user, blocked } => {
            let mut row = person::load(&ctx.tx, &user)?;
            if user != ctx.account.user && row.blocking.is_none_or(|known| newer(ctx, decided, known)) {
                row.blocking = Some(decided);
                row.blocked = blocked;
                person::store(&ctx.tx, &user, &row)?;
                if blocked {
                    privacy::silence(ctx, &user)?;
                }
                let id = ConversationId::direct(ctx.config.authority(), &ctx.account.user, &user);
                if let Some(mut row) = conversation::load(&ctx.tx, id)? {
                    if !blocked {
                        conversation::reveal(&mut ctx.tx, &mut row);
                    }
                    conversation::store(&mut ctx.tx, &row)?;
                }
            }
        }
        OwnState::Privacy { decided, settings } => {
            if privacy::take_over(ctx, settings, decided)? {
                ctx.tx.event(Event::PrivacyChanged);
            }
        }
        OwnState::Read(read) => receipt::read_elsewhere(ctx, act.conversation, act.at, read)?,
    }
    Ok(Taken::Done)
}

/// Whether what another device of this user decided holds instead of what is known here.
pub(crate) fn newer(ctx: &Ctx<'_>, decided: Decided, known: Decided) -> bool {
    decided.follows(known, ctx.config) && !decided.is_absurd_after(known)
}

fn open(identity: &IdentityKey, conversation: ConversationId, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, PeerFault> {
    let (nonce, sealed) = body.split_first_chunk::<NONCE>().ok_or(PeerFault::Malformed("own state"))?;
    let payload = Payload { msg: sealed, aad: conversation.as_bytes() };
    let plain = cipher(identity).decrypt(&XNonce::from(*nonce), payload).map_err(|_| PeerFault::Forged)?;
    Ok(Zeroizing::new(plain))
}

fn cipher(identity: &IdentityKey) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are within what HKDF gives.
    let _ = Hkdf::<Sha256>::new(None, &*identity.to_bytes()).expand(LABEL, &mut *key);
    XChaCha20Poly1305::new((&*key).into())
}

#[cfg(test)]
mod tests {
    //! R26.

    use super::*;

    #[test]
    fn r26_nobody_else_reads_what_a_user_decides() {
        let (ann, bea) = (IdentityKey::from_bytes([1; 32]), IdentityKey::from_bytes([2; 32]));
        let (talk, other) = (ConversationId::from_bytes([3; 16]), ConversationId::from_bytes([4; 16]));
        let nonce = [5; NONCE];
        let sealed =
            cipher(&ann).encrypt(&XNonce::from(nonce), Payload { msg: b"blocked", aad: talk.as_bytes() }).unwrap();
        let body = [nonce.as_slice(), &sealed].concat();
        assert_eq!(&**open(&ann, talk, &body).unwrap(), b"blocked");
        assert_eq!(open(&bea, talk, &body).unwrap_err(), PeerFault::Forged);
        assert_eq!(open(&ann, other, &body).unwrap_err(), PeerFault::Forged, "nor elsewhere");
        assert_eq!(open(&ann, talk, &body[..20]).unwrap_err(), PeerFault::Malformed("own state"));
    }
}
