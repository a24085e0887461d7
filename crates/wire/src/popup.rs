//! Popup and options page ⇄ worker.

use crate::id::{DeviceId, UserName};
use crate::reason::Reason;
use crate::statement::{Learning, ProtectionClass};
use crate::version::V;
use serde::{Deserialize, Serialize};

/// Popup → worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Protocol version.
    pub v: V,
    /// What is wanted.
    pub body: RequestBody,
}

/// What the popup wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    /// Everything the popup shows.
    State {},
    /// Capture nothing and answer nothing for so long.
    Pause {
        /// At most a week.
        minutes: u32,
    },
    /// End a pause.
    Resume {},
    /// Everything stored about this person in this browser, as JSON text.
    Export {},
    /// Delete template and state.
    Delete {},
    /// Test every step.
    Diagnose {},
}

/// Worker → popup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Protocol version.
    pub v: V,
    /// The result.
    pub body: ResponseBody,
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResponseBody {
    /// To `state`.
    State(Box<State>),
    /// To `pause`, `resume` and `delete`.
    Done {},
    /// To `export`.
    Exported {
        /// JSON text for a file.
        json: String,
    },
    /// To `diagnose`.
    Diagnosis {
        /// In the order of the chain; the first failing one matters.
        steps: Vec<Step>,
    },
    /// The worker could not do it.
    Failed {
        /// Why.
        reason: Reason,
    },
}

/// What the popup shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// One sentence.
    pub sentence: String,
    /// Version of the extension.
    pub extension: String,
    /// Version of the host, once it has answered.
    pub host: Option<String>,
    /// The device, once enrolled.
    pub device: Option<DeviceId>,
    /// How the device key is kept.
    pub protection_class: Option<ProtectionClass>,
    /// ms since 1970 at which the pause ends.
    pub paused_until: Option<f64>,
    /// Learning per bound person.
    pub learning: Vec<Learning>,
    /// The last decisions, newest first, at most 20.
    pub decisions: Vec<Decision>,
    /// Bytes of sealed template stored, per person.
    pub stored: Vec<Stored>,
}

/// One decision as the person sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// ms since 1970.
    pub at: f64,
    /// What the server decided; `None` if no answer reached it.
    pub outcome: Option<crate::server::Outcome>,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// What is stored about one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The person.
    pub user: UserName,
    /// Bytes of the sealed template.
    pub template_bytes: u32,
}

/// One step of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Short stable name: `configuration`, `host`, `keystore`, `server`, `enrolment`, `capture`.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// What was found, and if it fails, the repair.
    pub message: String,
}
