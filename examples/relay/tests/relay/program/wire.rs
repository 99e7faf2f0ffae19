//! A client that keeps to nothing: its frames are whatever a test wants.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use undertone::id::SessionId;
use undertone::time::Time;
use undertone_relay::answer::{Delivery, DeliveryId, TransmitResult};
use undertone_relay::frame::{CloseReason, DOWN_MAX, Down, PATH, Up};
use undertone_relay::logic::login_message;

use super::http::{connect, connect_narrow};
use super::process::{HERE, Process};
use crate::kit::Phone;

/// A doctored client's WebSocket: it sends what it wants, from where it wants, and reads only when it is told to.
pub struct Wire(pub WebSocketStream<TcpStream>);

impl Wire {
    /// Connects from an address. `None` when the relay does not want it.
    pub async fn dial(process: &Process, from: IpAddr) -> Option<Wire> {
        Wire::over(process, connect(process.address, from).await?).await
    }

    async fn over(process: &Process, stream: TcpStream) -> Option<Wire> {
        let config = WebSocketConfig::default().max_message_size(Some(DOWN_MAX)).max_frame_size(Some(DOWN_MAX));
        let url = format!("ws://{}{PATH}", process.address);
        client_async_with_config(url, stream, Some(config)).await.ok().map(|(socket, _)| Wire(socket))
    }

    /// Connects and logs in.
    pub async fn log_in(process: &Process, phone: &Phone) -> Wire {
        Wire::log_in_from(process, phone, HERE).await
    }

    pub async fn log_in_from(process: &Process, phone: &Phone, from: IpAddr) -> Wire {
        Wire::dial(process, from).await.unwrap().enter(phone).await
    }

    /// Logs in as one of whom soon nothing more is taken, when it does not read.
    pub async fn log_in_narrow(process: &Process, phone: &Phone, from: IpAddr) -> Wire {
        let stream = connect_narrow(process.address, from).await;
        Wire::over(process, stream).await.unwrap().enter(phone).await
    }

    async fn enter(mut self, phone: &Phone) -> Wire {
        let login = self.answer(phone).await;
        assert!(matches!(self.ask(&login).await, Down::LoggedIn { .. }));
        self
    }

    /// The right answer to the challenge that comes first.
    pub async fn answer(&mut self, phone: &Phone) -> Up {
        let Some(Down::Challenge { challenge }) = self.next().await else { panic!("a challenge") };
        let signature = phone.key.sign(&login_message(&challenge)).to_vec();
        Up::Login { certificate: phone.certificate.as_bytes().to_vec(), signature }
    }

    /// Publishes a key package and fetches all: the directory lists it, and mail comes by itself.
    pub async fn settle(&mut self, phone: &Phone) {
        let packages = vec![phone.id().as_bytes().to_vec()];
        let publish = Up::Publish { request: 1, packages, last_resort: None, replace: false };
        assert!(matches!(self.ask(&publish).await, Down::Published { .. }));
        self.fetch().await;
    }

    pub async fn fetch(&mut self) -> Vec<Delivery> {
        let (mut since, mut all) = (DeliveryId(0), Vec::new());
        loop {
            let answer = self.ask(&Up::Fetch { request: 2, since, limit: 1_000 }).await;
            let Down::Fetched { page, .. } = answer else { panic!("{answer:?} is no page") };
            all.extend(page.deliveries);
            since = page.next;
            if !page.more {
                return all;
            }
        }
    }

    /// A session that this phone starts with another. Its tag must not be in the log.
    pub async fn start(&mut self, process: &mut Process, one: &Phone, other: &Phone) -> SessionId {
        let tag = process.platform.tag();
        process.never_logs(tag.as_bytes());
        let welcome = one.welcome(tag, &[other], Some(one.token(&process.platform, &other.user)));
        self.transmit(welcome.encode().unwrap()).await.expect("the welcome is accepted");
        tag
    }

    /// Sends an envelope; `Err` with what it came to if it was not accepted.
    pub async fn transmit(&mut self, envelope: Vec<u8>) -> Result<Time, Down> {
        match self.ask(&Up::Transmit { id: 3, bundle: vec![envelope] }).await {
            Down::Transmitted { result: TransmitResult::Accepted { at }, .. } => Ok(at),
            other => Err(other),
        }
    }

    pub async fn send(&mut self, frame: &Up) {
        self.send_raw(frame.encode().unwrap()).await;
    }

    /// Sends bytes. Whether they arrive is the relay's business.
    pub async fn send_raw(&mut self, bytes: Vec<u8>) {
        let _ = self.0.send(Message::Binary(bytes.into())).await;
    }

    pub async fn ask(&mut self, frame: &Up) -> Down {
        self.send(frame).await;
        self.next().await.expect("an answer")
    }

    /// The next frame; `None` when the connection is over.
    pub async fn next(&mut self) -> Option<Down> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await;
            match next.expect("something comes, or the end") {
                Some(Ok(Message::Binary(bytes))) => return Some(Down::decode(&bytes).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    /// Whether the relay ends a connection on which so many frames were sent before all are answered. Why it does is its
    /// last word, which TCP may lose with what is still on its way to it.
    pub async fn is_cut_off(&mut self, sent: usize) -> bool {
        let mut answers = 0;
        while let Some(frame) = self.next().await {
            if frame == Down::Closing(CloseReason::RateLimited) {
                return true;
            }
            answers += 1;
        }
        answers < sent
    }

    /// The last frame before the end.
    pub async fn last(&mut self) -> Option<Down> {
        let mut last = None;
        while let Some(frame) = self.next().await {
            last = Some(frame);
        }
        last
    }
}
