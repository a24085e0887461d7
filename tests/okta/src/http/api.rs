//! The management API. One file per family; `gate` stands before all of them.

mod app_groups;
mod apps;
mod authenticators;
mod caller;
mod gate;
mod groups;
mod hooks;
mod idps;
mod list;
mod logs;
mod organization;
mod origins;
mod policies;
mod risk;
mod schema;
mod security_events;
mod sessions;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

use super::error::ApiError;
use crate::org::Org;

pub use caller::{Caller, find as find_caller, is_administrator};
pub use risk::set as set_risk;

/// What needs a token, behind the gate; and what does not.
pub fn router(org: &Arc<Org>) -> Router<Arc<Org>> {
    let managed = Router::new()
        .merge(people())
        .merge(sign_in())
        .merge(apps_and_events())
        .layer(from_fn_with_state(Arc::clone(org), gate::pass));
    Router::new()
        .route("/.well-known/okta-organization", get(organization::show))
        .route("/.well-known/webfinger", get(organization::webfinger))
        .route(
            "/api/v1/sessions/me",
            get(sessions::show).delete(sessions::end),
        )
        .merge(managed)
}

fn people() -> Router<Arc<Org>> {
    Router::new()
        .route("/api/v1/users", get(users::list).post(users::create))
        .route(
            "/api/v1/users/{user}",
            get(users::show)
                .post(users::update)
                .put(users::replace)
                .delete(users::delete),
        )
        .route("/api/v1/users/{user}/groups", get(users::groups))
        .route("/api/v1/users/{user}/factors", get(users::factors))
        .route("/api/v1/users/{user}/roles", get(users::roles))
        .route("/api/v1/users/{user}/risk", get(risk::show).put(risk::put))
        .route("/api/v1/users/{user}/sessions", delete(users::end_sessions))
        .route(
            "/api/v1/users/{user}/lifecycle/{operation}",
            post(users::change),
        )
        .route(
            "/api/v1/users/{user}/credentials/{operation}",
            post(users::credentials),
        )
        .route("/api/v1/groups", get(groups::list).post(groups::create))
        .route(
            "/api/v1/groups/{group}",
            get(groups::show)
                .put(groups::replace)
                .delete(groups::delete),
        )
        .route("/api/v1/groups/{group}/users", get(groups::users))
        .route(
            "/api/v1/groups/{group}/users/{user}",
            put(groups::add).delete(groups::remove),
        )
        .route("/api/v1/groups/{group}/apps", get(groups::apps))
        .route(
            "/api/v1/meta/schemas/user/{id}",
            get(schema::show).post(schema::change),
        )
        .route("/api/v1/meta/types/user", get(schema::types))
        .route("/api/v1/meta/types/user/{id}", get(schema::type_of))
        .route("/api/v1/logs", get(logs::list))
}

fn sign_in() -> Router<Arc<Org>> {
    Router::new()
        .route("/api/v1/idps", get(idps::list).post(idps::create))
        .route(
            "/api/v1/idps/credentials/keys",
            get(idps::keys).post(idps::upload_key),
        )
        .route(
            "/api/v1/idps/credentials/keys/{kid}",
            get(idps::key).delete(idps::delete_key),
        )
        .route(
            "/api/v1/idps/{idp}",
            get(idps::show).put(idps::replace).delete(idps::delete),
        )
        .route(
            "/api/v1/idps/{idp}/lifecycle/{operation}",
            post(idps::change),
        )
        .route("/api/v1/idps/{idp}/metadata.xml", get(idps::metadata))
        .route("/api/v1/idps/{idp}/users", get(idps::users))
        .route(
            "/api/v1/idps/{idp}/users/{user}",
            get(idps::user).post(idps::link).delete(idps::unlink),
        )
        .route(
            "/api/v1/idps/{idp}/credentials/keys",
            get(idps::signing_keys),
        )
        .route(
            "/api/v1/policies",
            get(policies::list).post(policies::create),
        )
        .route(
            "/api/v1/policies/{policy}",
            get(policies::show)
                .put(policies::replace)
                .delete(policies::delete),
        )
        .route(
            "/api/v1/policies/{policy}/lifecycle/{operation}",
            post(policies::change),
        )
        .route(
            "/api/v1/policies/{policy}/rules",
            get(policies::rules).post(policies::create_rule),
        )
        .route(
            "/api/v1/policies/{policy}/rules/{rule}",
            get(policies::rule)
                .put(policies::replace_rule)
                .delete(policies::delete_rule),
        )
        .route(
            "/api/v1/policies/{policy}/rules/{rule}/lifecycle/{operation}",
            post(policies::change_rule),
        )
        .route(
            "/api/v1/trustedOrigins",
            get(origins::list).post(origins::create),
        )
        .route(
            "/api/v1/trustedOrigins/{origin}",
            get(origins::show)
                .put(origins::replace)
                .delete(origins::delete),
        )
        .route(
            "/api/v1/trustedOrigins/{origin}/lifecycle/{operation}",
            post(origins::change),
        )
        .route(
            "/api/v1/authenticators",
            get(authenticators::list).post(authenticators::create),
        )
        .route(
            "/api/v1/authenticators/{authenticator}",
            get(authenticators::show).put(authenticators::replace),
        )
        .route(
            "/api/v1/authenticators/{authenticator}/lifecycle/{operation}",
            post(authenticators::change),
        )
        .route(
            "/api/v1/authenticators/{authenticator}/methods",
            get(authenticators::methods),
        )
}

fn apps_and_events() -> Router<Arc<Org>> {
    Router::new()
        .route("/api/v1/apps", get(apps::list).post(apps::create))
        .route(
            "/api/v1/apps/{app}",
            get(apps::show).put(apps::replace).delete(apps::delete),
        )
        .merge(app_groups::routes())
        .route(
            "/api/v1/apps/{app}/lifecycle/{operation}",
            post(apps::change),
        )
        .route(
            "/api/v1/apps/{app}/users",
            get(apps::users).post(apps::assign),
        )
        .route(
            "/api/v1/apps/{app}/users/{user}",
            get(apps::user)
                .post(apps::assign_user)
                .delete(apps::unassign),
        )
        .route(
            "/api/v1/apps/{app}/policies/{policy}",
            put(apps::set_policy),
        )
        .route(
            "/api/v1/apps/{app}/grants",
            get(apps::grants).post(apps::grant),
        )
        .route("/api/v1/apps/{app}/credentials/keys", get(apps::keys))
        .route(
            "/api/v1/apps/{app}/group-push/mappings",
            get(apps::pushed).post(apps::push),
        )
        .route("/api/v1/eventHooks", get(hooks::list).post(hooks::create))
        .route(
            "/api/v1/eventHooks/{hook}",
            get(hooks::show).put(hooks::replace).delete(hooks::delete),
        )
        .route(
            "/api/v1/eventHooks/{hook}/lifecycle/{operation}",
            post(hooks::change),
        )
        .route(
            "/api/v1/security-events-providers",
            get(security_events::list).post(security_events::create),
        )
        .route(
            "/api/v1/security-events-providers/{provider}",
            get(security_events::show)
                .put(security_events::replace)
                .delete(security_events::delete),
        )
        .route(
            "/api/v1/security-events-providers/{provider}/lifecycle/{operation}",
            post(security_events::change),
        )
}

/// The status that an operation of a life cycle leads to.
fn status_of(operation: &str) -> Result<&'static str, ApiError> {
    match operation {
        "activate" => Ok("ACTIVE"),
        "deactivate" => Ok("INACTIVE"),
        _ => Err(ApiError::NotFound(format!("{operation} (operation)"))),
    }
}
