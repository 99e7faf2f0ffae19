//! The device's end of a connection: frames over a WebSocket.

use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use undertone::policy::Role;
use undertone::time::Time;

use crate::demo::{DEMO_PATH, Wish};
use crate::frame::{CloseReason, DOWN_MAX, Down, FrameError, PATH, Up};
use crate::logic::LoginRefused;

pub use crate::blobs::{BlobError, Blobs};
pub use crate::trust::{Trust, TrustError};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why there is no connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The network, or what speaks at the other end.
    #[error("the connection failed: {0}")]
    Network(String),
    /// The relay does not let the device in.
    #[error("the relay refuses the login: {0}")]
    Refused(LoginRefused),
    /// The relay ended the connection.
    #[error("the relay ended the connection ({0:?})")]
    Closed(CloseReason),
    /// What came is no frame.
    #[error("the relay sent what is no frame: {0}")]
    Frame(#[from] FrameError),
    /// Something else came than the protocol has here.
    #[error("the relay does not keep to the protocol")]
    Protocol,
}

impl From<tungstenite::Error> for ClientError {
    fn from(error: tungstenite::Error) -> ClientError {
        ClientError::Network(error.to_string())
    }
}

/// What a relay says to a device that logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The relay's time.
    pub time: Time,
    /// The highest sequence of an envelope accepted from this device; 0 for none.
    pub highest_sequence: u64,
    /// Key packages of this device that the directory has left, without the last-resort one.
    pub key_packages: u32,
    /// Whether there are revocation lists to ask for.
    pub revocations: bool,
}

/// A connection that is logged in.
pub struct Client {
    /// Where frames go out.
    pub sender: Sender,
    /// Where frames come in.
    pub receiver: Receiver,
}

/// Sends frames.
pub struct Sender(SplitSink<Socket, Message>);

/// Receives frames.
pub struct Receiver(SplitStream<Socket>);

/// A connection on which the relay waits for the answer to its challenge.
pub struct Challenged {
    client: Client,
    challenge: [u8; 32],
}

impl Client {
    /// Connects. The relay's address is like `ws://127.0.0.1:8787`, or `wss://relay.example.org`, whose certificate one of
    /// the public roots must vouch for.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn dial(relay: &str) -> Result<Challenged, ClientError> {
        Client::dial_with(relay, &Arc::new(Trust::public())).await
    }

    /// Connects, and trusts others than the public roots.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn dial_with(relay: &str, trust: &Arc<Trust>) -> Result<Challenged, ClientError> {
        let (sink, stream) = open(&format!("{relay}{PATH}"), trust).await?.split();
        let mut client = Client { sender: Sender(sink), receiver: Receiver(stream) };
        match client.receiver.next().await? {
            Down::Challenge { challenge } => Ok(Challenged { client, challenge }),
            _ => Err(ClientError::Protocol),
        }
    }
}

impl Challenged {
    /// What the device key has to sign: [`login_message`](crate::logic::login_message) of it.
    pub fn challenge(&self) -> &[u8; 32] {
        &self.challenge
    }

    /// Logs in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn log_in(self, certificate: Vec<u8>, signature: Vec<u8>) -> Result<(Client, LoggedIn), ClientError> {
        let mut client = self.client;
        client.sender.send(&Up::Login { certificate, signature }).await?;
        match client.receiver.next().await? {
            Down::LoggedIn { time, highest_sequence, key_packages, revocations } => {
                Ok((client, LoggedIn { time, highest_sequence, key_packages, revocations }))
            }
            Down::LoginRefused(reason) => Err(ClientError::Refused(reason)),
            _ => Err(ClientError::Protocol),
        }
    }
}

/// The authority of a relay that demonstrates: it certifies whoever asks.
pub struct DemoAuthority {
    socket: Socket,
    authority: [u8; 32],
}

impl DemoAuthority {
    /// Connects to a relay that was started with `--demo`.
    ///
    /// # Errors
    /// [`ClientError`]; also when the relay does not demonstrate.
    pub async fn dial(relay: &str) -> Result<DemoAuthority, ClientError> {
        DemoAuthority::dial_with(relay, &Arc::new(Trust::public())).await
    }

    /// Connects, and trusts others than the public roots.
    ///
    /// # Errors
    /// [`ClientError`]; also when the relay does not demonstrate.
    pub async fn dial_with(relay: &str, trust: &Arc<Trust>) -> Result<DemoAuthority, ClientError> {
        let mut socket = open(&format!("{relay}{DEMO_PATH}"), trust).await?;
        let authority = binary(&mut socket).await?.try_into().map_err(|_| ClientError::Protocol)?;
        Ok(DemoAuthority { socket, authority })
    }

    /// Its public key, which an engine must trust.
    pub fn public_key(&self) -> [u8; 32] {
        self.authority
    }

    /// A certificate for what an engine's `enrolment_request` gave.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn certify(mut self, role: Role, request: &[u8]) -> Result<Vec<u8>, ClientError> {
        let wish = Wish { role, request: request.to_vec() }.encode().ok_or(ClientError::Protocol)?;
        self.socket.send(Message::Binary(wish.into())).await?;
        let certificate = binary(&mut self.socket).await?;
        if certificate.is_empty() { Err(ClientError::Protocol) } else { Ok(certificate) }
    }
}

#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "nobody is asked whom to trust"))]
async fn open(url: &str, trust: &Arc<Trust>) -> Result<Socket, ClientError> {
    let config = WebSocketConfig::default().max_message_size(Some(DOWN_MAX)).max_frame_size(Some(DOWN_MAX));
    // Acknowledgements are small and should not wait for each other: no Nagle.
    #[cfg(feature = "tls")]
    let connected = {
        let connector = Some(trust.connector());
        tokio_tungstenite::connect_async_tls_with_config(url, Some(config), true, connector).await
    };
    #[cfg(not(feature = "tls"))]
    let connected = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await;
    Ok(connected?.0)
}

async fn binary(socket: &mut Socket) -> Result<Vec<u8>, ClientError> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => Ok(bytes.to_vec()),
        Some(Err(error)) => Err(error.into()),
        _ => Err(ClientError::Protocol),
    }
}

impl Sender {
    /// Sends a frame.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(&mut self, frame: &Up) -> Result<(), ClientError> {
        Ok(self.0.send(Message::Binary(frame.encode()?.into())).await?)
    }

    /// Sends bytes that need not be a frame: for tests.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send_raw(&mut self, bytes: Vec<u8>) -> Result<(), ClientError> {
        Ok(self.0.send(Message::Binary(bytes.into())).await?)
    }

    /// Says goodbye.
    pub async fn close(&mut self) {
        let _ = self.0.close().await;
    }
}

impl Receiver {
    /// The next frame. Kinds that this client does not know are skipped.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is over.
    pub async fn next(&mut self) -> Result<Down, ClientError> {
        loop {
            let message = self.0.next().await.ok_or_else(|| ClientError::Network("it ended".into()))??;
            match message {
                Message::Binary(bytes) => match Down::decode(&bytes) {
                    Err(FrameError::Kind) => {}
                    Ok(Down::Closing(reason)) => return Err(ClientError::Closed(reason)),
                    decoded => return Ok(decoded?),
                },
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Close(_) => return Err(ClientError::Network("it ended".into())),
                Message::Text(_) => return Err(ClientError::Protocol),
            }
        }
    }
}
