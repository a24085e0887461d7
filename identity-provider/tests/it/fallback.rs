//! The ordinary factors, and the ways around them that somebody might try.

use crate::support::{
    Agent, Browser, ChallengePage, Reply, Server,
    browser::{encoded, page_of},
    on_both_databases,
    server::ORIGIN,
};
use authenticator::Authenticator;
use aws_lc_rs::hmac;
use serde_json::Value;
use tacit::{
    clock::{DAY, HOUR, MINUTE, SECOND},
    domain::{
        challenge::{Challenge, State},
        code::{self, Purpose},
    },
    store::{Store, StoreError, factor::PasskeyRow},
};
use tokio::task::JoinSet;
use wire::{reason::Reason, statement::Verdict};

#[path = "../../src/domain/factor/passkey/authenticator.rs"]
mod authenticator;

/// A browser on a challenge page that asks for an ordinary factor.
struct Visit {
    browser: Browser,
    page: ChallengePage,
}

impl Visit {
    async fn of(server: &Server, login: &str) -> Self {
        let browser = Browser::default();
        let page = browser.start(server, login).await;
        Self { browser, page }
    }

    async fn post(&self, server: &Server, step: &str, field: &str, value: &str) -> Reply {
        let path = format!("/challenge/{}/fallback/{step}", self.page.challenge);
        self.browser
            .submit(server, &path, format!("{field}={}", encoded(value)))
            .await
    }

    async fn begin(&self, server: &Server, factor: &str) -> Value {
        let reply = self.post(server, &format!("{factor}/begin"), "x", "").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }

    async fn row(&self, server: &Server) -> Challenge {
        server
            .app
            .store
            .find_challenge(&self.page.challenge)
            .await
            .unwrap()
            .unwrap()
    }

    async fn issue(&self, server: &Server, purpose: Purpose) -> String {
        let row = self.row(server).await;
        code::issue(&server.app, &row, purpose, "the help desk", server.now())
            .await
            .unwrap()
    }

    /// Types a code that the help desk has just issued.
    async fn redeem(&self, server: &Server, purpose: Purpose) -> Reply {
        let code = self.issue(server, purpose).await;
        self.post(server, "code/check", "code", &code).await
    }

    async fn is_allowed(&self, server: &Server) -> bool {
        self.row(server).await.state == State::Allowed
    }
}

fn step(reply: &Reply) -> String {
    reply.json()["step"].as_str().unwrap().to_owned()
}

