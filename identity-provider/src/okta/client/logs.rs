//! `/api/v1/logs`: the system log.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// RFC 3339, UTC.
    pub since: Option<String>,
    /// RFC 3339, UTC. Without it the log has no end.
    pub until: Option<String>,
    /// `eventType eq "user.session.start"`
    pub filter: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// Its name.
    pub uuid: String,
    /// RFC 3339, UTC.
    pub published: String,
    /// As in Okta's catalogue.
    pub event_type: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Client {
    /// Events, the oldest first.
    pub async fn logs(&self, query: &LogQuery) -> Result<Vec<LogEvent>, Error> {
        let mut path = Path::new(&["api", "v1", "logs"])?
            .with("sortOrder", "ASCENDING")
            .with("limit", "1000");
        let pairs = [
            ("since", &query.since),
            ("until", &query.until),
            ("filter", &query.filter),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                path = path.with(name, value);
            }
        }
        self.list(&path).await
    }
}
