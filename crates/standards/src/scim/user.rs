//! A person: the core schema and the enterprise extension (RFC 7643, sections 4.1 and 4.3).

use super::{document::Document, error::ScimError, schema::USER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A person, as a client may write one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// The client's id of the person. It never becomes ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The login.
    pub user_name: String,
    /// Parts of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What others call the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nick_name: Option<String>,
    /// The person's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
    /// Job title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Kind of employment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
    /// As in Accept-Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_language: Option<String>,
    /// BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Name in the time zone database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether the person may sign in; `None` if the client did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Entry>,
    /// Telephone numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<Entry>,
    /// Instant messaging addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ims: Vec<Entry>,
    /// Pictures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<Entry>,
    /// Postal addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// What the person may have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<Entry>,
    /// Roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Entry>,
    /// Certificates.
    #[serde(rename = "x509Certificates", skip_serializing_if = "Vec::is_empty")]
    pub x509_certificates: Vec<Entry>,
    /// The enterprise extension.
    #[serde(
        rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        skip_serializing_if = "Option::is_none"
    )]
    pub enterprise: Option<Enterprise>,
}

/// Parts of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Name {
    /// The whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// Before the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honorific_prefix: Option<String>,
    /// After the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honorific_suffix: Option<String>,
}

/// One value of a list with a type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// What it is for.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// One postal address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    /// The whole address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// Town.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What it is for.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// The enterprise extension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Enterprise {
    /// The organisation's number of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_number: Option<String>,
    /// Cost centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// Organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Division.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub division: Option<String>,
    /// Department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Manager>,
}

/// A person's manager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manager {
    /// The manager's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The manager's URI.
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl User {
    /// Reads the body of a POST or PUT.
    pub fn read(body: Value) -> Result<Self, ScimError> {
        Document::read(&USER, body).and_then(Self::of)
    }

    /// The typed form of a document that has all that is required.
    pub fn of(document: Document) -> Result<Self, ScimError> {
        if !document.get("userName").is_some_and(Value::is_string) {
            return Err(ScimError::Missing("userName"));
        }
        // A document has the schema's types, so only one that nobody read with the schema fails here.
        serde_json::from_value(Value::Object(document.into_map()))
            .map_err(|_| ScimError::NotA("a User"))
    }

    /// The document of it, without anything that only the server says.
    pub fn document(&self) -> Document {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Document::from_map(map),
            // Invariant: structs of strings, booleans and lists with string keys always become an object.
            _ => unreachable!("a User is a JSON object"),
        }
    }

    /// The primary e-mail address, else the first.
    pub fn email(&self) -> Option<&str> {
        let primary = self.emails.iter().find(|e| e.primary == Some(true));
        primary
            .or(self.emails.first())
            .and_then(|e| e.value.as_deref())
    }
}
