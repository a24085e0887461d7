//! `/health/live`, `/health/ready` and `/metrics`.

use super::{ClientAddress, shell};
use crate::{app::App, metrics};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(exposition))
}

async fn live() -> &'static str {
    "alive\n"
}

async fn ready(State(app): State<App>) -> Response {
    match app.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
                .into_response()
        }
    }
}

/// For this machine and whom the settings name: how much is refused, and when, is nobody else's business.
async fn exposition(State(app): State<App>, ClientAddress(from): ClientAddress) -> Response {
    // Unspecified is a request that came over no connection at all.
    let is_own = from.is_loopback() || from.is_unspecified();
    if !is_own && !app.settings.metrics_from.contains(&from) {
        return shell::not_found().await;
    }
    let text = metrics::handle().render();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}
