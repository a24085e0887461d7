//! What others do in the org, and what is theirs.

use crate::world::*;
use serde_json::{Value, json};
use tacit::okta::organiser::Error;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_deleted_or_changed_behind_our_back_is_found_and_mended() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    world.apply(&file).await;
    let origin = &world.named(&["trustedOrigins"], "Tacit gateway").await[0];
    let id = origin["id"].as_str().unwrap();
    let place = at(&["api", "v1", "trustedOrigins", id]);
    world.client.lifecycle(&place, "deactivate").await.unwrap();
    world.client.delete(&place).await.unwrap();
    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let mut body = idp.clone();
    body["policy"]["provisioning"]["action"] = "AUTO".into();
    body["policy"]["maxClockSkew"] = 0.into();
    let _: Value = world
        .client
        .replace(
            &at(&["api", "v1", "idps", idp["id"].as_str().unwrap()]),
            &body,
        )
        .await
        .unwrap();
    let plan = world.plan(&file).await;
    let text = plan.to_text();
    assert!(text.contains("somebody deleted it in the org"), "{text}");
    assert!(
        text.contains("policy.provisioning.action: AUTO -> DISABLED"),
        "{text}"
    );
    let findings = world.organiser(&file).doctor().await.unwrap();
    assert!(
        failed(&findings).contains(&"trusted_origin Tacit gateway"),
        "{findings:?}"
    );
    let applied = world.apply(&file).await;
    assert_eq!(
        (applied.done, waits(&applied)),
        (2, vec!["routing_rule Passwordless".to_owned()]),
        "{}",
        applied.plan.to_text()
    );
    // The whole identity provider: a new one has another name for us, which our side takes over.
    let before = world
        .app
        .store
        .find_connection(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .metadata;
    let place = at(&["api", "v1", "idps", idp["id"].as_str().unwrap()]);
    world.client.lifecycle(&place, "deactivate").await.unwrap();
    world.client.delete(&place).await.unwrap();
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    let after = world
        .app
        .store
        .find_connection(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .metadata;
    assert_ne!(before, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_neither_changed_nor_taken_away_unless_it_is_taken_over() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let theirs: Value = world
        .client
        .create(
            &at(&["api", "v1", "groups"]),
            &json!({ "profile": { "name": "Trusona", "description": "theirs" } }),
        )
        .await
        .unwrap();
    world.changes().await;
    let error = apply(&world.organiser(&file), false).await.unwrap_err();
    assert!(
        matches!(&error, Error::Blocked(keys) if keys[0].to_string() == "group Trusona"),
        "{error}"
    );
    assert_eq!(world.changes().await, [], "nothing is begun");
    let applied = apply(&world.organiser(&file), true).await.unwrap();
    assert_eq!(waits(&applied), ["routing_rule Passwordless"]);
    let group = &world.named(&["groups"], "Trusona").await[0];
    assert_eq!(group["id"], theirs["id"]);
    assert_ne!(group["profile"]["description"], "theirs");
    let destroyed = world
        .organiser(&file)
        .destroy(&mut |_| true, &mut |_| {})
        .await
        .unwrap()
        .unwrap();
    assert!(
        destroyed
            .left
            .iter()
            .any(|(key, _)| key.to_string() == "group Trusona")
    );
    assert_eq!(
        world.named(&["groups"], "Trusona").await.len(),
        1,
        "it was theirs"
    );
    assert!(
        world
            .named(&["idps"], "Tacit passwordless")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destroy_takes_away_what_apply_made_in_reverse_order_and_nothing_else() {
    let world = World::new(|_| {}).await;
    let count = async || {
        let mut all = Vec::new();
        for segments in [
            &["groups"][..],
            &["idps"],
            &["trustedOrigins"],
            &["eventHooks"],
            &["apps"],
            &["idps", "credentials", "keys"],
        ] {
            all.push(world.all(segments).await.len());
        }
        all
    };
    let before = count().await;
    for name in ["trusona", "beyond-identity", "truepic"] {
        let file = world.example(name);
        world.apply(&file).await;
        if name != "truepic" {
            world.signs_in(name).await;
            assert!(world.apply(&file).await.plan.is_done());
        }
        world.changes().await;
        let destroyed = world
            .organiser(&file)
            .destroy(&mut |_| true, &mut |_| {})
            .await
            .unwrap()
            .unwrap();
        let kinds: Vec<&str> = destroyed
            .removed
            .iter()
            .map(|key| key.kind.code())
            .collect();
        let order = |kind: &str| kinds.iter().position(|k| *k == kind);
        assert!(
            order("routing_rule") <= order("identity_provider")
                && order("identity_provider") <= order("group"),
            "{kinds:?}"
        );
        assert_eq!(count().await, before, "{name}: {kinds:?}");
        assert!(world.rules().await.is_empty());
        let connection = world
            .app
            .store
            .find_connection(&name.parse().unwrap())
            .await
            .unwrap();
        assert!(
            connection.is_none_or(|c| c.metadata.is_empty()),
            "{name}: our side answers nobody any more"
        );
        assert!(
            world
                .app
                .store
                .find_okta_org(&name.parse().unwrap())
                .await
                .unwrap()
                .is_none()
        );
        let again = world
            .organiser(&file)
            .destroy(&mut |_| true, &mut |_| {})
            .await
            .unwrap()
            .unwrap();
        assert!(again.removed.is_empty());
    }
    assert!(
        world
            .client
            .user_schema()
            .await
            .unwrap()
            .custom("byndidRegistered")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_five_files_stand_side_by_side_in_one_org() {
    let world = World::new(|_| {}).await;
    let names = ["twosense", "trusona", "duo", "beyond-identity", "truepic"];
    for name in names {
        world.apply(&world.example(name)).await;
    }
    for idp in ["Tacit", "Tacit OIDC factor"] {
        world.clicks_factor_only(idp).await;
    }
    for name in names {
        world.signs_in(name).await;
        world.apply(&world.example(name)).await;
    }
    for name in names {
        changes_nothing(&world, &world.example(name)).await;
    }
    assert_eq!(world.rules().await.len(), 2);
}
