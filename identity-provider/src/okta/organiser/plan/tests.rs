use super::*;
use crate::okta::{
    client::Pipeline,
    organiser::{
        file::Wanted,
        object::objects,
        ours::{OurCertificate, OurConnection, service_provider},
        snapshot::Found,
        terraform::terraform,
    },
};

/// Answers of real orgs; see `tests/fixtures/okta/NOTICE.md`.
const SAML: &str = include_str!("../../../../tests/fixtures/okta/idp-saml.json");
const DISCOVERY: &str = include_str!("../../../../tests/fixtures/okta/routing-rule.json");
const SIGN_ON: &str = include_str!("../../../../tests/fixtures/okta/sign-on-rule.json");
const GROUP: &str = include_str!("../../../../tests/fixtures/okta/group.json");
const ORIGIN: &str = include_str!("../../../../tests/fixtures/okta/trusted-origin.json");
const HOOK: &str = include_str!("../../../../tests/fixtures/okta/event-hook.json");
const AUTHENTICATOR: &str = include_str!("../../../../tests/fixtures/okta/authenticator.json");

const FILE: &str = r#"
name = "t"
[org]
url = "https://oie-00.dne-okta.com"
token_env = "T"
administrators = ["root@ops.test"]
[[group]]
name = "testAcc_891989555"
description = "testing, testing"
[[trusted_origin]]
name = "testAcc-3481107385"
origin = "https://example-3481107385.com"
redirect = false
[[saml_idp]]
name = "testAcc_3926115512"
connection = "us"
usage = "sso"
username = "idpuser.email"
no_match = "create"
max_clock_skew_ms = 0
trust_claims = true
[[sign_on_policy]]
name = "test_policy_risk_ONLY"
groups = ["testAcc_891989555"]
session_lifetime_minutes = 120
[[event_hook]]
name = "testAcc_3380735199"
url = "https://example.com/test"
secret_env = "S"
events = ["user.lifecycle.delete.initiated", "user.lifecycle.create"]
[[routing_rule]]
name = "testAcc_1445710770"
idp = "testAcc_3926115512"
suffix = ["@staff.test"]
"#;

struct World {
    wanted: Wanted,
    ours: Ours,
    snapshot: Snapshot,
    records: BTreeMap<Key, Record>,
    secrets: BTreeMap<Key, String>,
    holds: BTreeMap<Key, Refusal>,
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn recorded(id: &str) -> Record {
    Record {
        id: id.into(),
        is_intended: id.is_empty(),
        is_adopted: false,
        secret: String::new(),
        intended_at: crate::okta::organiser::millis("2026-03-03T16:50:10.000Z").unwrap(),
        made_at: i64::from(!id.is_empty()),
    }
}

fn in_org(id: &str, name: &str, parent: Option<&str>, body: Value) -> Found {
    let created = body
        .get("created")
        .and_then(Value::as_str)
        .and_then(crate::okta::organiser::millis);
    Found {
        id: id.into(),
        name: name.into(),
        parent: parent.map(Into::into),
        created,
        has_strange_secret: false,
        body,
    }
}

/// An empty org, and a connection that exists.
fn world() -> World {
    let wanted = Wanted::parse(FILE).unwrap();
    let body = json!({ "protocol": "saml", "role": "sso", "okta_offers_choice": false });
    let connection = OurConnection {
        body,
        certificates: vec![OurCertificate {
            base64: "MIIB".into(),
            thumbprint: "aa".into(),
        }],
        service_provider: None,
        client_id: None,
    };
    let ours = Ours {
        origin: "https://login.test".into(),
        connections: BTreeMap::from([("us".to_owned(), connection)]),
        ..Ours::default()
    };
    let snapshot = Snapshot {
        org_id: "00o1".into(),
        pipeline: Pipeline::Identity,
        found: BTreeMap::new(),
        discovery_policy: Some("00p1".into()),
        administrators: Vec::new(),
    };
    World {
        wanted,
        ours,
        snapshot,
        records: BTreeMap::new(),
        secrets: BTreeMap::new(),
        holds: BTreeMap::new(),
    }
}

impl World {
    fn plan(&self, adopts: bool) -> Plan {
        Plan::of(Input {
            objects: objects(&self.wanted, &self.ours),
            snapshot: &self.snapshot,
            records: &self.records,
            ours: &self.ours,
            secrets: &self.secrets,
            holds: &self.holds,
            adopts,
        })
    }

