//! answer.js ⇄ worker. The worker takes origin, tab, frame and document state from the browser, never from here.

use crate::id::{ChallengeId, Digest, Nonce, UserName};
use crate::reason::Reason;
use crate::version::V;
use serde::{Deserialize, Serialize};

/// answer.js → worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Protocol version.
    pub v: V,
    /// What is wanted.
    pub body: RequestBody,
}

/// What the challenge page wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    /// Answer this challenge.
    Challenge {
        /// The challenge.
        challenge: ChallengeId,
        /// Its nonce.
        nonce: Nonce,
        /// SHA-256 over connection and request.
        req: Digest,
        /// The person it is for.
        subject: UserName,
    },
    /// The page says that an ordinary factor passed: time to fetch the confirmation from the server.
    Passed {
        /// The challenge.
        challenge: ChallengeId,
    },
}

/// Worker → answer.js. The page learns the decision from the server, and from here only why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Protocol version.
    pub v: V,
    /// The result.
    pub body: ResponseBody,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResponseBody {
    /// An answer was posted.
    Answered {},
    /// No answer was posted.
    NotAnswered {
        /// Why.
        reason: Reason,
    },
}
