//! The web server: on loopback only, for pages that it served itself.

mod assets;
mod download;
mod guard;
mod upload;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::page::{self, Fault};
use crate::platform::Platform;

/// Bytes of one message of a page.
const MESSAGE: usize = 256 * 1024;

/// A page that is served. It ends with the process, or when this is dropped.
pub struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    /// Where, like `http://127.0.0.1:8080/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the page on 127.0.0.1; port 0 takes a free one.
///
/// # Errors
/// When that address cannot be listened on.
pub async fn serve(platform: Arc<Platform>, port: u16) -> std::io::Result<Served> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/", get(assets::index))
        .route("/assets/{name}", get(assets::asset))
        .route("/socket", get(socket))
        .route("/phones/{user}/files", post(upload::upload).layer(DefaultBodyLimit::disable()))
        .route("/phones/{user}/files/{conversation}/{author}/{id}", get(download::download))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(platform)
        .layer(from_fn(guard::protect))
        .layer(from_fn_with_state(address.port(), guard::admit));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("the page is gone: {error}");
        }
    });
    Ok(Served { address, task })
}

async fn socket(State(platform): State<Arc<Platform>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MESSAGE).on_upgrade(move |socket| page::run(platform, socket))
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match &self {
            Fault::Malformed(_) => StatusCode::BAD_REQUEST,
            Fault::UnknownPhone => StatusCode::NOT_FOUND,
            Fault::Killed | Fault::Offline => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Engine(undertone::Error::Denied(_)) => StatusCode::FORBIDDEN,
            Fault::Engine(_) | Fault::Image(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::File(_) => StatusCode::NOT_FOUND,
            Fault::Profile(_) | Fault::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, [(axum::http::header::CONTENT_TYPE, "application/json")], json!({ "error": self.show() }).to_string())
            .into_response()
    }
}
