//! `/api/v1/meta/schemas/user/default`: which attributes a user's profile has.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The schema of the default user type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserSchema {
    /// `base` and `custom`.
    pub definitions: Json,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl UserSchema {
    /// A custom attribute's definition.
    pub fn custom(&self, name: &str) -> Option<&Value> {
        self.definitions
            .get("custom")?
            .get("properties")?
            .get(name)
            .filter(|definition| !definition.is_null())
    }

    /// Whether the profile has this attribute, Okta's own or custom.
    pub fn has(&self, name: &str) -> bool {
        let base = self.definitions.get("base");
        let is_base = base.is_some_and(|base| !base["properties"][name].is_null());
        is_base || self.custom(name).is_some()
    }
}

impl Client {
    /// The schema.
    pub async fn user_schema(&self) -> Result<UserSchema, Error> {
        self.get(&schema()?).await
    }

    /// Adds or changes a custom attribute; `definition`: `title`, `type`, `permissions` and so on.
    pub async fn put_custom_attribute(
        &self,
        name: &str,
        definition: &Value,
    ) -> Result<UserSchema, Error> {
        self.update(&schema()?, &custom(name, definition)).await
    }

    /// Removes a custom attribute with all that people have in it.
    pub async fn remove_custom_attribute(&self, name: &str) -> Result<UserSchema, Error> {
        self.update(&schema()?, &custom(name, &Value::Null)).await
    }
}

fn custom(name: &str, definition: &Value) -> Value {
    json!({ "definitions": { "custom": { "id": "#custom", "type": "object", "properties": { name: definition }, "required": [] } } })
}

fn schema() -> Result<Path, Error> {
    Path::new(&["api", "v1", "meta", "schemas", "user", "default"])
}
