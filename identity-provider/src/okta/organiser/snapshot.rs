//! What is in the org, as far as the file and the record need to know.

use super::{guard::Administrator, object::Kind};
use crate::{clock::Millis, okta::client::Pipeline};
use serde_json::Value;
use std::collections::BTreeMap;

/// One object in the org.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The org's id; of an attribute, its name.
    pub id: String,
    /// What tells it from others of its kind.
    pub name: String,
    /// The id of what it is part of.
    pub parent: Option<String>,
    /// When the org says that it was made.
    pub created: Option<Millis>,
    /// Its client secret is none of its connection's.
    pub has_strange_secret: bool,
    /// As the org tells it; without client secrets.
    pub body: Value,
}

/// What is in the org.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// `00o…`
    pub org_id: String,
    /// Classic or Identity Engine.
    pub pipeline: Pipeline,
    /// What was read, by kind.
    pub found: BTreeMap<Kind, Vec<Found>>,
    /// The one policy that holds all routing rules.
    pub discovery_policy: Option<String>,
    /// Those whom the file names.
    pub administrators: Vec<Administrator>,
}

impl Snapshot {
    /// Everything that was read of a kind.
    pub fn all(&self, kind: Kind) -> &[Found] {
        self.found.get(&kind).map_or(&[], Vec::as_slice)
    }
}

/// As Okta's documents call it.
pub const fn name_of(pipeline: Pipeline) -> &'static str {
    match pipeline {
        Pipeline::Classic => "Classic Engine",
        Pipeline::Identity => "Identity Engine",
    }
}
