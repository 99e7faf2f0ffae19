//! What a device is without an engine: its certificate, its key, and envelopes that a relay takes in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{sleep, timeout};
use undertone::authority::{Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use undertone::envelope::{Envelope, EnvelopeKind, PushHint, StartToken};
use undertone::id::{DeviceId, EnvelopeId, SessionId, SlotName, UserId};
use undertone::policy::Role;
use undertone::rng::Rng;
use undertone::time::{DAY, HOUR, Time};
use undertone_relay::answer::{RefusedReason, TransmitResult};
use undertone_relay::client::{Client, ClientError};
use undertone_relay::frame::{Down, Up};
use undertone_relay::logic::login_message;

use crate::device::{ANSWER_WITHIN, Run};

/// The wall clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(u64::try_from(since.as_millis()).unwrap_or_default())
}

/// A device that somebody certified.
pub struct Phone {
    /// Whose.
    pub user: UserId,
    /// What its platform says of it.
    pub certificate: Certificate,
    identity: IdentityKey,
    key: DeviceKey,
    rng: Rng,
    sequence: u64,
}

impl Phone {
    /// A phone of a new user.
    ///
    /// # Errors
    /// In words.
    pub fn new(authority: &Authority, name: &str, role: &str, serial: u64) -> Result<Phone, String> {
        let mut rng = fresh()?;
        let (user, role) = (UserId::new(name).ok_or("a user")?, Role::new(role).ok_or("a role")?);
        let identity = IdentityKey::generate(&mut rng);
        Phone::certified(authority, user, identity, role, serial)
    }

    /// Another phone of the same user.
    ///
    /// # Errors
    /// In words.
    pub fn second(&self, authority: &Authority, serial: u64) -> Result<Phone, String> {
        let identity = IdentityKey::from_bytes(*self.identity.to_bytes());
        Phone::certified(authority, self.user.clone(), identity, self.certificate.role().clone(), serial)
    }

    fn certified(
        authority: &Authority,
        user: UserId,
        identity: IdentityKey,
        role: Role,
        serial: u64,
    ) -> Result<Phone, String> {
        let mut rng = fresh()?;
        let key = DeviceKey::generate(&mut rng);
        let request = EnrolmentRequest::new(&user, &identity, &key).map_err(|e| e.to_string())?;
        let certificate = authority
            .issue(&request, role, serial, now().minus(HOUR), now().plus(30 * DAY))
            .map_err(|e| e.to_string())?;
        Ok(Phone { user, certificate, identity, key, rng, sequence: 0 })
    }

    /// Its id.
    pub fn id(&self) -> DeviceId {
        self.certificate.device()
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect(&self, url: &str) -> Result<Client, ClientError> {
        let challenged = Client::dial(url).await?;
        let signature = self.key.sign(&login_message(challenged.challenge())).to_vec();
        Ok(challenged.log_in(self.certificate.as_bytes().to_vec(), signature).await?.0)
    }

    /// A random number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.rng.below(end)
    }

    /// An envelope of this kind.
    pub fn envelope(&mut self, kind: EnvelopeKind, tag: SessionId, to: &[DeviceId], body: Vec<u8>) -> Envelope {
        self.sequence += 1;
        Envelope {
            id: EnvelopeId::from_bytes(self.rng.bytes()),
            kind,
            tag,
            sender: self.id(),
            sequence: self.sequence,
            recipients: to.to_vec(),
            expires_at: now().plus(DAY),
            push: PushHint::None,
            slot: None,
            token: None,
            commitment: None,
            body,
        }
    }

    /// The welcome that starts a session.
    ///
    /// # Errors
    /// In words.
    pub fn welcome(&mut self, authority: &Authority, with: &Phone) -> Result<Envelope, String> {
        let tag = SessionId::from_bytes(self.rng.bytes());
        let token = StartToken {
            initiator: self.user.clone(),
            responder: with.user.clone(),
            authority: authority.public_key(),
            at: now(),
            certificate: self.certificate.as_bytes().to_vec(),
        };
        let token = token.sign(&self.key).map_err(|e| e.to_string())?;
        Ok(Envelope {
            token: Some(token),
            ..self.envelope(EnvelopeKind::Welcome, tag, &[with.id()], b"hello".to_vec())
        })
    }

    /// A commit for a slot.
    pub fn commit(&mut self, tag: SessionId, to: &[DeviceId], slot: SlotName) -> Envelope {
        Envelope { slot: Some(slot), ..self.envelope(EnvelopeKind::Commit, tag, to, vec![1; 300]) }
    }
}

/// Randomness that nobody else has.
fn fresh() -> Result<Rng, String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| e.to_string())?;
    Ok(Rng::from_seed(seed))
}

/// Sends one bundle, again and again on new connections, until it is answered.
///
/// # Errors
/// When it is refused.
pub async fn send_until_answered(run: &Run, phone: &mut Phone, bundle: Vec<Vec<u8>>) -> Result<TransmitResult, String> {
    loop {
        let url = run.urls[phone.below(run.urls.len() as u64) as usize].clone();
        if let Ok(mut client) = phone.connect(&url).await {
            let frame = Up::Transmit { id: 1, bundle: bundle.clone() };
            if client.sender.send(&frame).await.is_ok() {
                while let Ok(Ok(frame)) = timeout(ANSWER_WITHIN, client.receiver.next()).await {
                    match frame {
                        Down::Transmitted { result: TransmitResult::Refused(RefusedReason::RateLimited), .. } => break,
                        Down::Transmitted { result: TransmitResult::Refused(reason), .. } => {
                            return Err(format!("refused: {reason:?}"));
                        }
                        Down::Transmitted { result, .. } => return Ok(result),
                        _ => {}
                    }
                }
            }
        }
        sleep(Duration::from_millis(100 + phone.below(300))).await;
    }
}
