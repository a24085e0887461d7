//! Policies in force: networks behind proxies, prompts from time to time, and what other policies would have decided.

use crate::{
    program::Folder,
    support::{Agent, Browser, ChallengePage, Server, browser::request, on_both_databases},
};
use serde_json::{Value, json};
use tacit::{
    clock::{HOUR, SECOND},
    domain::{
        answer::{Question, judge},
        challenge::{Factor, Strength, pass_factor},
        policy::{Policy, SHIPPED},
    },
};

const SILENT: &str = "agent = [\"proven\"], provenance = true, verdict = [\"genuine\"]";

async fn put(server: &Server, rules: &str) {
    let text = format!("format = 1\n{rules}");
    Policy::parse(&text).unwrap();
    server
        .app
        .store
        .insert_policy(&text, "test", server.now())
        .await
        .unwrap();
}

/// What becomes of a sign-in that everything speaks for.
async fn sign_in(server: &Server, browser: &Browser, agent: &Agent) -> (ChallengePage, Value) {
    let page = browser.start(server, "ann@acme.test").await;
    let answer = agent.answers(server, browser, &page).await;
    (page, answer)
}

async fn passes_totp(server: &Server, page: &ChallengePage) {
    let challenge = server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap()
        .unwrap();
    pass_factor(
        &server.app,
        &challenge,
        &server.ann.id,
        Factor::Totp,
        Strength::Ordinary,
        server.now(),
    )
    .await
    .unwrap();
}

on_both_databases! {
    async fn a_prompt_is_due_in_each_browser_or_on_each_device_until_a_factor_has_passed(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let (one, two) = (Browser::default(), Browser::default());
        put(&server, &format!("[[rule]]\nname = \"s\"\nwhen = {{ {SILENT} }}\nthen = \"allow\"\nprompt = {{ every = \"session\", hours = 12 }}")).await;
        let (page, answer) = sign_in(&server, &one, &agent).await;
        assert_eq!((&answer["outcome"], &answer["reasons"]), (&json!("step_up"), &json!(["prompt_due"])));
        passes_totp(&server, &page).await;
        assert_eq!(sign_in(&server, &one, &agent).await.1["outcome"], "allow");
        assert_eq!(sign_in(&server, &two, &agent).await.1["outcome"], "step_up", "another browser is another session");
        server.wait(12 * HOUR);
        assert_eq!(sign_in(&server, &one, &agent).await.1["outcome"], "allow");
        server.wait(SECOND);
        assert_eq!(sign_in(&server, &one, &agent).await.1["outcome"], "step_up");

        put(&server, &format!("[[rule]]\nname = \"d\"\nwhen = {{ {SILENT} }}\nthen = \"allow\"\nprompt = {{ every = \"device\", hours = 24 }}")).await;
        assert_eq!(sign_in(&server, &two, &agent).await.1["outcome"], "allow", "it was passed on this device, in another browser");
        let other = Agent::enrolled(&server).await;
        assert_eq!(sign_in(&server, &two, &other).await.1["outcome"], "step_up", "on another device it was not");
    }

    async fn the_address_of_the_browser_counts_and_not_what_it_says_of_itself(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        put(&server, &format!("[[rule]]\nname = \"office\"\nwhen = {{ {SILENT}, network = [\"10.0.0.0/8\"] }}\nthen = \"allow\"")).await;
        let browser = Browser::default();
        // The tests' requests come over no connection, so from 0.0.0.0, which is no declared proxy.
        let xml = request(&server, "id1", "ann@acme.test");
        let body = format!("SAMLRequest={}", crate::support::browser::encoded(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, xml)));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", "10.0.0.7")];
        let reply = server.post("/saml/acme/sso", &headers, body).await;
        browser.keep(&reply);
        let page = browser.open(&server, reply.header("location")).await;
        let answer = agent.answers(&server, &browser, &page).await;
        assert_eq!((&answer["outcome"], &answer["reasons"]), (&json!("step_up"), &json!(["policy_step_up"])));
        put(&server, &format!("[[rule]]\nname = \"here\"\nwhen = {{ {SILENT}, network = [\"0.0.0.0/32\"] }}\nthen = \"allow\"")).await;
        assert_eq!(sign_in(&server, &browser, &agent).await.1["outcome"], "allow");
    }

    async fn a_recorded_decision_is_decided_the_same_again(database: Database) {
        let server = Server::new(database).await;
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        sign_in(&server, &browser, &agent).await;
        server.wait(SECOND);
        let page = browser.start(&server, "ann@acme.test").await;
        let mut doubtful = agent.answer(&server, &page);
        doubtful.presence.screen_locked = Some(true);
        agent.send(&server, &browser, &doubtful).await;
        server.wait(SECOND);
        let page = browser.start(&server, "nobody@acme.test").await;
        server.wait(2 * SECOND);
        browser.outcome(&server, &page).await;
        let policy = Policy::parse(SHIPPED).unwrap();
        let rows = server.app.store.decisions_after(0, "", 99).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>(), ["allow", "step_up", "step_up"]);
        for row in rows {
            let question: Question = serde_json::from_str(&row.facts).unwrap();
            let again = judge(&policy, &question);
            assert_eq!((again.outcome.code(), again.rule.unwrap_or_default()), (row.outcome.as_str(), row.rule.clone()), "{question:?}");
            let strict = judge(&Policy::parse("format = 1").unwrap(), &question);
            assert_eq!(strict.outcome.code(), "step_up");
        }
    }
}

