//! Orgs that fail, and runs that are killed.

use crate::world::*;
use serde_json::json;
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};
use tacit::okta::{
    client::Bounds,
    organiser::{
        Error, Planned,
        apply::{Options as ApplyOptions, Progress},
        plan::Action,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_is_killed_between_any_call_and_its_record_is_resumed_without_duplicates() {
    for (path, method, segments, name) in [
        ("/api/v1/groups", "POST", &["groups"][..], "Beyond Identity"),
        ("/api/v1/idps", "POST", &["idps"], "Tacit passkeys"),
        ("/api/v1/eventHooks", "POST", &["eventHooks"], "Tacit"),
    ] {
        let world = World::new(|_| {}).await;
        let file = world.example("beyond-identity");
        // The org does it, and its answer comes when nobody waits any more.
        world.fault(json!({ "kind": "late_answer", "milliseconds": 60_000, "path": path, "method": method })).await;
        let organiser = world.organiser_within(
            &file,
            Bounds {
                exchange: Duration::from_secs(60),
                ..Bounds::default()
            },
        );
        let run = tokio::spawn(async move { apply(&organiser, false).await.map(|_| ()) });
        let deadline = Instant::now() + Duration::from_secs(20);
        while world.named(segments, name).await.is_empty() {
            assert!(Instant::now() < deadline, "{path}: it was never made");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        run.abort();
        assert!(
            run.await.unwrap_err().is_cancelled(),
            "{path}: killed in between"
        );
        let plan = world.plan(&file).await;
        assert!(
            plan.steps.iter().any(|step| step.action == Action::Resume),
            "{path}: {}",
            plan.to_text()
        );
        assert_eq!(
            waits(&world.apply(&file).await),
            ["routing_rule Registered for passkeys"],
            "{path}"
        );
        assert_eq!(
            world.named(segments, name).await.len(),
            1,
            "{path}: no duplicates"
        );
        world.changes().await;
        world.apply(&file).await;
        assert_eq!(world.changes().await, [], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_whose_secret_was_lost_with_the_run_gets_its_file_all_the_same() {
    let world = World::new(|_| {}).await;
    let file = world.example("truepic");
    world.fault(json!({ "kind": "late_answer", "milliseconds": 60_000, "path": "/api/v1/apps", "method": "POST" })).await;
    let organiser = world.organiser_within(
        &file,
        Bounds {
            exchange: Duration::from_secs(60),
            ..Bounds::default()
        },
    );
    let run = tokio::spawn(async move { apply(&organiser, false).await.map(|_| ()) });
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.named(&["apps"], "Truepic Vision").await.is_empty() {
        assert!(Instant::now() < deadline, "it was never made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let path = world.data.path().join("truepic-client.toml");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    assert!(world.apply(&file).await.plan.is_done());
    let app = &world.named(&["apps"], "Truepic Vision").await[0];
    let secret = app["credentials"]["oauthClient"]["client_secret"]
        .as_str()
        .unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains(secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_is_killed_before_a_call_reaches_the_org_makes_it_the_next_time() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "delay", "milliseconds": 60_000, "path": "/api/v1/trustedOrigins", "method": "POST" })).await;
    let organiser = world.organiser_within(
        &file,
        Bounds {
            exchange: Duration::from_secs(60),
            ..Bounds::default()
        },
    );
    let run = tokio::spawn(async move { apply(&organiser, false).await.map(|_| ()) });
    let organization = world.client.organization().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let rows = world
            .app
            .store
            .okta_objects("trusona", &organization.id)
            .await
            .unwrap();
        if rows
            .iter()
            .any(|row| row.kind == "trusted_origin" && row.state == "intended")
        {
            break;
        }
        assert!(Instant::now() < deadline, "it was never meant to be made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    assert_eq!(
        world
            .named(&["trustedOrigins"], "Tacit gateway")
            .await
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_answers_429_and_500_gets_everything_once() {
    for trouble in [
        json!({ "kind": "rate_limit", "reset_seconds": 1, "path": "/api/v1/groups" }),
        json!({ "kind": "status", "status": 500, "path": "/api/v1/groups", "method": "POST" }),
        json!({ "kind": "lost_answer", "status": 500, "path": "/api/v1/groups", "method": "POST" }),
        json!({ "kind": "lost_answer", "status": 502, "path": "/api/v1/idps", "method": "POST", "times": 2 }),
        json!({ "kind": "lost_answer", "status": 503, "path": "/api/v1/trustedOrigins", "method": "POST" }),
        json!({ "kind": "status", "status": 503, "path": "/api/v1/policies", "times": 2 }),
    ] {
        let world = World::new(|_| {}).await;
        let file = world.example("trusona");
        world.fault(trouble.clone()).await;
        let applied = world.apply(&file).await;
        assert_eq!(
            waits(&applied),
            ["routing_rule Passwordless"],
            "{trouble}: {}",
            applied.plan.to_text()
        );
        for (segments, name) in [
            (&["groups"][..], "Trusona"),
            (&["idps"], "Tacit passwordless"),
            (&["trustedOrigins"], "Tacit gateway"),
        ] {
            assert_eq!(world.named(segments, name).await.len(), 1, "{trouble}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_org_that_stays_broken_ends_the_run_and_the_next_run_goes_on() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "status", "status": 500, "path": "/api/v1/trustedOrigins", "method": "POST", "times": 9 })).await;
    let error = apply(&world.organiser(&file), false).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("making trusted_origin Tacit gateway"),
        "{error}"
    );
    assert!(!error.to_string().contains(TOKEN));
    let _ = world
        .client
        .delete(&at(&["stand-in", "admin", "faults"]))
        .await;
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    assert_eq!(world.named(&["groups"], "Trusona").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_orgs_token_is_named_as_the_failing_step_and_not_shown() {
    let world = World::new(|_| {}).await;
    let other = "00anotherOrgsTokenThatIsOfNoUseHere00000042";
    private(&world.data.path().join("token"), other);
    let organiser = world.organiser(&world.example("trusona"));
    let error = apply(&organiser, false).await.unwrap_err().to_string();
    assert!(
        error.contains("E0000011") && !error.contains(other),
        "{error}"
    );
    let findings = organiser.doctor().await.unwrap();
    assert_eq!(failed(&findings), ["token"]);
    let shown = format!("{findings:?}");
    assert!(
        shown.contains("another org's") && !shown.contains(other),
        "{shown}"
    );
    assert_eq!(world.changes().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_for_another_org_does_nothing() {
    let world = World::new(|_| {}).await;
    let file = world
        .example("trusona")
        .replace("[org]\n", "[org]\nid = \"00oanotherorg0000000\"\n");
    let organiser = world.organiser(&file);
    assert!(matches!(
        apply(&organiser, false).await,
        Err(Error::OtherOrg { .. })
    ));
    assert!(matches!(
        organiser.plan(false).await,
        Err(Error::OtherOrg { .. })
    ));
    assert_eq!(failed(&organiser.doctor().await.unwrap()), ["org"]);
    assert_eq!(world.changes().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_applies_at_once_one_is_refused() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.fault(json!({ "kind": "delay", "milliseconds": 2_000, "path": "/api/v1/groups", "method": "POST" })).await;
    let (one, other) = (world.organiser(&file), world.organiser(&file));
    let (began, begun) = tokio::sync::oneshot::channel();
    let began = Mutex::new(Some(began));
    let run = tokio::spawn(async move {
        let mut agrees = move |_: &Planned| {
            let _ = began.lock().unwrap().take().unwrap().send(());
            true
        };
        one.apply(ApplyOptions::default(), &mut agrees, &mut |_: Progress<
            '_,
        >| {})
            .await
            .map(|_| ())
    });
    begun.await.unwrap();
    assert!(matches!(apply(&other, false).await, Err(Error::Busy)));
    run.await.unwrap().unwrap();
    assert_eq!(world.named(&["groups"], "Trusona").await.len(), 1);
    assert_eq!(
        waits(&apply(&other, false).await.unwrap()),
        ["routing_rule Passwordless"]
    );
}
