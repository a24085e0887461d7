//! Access tokens of service apps: what they may do, and for how long. And which client assertions were seen.

use std::collections::HashMap;

use crate::clock::Millis;
use crate::ids;

#[derive(Debug, Default)]
pub struct Tokens {
    /// By the hash of the token.
    issued: HashMap<[u8; 32], Token>,
    /// `jti` of assertions and events, until when they have to be remembered.
    seen: HashMap<String, Millis>,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub client_id: String,
    pub scopes: Vec<String>,
    pub expires_at: Millis,
}

impl Tokens {
    /// A bearer token that is good for an hour.
    pub fn issue(&mut self, client_id: &str, scopes: Vec<String>, now: Millis) -> String {
        self.issued.retain(|_, token| token.expires_at > now);
        if self.issued.len() >= MOST {
            self.issued.clear();
        }
        let secret = ids::generate_secret();
        let token = Token {
            client_id: client_id.to_owned(),
            scopes,
            expires_at: now + LIFETIME,
        };
        self.issued.insert(ids::hash(&secret), token);
        secret
    }

    pub fn find(&self, secret: &str, now: Millis) -> Option<&Token> {
        let token = self.issued.get(&ids::hash(secret))?;
        (token.expires_at > now).then_some(token)
    }

    /// Whether an identifier comes for the first time. A full memory takes nothing new, so that nothing is forgotten early.
    pub fn is_first(&mut self, id: &str, until: Millis, now: Millis) -> bool {
        self.seen.retain(|_, until| *until > now);
        self.seen.len() < MOST && self.seen.insert(id.to_owned(), until).is_none()
    }
}

pub const LIFETIME: Millis = 3_600_000;
const MOST: usize = 50_000;
