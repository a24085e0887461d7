//! `tacit okta` for the org as one file says: what needs no org, and the record on both databases. The rest is judged
//! against the stand-in, in `tests/conformance`.

use crate::support::on_both_databases;
use serde_json::Value;
use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};
use tacit::{
    clock::MINUTE,
    store::{
        Store,
        okta_object::{INTENTION, OktaObjectRow},
    },
};

struct Program(tempfile::TempDir);

impl Program {
    fn initialised() -> Self {
        let program = Self(tempfile::tempdir().unwrap());
        let key = rcgen::generate_simple_self_signed(["login.tacit-idp.test".to_owned()]).unwrap();
        program.write("c.pem", &key.cert.pem());
        program.write("k.pem", &key.signing_key.serialize_pem());
        program.write("pw", "a long enough password\n");
        let init = "init --origin https://login.tacit-idp.test --listen 127.0.0.1:0 --tls-cert c.pem --tls-key k.pem --admin-password-file pw";
        assert!(program.run(init).status.success());
        program
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
        command
            .env("TACIT_DATA", self.0.path().join("data"))
            .env_remove("OKTA_API_TOKEN")
            .current_dir(self.0.path());
        command.args(line.split_whitespace()).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const FILE: &str =
    "name = \"t\"\n[org]\nurl = \"https://acme.okta.invalid\"\ntoken_env = \"OKTA_API_TOKEN\"\n";

#[test]
fn a_wrong_file_and_a_missing_token_are_named_with_their_repair() {
    let tacit = Program::initialised();
    tacit.write("bad.toml", &format!("{FILE}[[group]]\nnam = \"x\"\n"));
    for command in ["plan", "apply --yes", "drift", "destroy --yes"] {
        let output = tacit.run(&format!("okta {command} bad.toml"));
        assert!(!output.status.success());
        let shown = text(&output.stderr);
        assert!(
            shown.contains("bad.toml, line 5: group[0].name is missing (repair: add `name"),
            "{shown}"
        );
    }
    tacit.write("good.toml", FILE);
    let shown = text(&tacit.run("okta plan good.toml").stderr);
    assert!(
        shown.contains("the environment variable OKTA_API_TOKEN is not set"),
        "{shown}"
    );
    let doctor = tacit.run("okta doctor good.toml --json");
    assert!(!doctor.status.success());
    let finding: Value = serde_json::from_str(text(&doctor.stdout).trim()).unwrap();
    assert_eq!(
        (&finding["step"], &finding["good"]),
        (&"file and secrets".into(), &false.into())
    );
    let missing = text(&tacit.run("okta plan none.toml").stderr);
    assert!(missing.contains("none.toml"), "{missing}");
}

#[test]
fn an_org_that_cannot_be_reached_is_the_step_that_doctor_names() {
    let tacit = Program::initialised();
    tacit.write("token", "00thisTokenIsShownNowhereAndIsOfNoUse00042\n");
    let file = FILE.replace("token_env = \"OKTA_API_TOKEN\"", "token_file = \"token\"");
    tacit.write("good.toml", &file);
    let open = text(&tacit.run("okta plan good.toml").stderr);
    assert!(open.contains("may be read by others: chmod 600"), "{open}");
    let path = tacit.0.path().join("token");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    // Nobody listens there.
    let output = tacit.run("okta doctor good.toml --json --org-address 127.0.0.1:1");
    let lines = text(&output.stdout);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["step"], &last["good"]),
        (&"org".into(), &false.into()),
        "{lines}"
    );
    assert!(!lines.contains("00thisToken"));
    assert!(!output.status.success());
}

#[test]
fn terraform_needs_no_org_and_knows_the_connections_certificate() {
    let tacit = Program::initialised();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/okta");
    let before = tacit.run(&format!("okta terraform {examples}/trusona.toml"));
    assert!(before.status.success(), "{}", text(&before.stderr));
    assert!(text(&before.stdout).contains("(made by `tacit connection add`)"));
    assert!(
        tacit
            .run("connection add trusona --role sso")
            .status
            .success()
    );
    for name in ["twosense", "trusona", "duo", "beyond-identity", "truepic"] {
        let output = tacit.run(&format!("okta terraform {examples}/{name}.toml"));
        let shown = text(&output.stdout);
        assert!(
            shown.contains("source = \"okta/okta\""),
            "{name}: {}",
            text(&output.stderr)
        );
        assert_eq!(
            shown.matches('{').count(),
            shown.matches('}').count(),
            "{name}"
        );
    }
    let shown = text(
        &tacit
            .run(&format!("okta terraform {examples}/trusona.toml"))
            .stdout,
    );
    assert!(shown.contains("x5c = [\"MII"), "{shown}");
}

fn row(name: &str, holder: &str, at: i64) -> OktaObjectRow {
    OktaObjectRow {
        set_name: "t".into(),
        org: "00o1".into(),
        kind: "group".into(),
        name: name.into(),
        okta_id: String::new(),
        parent_id: String::new(),
        state: "intended".into(),
        adopted: 0,
        secret: "s".into(),
        holder: holder.into(),
        intended_at: at,
        made_at: 0,
    }
}

on_both_databases! {
    async fn an_object_is_meant_then_made_then_forgotten(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let mut one = row("one", "node", 5);
        assert!(store.intend_okta_object(&one, "").await.unwrap());
        assert_eq!(store.okta_objects("t", "00o1").await.unwrap(), [one.clone()]);
        one.okta_id = "00g1".into();
        one.state = "made".into();
        one.made_at = 6;
        store.put_okta_object(&one).await.unwrap();
        store.put_okta_object(&one).await.unwrap();
        assert_eq!(store.okta_objects("t", "00o1").await.unwrap(), [one.clone()]);
        assert!(store.okta_objects("t", "00o2").await.unwrap().is_empty());
        assert!(store.okta_objects("u", "00o1").await.unwrap().is_empty());
        store.forget_okta_object(&one).await.unwrap();
        assert!(store.okta_objects("t", "00o1").await.unwrap().is_empty());
    }

    async fn of_two_nodes_that_mean_to_make_the_same_object_one_makes_it(database: Database) {
        let store = Store::open(&database.url).await.unwrap();
        let at = 100 * MINUTE;
        assert!(store.intend_okta_object(&row("one", "here", at), "").await.unwrap());
        assert!(!store.intend_okta_object(&row("one", "there", at + 1), "").await.unwrap(), "it is being made");
        assert!(store.intend_okta_object(&row("one", "here", at + 2), "").await.unwrap(), "a run that ended goes on");
        let late = at + 2 + INTENTION + 1;
        assert!(store.intend_okta_object(&row("one", "there", late), "").await.unwrap(), "the other node is gone");
        let made = OktaObjectRow { okta_id: "00g1".into(), state: "made".into(), made_at: late, ..row("one", "there", late) };
        store.put_okta_object(&made).await.unwrap();
        assert!(!store.intend_okta_object(&row("one", "here", late + 1), "").await.unwrap(), "it was made since");
        assert!(store.intend_okta_object(&row("one", "here", late + 1), "00g1").await.unwrap(), "it vanished from the org");
        assert_eq!(store.okta_objects("t", "00o1").await.unwrap()[0].okta_id, "");
    }
}
