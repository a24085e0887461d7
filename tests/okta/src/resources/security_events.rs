//! Providers of security events (Shared Signals).

use serde_json::{Value, json};

use super::{Fault, Resources, https_url, text};
use crate::ids;

impl Resources {
    pub fn create_security_events_provider(&mut self, body: &Value) -> Result<String, Fault> {
        let mut row = self.complete_provider(body, None)?;
        row["status"] = json!("ACTIVE");
        let id = ids::generate_id("sse");
        self.security_events_providers.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_security_events_provider(
        &mut self,
        id: &str,
        body: &Value,
    ) -> Result<(), Fault> {
        let mut row = self.complete_provider(body, Some(id))?;
        let old = self.security_events_providers.row_mut(id)?;
        row["status"] = old["status"].clone();
        *old = row;
        Ok(())
    }

    pub fn security_events_provider_body(&self, id: &str, row: &Value) -> Value {
        let path = format!("/api/v1/security-events-providers/{id}");
        let operation = match row["status"] == "ACTIVE" {
            true => "deactivate",
            false => "activate",
        };
        let mut body = row.clone();
        body["id"] = json!(id);
        body["_links"] = json!({ "self": self.link(&path, &["GET", "PUT", "DELETE"]) });
        body["_links"][operation] = self.link(&format!("{path}/lifecycle/{operation}"), &["POST"]);
        body
    }

    fn complete_provider(&self, body: &Value, id: Option<&str>) -> Result<Value, Fault> {
        let name = text(body, "name", 100)?;
        let mut others = self.security_events_providers.iter();
        if others.any(|(other, row)| Some(other) != id && row["name"] == name) {
            return Err(Fault::taken("name"));
        }
        let kind = text(body, "type", 255)?;
        let settings = match body["settings"]
            .get("well_known_url")
            .is_some_and(|url| !url.is_null())
        {
            true => json!({ "well_known_url": https_url(body, "settings.well_known_url")? }),
            false => json!({
                "issuer": text(body, "settings.issuer", 700)?,
                "jwks_url": https_url(body, "settings.jwks_url")?,
            }),
        };
        Ok(json!({ "name": name, "type": kind, "settings": settings }))
    }
}