#[tokio::test]
async fn replay_says_what_would_have_been_decided_and_changes_nothing() {
    let folder = Folder::initialised();
    std::fs::write(folder.path("sp.xml"), crate::support::server::METADATA).unwrap();
    folder.good(&[
        "connection",
        "add",
        "acme",
        "--role",
        "factor",
        "--metadata",
        "sp.xml",
    ]);
    folder.good(&["user", "add", "ann@acme.test"]);
    let server = Server::on(&folder.path("data")).await;
    let token = folder.good(&["token", "create", "--purpose", "enrolment"]);
    let agent = Agent::new();
    assert_eq!(agent.register(&server, token.trim()).await.status, 200);
    agent.bind(&server, &server.ann).await;
    let browser = Browser::default();
    for _ in 0..2 {
        assert_eq!(
            sign_in(&server, &browser, &agent).await.1["outcome"],
            "allow"
        );
    }
    let page = browser.start(&server, "ann@acme.test").await;
    passes_totp(&server, &page).await;
    std::fs::write(folder.path("strict.toml"), "format = 1").unwrap();
    let report = |arguments: &[&str]| -> Value {
        let all = [&["policy", "replay", "--json"], arguments].concat();
        serde_json::from_str(&folder.good(&all)).unwrap()
    };
    let strict = report(&["strict.toml", "--since", "1d"]);
    assert_eq!(
        (
            &strict["decisions"],
            &strict["replayed"],
            &strict["by_factor"],
            &strict["unrecorded"]
        ),
        (&json!(3), &json!(2), &json!(1), &json!(0)),
        "{strict}"
    );
    assert_eq!(
        (&strict["was"], &strict["would_be"]),
        (&json!({ "allow": 2 }), &json!({ "step_up": 2 }))
    );
    assert_eq!(strict["moves"], json!({ "allow -> step_up": 2 }));
    assert_eq!(
        (
            &strict["changes"][0]["user"],
            &strict["changes"][0]["rule_was"]
        ),
        (&json!("ann@acme.test"), &json!("silent"))
    );
    let same = report(&["--version", "1"]);
    assert_eq!((&same["moves"], &same["changes"]), (&json!({}), &json!([])));
    assert_eq!(
        folder.good(&["policy", "history"]).lines().count(),
        1,
        "nothing was put in force"
    );
    let said = folder.good(&["policy", "replay", "strict.toml"]);
    assert!(
        said.contains("allow -> step_up") && said.contains("ann@acme.test"),
        "{said}"
    );
    assert!(
        folder
            .bad(&["policy", "replay", "--version", "9"])
            .contains("tacit policy history")
    );
    assert!(
        folder
            .bad(&["policy", "replay", "strict.toml", "--since", "yesterday"])
            .contains("30d")
    );
    std::fs::write(
        folder.path("all.toml"),
        "format = 1\n[[rule]]\nname = \"all\"\nthen = \"allow\"",
    )
    .unwrap();
    assert!(
        folder
            .bad(&["policy", "replay", "all.toml"])
            .contains("allows without")
    );
}
