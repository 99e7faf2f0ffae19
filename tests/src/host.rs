//! What a host does between an engine and a relay: outputs become frames, frames become inputs.

use undertone::input::{Answer, Connection, Delivery, DeliveryId, Login, RequestId, TransmitId};
use undertone::output::{Request, Transmit};
use undertone::{Engine, Error, Event, Output, Result, Time};
use undertone_relay::answer;
use undertone_relay::frame::{Down, Up};
use undertone_relay::gateway::ConnectionId;

use crate::platform::Platform;

/// Deliveries in one page of a mailbox.
const PAGE: u32 = 50;

/// An engine and its host.
pub struct Host {
    /// The engine.
    pub engine: Engine,
}

/// What a host does next.
pub enum Deed {
    /// Send this frame.
    Send(Up),
    /// Show this.
    Show(Event),
}

impl Host {
    /// The host of an engine.
    pub fn new(engine: Engine) -> Host {
        Host { engine }
    }

    /// Has the platform certify the engine's device.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn enrol(&mut self, platform: &mut Platform, role: &str, now: Time) -> Result<()> {
        let request = self.engine.identity().enrolment_request()?;
        let certificate = platform.certify(request.as_bytes(), role, now);
        self.engine.identity().enrol(&certificate, now)
    }

    /// A frame came. Returns the answer to a challenge.
    ///
    /// # Errors
    /// Those of the engine, but for bad envelopes: of those it tells by an event.
    pub fn down(&mut self, frame: &[u8], now: Time) -> Result<Option<Up>> {
        match Down::decode(frame).expect("a relay made it") {
            Down::Challenge { challenge } => return self.login(&challenge).map(Some),
            Down::LoggedIn { time, highest_sequence, key_packages, .. } => {
                let login = Login {
                    accepted_sequence: Some(highest_sequence),
                    key_packages: Some(key_packages),
                    time: Some(time),
                };
                self.engine.connection(Connection::Up(login), now)?;
            }
            Down::Transmitted { id, result } => self.engine.transmit_done(TransmitId(id), result.into(), now)?,
            Down::Delivered(delivery) => self.receive(delivery, now)?,
            Down::Fetched { request, page } => {
                let next = page.more.then_some(DeliveryId(page.next.0));
                page.deliveries.into_iter().try_for_each(|delivery| self.receive(delivery, now))?;
                self.answer(request, Answer::Fetched { next }, now)?;
            }
            Down::Directory { request, users } => {
                self.answer(request, Answer::Directory(users.into_iter().map(Into::into).collect()), now)?;
            }
            Down::Published { request, .. } => self.answer(request, Answer::Published, now)?,
            Down::SlotHeld { request, holder } => {
                self.answer(request, Answer::Slot(holder.map(|holder| holder.winner)), now)?;
            }
            Down::RequestRefused { request, .. } => self.answer(request, Answer::Failed, now)?,
            Down::DirectoryChanged { user } => self.engine.directory_changed(&user, now)?,
            Down::Closing(_) => self.engine.connection(Connection::Down, now)?,
            Down::MailWaiting => self.engine.mail_waiting(now)?,
            Down::LoginRefused(reason) => panic!("a good login was refused: {reason}"),
            Down::Revocations { .. } | Down::RevocationsChanged | Down::UploadToken { .. } => {}
        }
        Ok(None)
    }

    /// What the engine wants done, made durable before.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn drain(&mut self) -> Result<Vec<Deed>> {
        let mut deeds = Vec::new();
        loop {
            deeds.push(match self.engine.poll_output()? {
                Output::Transmit(Transmit { id, envelopes }) => {
                    Deed::Send(Up::Transmit { id: id.0, bundle: envelopes })
                }
                Output::Acknowledge(id) => Deed::Send(Up::Acknowledge { ids: vec![answer::DeliveryId(id.0)] }),
                Output::Request(RequestId(id), request) => Deed::Send(ask(id, request)),
                Output::Event(event) => Deed::Show(event),
                Output::Timeout { .. } => return Ok(deeds),
            });
        }
    }

    fn login(&mut self, challenge: &[u8; 32]) -> Result<Up> {
        let signature = self.engine.identity().answer_challenge(challenge)?.to_vec();
        let certificate = self.engine.identity().certificate()?.as_bytes().to_vec();
        Ok(Up::Login { certificate, signature })
    }

    fn answer(&mut self, request: u64, answer: Answer, now: Time) -> Result<()> {
        self.engine.request_done(RequestId(request), answer, now)
    }

    fn receive(&mut self, delivery: answer::Delivery, now: Time) -> Result<()> {
        let answer::Delivery { id, accepted_at, frank, envelope } = delivery;
        match self.engine.receive(&Delivery { id: DeliveryId(id.0), accepted_at, frank, envelope }, now) {
            Err(Error::Peer(_) | Error::Denied(_)) => Ok(()),
            result => result,
        }
    }
}

/// A host that is connected to a platform in the same process.
pub struct Connected {
    /// The host.
    pub host: Host,
    /// What its engine wanted shown.
    pub events: Vec<Event>,
    connection: ConnectionId,
}

impl Connected {
    /// Connects a host.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn new(host: Host, platform: &mut Platform, now: Time) -> Result<Connected> {
        let mut connected = Connected { host, events: Vec::new(), connection: platform.connect(now) };
        connected.run(platform, now)?;
        Ok(connected)
    }

    /// Passes frames to and fro until there are none.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn run(&mut self, platform: &mut Platform, now: Time) -> Result<()> {
        self.host.engine.handle_timeout(now)?;
        loop {
            let frames = platform.down(self.connection);
            for frame in &frames {
                if let Some(up) = self.host.down(frame, now)? {
                    self.send(&up, platform, now);
                }
            }
            let deeds = self.host.drain()?;
            if frames.is_empty() && deeds.is_empty() {
                return Ok(());
            }
            for deed in deeds {
                match deed {
                    Deed::Send(up) => self.send(&up, platform, now),
                    Deed::Show(event) => self.events.push(event),
                }
            }
        }
    }

    fn send(&self, up: &Up, platform: &mut Platform, now: Time) {
        platform.up(self.connection, &up.encode().expect("a frame encodes"), now);
    }
}

fn ask(request: u64, what: Request) -> Up {
    match what {
        Request::Fetch { since } => Up::Fetch { request, since: answer::DeliveryId(since), limit: PAGE },
        Request::LookUp { users, key_packages } => Up::LookUp { request, users, key_packages },
        Request::Publish { packages, last_resort, replace } => Up::Publish {
            request,
            packages: packages.into_iter().map(|package| package.into_vec()).collect(),
            last_resort: last_resort.map(|package| package.into_vec()),
            replace,
        },
        Request::Slot { name } => Up::Slot { request, name },
        Request::Fallback { .. } => unreachable!("no engine here is asked to reach people by other channels"),
    }
}
