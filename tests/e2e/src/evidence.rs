//! What Okta and the server say about a sign-in: the System Log joined with our decision row by the request's id.

use anyhow::{Context, Result};
use serde_json::Value;
use std::time::Duration;
use support::{World, poll};

/// A place in both logs: what comes later belongs to what is done next.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    decisions: usize,
    events: usize,
}

/// One decision, and the events of the System Log that carry its request.
#[derive(Clone, Debug)]
pub struct Record {
    /// Our row.
    pub decision: Value,
    /// Okta's events.
    pub events: Vec<Value>,
}

impl Mark {
    /// Here and now.
    pub fn now(world: &World) -> Result<Self> {
        Ok(Self {
            decisions: world.tacit.decisions()?.len(),
            events: world.okta.system_log(&world.client)?.len(),
        })
    }

    /// The decisions since.
    pub fn decisions(&self, world: &World) -> Result<Vec<Value>> {
        Ok(world.tacit.decisions()?.split_off(self.decisions))
    }

    /// The first decision since, with Okta's events; waits for it.
    pub fn record(&self, world: &World) -> Result<Record> {
        let decision = poll::until("a decision", Duration::from_secs(10), || {
            Ok(self.decisions(world)?.into_iter().next())
        })?;
        self.join(world, decision)
    }

    /// The first decision since about `user`; waits for it. For browsers that sign in at the same time.
    pub fn record_of(&self, world: &World, user: &str) -> Result<Record> {
        let decision = poll::until("a decision", Duration::from_secs(10), || {
            Ok(self.decisions_of(world, user)?.into_iter().next())
        })?;
        self.join(world, decision)
    }

    /// The last decision since, with Okta's events.
    pub fn last_record(&self, world: &World) -> Result<Record> {
        let last = self.decisions(world)?.pop();
        self.join(world, last.context("no decision was made")?)
    }

    /// The last decision since about `user`, with Okta's events.
    pub fn last_record_of(&self, world: &World, user: &str) -> Result<Record> {
        let last = self.decisions_of(world, user)?.pop();
        self.join(world, last.context("no decision was made")?)
    }

    fn decisions_of(&self, world: &World, user: &str) -> Result<Vec<Value>> {
        let mut all = self.decisions(world)?;
        all.retain(|decision| decision["user"] == user);
        Ok(all)
    }

    fn join(&self, world: &World, decision: Value) -> Result<Record> {
        let request = decision["request_id"]
            .as_str()
            .context("the decision has no request_id")?;
        let mut events = world.okta.system_log(&world.client)?.split_off(self.events);
        events.retain(|event| event["debugContext"]["debugData"]["requestId"] == request);
        Ok(Record { decision, events })
    }
}

impl Record {
    /// Whether this sign-in was answered silently: we say so, and Okta took the answer and made a session.
    pub fn is_silent(&self) -> bool {
        self.outcome() == "allow" && self.factor() == "silent" && self.session_was_created()
    }

    /// Whether an ordinary factor signed the person in, and Okta took it.
    pub fn is_passed_by(&self, factor: &str) -> bool {
        self.outcome() == "allow" && self.factor() == factor && self.session_was_created()
    }

    /// What policy made of it.
    pub fn outcome(&self) -> &str {
        self.decision["outcome"].as_str().unwrap_or_default()
    }

    /// What signed the person in: `silent`, an ordinary factor, or nothing yet.
    pub fn factor(&self) -> &str {
        self.decision["factor"].as_str().unwrap_or_default()
    }

    /// Codes of the reasons.
    pub fn reasons(&self) -> Vec<&str> {
        let list = self.decision["reasons"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Value::as_str).collect()
    }

    /// Whether the System Log has the factor passed, or set up, and the session made.
    pub fn session_was_created(&self) -> bool {
        let passed = self.succeeded("user.authentication.auth_via_mfa") || self.factor_was_set_up();
        passed && self.mark("session_created").is_some()
    }

    /// Whether this sign-in set the factor up at Okta.
    pub fn factor_was_set_up(&self) -> bool {
        self.succeeded("user.mfa.factor.activate")
    }

    /// A moment of the sign-in that the stand-in noted, in ms since 1970.
    pub fn mark(&self, name: &str) -> Option<i64> {
        let mut marks = self.events.iter().rev();
        marks.find_map(|event| event["debugContext"]["debugData"][name].as_i64())
    }

    /// What failed assertions show.
    pub fn describe(&self) -> String {
        let events: Vec<String> = self
            .events
            .iter()
            .map(|event| format!("{} {}", event["eventType"], event["outcome"]["result"]))
            .collect();
        format!("{} [{}]", self.decision, events.join(", "))
    }

    fn succeeded(&self, kind: &str) -> bool {
        self.events
            .iter()
            .any(|event| event["eventType"] == kind && event["outcome"]["result"] == "SUCCESS")
    }
}
