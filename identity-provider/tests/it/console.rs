//! The console: who gets in, that it shows what happened, and what it lets an administrator do.

use crate::support::{
    Agent, Browser, Reply, Server, browser::encoded, on_both_databases, server::ORIGIN,
};
use tacit::{
    clock::{HOUR, MINUTE, rfc3339},
    password,
};
use wire::{reason::Reason, statement::Learning};

const NAME: &str = "grace";
const PASSWORD: &str = "correct horse battery staple";

async fn with_admin(server: &Server) {
    let hash = password::hash(PASSWORD).unwrap();
    server
        .app
        .store
        .put_admin(NAME, &hash, server.now())
        .await
        .unwrap();
}

async fn post_from(
    server: &Server,
    origin: &str,
    path: &str,
    cookie: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let body: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin),
        ("cookie", cookie),
        ("hx-request", "true"),
    ];
    server.post(path, &headers, body.join("&")).await
}

async fn post(server: &Server, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Reply {
    post_from(server, ORIGIN, path, cookie, fields).await
}

async fn sign_in(server: &Server, password: &str) -> Reply {
    post(
        server,
        "/console/sign-in",
        "",
        &[("name", NAME), ("password", password)],
    )
    .await
}

/// The cookie of a new session.
async fn session(server: &Server) -> String {
    let reply = sign_in(server, PASSWORD).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

async fn get(server: &Server, path: &str, cookie: &str) -> Reply {
    server.get(path, &[("cookie", cookie)]).await
}

async fn poll(server: &Server, cookie: &str) -> Reply {
    server
        .get(
            "/console/overview",
            &[("cookie", cookie), ("hx-request", "true")],
        )
        .await
}

/// What stands between two texts.
fn between<'a>(html: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = html
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {html}"));
    rest.split_once(after).unwrap().0
}

on_both_databases! {

async fn without_a_session_there_is_only_the_sign_in_page(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    for cookie in ["", "__Host-console=", "__Host-console=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let page = get(&server, "/console", cookie).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (303, "/console/sign-in"));
        let fragment = poll(&server, cookie).await;
        assert_eq!((fragment.status.as_u16(), fragment.header("hx-redirect")), (401, "/console/sign-in"));
        for path in ["/console/code/look", "/console/code/issue"] {
            let refused = post(&server, path, cookie, &[("matching", "000000"), ("purpose", "sign-in")]).await;
            assert_eq!(refused.status, 401, "{path}");
        }
    }
    let page = get(&server, "/console/sign-in", "").await;
    assert!(page.body.contains("name=\"password\"") && !page.body.contains("<script"));
}

async fn a_session_begins_with_the_password_and_ends_with_signing_out(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let wrong = sign_in(&server, "correct horse battery stapler").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (401, ""));
    assert!(!wrong.body.contains("stapler"), "a password is never given back");
    let nobody = post(&server, "/console/sign-in", "", &[("name", "nobody"), ("password", PASSWORD)]).await;
    assert_eq!(nobody.body.replace("nobody", NAME), wrong.body);
    let right = sign_in(&server, PASSWORD).await;
    let cookie = right.header("set-cookie");
    for part in ["__Host-console=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = get(&server, "/console", &cookie).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), "no-store");
    let csp = page.header("content-security-policy");
    assert!(csp.contains("default-src 'none'") && !csp.contains("unsafe"), "{csp}");
    assert!(!page.body.contains(" style=") && !page.body.contains("<script>"));
    let out = post(&server, "/console/sign-out", &cookie, &[]).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(get(&server, "/console", &cookie).await.status, 303, "the cookie is worth nothing now");
}

async fn passwords_cannot_be_tried_for_long(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    for _ in 0..5 {
        assert_eq!(sign_in(&server, "guess").await.status, 401);
    }
    assert_eq!(sign_in(&server, PASSWORD).await.status, 429, "not even the right one is looked at");
    server.wait(16 * MINUTE);
    session(&server).await;
}

async fn another_site_can_neither_sign_in_nor_issue(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let cookie = session(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    let row = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
    for origin in ["https://evil.test", "null", "https://login.tacit-idp.test.evil.test"] {
        let fields = [("name", NAME), ("password", PASSWORD), ("matching", row.matching.as_str()), ("purpose", "sign-in")];
        for path in ["/console/sign-in", "/console/sign-out", "/console/code/look", "/console/code/issue"] {
            let reply = post_from(&server, origin, path, &cookie, &fields).await;
            assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (403, ""), "{path} from {origin}");
        }
    }
    assert_eq!(get(&server, "/console", &cookie).await.status, 200, "still signed in");
    let events = server.app.store.events_since(0, 100).await.unwrap();
    assert!(events.iter().all(|event| event.kind != "code_issued"));
}

async fn a_session_ends_when_nobody_uses_it_however_often_the_page_asks(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let cookie = session(&server).await;
    for _ in 0..3 {
        server.wait(HOUR);
        assert_eq!(get(&server, "/console", &cookie).await.status, 200);
    }
    server.wait(HOUR + 50 * MINUTE);
    assert_eq!(poll(&server, &cookie).await.status, 200);
    server.wait(20 * MINUTE);
    assert_eq!(poll(&server, &cookie).await.status, 401);
    let cookie = session(&server).await;
    for _ in 0..11 {
        server.wait(HOUR);
        assert_eq!(get(&server, "/console", &cookie).await.status, 200);
    }
    server.wait(HOUR + 1);
    assert_eq!(get(&server, "/console", &cookie).await.status, 303, "a working day is over");
}

async fn it_shows_the_decisions_people_and_devices_that_there_are(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let agent = Agent::enrolled(&server).await;
    let (silent, failed) = (Browser::default(), Browser::default());
    let first = silent.start(&server, "ann@acme.test").await;
    server.wait(87);
    assert_eq!(agent.answers(&server, &silent, &first).await["outcome"], "allow");
    let second = failed.start(&server, "ben@acme.test").await;
    agent.fail(&server, &failed, &second, Reason::HostMissing).await;
    let learning = Learning { user: "ann@acme.test".parse().unwrap(), progress: 42, mature: false, confirmations: 2 };
    let beat = agent.beats(&server, &agent.heartbeat(&server, vec![learning])).await;
    assert_eq!(beat.status, 200, "{}", beat.body);

    let cookie = session(&server).await;
    let html = poll(&server, &cookie).await.body;
    let row = |challenge: &str| between(&html, &format!("data-challenge=\"{challenge}\""), "</tr>").to_owned();
    let allowed = row(first.challenge.as_str());
    assert!(allowed.contains("data-outcome=\"allow\"") && allowed.contains(Reason::Genuine.words()), "{allowed}");
    assert!(allowed.contains("ann@acme.test") && allowed.contains("Device key") && allowed.contains("87 ms"), "{allowed}");
    let stepped = row(second.challenge.as_str());
    assert!(stepped.contains("data-outcome=\"step_up\"") && stepped.contains("data-reason=\"host_missing\""), "{stepped}");
    let device = between(&html, &format!("id=\"device-{}\"", agent.device_id()), "</tr>");
    assert!(device.contains("hardware") && device.contains("Bound") && device.contains("just now"), "{device}");
    assert!(device.contains(&rfc3339(server.now())), "{device}");
    let people = between(&html, "id=\"people\"", "</table>");
    assert!(people.contains("ann@acme.test") && people.contains("42 %") && !people.contains("ben@acme.test"), "{people}");
    let series = between(&html, "data-series=\"", "\"");
    let counts: [Vec<i64>; 4] = serde_json::from_str(series).unwrap();
    assert_eq!(counts.each_ref().map(|list| list.len()), [24; 4]);
    assert_eq!(counts.each_ref().map(|list| list[23]), [server.now() / HOUR * 3_600, 1, 1, 0]);
    assert_eq!(between(&html, "Silent answer, median</dt><dd>", "</dd>"), "87 ms");
}

async fn a_challenge_counts_once_as_what_it_came_to(database: Database) {
    let server = Server::new(database).await;
    let agent = Agent::enrolled(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    agent.fail(&server, &browser, &page, Reason::HostFailed).await;
    // The late answer still counts, so there are two decisions about one challenge.
    assert_eq!(agent.answers(&server, &browser, &page).await["outcome"], "allow");
    server.wait(2 * HOUR);
    let counts = server.app.store.count_by_hour(24, server.now()).await.unwrap();
    let sum = |of: fn(&tacit::store::console::HourCounts) -> i64| counts.iter().map(|(_, count)| of(count)).sum::<i64>();
    assert_eq!((sum(|c| c.silent), sum(|c| c.step_up), sum(|c| c.declined)), (1, 0, 0));
    assert_eq!(counts[21].1.silent, 1, "in the hour in which it began");
    server.wait(24 * HOUR);
    assert_eq!(server.app.store.silent_times(server.now() - 24 * HOUR).await.unwrap(), None);
}

async fn a_code_is_issued_for_the_number_that_the_caller_reads_out(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let cookie = session(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    let row = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
    let number = format!("{} {}", &row.matching[..3], &row.matching[3..]);
    let found = post(&server, "/console/code/look", &cookie, &[("matching", &number)]).await;
    assert!(found.body.contains("ann@acme.test") && found.body.contains(&row.place), "{}", found.body);
    assert!(found.body.contains("value=\"sign-in\"") && !found.body.contains("value=\"bind\""), "no device has offered itself");
    let bind = post(&server, "/console/code/issue", &cookie, &[("matching", &number), ("purpose", "bind")]).await;
    assert!(bind.body.contains("cannot be issued"), "{}", bind.body);
    let issued = post(&server, "/console/code/issue", &cookie, &[("matching", &number), ("purpose", "sign-in")]).await;
    let code = between(&issued.body, "role=\"status\">", "</strong>").to_owned();
    assert_eq!(code.replace(' ', "").len(), 9);
    let path = format!("/challenge/{}/fallback/code/check", page.challenge);
    let passed = browser.submit(&server, &path, format!("code={}", encoded(&code))).await;
    assert_eq!(passed.json()["step"], "passed", "{}", passed.body);
    let events = server.app.store.events_since(0, 100).await.unwrap();
    assert!(events.iter().any(|event| event.kind == "code_issued" && event.actor == NAME));
    let closed = post(&server, "/console/code/look", &cookie, &[("matching", &number)]).await;
    assert!(closed.body.contains("No open sign-in shows this number"));
}

async fn nobody_gets_a_code_under_a_name_that_does_not_exist(database: Database) {
    let server = Server::new(database).await;
    with_admin(&server).await;
    let cookie = session(&server).await;
    let page = Browser::default().start(&server, "nobody@acme.test").await;
    let row = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
    let fields = [("matching", row.matching.as_str()), ("purpose", "sign-in")];
    let found = post(&server, "/console/code/look", &cookie, &fields).await;
    assert!(found.body.contains("Nobody who may sign in") && !found.body.contains("name=\"purpose\""));
    let issued = post(&server, "/console/code/issue", &cookie, &fields).await;
    assert!(issued.body.contains("cannot be issued"));
    for _ in 0..20 {
        post(&server, "/console/code/look", &cookie, &[("matching", "000000")]).await;
    }
    let guessed = post(&server, "/console/code/look", &cookie, &fields).await;
    assert!(guessed.body.contains("Too many numbers"), "{}", guessed.body);
}

}
