//! Too much: more requests at once than are worked on, and floods of every edge that has a limit of its own. Each is told so
//! with a time to come back, harms nobody else, and is over by itself.

use crate::support::{Agent, Browser, Database, Reply, Server, browser::request, server::ORIGIN};
use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};
use tacit::{domain::connection::Role, limits::Limits, random};
use tokio::task::JoinSet;

async fn working_on(database: Database, at_once: usize) -> Arc<Server> {
    let limits = Limits::generous().working_on(at_once);
    Arc::new(Server::with(database, limits, Role::Factor, false).await)
}

crate::support::on_both_databases! {
    async fn too_much_at_once_is_told_to_come_back_and_is_over_by_itself(database: Database) {
        let server = working_on(database, 4).await;
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            let server = server.clone();
            tasks.spawn(async move {
                let xml = request(&server, &format!("id{}", random::digits(24)), "ann@acme.test");
                Browser::default().bring(&server, &xml).await
            });
        }
        let mut came = BTreeMap::new();
        while let Some(reply) = tasks.join_next().await {
            let reply = reply.unwrap();
            if reply.status == 503 {
                assert_eq!(reply.header("retry-after"), "2");
                assert!(reply.body.contains("Too much at once"), "{}", reply.body);
            }
            *came.entry(reply.status.as_u16()).or_insert(0) += 1;
        }
        let (taken, shed) = (came.remove(&303).unwrap_or(0), came.remove(&503).unwrap_or(0));
        assert!(came.is_empty() && taken > 0 && shed > 0, "{taken} taken, {shed} shed, {came:?}");
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow", "it is over");
    }

    async fn who_waits_for_a_decision_takes_no_place_of_those_who_work(database: Database) {
        let server = working_on(database, 1).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        let (outcome, reply) = tokio::join!(browser.outcome(&server, &page), async {
            // The page's question is under way first, and holds nothing while it waits.
            while server.app.limits.admit().is_none() {
                tokio::task::yield_now().await;
            }
            agent.answers(&server, &browser, &page).await
        });
        assert_eq!((outcome["state"].as_str(), reply["outcome"].as_str()), (Some("allowed"), Some("allow")));
    }
}

#[tokio::test]
async fn every_edge_that_has_a_limit_says_so_with_a_time_and_only_to_who_floods() {
    let server = Server::with_settings(
        Database::sqlite(),
        Limits::default(),
        Role::Factor,
        false,
        // So that the test may say where a request came from.
        |settings| settings.trusted_proxies = vec![Ipv4Addr::UNSPECIFIED.into()],
    )
    .await;
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    for (n, path, kind, body, limit) in [
        (1_u8, "/nothing", json, "", 6_000),
        (2, "/agent/devices", json, "{}", 300),
        (3, "/console/sign-in", form, "name=nobody&password=x", 20),
        (4, "/challenge/x/fallback/code/check", form, "code=1", 300),
        (5, "/scim/acme/v2/Users", json, "", 30),
        (6, "/saml/acme/sso", form, "SAMLRequest=x", 6_000),
    ] {
        let post = async |from: &str| -> Reply {
            let headers = [
                ("content-type", kind),
                ("accept", "text/html"),
                ("sec-fetch-site", "same-origin"),
                ("origin", ORIGIN),
                ("authorization", "Bearer wrong"),
                ("x-forwarded-for", from),
            ];
            server.post(path, &headers, body).await
        };
        let flooder = format!("198.51.100.{n}");
        let mut allowed = 0;
        let refused = loop {
            let reply = post(&flooder).await;
            if reply.status == 429 {
                break reply;
            }
            allowed += 1;
            // The limits are per minute and fill up again while the test runs.
            assert!(allowed <= limit * 2, "{path}: no end of it");
        };
        assert!(allowed >= limit.min(5), "{path}: {allowed}");
        assert_eq!(refused.header("retry-after"), "60", "{path}");
        let other = post("203.0.113.9").await;
        assert_ne!(other.status, 429, "{path}: another address is not harmed");
    }
}
