//! `POST /agent/answers`.

use super::{Answered, answered, call, parse};
use crate::{app::App, domain::answer, http::Arrived};
use axum::{body::Bytes, extract::State, http::HeaderMap};
use wire::server::{ANSWERS, AnswerRequest, AnswerResponse};

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<AnswerResponse> {
    let request: AnswerRequest = parse(&body)?;
    let url = app.url(ANSWERS);
    answered(answer::answer(&app, &call(&headers, &url), &request.statement, now).await?)
}
