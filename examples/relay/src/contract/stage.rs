//! People with phones for one clause, and what they do on their connections.

use undertone::authority::{Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use undertone::envelope::{Envelope, EnvelopeKind, PushHint, StartToken};
use undertone::id::{DeviceId, EnvelopeId, SessionId, SlotName, UserId};
use undertone::policy::Role;
use undertone::rng::Rng;
use undertone::time::{DAY, HOUR, Time};

use super::{Broken, Credentials, Line, LineError, Transport, authority};
use crate::answer::{Delivery, DeliveryId, RefusedReason, TransmitResult};
use crate::frame::{Down, Up};

/// What a clause plays on.
pub struct Stage<'t> {
    pub(super) transport: &'t dyn Transport,
    rng: Rng,
    clause: &'static str,
    people: u64,
}

/// A device, and what is known of it without any engine.
pub(super) struct Phone {
    pub(super) user: UserId,
    pub(super) certificate: Certificate,
    pub(super) key: DeviceKey,
    identity: IdentityKey,
    sequence: u64,
}

/// A phone on a connection.
pub(super) struct Online {
    line: Box<dyn Line>,
    /// What came while something else was waited for.
    pub(super) heard: Vec<Down>,
    asked: u64,
    pub(super) highest_sequence: u64,
    pub(super) key_packages: u32,
}

/// Certificate and key package of a device in the directory.
pub(super) type Listed = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn ensure(holds: bool, expected: &str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(format!("expected that {expected}"))) }
}

impl<'t> Stage<'t> {
    pub(super) fn new(transport: &'t dyn Transport, clause: &'static str) -> Stage<'t> {
        let mut seed = *undertone::id::Hash32::of(clause.as_bytes()).as_bytes();
        // A transport that keeps things meets other people in the next run.
        seed[..8].copy_from_slice(&transport.now().as_ms().to_be_bytes());
        Stage { transport, rng: Rng::from_seed(seed), clause, people: 0 }
    }

    /// A phone of a new user that has a certificate.
    pub(super) fn phone(&mut self, role: &str) -> Result<Phone, Broken> {
        self.people += 1;
        let name = format!("{} {} {}", self.clause, self.people, self.rng.below(u64::MAX));
        let user = UserId::new(name.chars().skip(name.len().saturating_sub(100)).collect::<String>());
        let identity = IdentityKey::generate(&mut self.rng);
        self.certified(user.ok_or_else(|| Broken("a user".into()))?, identity, role)
    }

    /// Another phone of the same user.
    pub(super) fn second(&mut self, first: &Phone) -> Result<Phone, Broken> {
        let identity = IdentityKey::from_bytes(*first.identity.to_bytes());
        self.certified(first.user.clone(), identity, first.certificate.role().as_str())
    }

    /// A phone on a connection, listed with that many key packages, which has fetched all.
    pub(super) fn online(&mut self, role: &str) -> Result<(Phone, Online), Broken> {
        let phone = self.phone(role)?;
        let mut online = self.connect(&phone)?;
        online.publish(packages(&phone, 3), Some(b"last resort"), false)?;
        online.fetch(0)?;
        Ok((phone, online))
    }

    /// Connects a phone, each time at another server if there are several.
    pub(super) fn connect(&mut self, phone: &Phone) -> Result<Online, LineError> {
        let device = Credentials { certificate: &phone.certificate, key: &phone.key };
        let server = usize::try_from(self.rng.below(1 << 20)).unwrap_or(0);
        let mut line = self.transport.connect(&device, server)?;
        let (highest_sequence, key_packages) = match line.next()? {
            Down::LoggedIn { highest_sequence, key_packages, .. } => (highest_sequence, key_packages),
            _ => return Err(LineError::Broken("the first that comes is not the login".into())),
        };
        Ok(Online { line, heard: Vec::new(), asked: 0, highest_sequence, key_packages })
    }

    /// A session that one phone starts with another.
    pub(super) fn session(&mut self, one: &mut Phone, line: &mut Online, other: &Phone) -> Result<SessionId, Broken> {
        let tag = self.tag();
        let token = self.token(one, &other.user)?;
        let welcome = Envelope { token: Some(token), ..self.envelope(one, EnvelopeKind::Welcome, tag, &[other]) };
        line.accepted(&[welcome])?;
        Ok(tag)
    }

    pub(super) fn tag(&mut self) -> SessionId {
        SessionId::from_bytes(self.rng.bytes())
    }

    pub(super) fn slot(&mut self) -> SlotName {
        SlotName::from_bytes(self.rng.bytes())
    }

    pub(super) fn token(&self, from: &Phone, to: &UserId) -> Result<Vec<u8>, Broken> {
        let token = StartToken {
            initiator: from.user.clone(),
            responder: to.clone(),
            authority: authority().public_key(),
            at: self.transport.now(),
            certificate: from.certificate.as_bytes().to_vec(),
        };
        token.sign(&from.key).map_err(|error| Broken(error.to_string()))
    }

    pub(super) fn envelope(&mut self, from: &mut Phone, kind: EnvelopeKind, tag: SessionId, to: &[&Phone]) -> Envelope {
        from.sequence += 1;
        Envelope {
            id: EnvelopeId::from_bytes(self.rng.bytes()),
            kind,
            tag,
            sender: from.id(),
            sequence: from.sequence,
            recipients: to.iter().map(|phone| phone.id()).collect(),
            expires_at: self.transport.now().plus(DAY),
            push: PushHint::None,
            slot: None,
            token: None,
            commitment: None,
            body: format!("body {}", from.sequence).into_bytes(),
        }
    }

    pub(super) fn message(&mut self, from: &mut Phone, tag: SessionId, to: &[&Phone]) -> Envelope {
        self.envelope(from, EnvelopeKind::Message, tag, to)
    }

    fn certified(&mut self, user: UserId, identity: IdentityKey, role: &str) -> Result<Phone, Broken> {
        let key = DeviceKey::generate(&mut self.rng);
        let wrong = |error: &dyn std::fmt::Display| Broken(format!("a certificate: {error}"));
        let request = EnrolmentRequest::new(&user, &identity, &key).map_err(|e| wrong(&e))?;
        let role = Role::new(role).ok_or_else(|| Broken("a role".into()))?;
        let now = self.transport.now();
        let serial = self.rng.below(1 << 62);
        let certificate = authority().issue(&request, role, serial, now.minus(HOUR), now.plus(90 * DAY));
        Ok(Phone { user, certificate: certificate.map_err(|e| wrong(&e))?, key, identity, sequence: 0 })
    }
}

