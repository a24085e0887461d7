//! The sockets: TLS by rustls, or plain HTTP from declared proxies only; bounded in connections, handshakes, headers and in
//! the time that a connection may do nothing; ends after what is under way.
//!
//! Whoever opens a connection and then says nothing, or says it slowly, is let go of: during the handshake, before the first
//! byte, within the headers, between two requests, and (in `http::shell`) within a body.

use crate::{app::App, http, settings::Tls};
use anyhow::Context;
use axum::extract::ConnectInfo;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

const HEADER_BYTES: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(20);

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Connections at once.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the headers of an HTTP/1.1 request.
    pub headers: Duration,
    /// Without a request under way, counted from the last answer.
    pub idle: Duration,
    /// The same while three quarters of the connections are taken.
    pub idle_when_crowded: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connections: 8_192,
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            idle_when_crowded: Duration::from_secs(5),
        }
    }
}

/// Accepts connections until `stop`, then lets what is under way end.
pub async fn accept(
    app: &App,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    patience: Patience,
    stop: impl Future<Output = ()>,
) {
    let router = http::router(app.clone());
    let slots = Arc::new(Semaphore::new(patience.connections));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot,
            () = &mut stop => break,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: what is open goes on, and accepting is tried again a little later.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let is_allowed = tls.is_some()
            || app
                .settings
                .trusted_proxies
                .contains(&peer.ip().to_canonical());
        if is_allowed {
            let connection = Connection {
                peer,
                router: router.clone(),
                patience,
                slots: slots.clone(),
            };
            tokio::spawn(serve(
                stream,
                connection,
                tls.clone(),
                graceful.watcher(),
                slot,
            ));
        }
    }
    drop(listener);
    tracing::info!("stopping: what is under way may end");
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

struct Connection {
    peer: SocketAddr,
    router: axum::Router,
    patience: Patience,
    slots: Arc<Semaphore>,
}

async fn serve(
    stream: TcpStream,
    connection: Connection,
    tls: Option<TlsAcceptor>,
    graceful: Watcher,
    _slot: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => connection.speak(stream, graceful).await,
        Some(acceptor) => {
            match timeout(connection.patience.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection.speak(stream, graceful).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
}

impl Connection {
    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        graceful: Watcher,
    ) {
        let activity = Activity::default();
        // Put into each request: a layer would copy every route for every connection, a quarter of a megabyte.
        let (router, peer) = (self.router.clone(), self.peer);
        let noted = activity.clone();
        let service =
            tower::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                let (router, under_way) = (router.clone(), noted.begin());
                async move {
                    let answer = router.oneshot(request.map(axum::body::Body::new)).await;
                    drop(under_way);
                    answer
                }
            });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.headers)
            .max_buf_size(HEADER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(64)
            .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX));
        let service = hyper_util::service::TowerToHyperService::new(service);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            ended = graceful.watch(connection.into_owned()) => ended,
            () = self.is_idle(&activity) => {
                return tracing::debug!("a connection did nothing for too long");
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// Until the connection has had no request under way for its time.
    async fn is_idle(&self, activity: &Activity) {
        let step = (self.patience.idle_when_crowded / 2).max(Duration::from_millis(10));
        loop {
            tokio::time::sleep(step).await;
            let is_crowded = self.slots.available_permits() < self.patience.connections / 4;
            let most = match is_crowded {
                true => self.patience.idle_when_crowded,
                false => self.patience.idle,
            };
            if activity.idle_for().is_some_and(|idle| idle > most) {
                return;
            }
        }
    }
}

/// What is under way on a connection, and since when nothing is.
#[derive(Debug, Clone)]
struct Activity(Arc<Mutex<(usize, Instant)>>);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((0, Instant::now()))))
    }
}

impl Activity {
    fn begin(&self) -> UnderWay {
        self.change(|count| count + 1);
        UnderWay(self.clone())
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        // Two plain values: a panic elsewhere cannot have left half of them.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (change(state.0), Instant::now());
    }

    fn idle_for(&self) -> Option<Duration> {
        let (count, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (count == 0).then(|| since.elapsed())
    }
}

/// One request; over when dropped, however it ends.
struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(|count| count.saturating_sub(1));
    }
}

/// Reads certificate and key; also used by `tacit doctor`.
pub fn acceptor(tls: &Tls) -> anyhow::Result<TlsAcceptor> {
    let read =
        |path: &Path| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
    let chain = CertificateDer::pem_slice_iter(&read(&tls.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} is not PEM", tls.certificate.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?)
        .with_context(|| format!("{} holds no private key", tls.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not fit together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Until the process is asked to end.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
