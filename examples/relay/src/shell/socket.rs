//! One WebSocket: frames in, frames out, a ping now and then.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Shared;
use super::actor::{self, Input};
use crate::frame::UP_MAX;
use crate::gateway::ConnectionId;

/// How often a ping goes out.
const PING: Duration = Duration::from_secs(25);
/// How long a connection may be silent, pongs included.
const SILENCE: Duration = Duration::from_secs(70);
/// How long a peer may take to take a frame.
const TAKE_WITHIN: Duration = Duration::from_secs(30);

/// Takes a WebSocket, if there is room.
pub(super) async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if *shared.stop.borrow() || shared.places.available_permits() == 0 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade
        .max_message_size(UP_MAX)
        .max_frame_size(UP_MAX)
        .on_upgrade(move |socket| async move {
            let Ok(_place) = shared.places.try_acquire() else { return };
            let connection = ConnectionId(shared.next_connection.fetch_add(1, Ordering::Relaxed));
            run(&shared, connection, socket).await;
            let _ = shared.inputs.send(Input::Disconnect { connection }).await;
        })
        .into_response()
}

async fn run(shared: &Shared, connection: ConnectionId, mut socket: WebSocket) {
    let (frames, mut outgoing) = actor::frames();
    if shared.inputs.send(Input::Connect { connection, frames }).await.is_err() {
        return;
    }
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            // What goes out first: the last frame of a connection says why it ends.
            biased;
            frame = outgoing.recv() => {
                let Some(frame) = frame else { break };
                if !send(&mut socket, Message::Binary(frame.into())).await {
                    return;
                }
            }
            message = socket.recv() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        let input = Input::Frame { connection, bytes: bytes.to_vec() };
                        if shared.inputs.send(input).await.is_err() {
                            return;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Text(_) | Message::Close(_)) | Err(_)) | None => return,
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE || !send(&mut socket, Message::Ping(Vec::new().into())).await {
                    return;
                }
            }
        }
    }
    let _ = send(&mut socket, Message::Close(None)).await;
}

/// Sends within a time, so that a peer that does not read holds nothing.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(TAKE_WITHIN, socket.send(message)).await, Ok(Ok(())))
}
