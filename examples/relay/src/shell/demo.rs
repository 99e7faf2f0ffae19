//! Certificates for whoever asks, so that a demonstration needs no platform around it. Never in a real service: there,
//! the platform's own login decides who is who.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use undertone::authority::{Authority, EnrolmentRequest};
use undertone::time::{DAY, HOUR, Time};

use super::Shared;
use crate::clock::Clock;
use crate::demo::Wish;

/// Answers one wish with a certificate, or with nothing.
pub(super) async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if shared.demo.is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    upgrade.max_message_size(64 * 1024).on_upgrade(move |socket| async move {
        if let Some(authority) = &shared.demo {
            answer(authority, socket, &shared.clock).await;
        }
    })
}

async fn answer(authority: &Authority, mut socket: WebSocket, clock: &Clock) {
    let key = authority.public_key().to_vec();
    if socket.send(Message::Binary(key.into())).await.is_err() {
        return;
    }
    let Some(Ok(Message::Binary(wish))) = socket.recv().await else { return };
    let certificate = certify(authority, &wish, clock.now()).unwrap_or_default();
    let _ = socket.send(Message::Binary(certificate.into())).await;
    let _ = socket.send(Message::Close(None)).await;
}

fn certify(authority: &Authority, wish: &[u8], now: Time) -> Option<Vec<u8>> {
    let wish = Wish::decode(wish)?;
    let request = EnrolmentRequest::decode(&wish.request).ok()?;
    // The time numbers certificates: a later one has a higher serial, also after a restart.
    let certificate = authority.issue(&request, wish.role, now.as_ms(), now.minus(HOUR), now.plus(90 * DAY)).ok()?;
    Some(certificate.as_bytes().to_vec())
}
