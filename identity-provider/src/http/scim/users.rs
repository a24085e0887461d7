//! `/Users`.

use super::{
    Answered, Refused, answer,
    gate::Caller,
    request::{self, Conditions},
    resource,
};
use crate::{
    app::App,
    domain::{
        scim::{Membership, Person, groups_value},
        user::UserId,
    },
    store::{StoreError, scim::Refusal},
};
use axum::{
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use standards::scim::{
    patch::PatchRequest, projection::Projection, query::Query, schema::USER, user::User,
};
use wire::id::UserName;

type At = Path<(String, String)>;

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    RawQuery(raw): RawQuery,
    request: Request,
) -> Answered {
    let projection = request::query(raw.as_deref())?.projection;
    let user = named(User::read(request::json(request, request::PERSON).await?)?)?;
    let connection = caller.connection.as_str();
    let person = match app.store.insert_person(connection, &user, caller.now).await {
        Ok(person) => person,
        Err(StoreError::Conflict) => return Err(Refused::Taken("userName")),
        Err(other) => return Err(other.into()),
    };
    Ok(told(
        StatusCode::CREATED,
        &caller,
        &projection,
        &person,
        &[],
    ))
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
    let id = UserId::from_row_text(request::id(&id)?.into());
    let person = app
        .store
        .find_person(caller.connection.as_str(), &id)
        .await?
        .ok_or(Refused::NotFound)?;
    if conditions.is_known(&person.version_text()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    tell(&app, &caller, &projection, person).await
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
    let user = named(User::read(request::json(request, request::PERSON).await?)?)?;
    change(&app, &caller, &id, raw.as_deref(), &headers, |_| Ok(user)).await
}

pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Answered {
    let patch = PatchRequest::read(request::json(request, request::PERSON).await?)?;
    let apply = |person: &Person| {
        let after = patch.apply(&USER, &person.user.document())?;
        named(User::of(after)?)
    };
    change(&app, &caller, &id, raw.as_deref(), &headers, apply).await
}

pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((_, id)): At,
    headers: HeaderMap,
) -> Answered {
    let conditions = Conditions::read(&headers)?;
    let id = UserId::from_row_text(request::id(&id)?.into());
    let allow = |person: &Person| conditions.allow_change(&person.version_text());
    let connection = caller.connection.as_str();
    let deleted = app
        .store
        .delete_person(connection, &id, caller.now, allow)
        .await?;
    deleted.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    raw: Option<&str>,
    headers: &HeaderMap,
    change: impl FnOnce(&Person) -> Result<User, Refused>,
) -> Answered {
    let projection = request::query(raw)?.projection;
    let conditions = Conditions::read(headers)?;
    let id = UserId::from_row_text(request::id(id)?.into());
    let change = |person: &Person| {
        conditions.allow_change(&person.version_text())?;
        change(person)
    };
    let connection = caller.connection.as_str();
    let changed = app
        .store
        .change_person(connection, &id, caller.now, change)
        .await?;
    tell(app, caller, &projection, changed.map_err(refused)?).await
}

fn refused(refusal: Refusal<Refused>) -> Refused {
    match refusal {
        Refusal::Unknown => Refused::NotFound,
        Refusal::Taken => Refused::Taken("userName"),
        Refusal::Refused(refused) => refused,
    }
}

/// A person whose name can be a login.
fn named(user: User) -> Result<User, Refused> {
    match UserName::new(user.user_name.as_str()) {
        Ok(_) => Ok(user),
        Err(_) => Err(Refused::UserName),
    }
}

async fn tell(app: &App, caller: &Caller, projection: &Projection, person: Person) -> Answered {
    let groups = match projection.wants(&USER, "groups") {
        true => {
            let people = std::slice::from_ref(&person);
            app.store
                .groups_of_persons(caller.connection.as_str(), people)
                .await?
                .0
        }
        false => Vec::new(),
    };
    Ok(told(StatusCode::OK, caller, projection, &person, &groups))
}

fn told(
    status: StatusCode,
    caller: &Caller,
    projection: &Projection,
    person: &Person,
    groups: &[Membership],
) -> Response {
    let location = format!("{}/Users/{}", caller.base, person.id);
    resource(
        status,
        &person.version_text(),
        &location,
        &shown(caller, projection, person, groups),
    )
}

fn shown(
    caller: &Caller,
    projection: &Projection,
    person: &Person,
    groups: &[Membership],
) -> Value {
    let mut document = person.document(&caller.base);
    if !groups.is_empty() {
        document.put("groups", groups_value(groups, &caller.base));
    }
    projection.of(&USER, document.answer(&USER))
}

async fn listed(app: &App, caller: &Caller, query: &Query) -> Answered {
    let connection = caller.connection.as_str();
    let mut page = app.store.list_persons(connection, query).await??;
    let mut groups = Vec::new();
    if query.projection.wants(&USER, "groups") {
        let (found, whole) = app.store.groups_of_persons(connection, &page.rows).await?;
        page.rows.truncate(whole);
        groups = found;
    }
    let shown = |person: &Person| {
        let begin = groups.partition_point(|g| g.owner.as_str() < person.id.as_str());
        let length = groups[begin..].partition_point(|g| g.owner == person.id.as_str());
        shown(
            caller,
            &query.projection,
            person,
            &groups[begin..begin + length],
        )
    };
    let resources = page.rows.iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &query.answer(page.total, resources)))
}
