//! The org as a SCIM 2.0 client, in the dialects of Okta's two kinds of apps: those of the catalogue PATCH, those of the
//! wizard read and PUT. What fails is told in the System Log and is not sent again, as at Okta.

mod scim;

use std::sync::Arc;

use serde_json::{Value, json};

use self::scim::{GROUP, escaped, patch_group, push_user, put_group, put_user, set_active};
use super::percent_encode;
use crate::org::{Org, user_entity};
use crate::resources::apps::{Dialect, Provisioning};
use crate::system_log::{Change, Client};

type Done<T> = Result<T, String>;

/// Somebody was assigned to an application.
pub async fn assigned(org: &Arc<Org>, client: &Client, app: &str, user: &str) {
    let Some(connection) = connection(org, app) else {
        return;
    };
    let pushed = push_user(org, &connection, user).await;
    {
        let mut resources = org.resources();
        let assignments = resources.apps.row_mut(app).map(|row| &mut row.assignments);
        if let Ok(Some(assignment)) = assignments.map(|rows| rows.get_mut(user)) {
            assignment.error = pushed.as_ref().err().cloned();
            if let Ok(id) = &pushed {
                assignment.external_id = Some(id.clone());
            }
        }
    }
    log(
        org,
        client,
        app,
        user,
        "application.provision.user.push",
        "Push new user to external application",
        pushed.err(),
    );
    // Whoever is assigned joins the groups that are pushed already.
    for (group, target) in pushed_groups_of(org, app, user) {
        let change = add_members(org, app, &[user.to_owned()]);
        let sent = patch_group(org, &connection, &target, change).await;
        log(
            org,
            client,
            app,
            &group,
            "application.provision.group.push",
            "Push group",
            sent.err(),
        );
    }
}

/// An assignment ends: the person is switched off there, never deleted.
pub async fn unassigned(org: &Arc<Org>, client: &Client, app: &str, user: &str) {
    let (Some(connection), Some(person)) = (connection(org, app), external_id(org, app, user))
    else {
        return;
    };
    let sent = set_active(org, &connection, user, &person, false).await;
    log(
        org,
        client,
        app,
        user,
        "application.provision.user.deactivate",
        "Deactivate user in external application",
        sent.err(),
    );
}

/// A profile has changed.
pub async fn user_changed(org: &Arc<Org>, client: &Client, user: &str) {
    for app in apps_of(org, user) {
        let (Some(connection), Some(person)) =
            (connection(org, &app), external_id(org, &app, user))
        else {
            continue;
        };
        let sent = put_user(org, &connection, user, &person, None).await;
        log(
            org,
            client,
            &app,
            user,
            "application.provision.user.push_profile",
            "Push user's profile to external application",
            sent.err(),
        );
    }
}

/// A user is deactivated in the org: all assignments end.
pub async fn user_left(org: &Arc<Org>, client: &Client, user: &str) {
    for app in apps_of(org, user) {
        unassigned(org, client, &app, user).await;
        if let Ok(row) = org.resources().apps.row_mut(&app) {
            row.assignments.remove(user);
        }
    }
}

pub async fn membership_changed(
    org: &Arc<Org>,
    client: &Client,
    group: &str,
    user: &str,
    is_in: bool,
) {
    let user = org.resources().user_id(user).unwrap_or_default();
    for (app, target) in apps_with(org, group) {
        let (Some(connection), Some(person)) =
            (connection(org, &app), external_id(org, &app, &user))
        else {
            continue;
        };
        let change = match is_in {
            true => add_members(org, &app, std::slice::from_ref(&user)),
            false => json!({ "op": "remove", "path": format!("members[value eq \"{person}\"]") }),
        };
        let sent = match connection.dialect {
            Dialect::Catalogue => patch_group(org, &connection, &target, change).await,
            Dialect::Wizard => put_group(org, &connection, &app, group, &target).await,
        };
        log(
            org,
            client,
            &app,
            group,
            "application.provision.group.push",
            "Push group",
            sent.err(),
        );
    }
}

/// A group has another name.
pub async fn group_changed(org: &Arc<Org>, client: &Client, group: &str) {
    for (app, target) in apps_with(org, group) {
        let Some(connection) = connection(org, &app) else {
            continue;
        };
        let name = org
            .resources()
            .groups
            .find(group)
            .map(|row| row.name.clone())
            .unwrap_or_default();
        let sent = match connection.dialect {
            Dialect::Catalogue => {
                let change =
                    json!({ "op": "replace", "value": { "id": target, "displayName": name } });
                patch_group(org, &connection, &target, change).await
            }
            Dialect::Wizard => put_group(org, &connection, &app, group, &target).await,
        };
        log(
            org,
            client,
            &app,
            group,
            "application.provision.group.push",
            "Push group",
            sent.err(),
        );
    }
}

