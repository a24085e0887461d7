//! The lock-out guard, keys, doctor and secrets.

use crate::world::*;
use okta_stand_in::Config;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tacit::{
    clock::SECOND,
    okta::organiser::{
        Planned,
        apply::{Options as ApplyOptions, Progress},
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routing_rules_are_refused_when_no_exempt_administrator_remains() {
    for (users, expected) in [
        (
            "[[users]]\nlogin = \"break-glass@ops.acme.test\"\npassword = \"p\"\n",
            "neither a super administrator",
        ),
        (
            "[[users]]\nlogin = \"ann@acme.test\"\npassword = \"p\"\nroles = [\"SUPER_ADMIN\"]\n",
            "nobody named",
        ),
    ] {
        let world = World::new(|config| {
            config.users = Config::from_toml(users).unwrap().users;
        })
        .await;
        let file = world.example("trusona");
        world.apply(&file).await;
        world.signs_in("trusona").await;
        let applied = world.apply(&file).await;
        assert_eq!(waits(&applied), ["routing_rule Passwordless"]);
        assert!(
            applied.waits[0].1.why.contains(expected),
            "{:?}",
            applied.waits
        );
        assert!(world.rules().await.is_empty());
    }
    // The administrator is reached by the rule itself.
    let world = World::new(|_| {}).await;
    let file = world
        .example("trusona")
        .replace("suffix = [\"@acme.test\"]", "suffix = [\"acme.test\"]");
    world.apply(&file).await;
    world.signs_in("trusona").await;
    let applied = world.apply(&file).await;
    assert!(
        applied.waits[0]
            .1
            .why
            .contains("reaches break-glass@ops.acme.test"),
        "{:?}",
        applied.waits
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_rolled_over_with_two_applies_and_no_pause() {
    use tacit::domain::{connection::KeyStatus, signing};
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.apply(&file).await;
    let id = "trusona".parse().unwrap();
    let trust = async || {
        world.named(&["idps"], "Tacit passwordless").await[0]["protocol"]["credentials"]["trust"]
            .clone()
    };
    let old = trust().await["kid"].clone();
    let now = world.app.now_ms();
    let next = signing::generate(&world.app, &id, KeyStatus::Next, now).unwrap();
    world.app.store.announce_key(&id, &next).await.unwrap();
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    let both = trust().await;
    assert_eq!(
        (
            &both["kid"],
            both["additionalKids"].as_array().map(Vec::len)
        ),
        (&old, Some(1))
    );
    world
        .app
        .store
        .promote_key(&id, now + SECOND)
        .await
        .unwrap();
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(
        failed(&findings).contains(&"Tacit passwordless: certificate"),
        "{findings:?}"
    );
    world.apply(&file).await;
    let new = trust().await;
    assert_eq!(
        (&new["kid"], &new["additionalKids"]),
        (&both["additionalKids"][0], &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_names_the_failing_step_and_is_content_in_the_end() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(failed(&findings).contains(&"group Trusona"), "{findings:?}");
    world.apply(&file).await;
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(
        failed(&findings),
        [
            "routing_rule Passwordless",
            "Tacit passwordless: test sign-in"
        ]
    );
    world.signs_in("trusona").await;
    world.apply(&file).await;
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(failed(&findings), Vec::<&str>::new(), "{findings:?}");
    // Somebody makes a factor of a sign-in: whoever holds the device would pass as both.
    world.clicks_factor_only("Tacit passwordless").await;
    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let body = json!({ "key": "external_idp", "name": "x", "provider": { "type": "CLAIMS", "configuration": { "idpId": idp["id"] } } });
    let _: Value = world
        .client
        .create(
            &at(&["api", "v1", "authenticators"]).with("activate", "true"),
            &body,
        )
        .await
        .unwrap();
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert_eq!(
        failed(&findings),
        ["Tacit passwordless: role"],
        "{findings:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_output_of_a_whole_life() {
    let world = World::new(|_| {}).await;
    let mut shown = String::new();
    for name in ["duo", "beyond-identity"] {
        let file = world.example(name);
        let organiser = world.organiser(&file);
        let seen = Arc::new(Mutex::new(String::new()));
        let (one, other) = (seen.clone(), seen.clone());
        let mut agrees = move |planned: &Planned| {
            one.lock().unwrap().push_str(&format!(
                "{planned:?}{}{}",
                planned.plan.to_text(),
                planned.plan.to_json()
            ));
            true
        };
        let mut tell =
            move |progress: Progress<'_>| other.lock().unwrap().push_str(&format!("{progress:?}"));
        let applied = organiser
            .apply(ApplyOptions::default(), &mut agrees, &mut tell)
            .await
            .unwrap()
            .unwrap();
        shown += &format!(
            "{applied:?}{:?}{}",
            organiser.doctor().await.unwrap(),
            seen.lock().unwrap()
        );
        shown += &tacit::okta::organiser::terraform(&world.app, organiser.wanted())
            .await
            .unwrap();
    }
    let idps = world.all(&["idps"]).await;
    let secrets = idps.iter().filter_map(|idp| {
        idp.pointer("/protocol/credentials/client/client_secret")?
            .as_str()
    });
    let secrets: Vec<&str> = secrets.chain([TOKEN]).collect();
    assert_eq!(secrets.len(), 3);
    for secret in secrets {
        assert!(!shown.contains(secret));
    }
}
