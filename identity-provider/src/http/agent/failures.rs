//! `POST /agent/failures`.

use super::{Refused, call, parse};
use crate::{app::App, domain::answer, http::Arrived};
use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use wire::server::{FAILURES, FailureRequest};

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refused> {
    let request: FailureRequest = parse(&body)?;
    let url = app.url(FAILURES);
    answer::failure(&app, &call(&headers, &url), &body, &request, now).await?;
    Ok(StatusCode::NO_CONTENT)
}
