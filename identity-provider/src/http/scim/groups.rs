//! `/Groups`. A change is answered without a body unless attributes are asked for: a group may have tens of thousands of
//! members.

use super::{
    Answered, Refused, answer,
    gate::Caller,
    request::{self, Conditions},
    resource,
};
use crate::{
    app::App,
    domain::scim::{GroupRow, Membership, members_value},
    store::{
        StoreError,
        scim::{Changed, Refusal},
    },
};
use axum::{
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use serde_json::Value;
use standards::scim::{
    etag,
    group::{Change, Group, changes},
    patch::PatchRequest,
    projection::Projection,
    query::Query,
    schema::GROUP,
};

type At = Path<(String, String)>;

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Answered {
    let projection = request::query(raw.as_deref())?.projection;
    let group = Group::read(request::json(request, request::GROUP).await?)?;
    let made = app
        .store
        .insert_group(caller.connection.as_str(), &group, caller.now)
        .await;
    match made {
        Ok(changed) => {
            tell(
                &app,
                StatusCode::CREATED,
                &caller,
                &projection,
                kept(changed)?,
            )
            .await
        }
        Err(StoreError::Conflict) => Err(Refused::Taken("displayName")),
        Err(other) => Err(other.into()),
    }
}

pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Answered {
    let projection = request::query(raw.as_deref())?.projection;
    let conditions = Conditions::read(&headers)?;
    let group = app
        .store
        .find_group(caller.connection.as_str(), request::id(&id)?)
        .await?
        .ok_or(Refused::NotFound)?;
    if conditions.is_known(&group.version_text()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    tell(&app, StatusCode::OK, &caller, &projection, group).await
}

pub async fn list(State(app): State<App>, caller: Caller, RawQuery(raw): RawQuery) -> Answered {
    listed(&app, &caller, &request::query(raw.as_deref())?).await
}

pub async fn search(State(app): State<App>, caller: Caller, request: Request) -> Answered {
    let body = request::json(request, request::PERSON).await?;
    listed(&app, &caller, &Query::from_body(&body)?).await
}

pub async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Answered {
    let projection = request::query(raw.as_deref())?.projection;
    let group = Group::read(request::json(request, request::GROUP).await?)?;
    let mut changes = vec![Change::Rename(group.display_name)];
    changes.extend(group.external_id.map(Change::ExternalId));
    // Members that are not named at all stay (RFC 7644, section 3.5.1): a rename is no reason to empty a group.
    changes.extend(group.members.map(Change::Replace));
    let group = change(&app, &caller, &id, &headers, &changes).await?;
    tell(&app, StatusCode::OK, &caller, &projection, group).await
}

pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Answered {
    let projection = request::query(raw.as_deref())?.projection;
    let changes = changes(&PatchRequest::read(
        request::json(request, request::GROUP).await?,
    )?)?;
    let group = change(&app, &caller, &id, &headers, &changes).await?;
    if projection != Projection::Default {
        return tell(&app, StatusCode::OK, &caller, &projection, group).await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(tag) = HeaderValue::from_str(&etag::weak(&group.version_text())) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    headers: HeaderMap,
) -> Answered {
    let conditions = Conditions::read(&headers)?;
    let allow = |group: &GroupRow| conditions.allow_change(&group.version_text());
    let connection = caller.connection.as_str();
    let deleted = app
        .store
        .delete_group(connection, request::id(&id)?, caller.now, allow)
        .await?;
    deleted.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    changes: &[Change],
) -> Result<GroupRow, Refused> {
    let conditions = Conditions::read(headers)?;
    let allow = |group: &GroupRow| conditions.allow_change(&group.version_text());
    let connection = caller.connection.as_str();
    let changed = app
        .store
        .change_group(connection, request::id(id)?, changes, caller.now, allow)
        .await?;
    kept(changed.map_err(refused)?)
}

fn kept(changed: Changed) -> Result<GroupRow, Refused> {
    match changed {
        Changed::Group(group) => Ok(group),
        Changed::UnknownMember(id) => Err(Refused::UnknownMember(id)),
        Changed::TooMany => Err(Refused::TooManyMembers),
    }
}

fn refused(refusal: Refusal<Refused>) -> Refused {
    match refusal {
        Refusal::Unknown => Refused::NotFound,
        Refusal::Taken => Refused::Taken("displayName"),
        Refusal::Refused(refused) => refused,
    }
}

async fn tell(
    app: &App,
    status: StatusCode,
    caller: &Caller,
    projection: &Projection,
    group: GroupRow,
) -> Answered {
    let members = match projection.wants(&GROUP, "members") {
        true => {
            app.store
                .members_of_groups(std::slice::from_ref(&group))
                .await?
                .0
        }
        false => Vec::new(),
    };
    let location = format!("{}/Groups/{}", caller.base, group.id);
    let body = shown(caller, projection, &group, &members);
    Ok(resource(status, &group.version_text(), &location, &body))
}

fn shown(
    caller: &Caller,
    projection: &Projection,
    group: &GroupRow,
    members: &[Membership],
) -> Value {
    let mut document = group.document(&caller.base);
    if projection.wants(&GROUP, "members") {
        document.put("members", members_value(members, &caller.base));
    }
    projection.of(&GROUP, document.answer(&GROUP))
}

async fn listed(app: &App, caller: &Caller, query: &Query) -> Answered {
    let connection = caller.connection.as_str();
    let mut page = app.store.list_groups(connection, query).await??;
    let mut members = Vec::new();
    if query.projection.wants(&GROUP, "members") {
        let (found, whole) = app.store.members_of_groups(&page.rows).await?;
        page.rows.truncate(whole);
        members = found;
    }
    let shown = |group: &GroupRow| {
        let begin = members.partition_point(|m| m.owner < group.id);
        let length = members[begin..].partition_point(|m| m.owner == group.id);
        shown(
            caller,
            &query.projection,
            group,
            &members[begin..begin + length],
        )
    };
    let resources = page.rows.iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &query.answer(page.total, resources)))
}