impl Phone {
    pub(super) fn id(&self) -> DeviceId {
        self.certificate.device()
    }
}

pub(super) fn packages(phone: &Phone, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|number| [phone.id().as_bytes().as_slice(), &number.to_be_bytes()].concat()).collect()
}

pub(super) fn encoded(bundle: &[Envelope]) -> Result<Vec<Vec<u8>>, Broken> {
    bundle.iter().map(|envelope| envelope.encode().map_err(|_| Broken("an envelope does not encode".into()))).collect()
}

impl Online {
    /// Waits for the first that fits; the rest is kept.
    pub(super) fn wait<T>(&mut self, mut fits: impl FnMut(&Down) -> Option<T>) -> Result<T, LineError> {
        for at in 0..self.heard.len() {
            if let Some(found) = self.heard.get(at).and_then(&mut fits) {
                self.heard.remove(at);
                return Ok(found);
            }
        }
        loop {
            let frame = self.line.next()?;
            match fits(&frame) {
                Some(found) => return Ok(found),
                None => self.heard.push(frame),
            }
        }
    }

    /// Sends a bundle, and leaves the answer for later.
    pub(super) fn send(&mut self, bundle: Vec<Vec<u8>>) -> u64 {
        self.asked += 1;
        self.line.send(Up::Transmit { id: self.asked, bundle });
        self.asked
    }

    pub(super) fn answer(&mut self, to: u64) -> Result<TransmitResult, LineError> {
        self.wait(|frame| match frame {
            Down::Transmitted { id, result } if *id == to => Some(result.clone()),
            _ => None,
        })
    }

    pub(super) fn transmit(&mut self, bundle: &[Envelope]) -> Result<TransmitResult, Broken> {
        let asked = self.send(encoded(bundle)?);
        Ok(self.answer(asked)?)
    }

    pub(super) fn accepted(&mut self, bundle: &[Envelope]) -> Result<Time, Broken> {
        match self.transmit(bundle)? {
            TransmitResult::Accepted { at } => Ok(at),
            other => Err(Broken(format!("expected that an envelope is accepted, not {}", describe(&other)))),
        }
    }

