//! Connections: room for each, TLS if wanted, HTTP on it, and an end in good order.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::Shared;
use super::patient::Patient;
use super::places::Place;
use super::tls::Tls;
use crate::network::{self, Network};

/// How long to wait after the operating system could not give a connection: it has none left.
const BREATH: Duration = Duration::from_millis(100);
/// The header in which proxies say by whom they were called.
const FORWARDED: &str = "x-forwarded-for";

/// Who a request comes from.
#[derive(Clone)]
pub(super) struct Caller {
    peer: IpAddr,
    /// Whether the peer is a proxy that is trusted to say who speaks.
    proxy: bool,
    /// Held as long as the connection is used.
    pub(super) place: Arc<Place>,
}

/// There are too many from there.
pub(super) struct Crowded;

impl Caller {
    /// Where a request comes from, and room for it if it came through a proxy.
    pub(super) fn enter(&self, shared: &Shared, headers: &HeaderMap) -> Result<(Network, Option<Place>), Crowded> {
        if !self.proxy {
            return Ok((Network::of(self.peer), None));
        }
        let from = self.network(shared, headers);
        let place = shared.places.enter_behind(from, shared.clock.now()).ok_or(Crowded)?;
        Ok((from, Some(place)))
    }

    /// Where a request comes from.
    pub(super) fn network(&self, shared: &Shared, headers: &HeaderMap) -> Network {
        let said: Vec<_> = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok()).collect();
        Network::of(network::client(self.peer, &said.join(","), &shared.proxies))
    }
}

/// Takes connections until told to stop. Those that there are go on; the end of the last is heard by `gone`.
pub(super) async fn listen(listener: TcpListener, router: Router, tls: Option<Tls>, shared: Arc<Shared>) {
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                sleep(BREATH).await;
                continue;
            }
        };
        let proxy = shared.proxies.iter().any(|block| block.contains(peer.ip()));
        let counted = (!proxy).then(|| Network::of(peer.ip()));
        let Some(place) = shared.places.enter(counted, shared.clock.now()) else {
            tracing::debug!("no room for a connection");
            continue;
        };
        let caller = Caller { peer: peer.ip(), proxy, place: Arc::new(place) };
        tokio::spawn(serve(stream, caller, router.clone(), tls.clone(), shared.clone()));
    }
}

async fn serve(stream: TcpStream, caller: Caller, router: Router, tls: Option<Tls>, shared: Arc<Shared>) {
    // Acknowledgements are small and should not wait for each other: no Nagle.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return speak(stream, caller, router, &shared).await };
    match timeout(shared.timeouts.header, tls.accept(stream)).await {
        Ok(Ok(stream)) => speak(stream, caller, router, &shared).await,
        Ok(Err(_)) | Err(_) => tracing::debug!("no TLS came about"),
    }
}

/// HTTP/1.1 until the peer ends, or breaks the rules, or the relay goes away.
async fn speak<T>(stream: T, caller: Caller, router: Router, shared: &Shared)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        router.clone().call(request)
    });
    let stream = TokioIo::new(Patient::new(stream, shared.timeouts.take));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.timeouts.header)
        .max_buf_size(64 * 1024)
        .serve_connection(stream, answer)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut stop: watch::Receiver<bool> = shared.stop.clone();
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = async { drop(stop.wait_for(|stop| *stop).await) } => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if ended.is_err() {
        tracing::debug!("a connection broke off");
    }
}