/// RFC 6238 once more, so that the product does not judge itself.
fn totp(secret: &str, now: i64) -> String {
    let mut bits = String::new();
    for c in secret.bytes().filter(|c| *c != b' ') {
        let value = if c.is_ascii_uppercase() {
            c - b'A'
        } else {
            c - b'2' + 26
        };
        bits.push_str(&format!("{value:05b}"));
    }
    let key: Vec<u8> = (0..bits.len() / 8)
        .map(|n| u8::from_str_radix(&bits[n * 8..n * 8 + 8], 2).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(now / 30_000).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Sets up an authenticator app for a person and gives its secret.
pub async fn with_app(server: &Server, login: &str) -> String {
    let visit = Visit::of(server, login).await;
    let set_up = visit.redeem(server, Purpose::Totp).await;
    assert_eq!(step(&set_up), "enrol_totp", "{}", set_up.body);
    let secret = set_up.json()["secret"].as_str().unwrap().to_owned();
    let done = visit
        .post(server, "totp/enrol", "code", &totp(&secret, server.now()))
        .await;
    assert_eq!(step(&done), "passed", "{}", done.body);
    assert!(visit.is_allowed(server).await);
    secret
}

/// Makes a passkey for a person.
async fn with_passkey(server: &Server, login: &str) -> Authenticator {
    let visit = Visit::of(server, login).await;
    let begun = visit.redeem(server, Purpose::Passkey).await;
    assert_eq!(step(&begun), "enrol_passkey", "{}", begun.body);
    let authenticator = Authenticator::new(ORIGIN);
    let answer = authenticator.create(&begun.json()["options"]);
    let done = visit
        .post(server, "passkey/enrol", "credential", &answer)
        .await;
    assert_eq!(step(&done), "passed", "{}", done.body);
    authenticator
}

on_both_databases! {

async fn a_help_desk_code_passes_the_challenge_that_shows_its_number(database: Database) {
    let server = Server::new(database).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let begun = visit.begin(&server, "code").await;
    let row = visit.row(&server).await;
    assert_eq!(begun["number"].as_str().unwrap().replace(' ', ""), row.matching);
    assert!(row.fallback_at.is_some());
    let passed = visit.redeem(&server, Purpose::SignIn).await;
    assert_eq!((passed.status.as_u16(), step(&passed)), (200, "passed".into()));
    let outcome = visit.browser.outcome(&server, &visit.page).await;
    assert_eq!(outcome["state"], "allowed");
    assert!(outcome["form"]["fields"]["SAMLResponse"].is_string());
    let row = visit.row(&server).await;
    assert_eq!((row.factor.as_str(), row.amr), ("code", vec!["otp".into(), "mfa".into()]));
    let decided = server.app.store.latest_decisions(1).await.unwrap();
    assert_eq!((decided[0].factor.as_str(), decided[0].outcome.as_str()), ("code", "allow"));
    let again = visit.post(&server, "code/check", "code", "000000000").await;
    assert_eq!(again.status, 409, "decided is decided: {}", again.body);
}

async fn a_code_is_good_once_for_a_minute_and_for_its_own_challenge(database: Database) {
    let server = Server::new(database).await;
    let (visit, other) = (Visit::of(&server, "ann@acme.test").await, Visit::of(&server, "ann@acme.test").await);
    let code = visit.issue(&server, Purpose::Totp).await;
    assert_eq!(step(&other.post(&server, "code/check", "code", &code).await), "retry", "another challenge");
    assert_eq!(step(&visit.post(&server, "code/check", "code", &code).await), "enrol_totp");
    assert_eq!(step(&visit.post(&server, "code/check", "code", &code).await), "retry", "used");
    let code = visit.issue(&server, Purpose::SignIn).await;
    server.wait(MINUTE + 1);
    let late = visit.post(&server, "code/check", "code", &code).await;
    assert_eq!((late.status.as_u16(), step(&late)), (422, "retry".into()), "a minute later");
    assert!(!visit.is_allowed(&server).await && !other.is_allowed(&server).await);
}

async fn five_wrong_codes_close_the_codes_of_a_challenge_and_nothing_else(database: Database) {
    let server = Server::new(database).await;
    let agent = Agent::enrolled(&server).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    for _ in 0..5 {
        assert_eq!(step(&visit.post(&server, "code/check", "code", "ABCDEF012").await), "retry");
    }
    assert_eq!(step(&visit.redeem(&server, Purpose::SignIn).await), "retry", "the right one comes too late");
    assert!(!visit.is_allowed(&server).await);
    // The device path of the same person is not touched.
    let next = Visit::of(&server, "ann@acme.test").await;
    assert_eq!(agent.answers(&server, &next.browser, &next.page).await["outcome"], "allow");
}

async fn an_authenticator_app_is_added_under_a_code_and_each_step_counts_once(database: Database) {
    let server = Server::new(database).await;
    let secret = with_app(&server, "ann@acme.test").await;
    let now = server.now();
    let visit = Visit::of(&server, "ann@acme.test").await;
    let enrolled_with = totp(&secret, now);
    assert_eq!(step(&visit.post(&server, "totp/check", "code", &enrolled_with).await), "retry", "the step that enrolled");
    let next = totp(&secret, now + 30 * SECOND);
    assert_eq!(step(&visit.post(&server, "totp/check", "code", &next).await), "passed");
    assert_eq!(visit.row(&server).await.amr, ["otp", "mfa"]);
    let other = Visit::of(&server, "ann@acme.test").await;
    assert_eq!(step(&other.post(&server, "totp/check", "code", &next).await), "retry", "used on another challenge");
    server.wait(2 * MINUTE);
    let fresh = totp(&secret, server.now());
    assert_eq!(step(&other.post(&server, "totp/check", "code", &fresh).await), "passed");
    let ben = Visit::of(&server, "ben@acme.test").await;
    server.wait(MINUTE);
    assert_eq!(step(&ben.post(&server, "totp/check", "code", &totp(&secret, server.now())).await), "retry", "Ben is not Ann");
}

async fn wrong_digits_are_limited_per_person_and_say_nothing_of_who_exists(database: Database) {
    let server = Server::new(database).await;
    let secret = with_app(&server, "ann@acme.test").await;
    server.wait(MINUTE);
    let mut told = Vec::new();
    for login in ["ann@acme.test", "nobody@acme.test"] {
        let visit = Visit::of(&server, login).await;
        let mut answers = Vec::new();
        for _ in 0..6 {
            let reply = visit.post(&server, "totp/check", "code", "000000").await;
            answers.push((reply.status, reply.body));
        }
        assert_ne!(answers[4], answers[5], "the sixth is not looked at");
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    let visit = Visit::of(&server, "Ann@acme.test").await;
    assert_eq!(step(&visit.post(&server, "totp/check", "code", &totp(&secret, server.now())).await), "retry", "another spelling");
    // The other factors stay open, and the digits after a while.
    assert_eq!(step(&visit.redeem(&server, Purpose::SignIn).await), "passed");
    server.wait(HOUR);
    let visit = Visit::of(&server, "ann@acme.test").await;
    assert_eq!(step(&visit.post(&server, "totp/check", "code", &totp(&secret, server.now())).await), "passed");
}

async fn a_wrong_first_code_can_be_corrected_and_setting_up_needs_a_code_of_that_purpose(database: Database) {
    let server = Server::new(database).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    assert_eq!(visit.post(&server, "totp/enrol", "code", "000000").await.status, 403, "no code was redeemed");
    assert_eq!(visit.post(&server, "passkey/enrol", "credential", "{}").await.status, 403);
    let set_up = visit.redeem(&server, Purpose::Totp).await.json();
    assert!(set_up["uri"].as_str().unwrap().starts_with("otpauth://totp/Tacit:ann@acme.test?secret="));
    assert!(set_up["path"].as_str().unwrap().starts_with("M0 0h7v1h-7z"));
    assert_eq!(visit.post(&server, "passkey/enrol", "credential", "{}").await.status, 403, "that code was for an app");
    assert_eq!(step(&visit.post(&server, "totp/enrol", "code", "000000").await), "retry");
    assert!(!visit.is_allowed(&server).await);
    let right = totp(set_up["secret"].as_str().unwrap(), server.now());
    assert_eq!(step(&visit.post(&server, "totp/enrol", "code", &right).await), "passed");
}

async fn after_one_addition_no_other_for_a_day(database: Database) {
    let server = Server::new(database).await;
    with_app(&server, "ann@acme.test").await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let held = visit.redeem(&server, Purpose::Passkey).await;
    assert_eq!((held.status.as_u16(), step(&held)), (403, "closed".into()), "{}", held.body);
    assert!(held.body.contains("less than a day ago"));
    // What was opened before the hold began does not slip through either.
    let (first, second) = (Visit::of(&server, "ben@acme.test").await, Visit::of(&server, "ben@acme.test").await);
    let begun = first.redeem(&server, Purpose::Passkey).await.json();
    let set_up = second.redeem(&server, Purpose::Totp).await.json();
    let answer = Authenticator::new(ORIGIN).create(&begun["options"]);
    assert_eq!(step(&first.post(&server, "passkey/enrol", "credential", &answer).await), "passed");
    let digits = totp(set_up["secret"].as_str().unwrap(), server.now());
    assert_eq!(second.post(&server, "totp/enrol", "code", &digits).await.status, 403);
    server.wait(DAY + 1);
    with_passkey(&server, "ann@acme.test").await;
}

async fn of_many_additions_at_once_one_happens(database: Database) {
    let server = Server::new(database).await;
    let (store, ann, now) = (&server.app.store, &server.ann.id, server.now());
    let passkey = |n: usize| PasskeyRow {
        credential_id: format!("credential {n}"),
        user_id: ann.as_str().into(),
        credential: "{}".into(),
        label: String::new(),
        created_at: now,
        last_used_at: 0,
    };
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let (store, ann, row) = (store.clone(), ann.clone(), passkey(n));
        tasks.spawn(async move {
            match n % 2 {
                0 => in_one!(store, add_passkey(&ann, &row, now)),
                _ => in_one!(store, add_totp(&ann, "sealed", 1, now)),
            }
        });
    }
    let added = tasks.join_all().await.into_iter().filter(|added| *added).count();
    let held = store.passkeys_of(ann).await.unwrap().len() + usize::from(store.find_totp(ann).await.unwrap().is_some());
    assert_eq!((added, held), (1, 1));
    let ben = &server.ben.id;
    server.wait(2 * DAY);
    let taken = store.passkeys_of(ann).await.unwrap().pop().unwrap_or_else(|| passkey(0));
    let mut write = store.write().await.unwrap();
    if Store::add_passkey(&mut write, ann, &taken, server.now()).await.is_ok() {
        write.commit().await.unwrap();
    } else {
        drop(write);
    }
    let mut write = store.write().await.unwrap();
    let twice = Store::add_passkey(&mut write, ben, &taken, server.now()).await;
    drop(write);
    assert!(matches!(twice, Err(StoreError::Conflict)), "one credential never belongs to two people: {twice:?}");
    assert_eq!(store.find_user(ben).await.unwrap().unwrap().additions_held_until, 0, "and a failed addition holds nothing");
}

async fn a_passkey_is_made_under_a_code_and_signs_in(database: Database) {
    let server = Server::new(database).await;
    let authenticator = with_passkey(&server, "ann@acme.test").await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let options = visit.begin(&server, "passkey").await["options"].clone();
    assert_eq!(options["publicKey"]["allowCredentials"][0]["id"], authenticator.id());
    let answer = authenticator.get(&options);
    assert_eq!(step(&visit.post(&server, "passkey/check", "credential", &answer).await), "passed");
    assert_eq!(visit.row(&server).await.amr, ["hwk", "pop", "phr", "mfa"]);
    let other = Visit::of(&server, "ann@acme.test").await;
    other.begin(&server, "passkey").await;
    assert_eq!(step(&other.post(&server, "passkey/check", "credential", &answer).await), "retry", "an answer counts once");
}

async fn a_passkey_of_another_person_or_without_unlocking_passes_nothing(database: Database) {
    let server = Server::new(database).await;
    let ann = with_passkey(&server, "ann@acme.test").await;
    let ben = with_passkey(&server, "ben@acme.test").await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let options = visit.begin(&server, "passkey").await["options"].clone();
    assert_eq!(step(&visit.post(&server, "passkey/check", "credential", &ben.get(&options)).await), "retry");
    let options = visit.begin(&server, "passkey").await["options"].clone();
    let locked = ann.without_user_verification().get(&options);
    assert_eq!(step(&visit.post(&server, "passkey/check", "credential", &locked).await), "retry");
    for garbage in ["", "{}", "null", "[[["] {
        visit.begin(&server, "passkey").await;
        assert_eq!(step(&visit.post(&server, "passkey/check", "credential", garbage).await), "retry", "{garbage}");
    }
    assert!(!visit.is_allowed(&server).await);
}

async fn the_chooser_is_the_same_for_people_who_do_not_exist(database: Database) {
    let server = Server::new(database).await;
    with_passkey(&server, "ann@acme.test").await;
    let mut pages = Vec::new();
    for login in ["ann@acme.test", "ben@acme.test", "nobody@acme.test"] {
        let visit = Visit::of(&server, login).await;
        let row = visit.row(&server).await;
        let mut html = visit.page.html.clone();
        for own in [row.id.as_str(), row.nonce.as_str(), row.req.as_str(), login] {
            html = html.replace(own, "…");
        }
        let mut options = visit.begin(&server, "passkey").await;
        let key = &mut options["options"]["publicKey"];
        assert_eq!(key["allowCredentials"].as_array().unwrap().len(), 1);
        assert_eq!(key["allowCredentials"][0]["id"].as_str().unwrap().len(), 43);
        key["challenge"] = "…".into();
        key["allowCredentials"][0]["id"] = "…".into();
        let code = visit.post(&server, "code/check", "code", "ABCDEF012").await;
        pages.push((html, options, code.status, code.body));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[1], pages[2]);
    let again = |_: ()| async {
        let visit = Visit::of(&server, "nobody@acme.test").await;
        visit.begin(&server, "passkey").await["options"]["publicKey"]["allowCredentials"].clone()
    };
    assert_eq!(again(()).await, again(()).await, "a made-up passkey stays the same");
}

async fn only_the_page_in_the_browser_that_was_asked_may_post(database: Database) {
    let server = Server::new(database).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let code = visit.issue(&server, Purpose::SignIn).await;
    let path = format!("/challenge/{}/fallback/code/check", visit.page.challenge);
    let cookie = visit.browser.cookie();
    let stranger = Visit::of(&server, "ben@acme.test").await.browser.cookie();
    for (why, site, origin, cookie) in [
        ("another site", "cross-site", "https://evil.test", cookie.as_str()),
        ("a sibling", "same-site", "https://other.tacit-idp.test", &cookie),
        ("a link", "none", "", &cookie),
        ("no cookie", "same-origin", ORIGIN, ""),
        ("another browser", "same-origin", ORIGIN, &stranger),
    ] {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"), ("sec-fetch-site", site)];
        if !origin.is_empty() {
            headers.push(("origin", origin));
        }
        if !cookie.is_empty() {
            headers.push(("cookie", cookie));
        }
        let reply = server.post(&path, &headers, format!("code={code}")).await;
        assert_eq!(reply.status, 403, "{why}: {}", reply.body);
    }
    assert!(!visit.is_allowed(&server).await);
    assert_eq!(step(&visit.post(&server, "code/check", "code", &code).await), "passed", "none of them used the code up");
}

async fn after_an_impostor_only_strong_factors_are_offered_and_taken(database: Database) {
    let server = Server::new(database).await;
    let secret = with_app(&server, "ann@acme.test").await;
    server.wait(MINUTE);
    let agent = Agent::enrolled(&server).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let mut answer = agent.answer(&server, &visit.page);
    answer.evidence.verdict = Verdict::Impostor;
    let reply = agent.send(&server, &visit.browser, &answer).await;
    assert_eq!(reply.json()["outcome"], "step_up", "{}", reply.body);
    // The page that is open already takes them away, and so does one that is opened now.
    let told = visit.browser.outcome(&server, &visit.page).await;
    assert_eq!(told["factors"], serde_json::json!(["passkey", "code"]), "{told}");
    let page = visit.browser.open(&server, &format!("/challenge/{}", visit.page.challenge)).await;
    assert!(page.html.contains("data-factor=\"passkey\"") && page.html.contains("data-factor=\"code\""));
    assert!(!page.html.contains("data-factor=\"totp\""));
    assert!(page.html.contains(Reason::Impostor.words()));
    assert_eq!(visit.post(&server, "totp/begin", "x", "").await.status, 403);
    assert_eq!(visit.post(&server, "totp/check", "code", &totp(&secret, server.now())).await.status, 403);
    assert_eq!(step(&visit.redeem(&server, Purpose::SignIn).await), "passed");
}

async fn once_a_person_has_chosen_a_late_silent_answer_no_longer_counts(database: Database) {
    let server = Server::new(database).await;
    let agent = Agent::enrolled(&server).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    visit.begin(&server, "totp").await;
    let late = agent.send(&server, &visit.browser, &agent.answer(&server, &visit.page)).await;
    assert_eq!(late.reason(), "challenge_closed");
    assert!(!visit.is_allowed(&server).await);
}

async fn without_script_forms_lead_to_the_same_end(database: Database) {
    let server = Server::new(database).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    let cookie = visit.browser.cookie();
    let submit = async |step: &str, body: String| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html,application/xhtml+xml"),
            ("sec-fetch-site", "same-origin"),
            ("origin", ORIGIN),
            ("cookie", cookie.as_str()),
        ];
        server.post(&format!("/challenge/{}/fallback/{step}", visit.page.challenge), &headers, body).await
    };
    let row = visit.row(&server).await;
    let begun = submit("code/begin", String::new()).await;
    assert_eq!(begun.status, 200);
    assert!(begun.body.contains("data-state=\"step_up\"") && begun.body.contains("<div class=\"panel\" id=\"panel-code\">"));
    assert!(begun.body.contains(&format!("{} {}", &row.matching[..3], &row.matching[3..])));
    assert_eq!(page_of(&begun).challenge, visit.page.challenge);
    assert!(begun.header("content-security-policy").contains("script-src 'self'"));
    let wrong = submit("code/check", "code=wrong".into()).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("That code is wrong"));
    let set_up = submit("code/check", format!("code={}", visit.issue(&server, Purpose::Totp).await)).await;
    assert!(set_up.body.contains("<div class=\"panel\" id=\"panel-enrol_totp\">") && set_up.body.contains("M0 0h7v1h-7z"));
    let passed = submit("code/check", format!("code={}", visit.issue(&server, Purpose::SignIn).await)).await;
    assert_eq!(passed.status, 303);
    let complete = visit.browser.get(&server, passed.header("location")).await;
    assert!(complete.body.contains("name=\"SAMLResponse\"") && complete.body.contains("action=\"https://acme.okta-standin.test/"));
}

async fn what_is_too_large_expired_or_unknown_is_refused(database: Database) {
    let server = Server::new(database).await;
    let visit = Visit::of(&server, "ann@acme.test").await;
    assert_eq!(visit.post(&server, "code/check", "code", &"x".repeat(40 * 1024)).await.status, 413);
    assert_eq!(visit.post(&server, "carrier-pigeon/begin", "x", "").await.status, 404);
    let nowhere = visit.browser.submit(&server, "/challenge/unknown/fallback/code/begin", String::new()).await;
    assert_eq!(nowhere.status, 404);
    for _ in 0..70 {
        visit.post(&server, "code/begin", "x", "").await;
    }
    assert_eq!(visit.post(&server, "code/begin", "x", "").await.status, 429);
    server.wait(10 * MINUTE);
    assert_eq!(visit.post(&server, "code/begin", "x", "").await.status, 410);
}

}
