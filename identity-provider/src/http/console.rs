//! `/console`: what administrators see, as pages and as fragments that htmx fetches. Without script it is one page that
//! does not update itself.

mod desk;
mod session;
mod view;

use crate::{app::App, store::StoreError};
use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use desk::Desk;
use session::{Admin, Use};

/// Forms here hold a name and a password at most.
const BODY: usize = 8 * 1024;

/// What a console page may load and do. Scripts and styles come from us alone, nothing is evaluated, nothing is framed.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/console", get(page))
        .route("/console/overview", get(overview))
        .route(
            "/console/sign-in",
            get(session::show_sign_in).post(session::sign_in),
        )
        .route("/console/sign-out", post(session::sign_out))
        .route("/console/code", get(desk::ask))
        .route("/console/code/look", post(desk::look))
        .route("/console/code/issue", post(desk::issue))
        .layer(DefaultBodyLimit::max(BODY))
}

async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    respond(async {
        let admin = session::admin(&app, &headers, Use::ByPerson).await?;
        whole_page(&app, &admin, Desk::Ask { problem: "" }).await
    })
    .await
}

/// The part that updates itself.
async fn overview(State(app): State<App>, headers: HeaderMap) -> Response {
    respond(async {
        session::admin(&app, &headers, Use::ByItself).await?;
        let overview = view::Overview::read(&app.store, app.now_ms()).await?;
        html(&view::OverviewFragment { o: &overview })
    })
    .await
}

/// The console with the help desk's part as it stands.
async fn whole_page(app: &App, admin: &Admin, desk: Desk) -> Result<Response, Refusal> {
    let overview = view::Overview::read(&app.store, app.now_ms()).await?;
    html(&view::Page {
        assets: view::Assets::default(),
        admin: &admin.name,
        desk: &desk,
        o: &overview,
    })
}

/// Why a request got no page.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// No session: to the sign-in page, and htmx with the whole page.
    #[error("not signed in")]
    SignedOut { is_fragment: bool },
    /// The request came from a page of somebody else.
    #[error("this request did not come from the console")]
    CrossSite,
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ours.
    #[error(transparent)]
    Page(#[from] askama::Error),
}

/// Runs a handler and dresses its answer: nothing of the console is stored, framed or sniffed.
async fn respond(handler: impl Future<Output = Result<Response, Refusal>>) -> Response {
    let mut response = match handler.await {
        Ok(response) => response,
        Err(Refusal::SignedOut { is_fragment }) => signed_out(is_fragment),
        Err(Refusal::CrossSite) => (
            StatusCode::FORBIDDEN,
            "This request did not come from the console.\n",
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a console request failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something failed on our side; see the log.\n",
            )
                .into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn signed_out(is_fragment: bool) -> Response {
    const SIGN_IN: &str = "/console/sign-in";
    match is_fragment {
        false => Redirect::to(SIGN_IN).into_response(),
        // The browser would follow a redirect before htmx sees it.
        true => (StatusCode::UNAUTHORIZED, [("hx-redirect", SIGN_IN)]).into_response(),
    }
}

fn html(template: &impl Template) -> Result<Response, Refusal> {
    Ok(Html(template.render()?).into_response())
}

/// Whether htmx asks for a fragment.
fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}
