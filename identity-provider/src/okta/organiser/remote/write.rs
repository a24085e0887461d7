//! How an object is made, changed, switched on and taken away.

use super::{owners, path, text};
use crate::{
    domain::oidc::is_secret,
    keys,
    okta::{
        client::{Kind as Refused, Path},
        organiser::{
            Organiser, Result, call,
            compare::overlaid,
            object::{Kind, Object},
            snapshot::Snapshot,
        },
    },
};
use serde_json::{Map, Value, json};
use wire::id::ConnectionId;

impl Organiser {
    /// Makes an object whose body has no references left. Gives what the org made of it.
    pub(in crate::okta::organiser) async fn create(
        &self,
        object: &Object,
        parent: Option<&str>,
        body: &Value,
        snapshot: &Snapshot,
    ) -> Result<Value> {
        let doing = call(format!("making {}", object.key));
        let kind = object.key.kind;
        let mut body = body.clone();
        if matches!(
            kind,
            Kind::Origin | Kind::Idp | Kind::Policy | Kind::PolicyRule | Kind::Hook | Kind::Route
        ) {
            body["status"] = "ACTIVE".into();
        }
        // Some orgs do not know this member; nothing is said by leaving an empty one out.
        if let Some(trust) = body
            .pointer_mut("/protocol/credentials/trust")
            .and_then(Value::as_object_mut)
            && trust.get("additionalKids") == Some(&json!([]))
        {
            trust.remove("additionalKids");
        }
        let made = match kind {
            Kind::Attribute => {
                let schema = self
                    .client
                    .put_custom_attribute(&object.key.name, &body)
                    .await
                    .map_err(doing)?;
                schema
                    .custom(&object.key.name)
                    .cloned()
                    .unwrap_or(Value::Null)
            }
            Kind::Assignment => {
                let (app, group) = (parent.unwrap_or_default(), text(&body, "/id"));
                self.client
                    .replace(&path(&["apps", app, "groups", group])?, &json!({}))
                    .await
                    .map_err(doing)?
            }
            Kind::Authenticator => {
                let at = path(&["authenticators"])?.with("activate", "true");
                self.client.create(&at, &body).await.map_err(doing)?
            }
            _ => self
                .client
                .create(&path(&owners(kind, parent, snapshot))?, &body)
                .await
                .map_err(doing)?,
        };
        Ok(made)
    }

    /// Gives an object the body of the file, and leaves what the file does not name as it is.
    pub(in crate::okta::organiser) async fn change(
        &self,
        object: &Object,
        id: &str,
        parent: Option<&str>,
        body: &Value,
        snapshot: &Snapshot,
    ) -> Result<Value> {
        let kind = object.key.kind;
        if kind == Kind::Attribute {
            let is = snapshot
                .all(kind)
                .iter()
                .find(|f| f.id == id)
                .map_or(Value::Null, |f| f.body.clone());
            let body = overlaid(&is, body);
            let schema = self
                .client
                .put_custom_attribute(&object.key.name, &body)
                .await;
            let schema = schema.map_err(call(format!("changing {}", object.key)))?;
            return Ok(schema
                .custom(&object.key.name)
                .cloned()
                .unwrap_or(Value::Null));
        }
        let at = self.at(kind, id, parent, snapshot)?;
        // What is there at this moment, not what was there when the plan was made.
        let is: Value = self
            .client
            .get(&at)
            .await
            .map_err(call(format!("reading {}", object.key)))?;
        let mut body = match kind {
            Kind::Group => {
                json!({ "profile": overlaid(is.get("profile").unwrap_or(&Value::Null), &body["profile"]) })
            }
            _ => writable(overlaid(&is, body)),
        };
        if kind == Kind::Idp {
            self.keep_secret(object, &mut body).await?;
        }
        let changed: Value = self
            .client
            .replace(&at, &body)
            .await
            .map_err(call(format!("changing {}", object.key)))?;
        if let (Kind::Idp, Some(connection)) = (kind, self.connection_of(&object.key.name))
            && body.pointer("/protocol/credentials/client").is_some()
        {
            self.retire_unknown_secrets(connection, &body).await?;
        }
        if kind.has_status() && text(&changed, "/status") != "ACTIVE" {
            return self.activate(object, &at, changed).await;
        }
        Ok(changed)
    }

