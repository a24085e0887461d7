//! Where a sign-in came from: one record per tab, fed with what the browser reports about its navigations.
//!
//! Whoever knows a password can start a sign-in, send its link to the victim, and let the victim's extension complete
//! it. So a challenge is proven only if in this very tab
//!
//! - the navigation that ended on it was begun by an Okta page and went through Okta and our server alone;
//! - that stay at Okta was entered without a running sign-in in the URL ([`Sites::resumes_a_sign_in`]);
//! - during that stay somebody typed or clicked on an Okta page, at most two minutes before the challenge.
//!
//! What was not seen (the worker was dead, the browser restarted, a page came back through history or prerendering) is
//! not proven. URLs are kept as digests: the record lives in session storage and tells no history.

use crate::{
    digest,
    sites::{Place, Sites},
};
use serde::{Deserialize, Serialize};
use wire::{id::Origin, reason::Reason, statement::Provenance};

/// How long before the challenge the last key or click on an Okta page may be.
pub const INPUT_AGE_MS: f64 = 120_000.0;

/// What is known about one tab's top frame.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tab {
    document: Option<Document>,
    stay: Option<Stay>,
    pending: Option<Navigation>,
}

/// A request for a top-frame document as `webRequest` reports it: again for each redirect, with the same id.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The browser's id.
    pub id: &'a str,
    /// Where it goes.
    pub url: &'a str,
    /// The origin that began it; `None` for the address bar and other programs.
    pub initiator: Option<&'a str>,
}

/// A top-frame document that has taken the place of the one before it.
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// The browser's id of the document.
    pub document: &'a str,
    /// Its URL.
    pub url: &'a str,
    /// Whether it was a reload.
    pub reload: bool,
    /// Whether it came through the history.
    pub history: bool,
    /// When, ms since 1970.
    pub at: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    id: String,
    url: String,
    place: Place,
    /// For a document of our server: whether the way to it is proven.
    proven: bool,
    /// The foreign origin that began the way to it.
    from: Option<Origin>,
    since: f64,
}

