//! More than a server works on.

use super::{Member, Site};
use crate::support::{browser, browser::encoded};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tacit::random;
use tokio::task::JoinSet;

/// What a flood came to.
#[derive(Debug, Default)]
pub struct Flood {
    /// Replies by status.
    pub replies: BTreeMap<u16, usize>,
    /// Replies that say to come back without saying when, and connections that broke.
    pub faults: usize,
}

/// Requests without end from many connections at once, more than a server works on: each has to be answered, or told when
/// to come back.
pub async fn flood(
    site: &Arc<Site>,
    members: &Arc<Vec<Member>>,
    at_once: usize,
    during: Duration,
) -> Flood {
    let flood: Arc<Mutex<Flood>> = Arc::default();
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for n in 0..at_once {
        let (site, members, flood) = (site.clone(), members.clone(), flood.clone());
        tasks.spawn(async move {
            let member = &members[n % members.len()];
            while begun.elapsed() < during {
                let xml = browser::request(
                    site.clock(),
                    &format!("id{}", random::digits(24)),
                    &member.login,
                );
                let body = format!("SAMLRequest={}", encoded(&STANDARD.encode(xml)));
                let from = format!("10.9.{}.{}", n / 250, n % 250);
                let form = [
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("x-forwarded-for", from.as_str()),
                ];
                let asked = async {
                    let mut line = site.connect(n).await?;
                    // A few on each connection.
                    for _ in 0..20 {
                        let reply = line.ask("POST", "/saml/acme/sso", &form, &body).await?;
                        let mut flood = flood.lock().unwrap();
                        let says_when = !reply.header("retry-after").is_empty();
                        flood.faults +=
                            usize::from(matches!(reply.status.as_u16(), 429 | 503) && !says_when);
                        *flood.replies.entry(reply.status.as_u16()).or_default() += 1;
                        if begun.elapsed() > during {
                            break;
                        }
                    }
                    anyhow::Ok(())
                };
                if asked.await.is_err() {
                    flood.lock().unwrap().faults += 1;
                }
            }
        });
    }
    tasks.join_all().await;
    Arc::into_inner(flood).unwrap().into_inner().unwrap()
}
