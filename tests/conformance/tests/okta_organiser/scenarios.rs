//! The five scenarios: each sets an empty org up, and a further apply changes nothing.

use crate::world::*;
use okta_stand_in::Pipeline;
use serde_json::{Value, json};
use tacit::okta::organiser::clicks::Seen;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twosense_a_silent_factor_by_saml_is_set_up_and_a_further_apply_changes_nothing() {
    let world = World::new(|_| {}).await;
    let file = world.example("twosense");
    let first = world.apply(&file).await;
    assert_eq!(
        waits(&first),
        ["authenticator Tacit"],
        "until somebody clicks Factor only: {}",
        first.plan.to_text()
    );
    assert!(first.clicks.iter().any(|c| c.title.contains("factor and nothing else") && matches!(c.seen, Seen::Open(_))));
    world.clicks_factor_only("Tacit").await;
    let second = world.apply(&file).await;
    assert_eq!(
        (waits(&second).len(), second.done),
        (0, 1),
        "{}",
        second.plan.to_text()
    );
    assert!(second.clicks.iter().any(|c| c.title.contains("factor and nothing else") && matches!(c.seen, Seen::Done(_))));
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit").await[0];
    assert_eq!(
        idp["protocol"]["endpoints"]["sso"]["url"],
        format!("{ORIGIN}/saml/twosense/sso")
    );
    assert_eq!(
        idp["protocol"]["credentials"]["trust"]["issuer"],
        format!("{ORIGIN}/saml/twosense/metadata")
    );
    let connection = world
        .app
        .store
        .find_connection(&"twosense".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(connection.role.code(), "factor");
    let sp =
        standards::saml::metadata::ServiceProvider::parse(connection.metadata.as_bytes()).unwrap();
    assert_eq!(
        sp.entity_id(),
        idp["protocol"]["credentials"]["trust"]["audience"]
            .as_str()
            .unwrap()
    );
    let authenticator = &world.named(&["authenticators"], "Tacit").await[0];
    assert_eq!(
        authenticator["provider"]["configuration"]["idpId"],
        idp["id"]
    );
    let org = world
        .app
        .store
        .find_okta_org(&"twosense".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(org.effects.on_takeover.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_classic_the_clicks_take_the_authenticators_place() {
    let world = World::new(|config| config.pipeline = Pipeline::Classic).await;
    let file = world.example("twosense");
    let applied = world.apply(&file).await;
    assert_eq!(
        waits(&applied),
        Vec::<String>::new(),
        "{}",
        applied.plan.to_text()
    );
    let clicks = applied
        .clicks
        .iter()
        .find(|c| c.title.contains("factor and nothing else"))
        .unwrap();
    assert!(
        clicks
            .steps
            .iter()
            .any(|step| step.contains("Security > Multifactor")),
        "{clicks:?}"
    );
    changes_nothing(&world, &file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusona_routes_its_people_only_after_somebody_walked_the_way() {
    let world = World::new(|_| {}).await;
    let file = world.example("trusona");
    let first = world.apply(&file).await;
    assert_eq!(waits(&first), ["routing_rule Passwordless"]);
    let refusal = &first.waits[0].1;
    assert!(
        refusal
            .repair
            .contains("https://acme.okta.com/sso/idps/0oa"),
        "{refusal:?}"
    );
    assert!(world.rules().await.is_empty(), "routing rules come last");
    // Somebody came through another connection: that shows nothing.
    world.signs_in("another").await;
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Passwordless"]
    );
    world.signs_in("trusona").await;
    let second = world.apply(&file).await;
    assert_eq!(
        (second.done, second.plan.is_done()),
        (1, true),
        "{}",
        second.plan.to_text()
    );
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit passwordless").await[0];
    let rule = &world.rules().await[0];
    assert_eq!(
        rule["actions"]["idp"]["providers"],
        json!([{ "type": "SAML2", "id": idp["id"] }])
    );
    assert_eq!(
        rule["conditions"]["userIdentifier"]["patterns"],
        json!([{ "matchType": "SUFFIX", "value": "@acme.test" }])
    );
    let origin = &world.named(&["trustedOrigins"], "Tacit gateway").await[0];
    assert_eq!(origin["origin"], ORIGIN);
    let group = &world.named(&["groups"], "Trusona").await[0];
    let org = world
        .app
        .store
        .find_okta_org(&"trusona".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(org.effects.group.as_deref(), group["id"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duo_a_factor_by_openid_connect_gets_a_secret_that_nobody_sees() {
    let world = World::new(|_| {}).await;
    let file = world.example("duo");
    assert_eq!(
        waits(&world.apply(&file).await),
        ["authenticator Tacit OIDC factor"]
    );
    world.clicks_factor_only("Tacit OIDC factor").await;
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;

    let idp = &world.named(&["idps"], "Tacit OIDC factor").await[0];
    let client = &idp["protocol"]["credentials"]["client"];
    let connection = "duo".parse().unwrap();
    let secret = client["client_secret"].as_str().unwrap();
    assert!(
        tacit::domain::oidc::is_secret(&world.app, &connection, secret)
            .await
            .unwrap()
    );
    let registered = world
        .app
        .store
        .find_oidc_client(&connection)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client["client_id"], registered.client.client_id);
    assert_eq!(
        registered.client.redirect_uris,
        ["https://acme.okta.com/oauth2/v1/authorize/callback"]
    );
    assert_eq!(
        idp["protocol"]["algorithms"]["request"]["signature"],
        json!({ "algorithm": "HS512", "scope": "REQUEST" })
    );
    // Another secret at the org is noticed, and replaced by one of ours; neither is shown.
    let mut body = idp.clone();
    body["protocol"]["credentials"]["client"]["client_secret"] = "somebody-elses".into();
    let id = idp["id"].as_str().unwrap();
    let _: Value = world
        .client
        .replace(&at(&["api", "v1", "idps", id]), &body)
        .await
        .unwrap();
    let plan = world.plan(&file).await;
    assert!(
        plan.to_text().contains("client_secret: (another one)"),
        "{}",
        plan.to_text()
    );
    assert!(
        !plan.to_text().contains("somebody-elses") && !plan.to_json().to_string().contains(secret)
    );
    assert!(world.apply(&file).await.plan.is_done());
    let idp = &world.named(&["idps"], "Tacit OIDC factor").await[0];
    let secret = idp["protocol"]["credentials"]["client"]["client_secret"]
        .as_str()
        .unwrap();
    assert!(
        tacit::domain::oidc::is_secret(&world.app, &connection, secret)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_identity_routes_by_attribute_and_its_event_hook_is_verified() {
    let world = World::new(|_| {}).await;
    let file = world.example("beyond-identity");
    assert_eq!(
        waits(&world.apply(&file).await),
        ["routing_rule Registered for passkeys"]
    );
    world.signs_in("beyond-identity").await;
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;

    let hook = &world.named(&["eventHooks"], "Tacit").await[0];
    assert_eq!(
        (&hook["verificationStatus"], &hook["status"]),
        (&json!("VERIFIED"), &json!("ACTIVE"))
    );
    assert_eq!(
        hook["channel"]["config"]["uri"],
        format!("{ORIGIN}/okta/beyond-identity/events")
    );
    let schema = world.client.user_schema().await.unwrap();
    assert_eq!(
        schema.custom("byndidRegistered").unwrap()["type"],
        "boolean"
    );
    let identifier = &world.rules().await[0]["conditions"]["userIdentifier"];
    assert_eq!(
        (
            &identifier["type"],
            &identifier["attribute"],
            &identifier["patterns"]
        ),
        (
            &json!("ATTRIBUTE"),
            &json!("byndidRegistered"),
            &json!([{ "matchType": "EQUALS", "value": "true" }])
        )
    );
    // Somebody makes another secret for the receiver: the org's is not good any more, and apply mends that.
    let id = "beyond-identity".parse().unwrap();
    let mut org = world.app.store.find_okta_org(&id).await.unwrap().unwrap();
    assert!(!org.hook_hash.is_empty());
    org.hook_hash = tacit::keys::hash(b"another");
    world.app.store.put_okta_org(&org).await.unwrap();
    let plan = world.plan(&file).await;
    assert!(
        plan.to_text().contains("authScheme/value: (another one)"),
        "{}",
        plan.to_text()
    );
    assert!(world.apply(&file).await.plan.is_done());
    changes_nothing(&world, &file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truepic_an_application_gets_its_group_and_a_file_with_its_credentials() {
    let world = World::new(|_| {}).await;
    let file = world.example("truepic");
    let applied = world.apply(&file).await;
    assert!(applied.plan.is_done(), "{}", applied.plan.to_text());
    changes_nothing(&world, &file).await;

    let app = &world.named(&["apps"], "Truepic Vision").await[0];
    assert_eq!(
        app["settings"]["oauthClient"]["redirect_uris"],
        json!(["https://vision.acme.test/oidc/callback"])
    );
    let id = app["id"].as_str().unwrap();
    let group = &world.named(&["groups"], "Truepic Vision").await[0];
    assert_eq!(
        world.all(&["apps", id, "groups"]).await[0]["id"],
        group["id"]
    );
    let path = world.data.path().join("truepic-client.toml");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written.contains(&format!("client_id = \"{id}\"")),
        "the client's id is the application's here"
    );
    assert!(written.lines().nth(1).unwrap().len() > "client_secret = \"\"".len());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