    pub(super) fn refused(&mut self, bundle: &[Envelope], reason: RefusedReason) -> Result<(), Broken> {
        match self.transmit(bundle)? {
            TransmitResult::Refused(it) if it == reason => Ok(()),
            other => Err(Broken(format!("expected that it is refused as {reason:?}, not {}", describe(&other)))),
        }
    }

    /// All that waits behind a place, page by page.
    pub(super) fn fetch(&mut self, since: u64) -> Result<Vec<Delivery>, Broken> {
        let (mut all, mut since) = (Vec::new(), DeliveryId(since));
        loop {
            self.asked += 1;
            let asked = self.asked;
            self.line.send(Up::Fetch { request: asked, since, limit: 3 });
            let page = self.wait(|frame| match frame {
                Down::Fetched { request, page } if *request == asked => Some(page.clone()),
                _ => None,
            })?;
            since = page.next;
            all.extend(page.deliveries);
            if !page.more {
                return Ok(all);
            }
        }
    }

    pub(super) fn delivered(&mut self) -> Result<Delivery, Broken> {
        Ok(self.wait(|frame| if let Down::Delivered(delivery) = frame { Some(delivery.clone()) } else { None })?)
    }

    pub(super) fn acknowledge(&mut self, ids: &[DeliveryId]) {
        self.line.send(Up::Acknowledge { ids: ids.to_vec() });
    }

    pub(super) fn publish(
        &mut self,
        packages: Vec<Vec<u8>>,
        last_resort: Option<&[u8]>,
        replace: bool,
    ) -> Result<u32, Broken> {
        self.asked += 1;
        let asked = self.asked;
        let last_resort = last_resort.map(<[u8]>::to_vec);
        self.line.send(Up::Publish { request: asked, packages, last_resort, replace });
        Ok(self.wait(|frame| match frame {
            Down::Published { request, key_packages } if *request == asked => Some(*key_packages),
            _ => None,
        })?)
    }

    /// Asks for a user's devices, and leaves the answer for later.
    pub(super) fn ask_for(&mut self, user: &UserId, key_packages: bool) -> u64 {
        self.asked += 1;
        self.line.send(Up::LookUp { request: self.asked, users: vec![user.clone()], key_packages });
        self.asked
    }

    /// Certificate and key package of each device.
    pub(super) fn found(&mut self, asked: u64) -> Result<Vec<Listed>, Broken> {
        let mut users = self.wait(|frame| match frame {
            Down::Directory { request, users } if *request == asked => Some(users.clone()),
            _ => None,
        })?;
        let user = users.pop().ok_or_else(|| Broken("expected that a look-up names the user".into()))?;
        Ok(user.devices.into_iter().map(|device| (device.certificate, device.key_package)).collect())
    }

    pub(super) fn look_up(&mut self, user: &UserId, key_packages: bool) -> Result<Vec<Listed>, Broken> {
        let asked = self.ask_for(user, key_packages);
        self.found(asked)
    }

    /// The revocation lists in force.
    pub(super) fn revocations(&mut self) -> Result<Vec<Vec<u8>>, Broken> {
        self.asked += 1;
        let asked = self.asked;
        self.line.send(Up::Revocations { request: asked });
        Ok(self.wait(|frame| match frame {
            Down::Revocations { request, lists } if *request == asked => Some(lists.clone()),
            _ => None,
        })?)
    }

    pub(super) fn slot_holder(&mut self, name: SlotName) -> Result<Option<(Vec<u8>, Time)>, Broken> {
        self.asked += 1;
        let asked = self.asked;
        self.line.send(Up::Slot { request: asked, name });
        Ok(self.wait(|frame| match frame {
            Down::SlotHeld { request, holder } if *request == asked => {
                Some(holder.as_ref().map(|holder| (holder.winner.clone(), holder.at)))
            }
            _ => None,
        })?)
    }
}

pub(super) fn describe(result: &TransmitResult) -> String {
    match result {
        TransmitResult::Accepted { .. } => "accepted".into(),
        TransmitResult::Conflict { .. } => "a conflict".into(),
        TransmitResult::Refused(reason) => format!("refused as {reason:?}"),
    }
}
