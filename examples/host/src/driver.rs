//! The loop between an engine and its relay: feed what has come, drain, wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use undertone::input::{Answer, Connection, DeliveryId, Login, RequestId, TransmitId};
use undertone::output::{Request, Transmit, Wake};
use undertone::{Engine, Error, Output, Time};
use undertone_relay::answer;
use undertone_relay::client::{Challenged, Client, ClientError, LoggedIn};
use undertone_relay::clock::Clock;
use undertone_relay::frame::{ACKNOWLEDGED, CloseReason, Down, Up};

use crate::link::{Link, LinkEvent, Wire};
use crate::pending::Pending;
use crate::{Notice, Order, Status};

/// Deliveries asked for at once.
const PAGE: u32 = 256;
/// Users in one look-up; the relay takes no more.
const USERS: usize = 64;
/// Frames taken in before the engine is drained: they share one flush.
const TOGETHER: usize = 256;
/// Requests that this host makes by itself have numbers from here on; the engine's are below.
const OWN: u64 = 1 << 63;
/// Sleep at least so long: a deadline that stays in the past must not make the loop spin.
const BREATH: Duration = Duration::from_millis(5);
/// Sleep at most so long: a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(30);

pub(crate) struct Driver {
    engine: Engine,
    relay: String,
    clock: Clock,
    orders: mpsc::UnboundedReceiver<Order>,
    notices: mpsc::UnboundedSender<Notice>,
    link: Link,
    /// Failures in a row.
    attempt: u32,
    under_way: BTreeMap<u64, Pending>,
    transmits: BTreeSet<TransmitId>,
    acknowledge: Vec<answer::DeliveryId>,
    /// The last delivery that this connection brought.
    last: DeliveryId,
    next_own: u64,
    wake_at: Time,
    wake_for: Wake,
}

/// Why the loop ends.
enum End {
    /// Nobody holds the host any more.
    Dropped,
    /// The engine is closed.
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Failed(error)
    }
}

