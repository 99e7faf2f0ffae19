//! One WebSocket: frames in, frames out, a ping now and then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Shared;
use super::actor::Input;
use super::listener::Caller;
use super::outbox::outbox;
use super::places::Place;
use crate::frame::UP_MAX;
use crate::gateway::ConnectionId;
use crate::logic::Rate;
use crate::logic::rate::Buckets;
use crate::network::Network;

/// Bytes that are read at once. Each connection has so many all the time, and most have nothing to say most of the time.
const READ_BUFFER: usize = 4 * 1024;

/// Pings, and pongs that nobody asked for, of one connection: no frames, so that nobody else counts them.
const CONTROL: Rate = Rate { burst: 60, per_minute: 60 };

/// Takes a WebSocket, if there is room.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if *shared.stop.borrow() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok((from, behind)) = caller.enter(&shared, &headers) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(UP_MAX)
        .max_frame_size(UP_MAX)
        .on_upgrade(move |socket| async move {
            let _places: (Arc<Place>, Option<Place>) = (caller.place, behind);
            let connection = ConnectionId(shared.next_connection.fetch_add(1, Ordering::Relaxed));
            run(&shared, connection, from, socket).await;
            let _ = shared.inputs.send(Input::Disconnect { connection }).await;
        })
        .into_response()
}

async fn run(shared: &Shared, connection: ConnectionId, from: Network, mut socket: WebSocket) {
    let (frames, mut outgoing) = outbox();
    if shared.inputs.send(Input::Connect { connection, from, frames }).await.is_err() {
        return;
    }
    let mut pings = interval(shared.timeouts.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut pinged, mut control) = (Instant::now(), 0_u32, Buckets::new(CONTROL));
    loop {
        tokio::select! {
            // What goes out first: the last frame of a connection says why it ends.
            biased;
            frame = outgoing.next() => {
                let Some(frame) = frame else { break };
                if !send(shared, &mut socket, Message::Binary(frame.into())).await {
                    tracing::info!(connection = connection.0, "does not read: ended");
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
                    Some(Ok(Message::Pong(_))) if pinged > 0 => pinged -= 1,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        if !control.take((), 1, shared.clock.now()) {
                            tracing::info!(connection = connection.0, "pings too often: ended");
                            return;
                        }
                    }
                    Some(Ok(Message::Text(_))) => {
                        tracing::info!(connection = connection.0, "sent what is no frame: ended");
                        return;
                    }
                    // What the error says is not for the log: it can quote what was sent.
                    Some(Err(_)) => {
                        tracing::info!(connection = connection.0, "broke off, or sent what is no message: ended");
                        return;
                    }
                    Some(Ok(Message::Close(_))) | None => return,
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > shared.timeouts.silence {
                    tracing::info!(connection = connection.0, "is silent: ended");
                    return;
                }
                pinged += 1;
                if !send(shared, &mut socket, Message::Ping(Vec::new().into())).await {
                    return;
                }
            }
        }
    }
    let _ = send(shared, &mut socket, Message::Close(None)).await;
}

/// Sends within a time, so that a peer that does not read holds nothing.
async fn send(shared: &Shared, socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(shared.timeouts.take, socket.send(message)).await, Ok(Ok(())))
}
