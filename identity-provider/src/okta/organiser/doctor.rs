//! Tests each step that the file's way in needs, and names the one that fails with its repair.

use super::{
    Organiser, Planned, Result,
    clicks::{Seen, authenticator_of},
    file::{Idp, Protocol, Usage},
    guard::administrator_remains,
    local,
    object::{Key, Kind},
    plan::{Action, Plan, Refusal},
    snapshot::{Snapshot, name_of},
};
use crate::okta::client::{Error as Cause, Kind as Refused, Path, Pipeline};
use serde_json::Value;

/// One step: its name, and what was found or what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tested.
    pub step: String,
    /// What was found.
    pub found: std::result::Result<String, Refusal>,
}

impl Organiser {
    /// All steps, in the order in which they depend on each other; it ends where the next ones could not be tested.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut all = Findings(Vec::new());
        let url = &self.wanted.org.url;
        let organization = match self.client.organization().await {
            Ok(organization) => organization,
            Err(cause) => {
                all.bad("org", cause.to_string(), format!("see that `org.url` ({url}) is the org's address, and that this machine reaches it"));
                return Ok(all.0);
            }
        };
        all.good(
            "org",
            format!(
                "{url} is {}, {}",
                organization.id,
                name_of(organization.pipeline)
            ),
        );
        if let Err(error) = self.check_org(&organization.id) {
            all.bad(
                "org",
                error.to_string(),
                "correct `org.url` or `org.id` in the file",
            );
            return Ok(all.0);
        }
        if !self.scopes(&mut all).await? {
            return Ok(all.0);
        }
        let Planned {
            plan,
            snapshot,
            clicks,
        } = self.plan(false).await?;
        objects(&plan, &mut all);
        for idp in &self.wanted.idps {
            self.identity_provider(idp, &plan, &snapshot, &mut all)
                .await?;
        }
        if !self.wanted.routes.is_empty() {
            match administrator_remains(&self.wanted.routes, &snapshot.administrators) {
                Ok(()) => all.good("administrator", "one remains whom no routing rule reaches"),
                Err(refusal) => all.bad("administrator", refusal.why, refusal.repair),
            }
        }
        for clicks in &clicks {
            let step = format!("by hand: {}", clicks.title);
            match &clicks.seen {
                Seen::Done(how) => all.good(step, how),
                Seen::Open(how) => all.bad(step, how, clicks.steps.join("; ")),
                Seen::Unreadable(how) => all.good(step, format!("cannot be tested: {how}")),
            }
        }
        Ok(all.0)
    }

    /// Whether the token is good, and good for everything that has to be read.
    async fn scopes(&self, all: &mut Findings) -> Result<bool> {
        let mut needed: Vec<(&str, &[&str])> = vec![("okta.idps", &["idps"])];
        let wanted = &self.wanted;
        for (is, scope, path) in [
            (!wanted.groups.is_empty(), "okta.groups", &["groups"][..]),
            (
                !wanted.attributes.is_empty(),
                "okta.schemas",
                &["meta", "schemas", "user", "default"],
            ),
            (
                !wanted.origins.is_empty(),
                "okta.trustedOrigins",
                &["trustedOrigins"],
            ),
            (
                !wanted.policies.is_empty() || !wanted.routes.is_empty(),
                "okta.policies",
                &["policies"],
            ),
            (
                !wanted.authenticators.is_empty(),
                "okta.authenticators",
                &["authenticators"],
            ),
            (!wanted.apps.is_empty(), "okta.apps", &["apps"]),
            (!wanted.hooks.is_empty(), "okta.eventHooks", &["eventHooks"]),
            (
                !wanted.signals.is_empty(),
                "okta.securityEventsProviders",
                &["security-events-providers"],
            ),
        ] {
            if is {
                needed.push((scope, path));
            }
        }
        let mut is_good = true;
        for (number, (scope, segments)) in needed.into_iter().enumerate() {
            let path = Path::new(&["api", "v1"])
                .and_then(|api| api.then(segments))
                .map_err(super::call("naming a resource"))?;
            let path = match segments {
                ["policies"] => path.with("type", "IDP_DISCOVERY"),
                ["groups"] => path.with("limit", "1"),
                _ => path,
            };
            let answer: std::result::Result<Value, Cause> = self.client.get(&path).await;
            let Err(cause) = answer else {
                if number == 0 {
                    all.good("token", "the org takes it");
                }
                continue;
            };
            is_good = false;
            match cause.kind() {
                Some(Refused::TokenInvalid) => {
                    all.bad("token", cause.to_string(), "the token is expired, revoked or another org's: make one in Security > API > Tokens of this org, and put it where the file says");
                    return Ok(false);
                }
                Some(Refused::Forbidden) => all.bad(
                    format!("scope {scope}"),
                    cause.to_string(),
                    format!("give the service application {scope}.manage, or the token's owner the rights for it"),
                ),
                _ => all.bad(format!("reading {}", segments.join("/")), cause.to_string(), "run doctor again; if it stays, ask Okta with the request's id"),
            }
        }
        if is_good {
            all.good("scopes", "everything that the file is about can be read");
        }
        Ok(is_good)
    }

    async fn identity_provider(
        &self,
        idp: &Idp,
        plan: &Plan,
        snapshot: &Snapshot,
        all: &mut Findings,
    ) -> Result<()> {
        let name = &idp.name;
        let id = plan
            .step(&Key::new(Kind::Idp, name))
            .and_then(|step| step.id.clone());
        let Some(id) = id else {
            return Ok(());
        };
        let found = snapshot.all(Kind::Idp).iter().find(|found| found.id == id);
        let at = |pointer: &str| {
            found
                .and_then(|f| f.body.pointer(pointer))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let step = |what: &str| format!("{name}: {what}");
        match at("/status") {
            "ACTIVE" => all.good(step("status"), "active"),
            other => all.bad(step("status"), format!("it is {other}"), "tacit okta apply"),
        }
        match &idp.protocol {
            Protocol::Saml(_) => {
                let ours = local::ours(&self.app, &self.wanted).await?;
                let current = ours
                    .certificates(idp.connection.as_str())
                    .first()
                    .map(|c| c.thumbprint.clone());
                let kid = at("/protocol/credentials/trust/kid");
                let trusted = snapshot
                    .all(Kind::Certificate)
                    .iter()
                    .find(|f| f.id == kid)
                    .map(|f| f.name.clone());
                match (&current, &trusted) {
                    (Some(ours), Some(theirs)) if ours == theirs => {
                        all.good(
                            step("certificate"),
                            format!("the org trusts the key that signs ({ours})"),
                        );
                    }
                    _ => all.bad(
                        step("certificate"),
                        format!(
                            "the org trusts {}, and {} signs",
                            trusted.unwrap_or_else(|| "nothing".into()),
                            current.unwrap_or_else(|| "nothing".into())
                        ),
                        "tacit okta apply",
                    ),
                }
            }
            Protocol::Oidc(_) => match found.is_some_and(|f| f.has_strange_secret) {
                true => all.bad(
                    step("client secret"),
                    "the org has one that is none of the connection's",
                    "tacit okta apply",
                ),
                false => all.good(
                    step("client secret"),
                    "as far as the org shows it, one of the connection's",
                ),
            },
        }
        self.role(idp, &id, snapshot, all);
        let rows = self
            .app
            .store
            .okta_objects(&self.wanted.name, &snapshot.org_id)
            .await?;
        let made_at = rows
            .iter()
            .find(|row| row.kind == Kind::Idp.code() && row.name == *name)
            .map_or(0, |row| row.made_at);
        match self
            .app
            .store
            .last_allowed(idp.connection.as_str(), made_at)
            .await?
        {
            Some(at) => all.good(
                step("test sign-in"),
                format!("somebody was let in at {}", crate::clock::rfc3339(at)),
            ),
            None => all.bad(
                step("test sign-in"),
                "nobody has been let in since the identity provider was made",
                format!("sign in once at {}/sso/idps/{id}", self.wanted.org.url),
            ),
        }
        Ok(())
    }

    /// Whether the org uses the identity provider for what the connection believes: as the only thing that it asks, a factor
    /// would let in whoever holds the device.
    fn role(&self, idp: &Idp, id: &str, snapshot: &Snapshot, all: &mut Findings) {
        let step = format!("{}: role", idp.name);
        let authenticator = authenticator_of(snapshot, id);
        let routed = snapshot.all(Kind::Route).iter().find(|rule| {
            let providers = rule
                .body
                .pointer("/actions/idp/providers")
                .and_then(Value::as_array);
            let leads = providers
                .into_iter()
                .flatten()
                .any(|p| p.get("id").and_then(Value::as_str) == Some(id));
            leads && rule.body.get("status").and_then(Value::as_str) != Some("INACTIVE")
        });
        match (idp.usage, authenticator, routed) {
            (Usage::Factor, _, Some(rule)) => all.bad(
                step,
                format!("it is a factor, and the routing rule {} leads to it as a sign-in of its own", rule.name),
                "deactivate that rule in Security > Identity Providers > Routing Rules",
            ),
            (Usage::Sso, Some((authenticator, true)), _) => all.bad(
                step,
                format!("the connection is a sign-in of its own, and the authenticator {authenticator} uses it as a factor"),
                "write usage = \"factor\" in the file, or deactivate the authenticator",
            ),
            (Usage::Factor, Some((authenticator, true)), None) => {
                all.good(step, format!("factor, as the authenticator {authenticator} says"));
            }
            (Usage::Factor, Some((authenticator, false)), None) => all.bad(
                step,
                format!("the authenticator {authenticator} is inactive"),
                "tacit okta apply",
            ),
            (Usage::Factor, None, None) if snapshot.pipeline == Pipeline::Classic => {
                all.good(step, "factor; no routing rule leads to it. Classic tells no more");
            }
            (Usage::Factor, None, None) => all.bad(
                step,
                "no authenticator of the org stands for it",
                "set its usage to \"Factor only\" by hand, then `tacit okta apply`",
            ),
            (Usage::Sso, _, _) => all.good(step, "sign-in of its own: no authenticator uses it as a factor"),
        }
    }
}

fn objects(plan: &Plan, all: &mut Findings) {
    for step in &plan.steps {
        let name = step.object.key.to_string();
        match &step.action {
            Action::Leave | Action::NotHere(_) => all.good(name, "as the file says"),
            Action::Held(refusal) | Action::Blocked(refusal) => {
                all.bad(name, refusal.why.clone(), refusal.repair.clone())
            }
            Action::Create { .. } => all.bad(name, "it is not there", "tacit okta apply"),
            Action::Resume => all.bad(name, "an apply ended half-way", "tacit okta apply"),
            Action::Change(differences) | Action::Adopt(differences) => {
                let at: Vec<&str> = differences.iter().map(|d| d.at.as_str()).collect();
                all.bad(
                    name,
                    format!("it differs from the file in {}", at.join(", ")),
                    "tacit okta apply",
                );
            }
        }
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, step: impl Into<String>, found: impl Into<String>) {
        self.0.push(Finding {
            step: step.into(),
            found: Ok(found.into()),
        });
    }

    fn bad(&mut self, step: impl Into<String>, why: impl Into<String>, repair: impl Into<String>) {
        self.0.push(Finding {
            step: step.into(),
            found: Err(Refusal::new(why, repair)),
        });
    }
}
