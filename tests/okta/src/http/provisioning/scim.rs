//! The requests themselves: what Okta sends for a person and for a group.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Done, members};
use crate::http::percent_encode;
use crate::ids;
use crate::org::Org;
use crate::outbound::Call;
use crate::resources::apps::{Dialect, Provisioning};

/// Looks whether the person exists, then makes or updates them.
pub async fn push_user(org: &Org, connection: &Provisioning, user: &str) -> Done<String> {
    let resource = resource(org, user)?;
    let name = escaped(resource["userName"].as_str().unwrap_or_default());
    let filter = percent_encode(&format!("userName eq \"{name}\""));
    let found = send(
        org,
        connection,
        "GET",
        &format!("/Users?filter={filter}&startIndex=1&count=100"),
        None,
    )
    .await?;
    // At Okta provisioning dies silently of numbers that are text; here it says so.
    if !found["totalResults"].is_u64() {
        return Err(format!(
            "totalResults is {}, not a number",
            found["totalResults"]
        ));
    }
    if let Some(person) = found["Resources"][0]["id"].as_str() {
        match connection.dialect {
            Dialect::Wizard => put_user(org, connection, user, person, Some(true)).await?,
            Dialect::Catalogue => {
                put_user(org, connection, user, person, None).await?;
                set_active(org, connection, user, person, true).await?;
            }
        }
        return Ok(person.to_owned());
    }
    let mut body = resource;
    // Okta sends a random password always.
    body["password"] = json!(ids::generate_secret().chars().take(12).collect::<String>());
    body["active"] = json!(true);
    let made = send(org, connection, "POST", "/Users", Some(body)).await?;
    made["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "Create new user returned empty user".to_owned())
}

pub async fn set_active(
    org: &Org,
    connection: &Provisioning,
    user: &str,
    person: &str,
    active: bool,
) -> Done<()> {
    if connection.dialect == Dialect::Wizard {
        return put_user(org, connection, user, person, Some(active)).await;
    }
    let body = json!({ "schemas": [PATCH], "Operations": [{ "op": "replace", "value": { "active": active } }] });
    send(
        org,
        connection,
        "PATCH",
        &format!("/Users/{person}"),
        Some(body),
    )
    .await
    .map(drop)
}

/// Reads the person, changes what the org knows better, and writes all of it back.
pub async fn put_user(
    org: &Org,
    connection: &Provisioning,
    user: &str,
    person: &str,
    active: Option<bool>,
) -> Done<()> {
    let path = format!("/Users/{person}");
    let mut whole = send(org, connection, "GET", &path, None).await?;
    let ours = resource(org, user)?;
    for (name, value) in ours.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    if let Some(active) = active {
        whole["active"] = json!(active);
    }
    send(org, connection, "PUT", &path, Some(whole))
        .await
        .map(drop)
}

pub async fn patch_group(
    org: &Org,
    connection: &Provisioning,
    target: &str,
    change: Value,
) -> Done<()> {
    let body = json!({ "schemas": [PATCH], "Operations": [change] });
    send(
        org,
        connection,
        "PATCH",
        &format!("/Groups/{target}"),
        Some(body),
    )
    .await
    .map(drop)
}

pub async fn put_group(
    org: &Org,
    connection: &Provisioning,
    app: &str,
    group: &str,
    target: &str,
) -> Done<()> {
    let name = org
        .resources()
        .groups
        .find(group)
        .map(|row| row.name.clone())
        .unwrap_or_default();
    let body = json!({ "schemas": [GROUP], "id": target, "displayName": name, "members": members(org, app, group) });
    send(
        org,
        connection,
        "PUT",
        &format!("/Groups/{target}"),
        Some(body),
    )
    .await
    .map(drop)
}

pub async fn send(
    org: &Org,
    connection: &Provisioning,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Done<Value> {
    let mut headers = vec![
        ("User-Agent".to_owned(), "Okta SCIM Client 1.0.0".to_owned()),
        ("Accept".to_owned(), "application/scim+json".to_owned()),
        ("Accept-Charset".to_owned(), "utf-8".to_owned()),
        (
            "Authorization".to_owned(),
            format!("Bearer {}", connection.token),
        ),
    ];
    if body.is_some() {
        headers.push((
            "Content-Type".to_owned(),
            "application/scim+json; charset=utf-8".to_owned(),
        ));
    }
    let text = body.map(|body| body.to_string());
    let url = format!("{}{path}", connection.base_url);
    let call = Call {
        method,
        url: &url,
        headers: &headers,
        body: text.as_deref(),
        patience: PATIENCE,
    };
    let answer = org
        .outbound
        .call(&call)
        .await
        .map_err(|error| error.to_string())?;
    if !(200..300).contains(&answer.status) {
        let said: String = answer.body.chars().take(300).collect();
        return Err(format!(
            "{method} {}: {} {said}",
            path.split('?').next().unwrap_or_default(),
            answer.status
        ));
    }
    match answer.body.trim().is_empty() {
        true => Ok(Value::Null),
        false => answer.json().map_err(|error| error.to_string()),
    }
}

/// The core user that Okta sends.
fn resource(org: &Org, user: &str) -> Done<Value> {
    let resources = org.resources();
    let row = resources
        .users
        .row(user)
        .map_err(|fault| fault.to_string())?;
    let (first, last) = (row.text("firstName"), row.text("lastName"));
    Ok(json!({
        "schemas": [USER], "userName": row.login(), "name": { "givenName": first, "familyName": last },
        "emails": [{ "primary": true, "value": row.text("email"), "type": "work" }],
        "displayName": format!("{first} {last}"), "locale": "en-US", "externalId": user, "groups": [],
    }))
}

pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Okta waits a minute.
const PATIENCE: Duration = Duration::from_secs(60);
