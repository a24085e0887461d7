//! `tacit connection` for OpenID Connect, as an administrator types it.

use serde_json::{Value, json};
use std::process::{Command, Output};

struct Program(tempfile::TempDir);

impl Program {
    fn initialised() -> Self {
        let program = Self(tempfile::tempdir().unwrap());
        let key = rcgen::generate_simple_self_signed(["login.tacit-idp.test".to_owned()]).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(program.0.path().join(name), text).unwrap();
        write("c.pem", &key.cert.pem());
        write("k.pem", &key.signing_key.serialize_pem());
        write("pw", "a long enough password\n");
        let init = "init --origin https://login.tacit-idp.test --listen 127.0.0.1:0 --tls-cert c.pem --tls-key k.pem --admin-password-file pw";
        program.good(init);
        program
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
        command
            .env("TACIT_DATA", self.0.path().join("data"))
            .current_dir(self.0.path());
        command.args(line.split_whitespace()).output().unwrap()
    }

    fn good(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn bad(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(
            !output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stderr).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.good(line)).unwrap()
    }
}

#[test]
fn a_connection_is_added_shown_changed_and_its_secret_replaced_without_a_pause() {
    let tacit = Program::initialised();
    let add = "connection add okta --protocol oidc --role factor --redirect-uri https://acme.okta.com/oauth2/v1/authorize/callback";
    let added = tacit.json(&format!(
        "{add} --request-object HS256 --groups staff,it --json"
    ));
    assert_eq!(
        added["discovery_url"],
        "https://login.tacit-idp.test/oidc/okta/.well-known/openid-configuration"
    );
    assert_eq!(
        (&added["role"], &added["groups"], &added["secrets"]),
        (&json!("factor"), &json!(["staff", "it"]), &json!(1))
    );
    assert_eq!(
        added["client_secret"].as_str().unwrap().len(),
        64,
        "as long as HS512 wants it"
    );
    let shown = tacit.json("connection show okta --json");
    assert_eq!(
        (&shown["client_id"], shown.get("client_secret")),
        (&added["client_id"], None),
        "the secret is shown once"
    );
    assert!(
        !tacit
            .good("connection show okta")
            .contains(added["client_secret"].as_str().unwrap())
    );
    assert!(tacit.good("connection list").contains("okta  oidc  factor"));

    let second = tacit.json("connection secret okta --json");
    assert_ne!(second["client_secret"], added["client_secret"]);
    assert!(
        tacit.bad("connection secret okta").contains("--retire"),
        "two at most"
    );
    tacit.good("connection secret okta --retire");
    assert_eq!(tacit.json("connection show okta --json")["secrets"], 1);
    assert!(
        tacit
            .bad("connection secret okta --retire")
            .contains("no older secret")
    );

    tacit.good("connection update okta --request-object none --require-pkce true --groups , --post-logout-redirect-uri https://acme.okta.com/bye");
    let changed = tacit.json("connection show okta --json");
    assert_eq!(
        (&changed["groups"], &changed["client"]["require_pkce"]),
        (&json!([]), &json!(true))
    );
    assert_eq!(
        changed["client"]["redirect_uris"], shown["client"]["redirect_uris"],
        "what was not given stays"
    );
    let again = tacit.good("connection update okta --request-object HS256");
    assert!(
        again.contains("tacit connection secret okta"),
        "its text was forgotten with the setting: {again}"
    );
    assert!(
        tacit
            .good("connection rotate okta")
            .contains("is published")
    );
    tacit.good("connection rotate okta --promote");
}

#[test]
fn what_could_not_work_or_would_not_be_safe_is_refused_with_its_repair() {
    let tacit = Program::initialised();
    let add = "connection add x --protocol oidc --role sso";
    for (arguments, sentence) in [
        ("", "redirect URI"),
        ("--redirect-uri http://app.acme.test/cb", "https"),
        ("--redirect-uri http://127.0.0.1/cb", "https"),
        ("--redirect-uri https://*.acme.test/cb", "wildcard"),
        ("--redirect-uri https://app.acme.test/cb#x", "fragment"),
        (
            "--redirect-uri https://app.acme.test/cb?code=1",
            "parameter that an answer adds",
        ),
        (
            "--redirect-uri https://ann@app.acme.test/cb",
            "user information",
        ),
        ("--redirect-uri /cb", "no absolute URI"),
        (
            "--redirect-uri https://app.acme.test/cb --id-token-alg HS256",
            "RS256 or ES256",
        ),
        (
            "--redirect-uri https://app.acme.test/cb --request-object RS256",
            "--client-jwks",
        ),
        (
            "--redirect-uri https://app.acme.test/cb --client-auth private-key-jwt --request-object HS256",
            "a client with a secret",
        ),
        (
            "--redirect-uri https://app.acme.test/cb --client-auth none --request-object HS256",
            "a client with a secret",
        ),
        (
            "--redirect-uri https://app.acme.test/cb --request-object XS256",
            "HS256",
        ),
        (
            "--redirect-uri https://app.acme.test/cb --metadata m.xml",
            "--metadata",
        ),
    ] {
        let said = tacit.bad(&format!("{add} {arguments}"));
        assert!(said.contains(sentence), "{arguments}: {said}");
    }
    assert!(
        tacit
            .bad("connection add y --role sso --redirect-uri https://app.acme.test/cb")
            .contains("--protocol oidc")
    );
    std::fs::write(
        tacit.0.path().join("private.json"),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}"#,
    )
    .unwrap();
    std::fs::write(
        tacit.0.path().join("short.json"),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
    )
    .unwrap();
    for (file, sentence) in [
        ("private.json", "private"),
        ("short.json", "2048"),
        ("none.json", "reading"),
    ] {
        let said = tacit.bad(&format!("{add} --redirect-uri https://app.acme.test/cb --client-auth private-key-jwt --client-jwks {file}"));
        assert!(said.contains(sentence), "{file}: {said}");
    }
    tacit.good("connection add native --protocol oidc --role sso --client-auth none --id-token-alg ES256 --redirect-uri http://127.0.0.1/cb");
    assert!(tacit.bad("connection secret native").contains("no secret"));
    assert!(
        tacit
            .bad("connection update native --id-token-alg RS256")
            .contains("another connection")
    );
    tacit.good("connection add saml --role factor");
    assert!(
        tacit
            .bad("connection update saml --redirect-uri https://app.acme.test/cb")
            .contains("--protocol oidc")
    );
    assert!(tacit.bad("connection secret saml").contains("SAML"));
    let doctor = tacit.run("doctor --json");
    let text = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        text.contains("connection native: signing key") && text.contains("signs ES256"),
        "{text}"
    );
}