/// One uninterrupted stay at Okta and our server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stay {
    clean: bool,
    from: Option<Origin>,
    /// The stay's newest Okta documents: input is reported with the document it happened in, sometimes late.
    documents: Vec<String>,
    input_at: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Navigation {
    request: String,
    initiator: Initiator,
    from: Option<Origin>,
    /// Digest of the newest URL of the chain.
    url: String,
    /// Whether every URL so far is Okta's or our server's.
    ours: bool,
    /// Whether some URL carries a running sign-in.
    resumes: bool,
    hops: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Initiator {
    Nobody,
    Okta,
    Server,
    Elsewhere,
}

impl Tab {
    /// A request begins, or is redirected.
    pub fn requested(&mut self, sites: &Sites, request: &Request<'_>) {
        let ours = sites.place(request.url) != Place::Elsewhere;
        let resumes = sites.resumes_a_sign_in(request.url);
        let url = url_digest(request.url);
        match &mut self.pending {
            Some(pending) if pending.request == request.id => {
                pending.hops = pending.hops.saturating_add(1);
                pending.ours &= ours && pending.hops <= HOPS;
                pending.resumes |= resumes || pending.hops > HOPS;
                pending.url = url;
            }
            _ => {
                let (initiator, from) = initiator_of(sites, request.initiator);
                self.pending = Some(Navigation {
                    request: request.id.to_owned(),
                    initiator,
                    from,
                    url,
                    ours,
                    resumes,
                    hops: 0,
                });
            }
        }
    }

    /// A document has been committed.
    pub fn committed(&mut self, sites: &Sites, commit: &Commit<'_>) {
        let url = url_digest(commit.url);
        let way = self.pending.take().filter(|way| way.url == url);
        if commit.reload && !commit.history && self.reloaded(commit, &url) {
            return;
        }
        // History brings documents back whose way here may have been anything.
        let way = way.filter(|_| !commit.history);
        let (proven, from) = match sites.place(commit.url) {
            Place::Elsewhere => {
                self.stay = None;
                (false, None)
            }
            Place::Okta => {
                let resumes = sites.resumes_a_sign_in(commit.url);
                self.arrived_at_okta(way, resumes, commit.document);
                (false, None)
            }
            Place::Server => self.arrived_at_server(way, commit.reload),
        };
        self.document = Some(Document {
            id: commit.document.to_owned(),
            url,
            place: sites.place(commit.url),
            proven,
            from,
            since: commit.at,
        });
    }

    /// The fragment of the present document's URL has changed. Another window may do that, so a token in it counts.
    pub fn fragment_changed(&mut self, sites: &Sites, url: &str) {
        if sites.resumes_a_sign_in(url)
            && let Some(stay) = &mut self.stay
        {
            stay.clean = false;
        }
    }

    /// Somebody typed or clicked in the top frame of `document`.
    pub fn touched(&mut self, document: &str, at: f64) {
        if let Some(stay) = &mut self.stay
            && stay.documents.iter().any(|known| known == document)
        {
            stay.input_at = Some(stay.input_at.map_or(at, |before| before.max(at)));
        }
    }

    /// Whether the commit of `document` has been seen.
    pub fn shows(&self, document: &str) -> bool {
        self.document.as_ref().is_some_and(|d| d.id == document)
    }

    /// Whether the tab is on an Okta page now.
    pub fn is_at_okta(&self) -> bool {
        self.document
            .as_ref()
            .is_some_and(|d| d.place == Place::Okta)
    }

    /// What can be said about a challenge in `document`.
    pub fn provenance(&self, document: &str) -> Provenance {
        let Some(at) = self.document.as_ref().filter(|d| d.id == document) else {
            return broken(None, None);
        };
        let stay = self.stay.as_ref();
        let age = stay
            .and_then(|stay| stay.input_at)
            .map(|input| (at.since - input).max(0.0));
        let from = at
            .from
            .clone()
            .or_else(|| stay.and_then(|stay| stay.from.clone()));
        let age_ms = age.map(crate::whole_ms);
        match (at.proven && stay.is_some_and(|stay| stay.clean), age) {
            (true, Some(age)) if age <= INPUT_AGE_MS => Provenance {
                broken_by: None,
                age_ms,
                entered_from: from,
            },
            _ => broken(age_ms, from),
        }
    }

    /// The same document again: nothing new is known about it, and nothing is forgotten.
    fn reloaded(&mut self, commit: &Commit<'_>, url: &str) -> bool {
        let Some(document) = self.document.as_mut().filter(|d| d.url == url) else {
            return false;
        };
        document.id = commit.document.to_owned();
        if document.place == Place::Okta
            && let Some(stay) = &mut self.stay
        {
            stay.remember(commit.document);
        }
        true
    }

    fn arrived_at_okta(&mut self, way: Option<Navigation>, resumes: bool, document: &str) {
        let before = self.document.as_ref();
        let goes_on = way.as_ref().is_some_and(|way| {
            way.ours
                && before.is_some_and(|before| match way.initiator {
                    Initiator::Okta => before.place == Place::Okta,
                    Initiator::Server => before.place == Place::Server && before.proven,
                    Initiator::Nobody | Initiator::Elsewhere => false,
                })
        });
        let mut stay = match (self.stay.take(), way) {
            (Some(stay), Some(_)) if goes_on => stay,
            // From our own page that was not proven: the sign-in behind it may be somebody else's.
            (_, Some(way)) => Stay {
                clean: !way.resumes && !resumes && way.initiator != Initiator::Server,
                from: way.from,
                documents: Vec::new(),
                input_at: None,
            },
            (_, None) => Stay {
                clean: false,
                from: None,
                documents: Vec::new(),
                input_at: None,
            },
        };
        stay.remember(document);
        self.stay = Some(stay);
    }

    fn arrived_at_server(
        &mut self,
        way: Option<Navigation>,
        reload: bool,
    ) -> (bool, Option<Origin>) {
        let Some(way) = way else { return (false, None) };
        let clean = self.stay.as_ref().is_some_and(|stay| stay.clean);
        let proven = clean
            && way.ours
            && !reload
            && self
                .document
                .as_ref()
                .is_some_and(|before| match way.initiator {
                    Initiator::Okta => before.place == Place::Okta,
                    Initiator::Server => before.place == Place::Server && before.proven,
                    Initiator::Nobody | Initiator::Elsewhere => false,
                });
        (proven, way.from)
    }
}

impl Stay {
    fn remember(&mut self, document: &str) {
        if self.documents.len() == DOCUMENTS {
            self.documents.remove(0);
        }
        self.documents.push(document.to_owned());
    }
}

fn initiator_of(sites: &Sites, initiator: Option<&str>) -> (Initiator, Option<Origin>) {
    let Some(origin) = initiator else {
        return (Initiator::Nobody, None);
    };
    match sites.place_of_origin(origin) {
        Place::Okta => (Initiator::Okta, None),
        Place::Server => (Initiator::Server, None),
        // An origin that our protocol cannot name (plain http, opaque) is foreign all the same.
        Place::Elsewhere => (Initiator::Elsewhere, Origin::new(origin).ok()),
    }
}

fn broken(age_ms: Option<u32>, entered_from: Option<Origin>) -> Provenance {
    Provenance {
        broken_by: Some(Reason::StartedElsewhere),
        age_ms,
        entered_from,
    }
}

fn url_digest(url: &str) -> String {
    let without_fragment = url.split('#').next().unwrap_or(url);
    digest::sha256_text(without_fragment.as_bytes())
}

/// A redirect chain longer than this is no sign-in of Okta's.
const HOPS: u8 = 20;
/// Okta documents remembered per stay.
const DOCUMENTS: usize = 8;

#[cfg(test)]
mod tests;
