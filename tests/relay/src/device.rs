//! Devices without an engine: they speak the real frames, repeat what was not answered, and acknowledge what came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until, timeout};
use undertone::authority::Authority;
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{DeviceId, SessionId};
use undertone_relay::answer::{Delivery, DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::client::{Client, ClientError};
use undertone_relay::frame::{Down, Up};

use crate::phone::{Phone, send_until_answered};
use crate::tally::Tally;

/// Envelopes of one device under way at most.
const UNDER_WAY: usize = 16;
/// How soon a device notices that it is to send more often, or no more.
const NOTICE: Duration = Duration::from_millis(500);
/// How long an answer may take before the connection is given up.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What all devices of a run share.
pub struct Run {
    /// Where relays are.
    pub urls: Vec<String>,
    /// What became of envelopes.
    pub tally: Tally,
    /// When the run began; latencies are counted from it.
    pub start: Instant,
    /// How long a device waits between two messages on average, in microseconds; 0: it sends none.
    pub pause: AtomicU64,
    /// Messages that were due, whether or not they could be sent.
    pub offered: AtomicU64,
    /// Of how many received messages one is followed by the connection's break, in 1/10,000.
    pub breaks: AtomicU64,
    /// Devices that are connected.
    pub connected: AtomicU64,
    /// Whether devices end.
    pub over: AtomicBool,
}

impl Run {
    /// Relays at these addresses, and nothing to do yet.
    pub fn new(urls: Vec<String>) -> Arc<Run> {
        Arc::new(Run {
            urls,
            tally: Tally::default(),
            start: Instant::now(),
            pause: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            breaks: AtomicU64::new(0),
            connected: AtomicU64::new(0),
            over: AtomicBool::new(false),
        })
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A phone that talks with another for the length of a run.
pub struct Talker {
    run: Arc<Run>,
    phone: Phone,
    tag: SessionId,
    to: DeviceId,
    /// Not yet answered, oldest first.
    unanswered: VecDeque<(Envelope, Vec<u8>)>,
    next_id: u64,
    /// Ids of transmits of this connection; the first belongs to the oldest unanswered.
    first_id: u64,
    acknowledge: Vec<DeliveryId>,
    pace: Pace,
}

/// When the next message is due.
struct Pace {
    /// The average pause that `next` was drawn from.
    pause: u64,
    next: Instant,
}

/// Why a connection is over.
enum Over {
    Broken,
    Run,
}

impl From<ClientError> for Over {
    fn from(_: ClientError) -> Over {
        Over::Broken
    }
}

impl Talker {
    /// Talks in a session with one other device.
    pub fn new(run: Arc<Run>, phone: Phone, tag: SessionId, to: DeviceId) -> Talker {
        let (unanswered, acknowledge) = (VecDeque::new(), Vec::new());
        let pace = Pace { pause: 0, next: run.start };
        Talker { run, phone, tag, to, unanswered, next_id: 1, first_id: 1, acknowledge, pace }
    }

    /// Until the run is over.
    pub async fn talk(mut self) {
        while !self.run.over.load(Ordering::Relaxed) {
            let urls = self.run.urls.len() as u64;
            let url = self.run.urls[self.phone.below(urls) as usize].clone();
            if let Ok(Ok(client)) = timeout(ANSWER_WITHIN, self.phone.connect(&url)).await {
                self.run.connected.fetch_add(1, Ordering::Relaxed);
                let over = self.serve(client).await;
                self.run.connected.fetch_sub(1, Ordering::Relaxed);
                if let Err(Over::Run) = over {
                    return;
                }
            }
            sleep(Duration::from_millis(50 + self.phone.below(400))).await;
        }
    }

    async fn serve(&mut self, mut client: Client) -> Result<(), Over> {
        client.sender.send(&Up::Fetch { request: 1, since: DeliveryId(0), limit: 256 }).await?;
        // What was not answered goes out again, byte for byte and in order.
        self.first_id = self.next_id;
        for (_, bytes) in &self.unanswered {
            client.sender.send(&Up::Transmit { id: self.next_id, bundle: vec![bytes.clone()] }).await?;
            self.next_id += 1;
        }
        let mut heard = Instant::now();
        loop {
            // Thousands of devices that looked at a clock all the time would be the load.
            let wake = Instant::now() + NOTICE;
            let wake = if self.pace.pause > 0 { wake.min(self.pace.next) } else { wake };
            tokio::select! {
                frame = client.receiver.next() => {
                    heard = Instant::now();
                    self.frame(frame?, &mut client).await?;
                    self.acknowledge(&mut client).await?;
                }
                () = sleep_until(wake.into()) => {
                    if self.run.over.load(Ordering::Relaxed) {
                        return Err(Over::Run);
                    }
                    if !self.unanswered.is_empty() && heard.elapsed() > ANSWER_WITHIN {
                        return Err(Over::Broken);
                    }
                    for _ in 0..self.due() {
                        if self.unanswered.len() < UNDER_WAY {
                            self.send(&mut client).await?;
                        }
                    }
                }
            }
        }
    }

    async fn acknowledge(&mut self, client: &mut Client) -> Result<(), Over> {
        if !self.acknowledge.is_empty() {
            let ids = std::mem::take(&mut self.acknowledge);
            client.sender.send(&Up::Acknowledge { ids }).await?;
        }
        Ok(())
    }

    /// How many messages are due now. The pauses between them have an exponential distribution, so that devices do not speak
    /// in step, and a new rate holds from the first moment on.
    fn due(&mut self) -> u64 {
        let (pause, now) = (self.run.pause.load(Ordering::Relaxed), Instant::now());
        if pause != self.pace.pause {
            self.pace.pause = pause;
            self.pace.next = now + self.draw();
        }
        let mut due = 0;
        while pause > 0 && self.pace.next <= now {
            let then = self.draw();
            self.pace.next += then;
            due += 1;
        }
        self.run.offered.fetch_add(due, Ordering::Relaxed);
        due
    }

    /// A pause, of which the average is as the run has it.
    fn draw(&mut self) -> Duration {
        const PARTS: u64 = 1 << 32;
        let share = (self.phone.below(PARTS) + 1) as f64 / PARTS as f64;
        Duration::from_micros((-share.ln() * self.pace.pause as f64) as u64)
    }

    async fn send(&mut self, client: &mut Client) -> Result<(), Over> {
        let mut body = vec![7; 400];
        body[..8].copy_from_slice(&self.run.micros().to_be_bytes());
        let envelope = self.phone.envelope(EnvelopeKind::Message, self.tag, &[self.to], body);
        let Ok(bytes) = envelope.encode() else { return Ok(()) };
        self.unanswered.push_back((envelope, bytes.clone()));
        client.sender.send(&Up::Transmit { id: self.next_id, bundle: vec![bytes] }).await?;
        self.next_id += 1;
        Ok(())
    }

    async fn frame(&mut self, frame: Down, client: &mut Client) -> Result<(), Over> {
        match frame {
            Down::Transmitted { id, result } => self.answered(id, &result),
            Down::Delivered(delivery) => {
                self.arrived(&delivery)?;
            }
            Down::Fetched { page, .. } => {
                for delivery in &page.deliveries {
                    self.arrived(delivery)?;
                }
                if page.more {
                    client.sender.send(&Up::Fetch { request: 1, since: page.next, limit: 256 }).await?;
                }
            }
            Down::MailWaiting => {
                client.sender.send(&Up::Fetch { request: 1, since: DeliveryId(0), limit: 256 }).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, id: u64, result: &TransmitResult) {
        if id != self.first_id {
            self.run.tally.fault(format!("answer {id} came when {} was due", self.first_id));
            return;
        }
        self.first_id += 1;
        let Some((envelope, bytes)) = self.unanswered.pop_front() else { return };
        match result {
            TransmitResult::Accepted { at } => {
                self.run.tally.accepted(envelope.id, *at, envelope.recipients.len());
            }
            TransmitResult::Refused(RefusedReason::RateLimited) => {
                // Too much for the moment: it is dropped, as a message that nobody was told of.
                drop(bytes);
            }
            TransmitResult::Refused(reason) => self.run.tally.fault(format!("a message was refused: {reason:?}")),
            TransmitResult::Conflict { .. } => self.run.tally.fault("a message met a conflict".into()),
        }
    }

    fn arrived(&mut self, delivery: &Delivery) -> Result<(), Over> {
        self.acknowledge.push(delivery.id);
        let Ok(envelope) = Envelope::decode(&delivery.envelope) else {
            self.run.tally.fault("what came is no envelope".into());
            return Ok(());
        };
        if envelope.kind != EnvelopeKind::Message {
            return Ok(());
        }
        let sent = envelope.body.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
        let latency = sent.map(|sent| Duration::from_micros(self.run.micros().saturating_sub(sent)));
        let (to, at) = (self.phone.id(), delivery.accepted_at);
        self.run.tally.arrived(envelope.id, to, delivery.id.0, at, latency);
        if self.phone.below(10_000) < self.run.breaks.load(Ordering::Relaxed) {
            return Err(Over::Broken);
        }
        Ok(())
    }
}

/// Two phones with a session between them.
///
/// # Errors
/// In words.
pub async fn pair(run: &Arc<Run>, authority: &Authority, number: u64) -> Result<[Talker; 2], String> {
    let name = |who: &str| format!("{who} {number} {}", run.start.elapsed().as_nanos());
    let mut ann = Phone::new(authority, &name("ann"), "client", 2 * number + 1)?;
    let bea = Phone::new(authority, &name("bea"), "escort", 2 * number + 2)?;
    let url = &run.urls[number as usize % run.urls.len()];
    let said = |error: ClientError| error.to_string();
    let mut client = bea.connect(url).await.map_err(said)?;
    let packages = vec![bea.id().as_bytes().to_vec()];
    let publish = Up::Publish { request: 1, packages, last_resort: None, replace: false };
    client.sender.send(&publish).await.map_err(said)?;
    while !matches!(client.receiver.next().await.map_err(said)?, Down::Published { .. }) {}
    client.sender.close().await;
    let welcome = ann.welcome(authority, &bea)?;
    let bundle = vec![welcome.encode().map_err(|_| "a welcome does not encode")?];
    match send_until_answered(run, &mut ann, bundle).await? {
        TransmitResult::Accepted { .. } => {}
        _ => return Err("a welcome met a conflict".into()),
    }
    let (to_bea, to_ann) = (bea.id(), ann.id());
    Ok([Talker::new(run.clone(), ann, welcome.tag, to_bea), Talker::new(run.clone(), bea, welcome.tag, to_ann)])
}