    fn action(&self, kind: Kind) -> Action {
        let plan = self.plan(false);
        let step = plan.steps.iter().find(|step| step.object.key.kind == kind);
        step.unwrap().action.clone()
    }

    /// The org has it, and the record says that we made it.
    fn made(&mut self, kind: Kind, name: &str, found: Found) {
        self.records
            .insert(Key::new(kind, name), recorded(&found.id));
        self.snapshot.found.entry(kind).or_default().push(found);
    }
}

/// The org as its real answers have it, made by us.
fn applied() -> World {
    let mut world = world();
    world.made(
        Kind::Group,
        "testAcc_891989555",
        in_org(
            "00gkwr6x98wjXGaqE1d7",
            "testAcc_891989555",
            None,
            json_of(GROUP),
        ),
    );
    world.made(
        Kind::Origin,
        "testAcc-3481107385",
        in_org("tos1", "testAcc-3481107385", None, json_of(ORIGIN)),
    );
    world.made(
        Kind::Certificate,
        "us/aa",
        in_org(
            "42089b9e-eb70-4f9c-b57a-21a1a62817dc",
            "aa",
            None,
            json!({}),
        ),
    );
    let mut idp = json_of(SAML);
    idp["protocol"]["credentials"]["trust"]["issuer"] =
        "https://login.test/saml/us/metadata".into();
    for member in ["url", "destination"] {
        idp["protocol"]["endpoints"]["sso"][member] = "https://login.test/saml/us/sso".into();
    }
    let id = idp["id"].as_str().unwrap().to_owned();
    let sp = service_provider_of(&idp);
    world
        .ours
        .connections
        .get_mut("us")
        .unwrap()
        .service_provider = Some(service_provider(
        sp["entity_id"].as_str().unwrap(),
        sp["acs_url"].as_str().unwrap(),
    ));
    world.made(
        Kind::Idp,
        "testAcc_3926115512",
        in_org(&id, "testAcc_3926115512", None, idp),
    );
    let policy = json!({ "type": "OKTA_SIGN_ON", "status": "ACTIVE", "name": "test_policy_risk_ONLY",
        "conditions": { "people": { "groups": { "include": ["00gkwr6x98wjXGaqE1d7"] } } } });
    world.made(
        Kind::Policy,
        "test_policy_risk_ONLY",
        in_org("00pp", "test_policy_risk_ONLY", None, policy),
    );
    world.made(
        Kind::PolicyRule,
        "test_policy_risk_ONLY",
        in_org(
            "0prp",
            "test_policy_risk_ONLY",
            Some("00pp"),
            json_of(SIGN_ON),
        ),
    );
    let mut hook = json_of(HOOK);
    hook["verificationStatus"] = "VERIFIED".into();
    world.made(
        Kind::Hook,
        "testAcc_3380735199",
        in_org("who1", "testAcc_3380735199", None, hook),
    );
    world
        .secrets
        .insert(Key::new(Kind::Hook, "testAcc_3380735199"), String::new());
    let mut rule = json_of(DISCOVERY);
    rule["conditions"]["userIdentifier"] = json!({ "type": "IDENTIFIER", "patterns": [{ "matchType": "SUFFIX", "value": "@staff.test" }] });
    rule["actions"]["idp"] =
        json!({ "providers": [{ "type": "SAML2", "id": id }], "idpSelectionType": "SPECIFIC" });
    world.made(
        Kind::Route,
        "testAcc_1445710770",
        in_org("0prx", "testAcc_1445710770", None, rule),
    );
    world
}

#[test]
fn an_empty_org_gets_everything_in_the_order_of_need_and_routing_rules_last() {
    let plan = world().plan(false);
    let steps: Vec<(&str, &str)> = plan
        .steps
        .iter()
        .map(|s| (s.action.code(), s.object.key.kind.code()))
        .collect();
    assert_eq!(
        steps,
        [
            ("leave", "connection"),
            ("create", "group"),
            ("create", "trusted_origin"),
            ("create", "certificate"),
            ("create", "identity_provider"),
            ("create", "metadata"),
            ("create", "sign_on_policy"),
            ("create", "sign_on_rule"),
            ("create", "event_hook"),
            ("create", "routing_rule"),
        ]
    );
    assert_eq!(plan.summary(), "9 to create, 1 to leave");
}

#[test]
fn what_real_orgs_answer_after_an_apply_is_nothing_to_do() {
    let plan = applied().plan(false);
    assert_eq!(
        plan.to_text().lines().last(),
        Some("nothing to do"),
        "{}",
        plan.to_text()
    );
    assert!(plan.is_done());
    assert_eq!(plan.to_json()["done"], true);
}

#[test]
fn a_change_in_the_org_names_what_is_and_what_shall_be() {
    let mut world = applied();
    let idp = &mut world.snapshot.found.get_mut(&Kind::Idp).unwrap()[0];
    idp.body["policy"]["subject"]["matchType"] = "EMAIL".into();
    idp.body["status"] = "INACTIVE".into();
    let text = world.plan(false).to_text();
    assert!(
        text.contains("~ change   identity_provider testAcc_3926115512"),
        "{text}"
    );
    assert!(
        text.contains("policy.subject.matchType: EMAIL -> USERNAME"),
        "{text}"
    );
    assert!(text.contains("status: INACTIVE -> ACTIVE"), "{text}");
}

#[test]
fn what_the_org_says_cannot_talk_to_the_terminal() {
    let mut world = applied();
    let idp = &mut world.snapshot.found.get_mut(&Kind::Idp).unwrap()[0];
    idp.body["policy"]["subject"]["matchType"] = "\u{1b}[2J\nnothing to do".into();
    let text = world.plan(false).to_text();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert_ne!(text.lines().last(), Some("nothing to do"));
}

#[test]
fn what_somebody_deleted_behind_our_back_is_made_again() {
    let mut world = applied();
    world.snapshot.found.remove(&Kind::Origin);
    assert_eq!(world.action(Kind::Origin), Action::Create { again: true });
    assert!(
        world
            .plan(false)
            .to_text()
            .contains("somebody deleted it in the org")
    );
}

#[test]
fn what_was_there_before_us_is_left_alone_unless_it_is_to_be_taken_over() {
    let mut world = world();
    let theirs = in_org(
        "00g9",
        "testAcc_891989555",
        None,
        json!({ "profile": { "name": "testAcc_891989555" } }),
    );
    world.snapshot.found.insert(Kind::Group, vec![theirs]);
    let Action::Blocked(refusal) = world.action(Kind::Group) else {
        panic!("not blocked");
    };
    assert!(
        refusal.why.contains("00g9") && refusal.repair.contains("--adopt"),
        "{refusal:?}"
    );
    let plan = world.plan(true);
    let step = plan
        .step(&Key::new(Kind::Group, "testAcc_891989555"))
        .unwrap();
    assert_eq!(
        (step.action.code(), step.action.differences().len()),
        ("adopt", 1)
    );
}

#[test]
fn an_apply_that_ended_between_a_call_and_its_record_is_taken_up_and_a_namesake_is_not() {
    let mut world = applied();
    let key = Key::new(Kind::Idp, "testAcc_3926115512");
    world.records.insert(key.clone(), recorded(""));
    assert_eq!(world.action(Kind::Idp), Action::Resume);
    // Made long before that apply: not ours, however alike.
    world.snapshot.found.get_mut(&Kind::Idp).unwrap()[0].created = Some(0);
    assert!(matches!(world.action(Kind::Idp), Action::Blocked(_)));
    // Made then, but something else.
    let mut world = applied();
    world.records.insert(key, recorded(""));
    world.snapshot.found.get_mut(&Kind::Idp).unwrap()[0].body["policy"]["maxClockSkew"] = 1.into();
    assert!(matches!(world.action(Kind::Idp), Action::Blocked(_)));
}

#[test]
fn another_secret_is_a_change_that_shows_neither() {
    let mut world = applied();
    world.secrets.insert(
        Key::new(Kind::Hook, "testAcc_3380735199"),
        "fingerprint of hunter2".into(),
    );
    let plan = world.plan(false);
    assert!(
        plan.to_text()
            .contains("channel/config/authScheme/value: (another one) -> (the one in $S)"),
        "{}",
        plan.to_text()
    );
    assert!(!plan.to_json().to_string().contains("hunter2"));
}

#[test]
fn a_routing_rule_that_must_wait_waits_and_one_that_stands_stays() {
    let key = Key::new(Kind::Route, "testAcc_1445710770");
    let refusal = Refusal::new("nobody has signed in", "sign in once");
    let mut standing = applied();
    standing.holds.insert(key.clone(), refusal.clone());
    assert_eq!(standing.action(Kind::Route), Action::Leave);
    let mut new = world();
    new.holds.insert(key, refusal.clone());
    assert_eq!(new.action(Kind::Route), Action::Held(refusal));
}

#[test]
fn the_announced_certificate_is_uploaded_and_trusted_beside_the_one_that_signs() {
    let mut world = applied();
    let certificates = &mut world.ours.connections.get_mut("us").unwrap().certificates;
    certificates.push(OurCertificate {
        base64: "MIIC".into(),
        thumbprint: "bb".into(),
    });
    let text = world.plan(false).to_text();
    assert!(text.contains("+ create   certificate us/bb"), "{text}");
    assert!(
        text.contains("protocol.credentials.trust.additionalKids"),
        "{text}"
    );
    // Promoted: the next one signs, and the org has to trust it alone.
    let certificates = &mut world.ours.connections.get_mut("us").unwrap().certificates;
    certificates.remove(0);
    let text = world.plan(false).to_text();
    assert!(
        text.contains("protocol.credentials.trust.kid: 42089b9e-eb70-4f9c-b57a-21a1a62817dc ->"),
        "{text}"
    );
}

#[test]
fn classic_has_clicks_in_the_place_of_an_authenticator() {
    let mut world = world();
    let file = FILE
        .replace("usage = \"sso\"\nusername", "usage = \"factor\"\nusername")
        .replace("no_match = \"create\"\n", "");
    let file = file.split("[[routing_rule]]").next().unwrap().to_owned()
        + "[[authenticator]]\nname = \"idp auth issue\"\nidp = \"testAcc_3926115512\"\n";
    world.wanted = Wanted::parse(&file).unwrap();
    world.snapshot.pipeline = Pipeline::Classic;
    assert!(matches!(
        world.action(Kind::Authenticator),
        Action::NotHere(_)
    ));
    world.snapshot.pipeline = Pipeline::Identity;
    assert_eq!(
        world.action(Kind::Authenticator),
        Action::Create { again: false }
    );
    // A real one that stands for the identity provider.
    let mut applied = applied();
    applied.wanted = Wanted::parse(&file).unwrap();
    let mut body = json_of(AUTHENTICATOR);
    body["provider"]["configuration"]["idpId"] =
        applied.snapshot.all(Kind::Idp)[0].id.as_str().into();
    body["status"] = "ACTIVE".into();
    applied.made(
        Kind::Authenticator,
        "idp auth issue",
        in_org("aut1", "idp auth issue", None, body),
    );
    assert_eq!(applied.action(Kind::Authenticator), Action::Leave);
}

#[test]
fn terraform_says_the_same_with_secrets_as_variables() {
    let world = world();
    let text = terraform(&objects(&world.wanted, &world.ours));
    for line in [
        "resource \"okta_group\" \"testacc_891989555\" {",
        "  kid = okta_idp_saml_key.us_aa.id",
        "  sso_url = \"https://login.test/saml/us/sso\"",
        "  groups_included = [okta_group.testacc_891989555.id]",
        "  policy_id = okta_policy_signon.test_policy_risk_only.id",
        "  policy_id = data.okta_policy.idp_discovery.id",
        "    id = okta_idp_saml.testacc_3926115512.id",
        "  auth = { type = \"HEADER\", key = \"Authorization\", value = var.testacc_3380735199_secret }",
        "variable \"testacc_3380735199_secret\" {",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}
