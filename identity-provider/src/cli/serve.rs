//! `tacit serve`: reads the settings, listens, sweeps, sends notices, and ends when asked to.

use super::open;
use crate::{
    app::App,
    clock::Clock,
    http, metrics,
    server::{self, Patience},
};
use anyhow::Context;
use clap::Args;
use std::{path::Path, time::Duration};
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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
        // A database that takes nothing lets nobody in: better said now than at the first sign-in.
        app.store
            .sweep(app.now_ms())
            .await
            .context("writing to the database")?;
        let tls = app
            .settings
            .tls
            .as_ref()
            .map(server::acceptor)
            .transpose()?;
        let listener = TcpListener::bind(app.settings.listen)
            .await
            .with_context(|| format!("listening on {}", app.settings.listen))?;
        let sweeper = tokio::spawn(sweep(app.clone()));
        let postman = tokio::spawn(crate::mail::delivery::run(app.clone()));
        let envoy = tokio::spawn(crate::okta::delivery::run(app.clone()));
        tracing::info!(origin = %app.settings.origin, listen = %listener.local_addr()?, tls = tls.is_some(), "serving");
        let patience = Patience::default();
        server::accept(&app, listener, tls, patience, server::stop_signal()).await;
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
