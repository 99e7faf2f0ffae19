//! The view of users, devices and certificates.

use std::collections::BTreeSet;

use super::Engine;
use crate::account;
use crate::authority::{Certificate, EnrolmentRequest, IdentityKey, RevocationList, SafetyNumber};
use crate::ctx::Ctx;
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::id::{ConversationId, UserId};
use crate::intent::{self, Intent};
use crate::limits;
use crate::member::{self, UserRow};
use crate::memory::Effect;
use crate::output::{Request, Wake};
use crate::person::{self, PersonRow, Trust};
use crate::policy::Role;
use crate::request::{self, Purpose};
use crate::session::{self, SessionRow};
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::timer;

/// Begins what a device signs to log in.
const LOGIN_LABEL: &[u8] = b"undertone relay login v1";

/// Users, devices and certificates.
pub struct Identity<'e>(pub(super) &'e mut Engine);

impl Identity<'_> {
    /// What the platform's authority signs. It proves that this device holds its keys.
    ///
    /// # Errors
    /// [`Misuse::Closed`].
    pub fn enrolment_request(&self) -> Result<EnrolmentRequest> {
        self.0.check_open()?;
        self.0.enrolment()
    }

    /// Takes the certificate of this device: the first one, or a renewed one.
    ///
    /// # Errors
    /// [`Error::Peer`] when it is forged, of a foreign authority or expired; [`Misuse::AlreadyEnrolled`] when it is for
    /// another user or device, or older than the one in use.
    pub fn enrol(&mut self, certificate: &[u8], now: Time) -> Result<()> {
        let certificate = Certificate::decode(certificate)?;
        self.0.mutate(now, |ctx| {
            certificate.verify(&ctx.config.authorities)?;
            certificate.valid_at(ctx.now)?;
            let ours = *certificate.user() == ctx.account.user
                && certificate.device() == ctx.account.id
                && *certificate.identity_key() == ctx.account.identity.public();
            let older = ctx.account.certificate.as_ref().is_some_and(|known| known.serial() > certificate.serial());
            if !ours || older {
                return Err(Error::Misuse(Misuse::AlreadyEnrolled));
            }
            let (key, value) = account::certificate_row(&certificate);
            ctx.tx.put(Table::Meta, key, value);
            timer::set(&ctx.tx, certificate.not_after(), Wake::Certificate, &certificate.serial().to_be_bytes());
            ctx.tx.effect(Effect::Enrolled(Box::new(certificate)));
            Ok(())
        })
    }

    /// Answers a relay's login challenge: this device's Ed25519 signature over `undertone relay login v1` and the
    /// challenge, which must be fresh random bytes of the relay.
    ///
    /// # Errors
    /// [`Misuse::NotEnrolled`].
    pub fn answer_challenge(&self, challenge: &[u8; 32]) -> Result<[u8; 64]> {
        self.0.certificate()?;
        Ok(self.0.account().device.sign(&[LOGIN_LABEL, challenge].concat()))
    }

    /// The certificate in use.
    ///
    /// # Errors
    /// [`Misuse::NotEnrolled`].
    pub fn certificate(&self) -> Result<&Certificate> {
        self.0.certificate()
    }

    /// The user's identity key, for a further device of the same user. It is a secret: whoever has it can add devices
    /// that nobody is warned of.
    ///
    /// # Errors
    /// [`Misuse::Closed`].
    pub fn identity_key(&self) -> Result<IdentityKey> {
        self.0.check_open()?;
        Ok(IdentityKey::from_bytes(*self.0.account().identity.to_bytes()))
    }

    /// The role of a user by the newest certificate known; `None` while unknown.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn role(&self, user: &UserId) -> Result<Option<Role>> {
        self.0.check_open()?;
        if user == self.0.user() {
            return Ok(self.0.account().role().ok().cloned());
        }
        Ok(member::user_row(&self.0.read()?, user)?.map(|row| row.role))
    }

    /// Asks the directory for the devices and the role of a user.
    ///
    /// # Errors
    /// [`Misuse::NotEnrolled`].
    pub fn look_up(&mut self, user: &UserId, now: Time) -> Result<()> {
        self.0.certificate()?;
        self.0.mutate(now, |ctx| {
            let request = Request::LookUp { users: vec![user.clone()], key_packages: false };
            request::make(ctx, Purpose::Role(user.clone()), request)
        })
    }

    /// The safety number with a user: both compare it, and nobody is between them. `None` while their identity key is
    /// unknown. Of several identity keys it is over the first that was neither verified nor accepted, and that is not
    /// revoked: if that one is not the other's, their numbers differ.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn safety_number(&self, user: &UserId) -> Result<Option<SafetyNumber>> {
        let tx = self.0.read()?;
        let Some(known) = member::user_row(&tx, user)? else { return Ok(None) };
        let gone = member::gone(&tx, &self.0.memory.revoked, user, &known)?;
        let key = person::load(&tx, user)?.to_compare(&known, &gone);
        let own = self.0.account().identity.public();
        Ok(Some(SafetyNumber::new((self.0.user(), &own), (user, &key))))
    }

    /// How far a user's identity is to be trusted.
    ///
    /// # Errors
    /// Any [`StoreError`](crate::error::StoreError).
    pub fn trust(&self, user: &UserId) -> Result<Trust> {
        person::trust(&self.0.read()?, user)
    }

    /// Verifies a user by what was scanned from their screen ([`SafetyNumber::qr_payload`]); `false` is the alarm: the
    /// keys differ, and nothing is changed.
    ///
    /// # Errors
    /// [`Misuse::UnknownUser`] while their identity key is unknown; [`PeerFault::Malformed`](crate::error::PeerFault) when
    /// it is no safety number.
    pub fn verify_scanned(&mut self, user: &UserId, scanned: &[u8], now: Time) -> Result<bool> {
        let number = self.safety_number(user)?.ok_or(Error::Misuse(Misuse::UnknownUser))?;
        let matches = number.matches(scanned)?;
        if matches {
            self.set_verified(user, true, now)?;
        }
        Ok(matches)
    }

    /// Notes that this user has compared the safety number with the other's, or takes that back. A change of identity after
    /// it holds back what is to be sent. While another key is there that was neither verified nor accepted,
    /// [`Identity::trust`] is [`Trust::Changed`] and [`Identity::safety_number`] is over that one.
    ///
    /// # Errors
    /// [`Misuse::UnknownUser`] while their identity key is unknown.
    pub fn set_verified(&mut self, user: &UserId, verified: bool, now: Time) -> Result<()> {
        self.decide(
            user,
            now,
            |person, known, gone| if verified { person.verify(known, gone) } else { person.take_back() },
        )
    }

    /// Accepts the identity that a user has now, with all keys that are known, unverified: what was held back goes out.
    ///
    /// # Errors
    /// [`Misuse::UnknownUser`] while their identity key is unknown.
    pub fn accept_identity(&mut self, user: &UserId, now: Time) -> Result<()> {
        self.decide(user, now, |person, known, _| person.accept(known))
    }

    fn decide(
        &mut self,
        user: &UserId,
        now: Time,
        decision: impl FnOnce(&mut PersonRow, &mut UserRow, &BTreeSet<[u8; 32]>),
    ) -> Result<()> {
        let id = ConversationId::direct(self.0.config().authority(), self.0.user(), user);
        self.0.mutate(now, |ctx| {
            let mut known = member::user_row(&ctx.tx, user)?.ok_or(Error::Misuse(Misuse::UnknownUser))?;
            let mut person = person::load(&ctx.tx, user)?;
            let gone = member::gone(&ctx.tx, &ctx.memory.revoked, user, &known)?;
            decision(&mut person, &mut known, &gone);
            member::store_user(&ctx.tx, user, &known)?;
            person::store(&ctx.tx, user, &person)?;
            if crate::conversation::load(&ctx.tx, id)?.is_some() {
                ctx.tx.event(Event::ConversationChanged(id));
                ctx.busy(id);
            }
            Ok(())
        })
    }

    /// Takes in a revocation list of the authority. Revoked devices are removed from every session; until then nothing
    /// is sent to a session that holds one.
    ///
    /// # Errors
    /// [`Error::Peer`] when it is forged or of a foreign authority.
    pub fn revoke(&mut self, list: &[u8], now: Time) -> Result<()> {
        let list = RevocationList::decode(list)?;
        if !self.0.mutate(now, |ctx| member::revoke(ctx, &list))? {
            return Ok(());
        }
        let mut from = Vec::new();
        while let Some(last) = self.0.mutate(now, |ctx| reconcile_some(ctx, &from))? {
            from = [last.as_slice(), &[0]].concat();
        }
        Ok(())
    }
}

/// Sessions that one mutation looks at.
const STEP: usize = 64;

/// Wants a bounded number of sessions compared, from a key on: at once where this device acts first, else after a
/// while. Returns the key of the last one.
fn reconcile_some(ctx: &mut Ctx<'_>, from: &[u8]) -> Result<Option<Vec<u8>>> {
    let rows = ctx.tx.scan(Table::Session, KeyRange { from, to: &[] }, Direction::Forward, STEP)?;
    for (_, bytes) in &rows {
        let session: SessionRow = crate::codec::decode_row(bytes, "session")?;
        let first = session::acts_first(ctx, session.id)?;
        let wait = if first { 0 } else { limits::RECONCILE_AFTER + ctx.rng.below(limits::RECONCILE_AFTER) };
        let at = ctx.now.plus(wait);
        intent::want(ctx, session.conversation, Intent::Reconcile, at)?;
    }
    Ok(rows.into_iter().last().map(|(key, _)| key))
}
