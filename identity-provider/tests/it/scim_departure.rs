//! What ends when Okta deactivates or deletes a person, and what comes back.

use crate::support::{
    Agent, Browser, Server, on_both_databases,
    provisioner::{Provisioner, person},
};
use serde_json::{Value, json};
use tacit::domain::device::Device;

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "value": { "active": value } }])
}

async fn device(server: &Server, agent: &Agent) -> Device {
    server
        .app
        .store
        .find_device(&agent.device_id())
        .await
        .unwrap()
        .unwrap()
}

async fn wipes(server: &Server, agent: &Agent) -> Vec<String> {
    let logins = server
        .app
        .store
        .logins_to_wipe(&agent.device_id())
        .await
        .unwrap();
    logins.iter().map(ToString::to_string).collect()
}

on_both_databases! {
    async fn deactivation_ends_everything_and_the_next_heartbeat_says_wipe(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        let agent = Agent::enrolled(&server).await;
        let browser = Browser::default();
        let page = browser.start(&server, "ann@acme.test").await;
        assert_eq!(okta.patch(&path, active(false)).await.json()["active"], false);
        // A sign-in under way is over, also for an answer that was on its way.
        let reply = agent.send(&server, &browser, &agent.answer(&server, &page)).await;
        assert!(!reply.status.is_success(), "{}", reply.body);
        let challenge = server.app.store.find_challenge(&page.challenge).await.unwrap().unwrap();
        assert!(challenge.is_expired(server.now()));
        assert!(device(&server, &agent).await.revoked_at != 0);
        let bindings = server.app.store.bindings_of_user(&server.ann.id).await.unwrap();
        assert!(bindings.iter().all(|b| b.revoked_at != 0));
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"]);
        let events = server.app.store.events_since(0, 100).await.unwrap();
        let told = events.iter().find(|e| e.kind == "scim_user_deactivated").unwrap();
        assert_eq!((told.actor.as_str(), told.user_id.as_str()), ("scim:acme", server.ann.id.as_str()));

        // Activated again, the device may register, but it is bound to nobody.
        assert_eq!(okta.patch(&path, active(true)).await.json()["active"], true);
        let after = device(&server, &agent).await;
        assert_eq!((after.revoked_at, after.bound), (0, false));
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"], "until it is bound anew");
        agent.bind(&server, &server.ann).await;
        assert!(wipes(&server, &agent).await.is_empty());
    }

    async fn a_device_that_an_administrator_revoked_does_not_come_back(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        let agent = Agent::enrolled(&server).await;
        in_one!(server.app.store, revoke_device(&agent.device_id(), server.now()));
        server.wait(1_000);
        okta.patch(&path, active(false)).await;
        okta.patch(&path, active(true)).await;
        assert!(device(&server, &agent).await.revoked_at != 0);
    }

    async fn a_shared_device_stays_with_the_others(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let agent = Agent::enrolled(&server).await;
        agent.bind(&server, &server.ben).await;
        okta.patch(&format!("/Users/{}", server.ann.id), active(false)).await;
        assert_eq!(device(&server, &agent).await.revoked_at, 0);
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"]);
        let left = server.app.store.logins_bound_to(&agent.device_id(), &agent.installation.thumbprint).await.unwrap();
        assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ben@acme.test"]);
    }

    async fn a_deleted_person_is_gone_and_the_device_is_still_told(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        let group = okta.push_group("Crew", &[server.ann.id.as_str()]).await;
        let agent = Agent::enrolled(&server).await;
        assert_eq!(okta.delete(&path).await.status, 204);
        for method in [okta.get(&path).await, okta.delete(&path).await, okta.patch(&path, active(true)).await] {
            assert_eq!(method.status, 404);
        }
        assert!(okta.members(&group).await.is_empty());
        assert!(device(&server, &agent).await.revoked_at != 0);
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"]);
        // The name may be given anew, to somebody with another id and nothing of hers.
        let next = okta.push("ann@acme.test").await;
        assert_ne!(next, server.ann.id.as_str());
        let next = server.app.store.find_user_by_name("ann@acme.test").await.unwrap().unwrap();
        assert!(server.app.store.groups_of(&next.id).await.unwrap().is_empty());
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"]);
    }

    async fn a_name_given_to_somebody_new_brings_nothing_of_the_old_one(database: Database) {
        let server = Server::new(database).await;
        let okta = Provisioner::new(&server).await;
        let path = format!("/Users/{}", server.ann.id);
        let mut old = person("ann@acme.test");
        old["externalId"] = "00uOLD".into();
        assert_eq!(okta.put(&path, old.clone()).await.status, 200);
        let factor = tacit::store::factor::PasskeyRow {
            credential_id: "c".into(), user_id: server.ann.id.to_string(), credential: "{}".into(), label: "key".into(), created_at: server.now(), last_used_at: 0,
        };
        assert!(in_one!(server.app.store, add_passkey(&server.ann.id, &factor, server.now())));
        let agent = Agent::enrolled(&server).await;
        okta.patch(&path, active(false)).await;
        assert_eq!(server.app.store.passkeys_of(&server.ann.id).await.unwrap().len(), 1, "who returns has their passkey");
        // The new one is first described and then activated, as a catalogue app does it.
        old["externalId"] = "00uNEW".into();
        old["active"] = false.into();
        assert_eq!(okta.put(&path, old).await.status, 200);
        okta.patch(&path, active(true)).await;
        assert_eq!(server.app.store.passkeys_of(&server.ann.id).await.unwrap().len(), 0);
        assert!(device(&server, &agent).await.revoked_at != 0, "the old one's device does not come back");
        assert_eq!(wipes(&server, &agent).await, ["ann@acme.test"]);
    }
}
