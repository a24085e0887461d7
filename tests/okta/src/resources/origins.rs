//! Trusted origins.

use serde_json::{Value, json};

use super::{Fault, Resources, is_url, text};
use crate::clock::{Millis, format_iso};
use crate::ids;

impl Resources {
    pub fn create_trusted_origin(&mut self, body: &Value, now: Millis) -> Result<String, Fault> {
        let mut row = self.complete_trusted_origin(body, None)?;
        row["status"] = json!(super::initial_status(body)?);
        row["created"] = json!(format_iso(now));
        row["createdBy"] = json!(self.admin);
        self.touch(&mut row, now);
        let id = ids::generate_id("tos");
        self.trusted_origins.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_trusted_origin(
        &mut self,
        id: &str,
        body: &Value,
        now: Millis,
    ) -> Result<(), Fault> {
        let old = self.trusted_origins.row(id)?.clone();
        let mut row = self.complete_trusted_origin(body, Some(id))?;
        for kept in ["status", "created", "createdBy"] {
            row[kept] = old[kept].clone();
        }
        self.touch(&mut row, now);
        *self.trusted_origins.row_mut(id)? = row;
        Ok(())
    }

    pub fn set_trusted_origin_status(
        &mut self,
        id: &str,
        status: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        let mut row = self.trusted_origins.row(id)?.clone();
        row["status"] = json!(status);
        self.touch(&mut row, now);
        *self.trusted_origins.row_mut(id)? = row;
        Ok(())
    }

    pub fn trusted_origin_body(&self, id: &str, row: &Value) -> Value {
        let path = format!("/api/v1/trustedOrigins/{id}");
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

    fn touch(&self, row: &mut Value, now: Millis) {
        row["lastUpdated"] = json!(format_iso(now));
        row["lastUpdatedBy"] = json!(self.admin);
    }

    fn complete_trusted_origin(&self, body: &Value, id: Option<&str>) -> Result<Value, Fault> {
        let name = text(body, "name", 255)?;
        let origin = text(body, "origin", 255)?;
        let is_origin = ["https://", "http://"].iter().any(|scheme| {
            is_url(origin, scheme) && !origin[scheme.len()..].contains(['/', '?', '#'])
        });
        if !is_origin {
            return Err(Fault::invalid(
                "origin",
                "origin: The field must be an origin: scheme, host and port",
            ));
        }
        for (other, row) in self
            .trusted_origins
            .iter()
            .filter(|(other, _)| Some(*other) != id)
        {
            let _ = other;
            for (member, value) in [("name", name), ("origin", origin)] {
                if row[member] == value {
                    return Err(Fault::taken(member));
                }
            }
        }
        let scopes = body["scopes"]
            .as_array()
            .filter(|list| !list.is_empty() && list.len() <= 3);
        let scopes = scopes.ok_or_else(|| Fault::blank("scopes"))?;
        if !scopes.iter().all(|scope| {
            ["CORS", "REDIRECT", "IFRAME_EMBED"]
                .iter()
                .any(|kind| scope["type"] == *kind)
        }) {
            return Err(Fault::invalid(
                "scopes",
                "scopes: type must be CORS, REDIRECT or IFRAME_EMBED",
            ));
        }
        Ok(json!({ "name": name, "origin": origin, "scopes": scopes }))
    }
}