/// Finds or makes the group there, with its assigned members; returns its identifier there.
pub async fn push_group(org: &Arc<Org>, client: &Client, app: &str, group: &str) -> Done<String> {
    let connection = connection(org, app).ok_or("the application has no provisioning")?;
    let name = org
        .resources()
        .groups
        .find(group)
        .map(|row| row.name.clone())
        .unwrap_or_default();
    let filter = percent_encode(&format!("displayName eq \"{}\"", escaped(&name)));
    let found = scim::send(
        org,
        &connection,
        "GET",
        &format!("/Groups?filter={filter}&startIndex=1&count=100"),
        None,
    )
    .await?;
    let members = members(org, app, group);
    let target = match found["Resources"][0]["id"].as_str() {
        Some(target) => {
            let change = json!({ "op": "replace", "path": "members", "value": members });
            match connection.dialect {
                Dialect::Catalogue => patch_group(org, &connection, target, change).await?,
                Dialect::Wizard => put_group(org, &connection, app, group, target).await?,
            }
            target.to_owned()
        }
        None => {
            let body = json!({ "schemas": [GROUP], "displayName": name, "members": members });
            let made = scim::send(org, &connection, "POST", "/Groups", Some(body)).await?;
            made["id"]
                .as_str()
                .ok_or("the group that was made has no id")?
                .to_owned()
        }
    };
    if let Ok(row) = org.resources().apps.row_mut(app) {
        row.pushed_groups.insert(group.to_owned(), target.clone());
    }
    log(
        org,
        client,
        app,
        group,
        "application.provision.group.push",
        "Push group",
        None,
    );
    Ok(target)
}

/// What the console's button "Test API Credentials" does.
pub async fn test(org: &Org, connection: &Provisioning) -> Done<()> {
    scim::send(org, connection, "GET", "/Users?startIndex=1&count=2", None)
        .await
        .map(drop)
}

fn connection(org: &Org, app: &str) -> Option<Provisioning> {
    org.resources().apps.find(app)?.provisioning.clone()
}

fn external_id(org: &Org, app: &str, user: &str) -> Option<String> {
    org.resources()
        .apps
        .find(app)?
        .assignments
        .get(user)?
        .external_id
        .clone()
}

fn apps_of(org: &Org, user: &str) -> Vec<String> {
    let resources = org.resources();
    let apps = resources
        .apps
        .iter()
        .filter(|(_, row)| row.assignments.contains_key(user));
    apps.map(|(id, _)| id.to_owned()).collect()
}

/// Applications that a group is pushed to, and its identifier there.
fn apps_with(org: &Org, group: &str) -> Vec<(String, String)> {
    let resources = org.resources();
    let apps = resources.apps.iter();
    apps.filter_map(|(id, row)| Some((id.to_owned(), row.pushed_groups.get(group)?.clone())))
        .collect()
}

fn pushed_groups_of(org: &Org, app: &str, user: &str) -> Vec<(String, String)> {
    let resources = org.resources();
    let Some(row) = resources.apps.find(app) else {
        return Vec::new();
    };
    let is_in = |group: &str| {
        resources
            .groups
            .find(group)
            .is_some_and(|row| row.members.contains(user))
    };
    let pushed = row.pushed_groups.iter().filter(|(group, _)| is_in(group));
    pushed
        .map(|(group, target)| (group.clone(), target.clone()))
        .collect()
}

/// Members of a group whom the application knows.
fn members(org: &Org, app: &str, group: &str) -> Value {
    let resources = org.resources();
    let (Some(app), Some(group)) = (resources.apps.find(app), resources.groups.find(group)) else {
        return json!([]);
    };
    let known = group.members.iter().filter_map(|user| {
        let id = app.assignments.get(user)?.external_id.as_ref()?;
        Some(json!({ "value": id, "display": resources.users.find(user)?.login() }))
    });
    json!(known.collect::<Vec<Value>>())
}

fn add_members(org: &Org, app: &str, users: &[String]) -> Value {
    let resources = org.resources();
    let app = resources.apps.find(app);
    let known = users.iter().filter_map(|user| {
        let id = app?.assignments.get(user)?.external_id.as_ref()?;
        Some(json!({ "value": id, "display": resources.users.find(user)?.login() }))
    });
    json!({ "op": "add", "path": "members", "value": known.collect::<Vec<Value>>() })
}

fn log(
    org: &Org,
    client: &Client,
    app: &str,
    target: &str,
    event: &'static str,
    text: &'static str,
    failure: Option<String>,
) {
    let (entity, label) = {
        let resources = org.resources();
        let entity = match (resources.users.find(target), resources.groups.find(target)) {
            (Some(row), _) => user_entity(target, row),
            (None, Some(row)) => {
                json!({ "id": target, "type": "UserGroup", "alternateId": "unknown", "displayName": row.name,
                                         "detailEntry": null })
            }
            _ => Value::Null,
        };
        let label = resources.apps.find(app).map(|row| row.label().to_owned());
        (entity, label.unwrap_or_default())
    };
    let actor = json!({ "id": "system", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System",
                        "detailEntry": null });
    let mut change =
        Change::new(event, text, actor)
            .entity(entity)
            .target(app, "AppInstance", &label, &label);
    change.failure = failure;
    org.write_change(change, client);
}
