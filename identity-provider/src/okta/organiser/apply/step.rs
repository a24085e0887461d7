//! One object: made, and looked for if nobody knows how that ended; changed; verified.

use super::{Run, credentials::Credentials};
use crate::okta::organiser::{
    Error, Result, call,
    compare::differences,
    object::{Kind, Object},
    plan::{Action, Step},
    remote::{is_ambiguous, may_exist},
    snapshot::{Found, Snapshot},
};
use serde_json::Value;
use zeroize::Zeroizing;

impl Run<'_> {
    /// An application as the org tells it, with its client's secret if the org shows that.
    pub(super) async fn with_secret(
        &self,
        id: &str,
        made: Value,
        snapshot: &Snapshot,
    ) -> Result<Value> {
        let o = self.organiser;
        if made
            .pointer("/credentials/oauthClient/client_secret")
            .is_some()
        {
            return Ok(made);
        }
        let at = o.at(Kind::App, id, None, snapshot)?;
        o.client
            .get(&at)
            .await
            .map_err(call("reading an application"))
    }

    pub(super) async fn create(
        &self,
        object: &Object,
        parent: Option<&str>,
        shall: &Value,
        secret: Option<(&str, Zeroizing<String>)>,
        snapshot: &mut Snapshot,
    ) -> Result<Found> {
        let o = self.organiser;
        let mut body = shall.clone();
        if let Some((at, secret)) = &secret {
            put_secret(&mut body, at, secret);
        }
        let oidc = match object.key.kind {
            Kind::Idp if body.get("type") == Some(&"OIDC".into()) => {
                o.connection_of(&object.key.name).cloned()
            }
            _ => None,
        };
        if let Some(connection) = &oidc {
            let secret = o.make_secret(connection).await?;
            put_secret(
                &mut body,
                "/protocol/credentials/client/client_secret",
                &secret,
            );
        }
        let credentials = match object.key.kind {
            Kind::App => Some(Credentials::prepare(o, &object.key.name)?),
            _ => None,
        };
        let mut made = o.create(object, parent, &body, snapshot).await;
        // Nobody knows how that ended, or it ended before and was asked for again: look.
        if made
            .as_ref()
            .is_err_and(|error| is_ambiguous(error) || may_exist(error))
            && let Some(found) = o.look_again(object, parent, snapshot).await?
            && differences(shall, &found.body).is_empty()
            && !found.has_strange_secret
        {
            made = Ok(found.body);
        } else if made.as_ref().is_err_and(is_ambiguous) {
            made = o.create(object, parent, &body, snapshot).await;
        }
        let mut made = made?;
        if let Some(credentials) = credentials {
            let id = made
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let body = self.with_secret(&id, made.clone(), snapshot).await?;
            if let Some(refusal) = credentials.write(&body)? {
                return Err(Error::Secretless(object.key.clone(), refusal.repair));
            }
        }
        if let Some(connection) = &oidc {
            o.retire_secrets(connection).await?;
        }
        let kind = object.key.kind;
        if kind.has_status() && made.get("status").and_then(Value::as_str) == Some("INACTIVE") {
            let found = o.keep(object, parent, made.clone(), snapshot).await?;
            let at = o.at(kind, &found.id, parent, snapshot)?;
            made = o.activate(object, &at, made).await?;
        }
        if kind == Kind::Attribute && made.is_null() {
            return Err(Error::Nameless(object.key.clone()));
        }
        o.keep(object, parent, made, snapshot).await
    }

    pub(super) async fn change(
        &self,
        step: &Step,
        id: &str,
        parent: Option<&str>,
        shall: &Value,
        secret: Option<(&str, Zeroizing<String>)>,
        snapshot: &mut Snapshot,
    ) -> Result<()> {
        let o = self.organiser;
        let object = &step.object;
        let different = step.action.differences();
        let at = |what: &str| different.iter().any(|d| d.at == what);
        let only = |what: &[&str]| {
            !different.is_empty() && different.iter().all(|d| what.contains(&d.at.as_str()))
        };
        let place = o.at(object.key.kind, id, parent, snapshot);
        let mut changed = None;
        if !only(&["status", "verificationStatus"])
            && !(different.is_empty() && matches!(step.action, Action::Adopt(_)))
        {
            let mut body = shall.clone();
            if let Some((at, secret)) = &secret {
                put_secret(&mut body, at, secret);
            }
            changed = Some(o.change(object, id, parent, &body, snapshot).await?);
        } else if at("status") {
            changed = Some(o.activate(object, &place?, Value::Null).await?);
        }
        if let Some(changed) = changed {
            o.keep(object, parent, changed, snapshot).await?;
        }
        if object.key.kind == Kind::Hook {
            self.verify(object, id, snapshot).await?;
        }
        Ok(())
    }

    /// Lets the org ask the receiver whether it is one.
    async fn verify(&self, object: &Object, id: &str, snapshot: &mut Snapshot) -> Result<()> {
        let o = self.organiser;
        let is = snapshot.all(Kind::Hook).iter().find(|found| found.id == id);
        if is.is_some_and(|found| found.body.get("verificationStatus") == Some(&"VERIFIED".into()))
        {
            return Ok(());
        }
        let doing = || call(format!("letting the org verify {}", object.key));
        o.client.verify_event_hook(id).await.map_err(doing())?;
        let at = o.at(Kind::Hook, id, None, snapshot)?;
        let body: Value = o.client.get(&at).await.map_err(doing())?;
        o.keep(object, None, body, snapshot).await?;
        Ok(())
    }
}

fn put_secret(body: &mut Value, at: &str, secret: &str) {
    let Some((parent, name)) = at.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(members)) = body.pointer_mut(parent) {
        members.insert(name.to_owned(), secret.into());
    }
}
