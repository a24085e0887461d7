//! Event hooks: who wants to hear of which events.

use serde_json::{Value, json};

use super::{Fault, Resources, https_url, text};
use crate::clock::{Millis, format_iso};
use crate::ids;

#[derive(Debug)]
pub struct HookRow {
    /// As shown, without id and links.
    pub body: Value,
    /// The value of the header of `authScheme`; never shown.
    pub secret: String,
}

impl HookRow {
    pub fn is_listening(&self) -> bool {
        self.body["status"] == "ACTIVE" && self.body["verificationStatus"] == "VERIFIED"
    }

    pub fn wants(&self, event_type: &str) -> bool {
        let items = self.body["events"]["items"].as_array();
        self.is_listening()
            && items.is_some_and(|items| items.iter().any(|item| item == event_type))
    }

    pub fn url(&self) -> &str {
        self.body
            .pointer("/channel/config/uri")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What each call carries besides its own.
    pub fn headers(&self) -> Vec<(String, String)> {
        let config = &self.body["channel"]["config"];
        let mut headers = Vec::new();
        if let Some(name) = config["authScheme"]["key"].as_str() {
            headers.push((name.to_owned(), self.secret.clone()));
        }
        for header in config["headers"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (header["key"].as_str(), header["value"].as_str()) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers
    }
}

impl Resources {
    pub fn create_event_hook(&mut self, body: &Value, now: Millis) -> Result<String, Fault> {
        let mut row = complete_hook(body)?;
        self.check_hook_name(&row, None)?;
        row.body["status"] = json!("ACTIVE");
        row.body["verificationStatus"] = json!("UNVERIFIED");
        row.body["created"] = json!(format_iso(now));
        row.body["createdBy"] = json!(self.admin);
        row.body["lastUpdated"] = json!(format_iso(now));
        let id = ids::generate_id("who");
        self.event_hooks.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_event_hook(&mut self, id: &str, body: &Value, now: Millis) -> Result<(), Fault> {
        let mut row = complete_hook(body)?;
        self.check_hook_name(&row, Some(id))?;
        let old = self.event_hooks.row_mut(id)?;
        for kept in ["created", "createdBy"] {
            row.body[kept] = old.body[kept].clone();
        }
        row.body["status"] = match body.get("status").is_some() {
            true => json!(super::initial_status(body)?),
            false => old.body["status"].clone(),
        };
        row.body["lastUpdated"] = json!(format_iso(now));
        // Another place has to prove itself anew.
        row.body["verificationStatus"] = match row.url() == old.url() {
            true => old.body["verificationStatus"].clone(),
            false => json!("UNVERIFIED"),
        };
        *old = row;
        Ok(())
    }

    pub fn set_event_hook(
        &mut self,
        id: &str,
        member: &str,
        value: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        let row = self.event_hooks.row_mut(id)?;
        row.body[member] = json!(value);
        row.body["lastUpdated"] = json!(format_iso(now));
        Ok(())
    }

    /// Only a hook that is switched off can be deleted.
    pub fn delete_event_hook(&mut self, id: &str) -> Result<(), Fault> {
        match self.event_hooks.row(id)?.body["status"] == "ACTIVE" {
            true => Err(Fault::invalid(
                "status",
                "status: An active event hook cannot be deleted",
            )),
            false => self.event_hooks.remove(id).map(drop),
        }
    }

    pub fn event_hook_body(&self, id: &str, row: &HookRow) -> Value {
        let path = format!("/api/v1/eventHooks/{id}");
        let mut body = row.body.clone();
        body["id"] = json!(id);
        let mut links = json!({ "self": { "href": self.url(&path) } });
        if body["status"] == "ACTIVE" {
            links["verify"] = self.link(&format!("{path}/lifecycle/verify"), &["POST"]);
            links["deactivate"] = self.link(&format!("{path}/lifecycle/deactivate"), &["POST"]);
        } else {
            links["activate"] = self.link(&format!("{path}/lifecycle/activate"), &["POST"]);
            links["delete"] = self.link(&path, &["DELETE"]);
        }
        body["_links"] = links;
        body
    }

    fn check_hook_name(&self, row: &HookRow, id: Option<&str>) -> Result<(), Fault> {
        let mut others = self.event_hooks.iter();
        match others.any(|(other, old)| Some(other) != id && old.body["name"] == row.body["name"]) {
            true => Err(Fault::taken("name")),
            false => Ok(()),
        }
    }
}

fn complete_hook(sent: &Value) -> Result<HookRow, Fault> {
    let name = text(sent, "name", 100)?;
    let items = sent["events"]["items"]
        .as_array()
        .filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| Fault::blank("events"))?;
    if items.len() > MOST_EVENT_TYPES || !items.iter().all(Value::is_string) {
        return Err(Fault::invalid("events", "events: at most 300 event types"));
    }
    let config = &sent["channel"]["config"];
    let uri = https_url(sent, "channel.config.uri")?;
    let mut scheme = Value::Null;
    let mut secret = String::new();
    if config["authScheme"].is_object() {
        let key = text(sent, "channel.config.authScheme.key", 100)?;
        secret = text(sent, "channel.config.authScheme.value", 1000)?.to_owned();
        let is_header = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if !is_header(key) || !is_header(&secret) {
            return Err(Fault::invalid("authScheme", "authScheme: is not a header"));
        }
        scheme = json!({ "type": "HEADER", "key": key });
    }
    let headers = match &config["headers"] {
        Value::Array(list) if list.len() <= 10 => json!(list),
        _ => json!([]),
    };
    let mut shown = json!({ "uri": uri, "headers": headers, "method": "POST" });
    if !scheme.is_null() {
        shown["authScheme"] = scheme;
    }
    Ok(HookRow {
        body: json!({
            "name": name,
            "description": sent["description"].as_str(),
            "events": { "type": "EVENT_TYPE", "items": items, "filter": sent["events"]["filter"].as_object() },
            "channel": { "type": "HTTP", "version": "1.0.0", "config": shown },
        }),
        secret,
    })
}

const MOST_EVENT_TYPES: usize = 300;