    /// Before a PUT of an OpenID Connect identity provider: the secret that the org showed if it is one of ours, else another.
    async fn keep_secret(&self, object: &Object, body: &mut Value) -> Result<()> {
        let Some(connection) = self.connection_of(&object.key.name).cloned() else {
            return Ok(());
        };
        let Some(client) = body
            .pointer_mut("/protocol/credentials/client")
            .and_then(Value::as_object_mut)
        else {
            return Ok(());
        };
        let shown = client
            .get("client_secret")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if !is_secret(&self.app, &connection, &shown).await? {
            let secret = self.make_secret(&connection).await?;
            client.insert("client_secret".into(), secret.as_str().into());
        }
        Ok(())
    }

    /// After the org has been told a secret: if that is the newest, the others have had their time.
    async fn retire_unknown_secrets(&self, connection: &ConnectionId, body: &Value) -> Result<()> {
        let told = text(body, "/protocol/credentials/client/client_secret");
        let newest = self
            .app
            .store
            .oidc_secrets_of(connection)
            .await?
            .into_iter()
            .next();
        match newest {
            Some(newest) if keys::same(&newest.hash, &keys::hash(told.as_bytes())) => {
                self.retire_secrets(connection).await
            }
            _ => Ok(()),
        }
    }

    /// Switches an object on; gives it as it is then.
    pub(in crate::okta::organiser) async fn activate(
        &self,
        object: &Object,
        at: &Path,
        body: Value,
    ) -> Result<Value> {
        self.client
            .lifecycle(at, "activate")
            .await
            .map_err(call(format!("activating {}", object.key)))?;
        let again: Option<Value> = self
            .client
            .find(at)
            .await
            .map_err(call(format!("reading {}", object.key)))?;
        Ok(again.unwrap_or(body))
    }

    /// Takes an object away; `false` if it was gone already.
    pub(in crate::okta::organiser) async fn remove(
        &self,
        kind: Kind,
        id: &str,
        parent: Option<&str>,
        snapshot: &Snapshot,
    ) -> Result<bool> {
        let doing = || call(format!("removing {} {id}", kind.code()));
        match kind {
            Kind::Attribute => {
                let is_there = snapshot.all(kind).iter().any(|found| found.id == id);
                if is_there {
                    self.client
                        .remove_custom_attribute(id)
                        .await
                        .map_err(doing())?;
                }
                return Ok(is_there);
            }
            Kind::Assignment => {
                let at = path(&["apps", parent.unwrap_or_default(), "groups", id])?;
                return self.client.delete(&at).await.map_err(doing());
            }
            _ => {}
        }
        let at = self.at(kind, id, parent, snapshot)?;
        // What is active cannot be deleted everywhere.
        if matches!(
            kind,
            Kind::Origin
                | Kind::Idp
                | Kind::Authenticator
                | Kind::App
                | Kind::Hook
                | Kind::Signals
                | Kind::Route
        ) {
            match self.client.lifecycle(&at, "deactivate").await {
                Ok(()) => {}
                Err(error) if error.kind() == Some(Refused::NotFound) => return Ok(false),
                // It is inactive already; if it is something else, the deletion tells.
                Err(error)
                    if kind != Kind::Authenticator && error.kind() == Some(Refused::Invalid) => {}
                Err(error) => return Err(doing()(error)),
            }
        }
        // Okta never deletes an authenticator.
        if kind == Kind::Authenticator {
            return Ok(true);
        }
        self.client.delete(&at).await.map_err(doing())
    }
}

/// Without what the org alone writes.
fn writable(body: Value) -> Value {
    const READ_ONLY: &[&str] = &[
        "id",
        "orn",
        "created",
        "createdBy",
        "lastUpdated",
        "lastUpdatedBy",
        "_links",
        "_embedded",
        "system",
        "verificationStatus",
        "kid",
        "objectClass",
        "lastMembershipUpdated",
    ];
    match body {
        Value::Object(members) => {
            let kept: Map<String, Value> = members
                .into_iter()
                .filter(|(name, _)| !READ_ONLY.contains(&name.as_str()))
                .collect();
            Value::Object(kept)
        }
        other => other,
    }
}
