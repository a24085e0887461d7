//! Authenticators: those that every org has, and those that point to somebody else (`external_idp`, `duo`).

use serde_json::{Value, json};

use super::idps::Usage;
use super::policies::Kind;
use super::{Fault, Resources, text};
use crate::clock::{Millis, format_iso};
use crate::ids;

impl Resources {
    pub fn create_authenticator(
        &mut self,
        body: &Value,
        activate: bool,
        now: Millis,
    ) -> Result<String, Fault> {
        let key = text(body, "key", 60)?;
        let name = text(body, "name", 100)?;
        let (kind, provider) = match key {
            "external_idp" => ("federated", self.read_claims_provider(body)?),
            "duo" => ("app", read_duo(body)?),
            _ => {
                return Err(Fault::invalid(
                    "key",
                    "key: the stand-in can make external_idp and duo",
                ));
            }
        };
        // Several identity providers may be factors; of every other kind there is one.
        let is_there = self.authenticators.iter().any(|(_, row)| row["key"] == key);
        if key != "external_idp" && is_there {
            return Err(Fault::refused(
                409,
                "E0000157",
                format!("Another authenticator with key: {key} is already active."),
            ));
        }
        let row = json!({
            "type": kind,
            "key": key,
            "status": if activate { "ACTIVE" } else { "INACTIVE" },
            "name": name,
            "created": format_iso(now),
            "lastUpdated": format_iso(now),
            "provider": provider,
        });
        let id = ids::generate_id("aut");
        self.authenticators.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_authenticator(
        &mut self,
        id: &str,
        body: &Value,
        now: Millis,
    ) -> Result<(), Fault> {
        let mut row = self.authenticators.row(id)?.clone();
        if body["key"].as_str().is_some_and(|key| row["key"] != key) {
            return Err(Fault::invalid(
                "key",
                "key: The key of an authenticator cannot be changed",
            ));
        }
        row["name"] = json!(text(body, "name", 100)?);
        row["lastUpdated"] = json!(format_iso(now));
        if row["key"] == "external_idp" {
            row["provider"] = self.read_claims_provider(body)?;
        } else if row["key"] == "duo" {
            row["provider"] = read_duo(body)?;
        }
        if let Some(settings) = body.get("settings").filter(|sent| sent.is_object()) {
            row["settings"] = settings.clone();
        }
        *self.authenticators.row_mut(id)? = row;
        Ok(())
    }

    pub fn set_authenticator_status(
        &mut self,
        id: &str,
        status: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        let row = self.authenticators.row(id)?;
        if status == "INACTIVE" {
            // Recorded: what is inactive already, and the password always, cannot be deactivated.
            if row["status"] == "INACTIVE" || row["key"] == "okta_password" {
                return Err(Fault::Invalid {
                    member: "api.authenticator.error.unsupported.active.deactivate".to_owned(),
                    causes: Vec::new(),
                });
            }
            let causes = self.policies_with(id, row["key"].as_str().unwrap_or_default());
            if !causes.is_empty() {
                let summary = "Cannot modify/disable this authenticator because it is enabled in one or more policies. \
                               To continue, disable the authenticator in these policies.";
                return Err(Fault::Refused {
                    status: 403,
                    code: "E0000148",
                    summary: summary.to_owned(),
                    causes,
                });
            }
        }
        let row = self.authenticators.row_mut(id)?;
        row["status"] = json!(status);
        row["lastUpdated"] = json!(format_iso(now));
        Ok(())
    }

    pub fn authenticator_body(&self, id: &str, row: &Value) -> Value {
        let path = format!("/api/v1/authenticators/{id}");
        let operation = if row["status"] == "ACTIVE" {
            "deactivate"
        } else {
            "activate"
        };
        let mut body = row.clone();
        body["id"] = json!(id);
        body["_links"] = json!({
            "self": self.link(&path, &["GET", "PUT"]),
            "methods": self.link(&format!("{path}/methods"), &["GET"]),
        });
        body["_links"][operation] = self.link(&format!("{path}/lifecycle/{operation}"), &["POST"]);
        if row["key"] == "okta_password"
            && let Some(links) = body["_links"].as_object_mut()
        {
            links.remove("deactivate");
        }
        if row["key"] == "duo" {
            // Its keys are never shown.
            if let Some(configuration) = body["provider"]["configuration"].as_object_mut() {
                configuration.retain(|name, _| name != "integrationKey" && name != "secretKey");
            }
        }
        body
    }

    /// Active authenticators that are identity providers: their ids and the providers'.
    pub fn factor_authenticators(&self) -> impl Iterator<Item = (&str, &str)> {
        self.authenticators
            .iter()
            .filter(|(_, row)| row["key"] == "external_idp" && row["status"] == "ACTIVE")
            .filter_map(|(id, row)| {
                Some((id, row.pointer("/provider/configuration/idpId")?.as_str()?))
            })
    }

    /// Which policies use an authenticator, in the words of E0000148.
    fn policies_with(&self, id: &str, key: &str) -> Vec<String> {
        let names = |sent: &Value| {
            sent["key"] == key && sent["id"].as_str().is_none_or(|named| named == id)
        };
        let mut causes = Vec::new();
        let enrolment: Vec<&str> = self
            .policies_of(Kind::MfaEnroll)
            .into_iter()
            .filter(|(_, policy)| {
                let list = policy.settings["authenticators"].as_array();
                list.into_iter()
                    .flatten()
                    .any(|entry| names(entry) && entry["enroll"]["self"] != "NOT_ALLOWED")
            })
            .map(|(_, policy)| policy.name.as_str())
            .collect();
        if !enrolment.is_empty() {
            causes.push(format!(
                "Authenticator Enrollment Policies: {}",
                enrolment.join(", ")
            ));
        }
        let access: Vec<&str> = self
            .policies_of(Kind::AccessPolicy)
            .into_iter()
            .filter(|(_, policy)| {
                policy.rules.iter().any(|(_, rule)| {
                    let constraints = rule
                        .actions
                        .pointer("/appSignOn/verificationMethod/constraints");
                    let constraints = constraints.and_then(Value::as_array).into_iter().flatten();
                    let mut methods = constraints
                        .flat_map(|constraint| {
                            constraint["possession"]["authenticationMethods"].as_array()
                        })
                        .flatten();
                    methods.any(names)
                })
            })
            .map(|(_, policy)| policy.name.as_str())
            .collect();
        if !access.is_empty() {
            causes.push(format!("Authentication Policies: {}", access.join(", ")));
        }
        causes
    }

    fn read_claims_provider(&self, body: &Value) -> Result<Value, Fault> {
        let idp = text(body, "provider.configuration.idpId", 40)?;
        let Some(row) = self.idps.find(idp) else {
            return Err(Fault::invalid(
                "provider.configuration.idpId",
                format!("idpId: The identity provider {idp} does not exist"),
            ));
        };
        if row.usage != Usage::Factor {
            let cause = format!(
                "idpId: The identity provider {} cannot be used as a factor: its usage is SSO only",
                row.name()
            );
            return Err(Fault::invalid("provider.configuration.idpId", cause));
        }
        Ok(json!({ "type": "CLAIMS", "configuration": { "idpId": idp } }))
    }
}

fn read_duo(body: &Value) -> Result<Value, Fault> {
    let part = |member| text(body, member, 255);
    let template = body.pointer("/provider/configuration/userNameTemplate/template");
    Ok(json!({ "type": "DUO", "configuration": {
        "host": part("provider.configuration.host")?,
        "integrationKey": part("provider.configuration.integrationKey")?,
        "secretKey": part("provider.configuration.secretKey")?,
        "userNameTemplate": { "template": template.and_then(Value::as_str).unwrap_or("oktaId") },
    } }))
}
