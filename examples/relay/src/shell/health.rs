//! Whether the relay lives and is ready, and its figures for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::ask::{Ask, Standing, ask};
use super::listener::Caller;
use super::{Shared, metrics};

/// How long the relay may take to answer that it is ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The routes for whoever watches the process from where everybody is: what costs something is counted as any request.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready_in_public))
}

/// The figures, and the same uncounted, at an address of their own: they are nothing for the world.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut stop = shared.stop.clone();
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .with_state(shared);
    let until = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the listener for metrics failed");
    }
}

async fn alive() -> &'static str {
    "alive\n"
}

async fn ready_in_public(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    if !shared.places.request(caller.network(&shared, &headers), shared.clock.now()) {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    ready(State(shared)).await
}

/// 200 while it takes connections and its store answers, else 503.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if *shared.stop.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "going away\n").into_response();
    }
    match timeout(ANSWER_WITHIN, ask(&shared.inputs, Ask::Ready)).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the relay does not answer\n").into_response(),
    }
}

async fn figures(State(shared): State<Arc<Shared>>) -> Response {
    let Some(standing) = standing(&shared).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let text = metrics::text(&standing, &shared);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn standing(shared: &Shared) -> Option<Standing> {
    timeout(ANSWER_WITHIN, ask(&shared.inputs, Ask::Standing)).await.ok()?.ok()
}
