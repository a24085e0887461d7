//! `tacit serve`: TLS by rustls, or plain HTTP from declared proxies only; bounded in connections, handshakes and headers;
//! ends when asked to, after what is under way.

use super::open;
use crate::{app::App, clock::Clock, http, metrics, settings::Tls};
use anyhow::Context;
use axum::extract::ConnectInfo;
use clap::Args;
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
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

const CONNECTIONS: usize = 8_192;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(15);
const HEADER_BYTES: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(20);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub struct Serve {
    /// How logs look.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    log: String,
}

impl Serve {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        log_as(&self.log);
        metrics::handle();
        let app = open::app(data).await?;
        let tls = app.settings.tls.as_ref().map(acceptor).transpose()?;
        let listener = TcpListener::bind(app.settings.listen)
            .await
            .with_context(|| format!("listening on {}", app.settings.listen))?;
        let sweeper = tokio::spawn(sweep(app.clone()));
        let postman = tokio::spawn(crate::mail::delivery::run(app.clone()));
        let envoy = tokio::spawn(crate::okta::delivery::run(app.clone()));
        tracing::info!(origin = %app.settings.origin, listen = %listener.local_addr()?, tls = tls.is_some(), "serving");
        accept(&app, listener, tls).await;
        sweeper.abort();
        // A notice under way is claimed for a while only, and then tried again under the same Message-ID.
        postman.abort();
        // So is an action at an org, under the same name.
        envoy.abort();
        app.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn accept(app: &App, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let router = http::router(app.clone());
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            break;
        };
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
            tokio::spawn(serve(
                stream,
                peer,
                router.clone(),
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

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: axum::Router,
    tls: Option<TlsAcceptor>,
    graceful: Watcher,
    _slot: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let router = router.layer(axum::Extension(ConnectInfo(peer)));
    let service = hyper_util::service::TowerToHyperService::new(
        router.map_request(|r: hyper::Request<hyper::body::Incoming>| r.map(axum::body::Body::new)),
    );
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX));
    let ended = match tls {
        None => {
            let connection = graceful.watch(
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .into_owned(),
            );
            connection.await
        }
        Some(acceptor) => {
            let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            };
            let connection = graceful.watch(
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .into_owned(),
            );
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
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

async fn sweep(app: App) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        app.limits.shrink();
        metrics::handle().run_upkeep();
        if let Err(error) = http::scim::report_tokens(&app).await {
            tracing::warn!(%error, "SCIM tokens could not be looked at");
        }
        if let Err(error) = crate::okta::delivery::look_after(&app).await {
            tracing::warn!(%error, "actions at orgs could not be looked at");
        }
        match app.store.sweep(Clock::System.now_ms()).await {
            Ok(gone) => tracing::debug!(gone, "swept"),
            Err(error) => tracing::warn!(%error, "sweeping failed"),
        }
    }
}

async fn stop_signal() {
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

fn log_as(format: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        "json" => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .init(),
        _ => registry
            .with(fmt::layer().with_writer(std::io::stderr))
            .init(),
    }
}
