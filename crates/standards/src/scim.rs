//! SCIM 2.0 as a service provider reads and answers it (RFC 7643 and RFC 7644), in the two dialects of an Okta org and the
//! habits of other clients: resources, schemas, filters, PATCH, lists, versions and errors.
//!
//! What this module does *not* do: store anything, know who asks, or speak HTTP. Attribute names are case-insensitive
//! everywhere. Values that are not `caseExact` are compared after folding ASCII letters only: that is how sign-in
//! compares a person's name, and anything more depends on a language.
//!
//! ```
//! use standards::scim::filter::Filter;
//! let filter = Filter::parse(r#"userName Eq "ann@acme.test" and active eq true"#).unwrap();
//! assert_eq!(filter.to_string(), r#"userName eq "ann@acme.test" and active eq true"#);
//! ```

pub mod body;
pub mod config;
pub mod document;
pub mod error;
pub mod etag;
pub mod filter;
pub mod group;
pub mod limits;
pub mod patch;
pub mod path;
pub mod projection;
pub mod query;
pub mod schema;
pub mod user;

/// Schema of a list of resources.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Schema of a PATCH request.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Schema of an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Schema of a query in a body.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// The media type.
pub const MEDIA_TYPE: &str = "application/scim+json";

/// The one fold of values that are not `caseExact`.
pub fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}