impl Driver {
    pub(crate) fn new(
        engine: Engine,
        relay: String,
        clock: Clock,
        orders: mpsc::UnboundedReceiver<Order>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Driver {
        Driver {
            engine,
            relay,
            clock,
            orders,
            notices,
            link: Link::Resting(None),
            attempt: 0,
            under_way: BTreeMap::new(),
            transmits: BTreeSet::new(),
            acknowledge: Vec::new(),
            last: DeliveryId(0),
            next_own: OWN,
            wake_at: Time::NEVER,
            wake_for: Wake::Never,
        }
    }

    /// Runs until nobody holds the host, or the engine is closed.
    pub(crate) async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(End::Dropped) => return,
                Err(End::Failed(error)) => {
                    self.tell(Notice::Stopped(error.to_string()));
                    return;
                }
            }
        }
    }

    /// Drains the engine, then waits for one thing and takes what came with it.
    async fn turn(&mut self) -> Result<(), End> {
        self.drain()?;
        let wake = self.wake();
        tokio::select! {
            order = self.orders.recv() => self.order(order.ok_or(End::Dropped)?),
            event = self.link.next() => {
                self.happened(event)?;
                for _ in 0..TOGETHER {
                    let Some(event) = self.link.try_next() else { break };
                    self.happened(event)?;
                }
                Ok(())
            }
            () = sleep_until(wake) => {
                if self.wake_at <= self.clock.now() {
                    check(self.engine.handle_timeout(self.clock.now()))?;
                }
                Ok(())
            }
        }
    }

    /// Does all that the engine says.
    fn drain(&mut self) -> Result<(), End> {
        loop {
            match self.engine.poll_output()? {
                Output::Transmit(Transmit { id, envelopes }) => {
                    if self.link.send(Up::Transmit { id: id.0, bundle: envelopes }) {
                        self.transmits.insert(id);
                    }
                }
                Output::Acknowledge(id) => self.acknowledge.push(answer::DeliveryId(id.0)),
                Output::Request(id, request) => self.request(id, request),
                Output::Event(event) => self.tell(Notice::Event(event)),
                Output::Timeout { at, reason } => {
                    (self.wake_at, self.wake_for) = (at, reason);
                    break;
                }
            }
        }
        for ids in std::mem::take(&mut self.acknowledge).chunks(ACKNOWLEDGED) {
            // Without a connection the relay delivers them again, and the engine acknowledges again.
            self.link.send(Up::Acknowledge { ids: ids.to_vec() });
        }
        Ok(())
    }

    fn order(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Run(work) => {
                work(&mut self.engine, self.clock.now());
                Ok(())
            }
            Order::Status(answer) => {
                let _ = answer.send(self.status());
                Ok(())
            }
            Order::UploadToken(answer) => {
                self.ask_own(Pending::UploadToken(answer), |request| Up::UploadToken { request });
                Ok(())
            }
            Order::Connect(true) => {
                if matches!(self.link, Link::Resting(_)) {
                    self.link = Link::dial(self.relay.clone());
                }
                Ok(())
            }
            Order::Connect(false) => self.hang_up(Link::Resting(None), None),
        }
    }

    fn status(&self) -> Status {
        Status {
            online: matches!(self.link, Link::Up(_)),
            under_way: self.transmits.len() + self.under_way.len(),
            wake_at: self.wake_at,
            wake_for: self.wake_for,
        }
    }

    fn happened(&mut self, event: LinkEvent) -> Result<(), End> {
        match event {
            LinkEvent::Rested => {
                self.link = Link::dial(self.relay.clone());
                Ok(())
            }
            LinkEvent::Challenged(challenged) => self.answer_challenge(*challenged),
            LinkEvent::LoggedIn(client, login) => self.logged_in(*client, login),
            LinkEvent::Frame(frame) => self.frame(frame),
            LinkEvent::Lost(error) => self.lost(error),
        }
    }

    fn answer_challenge(&mut self, challenged: Challenged) -> Result<(), End> {
        let identity = self.engine.identity();
        let signature = identity.answer_challenge(challenged.challenge())?.to_vec();
        let certificate = identity.certificate()?.as_bytes().to_vec();
        self.link = Link::log_in(challenged, certificate, signature);
        Ok(())
    }

    fn logged_in(&mut self, client: Client, login: LoggedIn) -> Result<(), End> {
        self.attempt = 0;
        self.link = Link::Up(Wire::new(client));
        self.tell(Notice::Online);
        let counted = Login {
            accepted_sequence: Some(login.highest_sequence),
            key_packages: Some(login.key_packages),
            time: Some(login.time),
        };
        check(self.engine.connection(Connection::Up(counted), self.clock.now()))?;
        if login.revocations {
            self.ask_own(Pending::Revocations, |request| Up::Revocations { request });
        }
        Ok(())
    }

    /// The connection is gone. It is tried again, unless that would not help.
    fn lost(&mut self, error: ClientError) -> Result<(), End> {
        let hopeless = match &error {
            ClientError::Refused(_) => true,
            // Whoever is logged in elsewhere would be thrown out in turn, for ever.
            ClientError::Closed(reason) => matches!(reason, CloseReason::Replaced | CloseReason::Revoked),
            ClientError::Network(_) | ClientError::Frame(_) | ClientError::Protocol => false,
        };
        if hopeless {
            self.tell(Notice::Refused(error.to_string()));
            return self.hang_up(Link::Resting(None), Some(error));
        }
        let rest = Link::rest(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        self.hang_up(rest, Some(error))
    }

    /// Goes over to another state of the link and forgets what was under way: the engine hands it out again.
    fn hang_up(&mut self, next: Link, why: Option<ClientError>) -> Result<(), End> {
        let was_up = matches!(self.link, Link::Up(_));
        self.link = next;
        self.under_way.clear();
        self.transmits.clear();
        self.tell(Notice::Offline(why.map(|why| why.to_string())));
        if was_up {
            check(self.engine.connection(Connection::Down, self.clock.now()))?;
        }
        Ok(())
    }

    /// Asks the relay what the engine wants to know; what no relay does is the app's.
    fn request(&mut self, id: RequestId, request: Request) {
        let number = id.0;
        let (pending, frame) = match request {
            Request::Fetch { since } => {
                let since = answer::DeliveryId(since);
                (Pending::Engine(id), Up::Fetch { request: number, since, limit: PAGE })
            }
            Request::LookUp { mut users, key_packages } => {
                let rest = users.split_off(users.len().min(USERS));
                let pending = Pending::LookUp { id, found: Vec::new(), rest, claim: key_packages };
                (pending, Up::LookUp { request: number, users, key_packages })
            }
            Request::Publish { packages, last_resort, replace } => {
                let packages = packages.into_iter().map(|package| package.into_vec()).collect();
                let last_resort = last_resort.map(|package| package.into_vec());
                (Pending::Engine(id), Up::Publish { request: number, packages, last_resort, replace })
            }
            Request::Slot { name } => (Pending::Engine(id), Up::Slot { request: number, name }),
            Request::Fallback { user, count, .. } => return self.tell(Notice::Fallback(id, user, count)),
        };
        if self.link.send(frame) {
            self.under_way.insert(number, pending);
        }
    }

    /// Asks the relay something for this host itself.
    fn ask_own(&mut self, pending: Pending, frame: impl FnOnce(u64) -> Up) {
        let number = self.next_own;
        self.next_own += 1;
        if self.link.send(frame(number)) {
            self.under_way.insert(number, pending);
        }
    }

    fn frame(&mut self, frame: Down) -> Result<(), End> {
        match frame {
            Down::Delivered(delivery) => self.receive(delivery),
            Down::Transmitted { id, result } => {
                let id = TransmitId(id);
                self.transmits.remove(&id);
                check(self.engine.transmit_done(id, result.into(), self.clock.now()))
            }
            Down::Fetched { request, page } => {
                page.deliveries.into_iter().try_for_each(|delivery| self.receive(delivery))?;
                match self.under_way.remove(&request) {
                    Some(Pending::Engine(id)) => {
                        let next = page.more.then_some(DeliveryId(page.next.0));
                        self.done(id, Answer::Fetched { next })
                    }
                    Some(Pending::Mail) if page.more => {
                        self.fetch(page.next);
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            Down::Directory { request, users } => self.found(request, users),
            Down::Published { request, .. } => self.answered(request, Answer::Published),
            Down::SlotHeld { request, holder } => {
                self.answered(request, Answer::Slot(holder.map(|holder| holder.winner)))
            }
            Down::RequestRefused { request, .. } => self.answered(request, Answer::Failed),
            Down::MailWaiting => {
                self.fetch(answer::DeliveryId(self.last.0));
                Ok(())
            }
            Down::DirectoryChanged { user } => check(self.engine.directory_changed(&user, self.clock.now())),
            Down::RevocationsChanged => {
                self.ask_own(Pending::Revocations, |request| Up::Revocations { request });
                Ok(())
            }
            Down::Revocations { request, lists } => {
                self.under_way.remove(&request);
                let now = self.clock.now();
                lists.iter().try_for_each(|list| check(self.engine.identity().revoke(list, now)))
            }
            Down::UploadToken { request, token } => {
                if let Some(Pending::UploadToken(answer)) = self.under_way.remove(&request) {
                    let _ = answer.send(token);
                }
                Ok(())
            }
            Down::Challenge { .. } | Down::LoggedIn { .. } | Down::LoginRefused(_) | Down::Closing(_) => {
                self.lost(ClientError::Protocol)
            }
        }
    }

    /// Gives an envelope to the engine, which says itself what it thinks of it.
    fn receive(&mut self, from: answer::Delivery) -> Result<(), End> {
        self.last = self.last.max(DeliveryId(from.id.0));
        check(self.engine.receive(&from.into(), self.clock.now()))
    }

    fn fetch(&mut self, since: answer::DeliveryId) {
        self.ask_own(Pending::Mail, |request| Up::Fetch { request, since, limit: PAGE });
    }

    /// A part of a look-up came: asks for the next part, or answers.
    fn found(&mut self, request: u64, users: Vec<answer::DirectoryUser>) -> Result<(), End> {
        let Some(Pending::LookUp { id, mut found, mut rest, claim }) = self.under_way.remove(&request) else {
            return Ok(());
        };
        found.extend(users.into_iter().map(undertone::input::DirectoryUser::from));
        if rest.is_empty() {
            return self.done(id, Answer::Directory(found));
        }
        let later = rest.split_off(rest.len().min(USERS));
        if self.link.send(Up::LookUp { request, users: rest, key_packages: claim }) {
            self.under_way.insert(request, Pending::LookUp { id, found, rest: later, claim });
        }
        Ok(())
    }

    fn answered(&mut self, request: u64, answer: Answer) -> Result<(), End> {
        match self.under_way.remove(&request) {
            Some(Pending::Engine(id) | Pending::LookUp { id, .. }) => self.done(id, answer),
            Some(Pending::Mail | Pending::Revocations | Pending::UploadToken(_)) | None => Ok(()),
        }
    }

    fn done(&mut self, id: RequestId, answer: Answer) -> Result<(), End> {
        check(self.engine.request_done(id, answer, self.clock.now()))
    }

    fn tell(&self, notice: Notice) {
        // An app that does not listen misses nothing that a query would not show.
        let _ = self.notices.send(notice);
    }

    fn wake(&self) -> Instant {
        let wait = Duration::from_millis(self.wake_at.since(self.clock.now()));
        Instant::now() + wait.clamp(BREATH, NAP)
    }
}

/// Goes on after what a bad envelope or an outdated answer comes to; the engine has said it with an event.
fn check(result: Result<(), Error>) -> Result<(), End> {
    match result {
        Err(error @ (Error::Store(_) | Error::Bug(_))) => Err(End::Failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
