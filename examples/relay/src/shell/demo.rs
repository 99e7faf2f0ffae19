//! Certificates for whoever asks, so that a demonstration needs no platform around it. Never in a real service: there,
//! the platform's own login decides who is who.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use undertone::authority::{Authority, EnrolmentRequest};
use undertone::policy::Role;
use undertone::time::{DAY, HOUR};

use super::{Shared, now};

/// The path of the WebSocket that certifies.
pub(super) const PATH: &str = "/demo/enrol";

/// What is asked for: one binary message.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) role: Role,
    #[serde(with = "serde_bytes")]
    pub(crate) request: Vec<u8>,
}

/// Answers one wish with a certificate, or with nothing.
pub(super) async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if shared.demo.is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    upgrade.max_message_size(64 * 1024).on_upgrade(move |socket| async move {
        if let Some(authority) = &shared.demo {
            answer(authority, socket).await;
        }
    })
}

async fn answer(authority: &Authority, mut socket: WebSocket) {
    let Some(Ok(Message::Binary(wish))) = socket.recv().await else { return };
    let certificate = certify(authority, &wish).unwrap_or_default();
    let _ = socket.send(Message::Binary(certificate.into())).await;
    let _ = socket.send(Message::Close(None)).await;
}

fn certify(authority: &Authority, wish: &[u8]) -> Option<Vec<u8>> {
    let wish: Wish = rmp_serde::from_slice(wish).ok()?;
    let request = EnrolmentRequest::decode(&wish.request).ok()?;
    let now = now();
    // The time numbers certificates: a later one has a higher serial, also after a restart.
    let certificate = authority.issue(&request, wish.role, now.as_ms(), now.minus(HOUR), now.plus(90 * DAY)).ok()?;
    Some(certificate.as_bytes().to_vec())
}
