use super::*;

const ORG: &str =
    "name = \"t\"\n[org]\nurl = \"https://acme.okta.com\"\ntoken_env = \"OKTA_API_TOKEN\"\n";
/// Of the shape of an API token, and none.
const TOKEN: &str = concat!("00", "abcdefghijklmnopqrstuvwxyz0123456789ABCD");

fn saml(usage: &str) -> String {
    format!("[[saml_idp]]\nname = \"us\"\nconnection = \"c\"\nusage = \"{usage}\"\n")
}

/// The fault of the smallest good file with `more` after it.
fn fault(more: &str) -> Fault {
    let text = format!("{ORG}{more}");
    match Wanted::parse(&text) {
        Err(fault) => fault,
        Ok(_) => panic!("{more} was accepted"),
    }
}

#[test]
fn each_of_the_five_scenarios_is_a_good_file() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/okta");
    for name in ["twosense", "trusona", "duo", "beyond-identity", "truepic"] {
        let wanted = Wanted::load(&examples.join(format!("{name}.toml")))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(wanted.name, name);
    }
    let wanted = Wanted::load(&examples.join("beyond-identity.toml")).unwrap();
    let route = &wanted.routes[0];
    assert_eq!(
        (route.attribute.as_deref(), route.patterns[0].value.as_str()),
        (Some("byndidRegistered"), "true")
    );
}

#[test]
fn every_fault_names_its_line_its_place_and_its_repair() {
    for (more, line, place, repair) in [
        ("[[group]]\nnmae = \"x\"\n", 5, "group[0].name", "add `name"),
        (
            "[[group]]\nname = \"x\"\ndescriptoin = \"y\"\n",
            7,
            "group[0].descriptoin",
            "did you mean `description`?",
        ),
        (
            "[[group]]\nname = 3\n",
            6,
            "group[0].name",
            "write `name = \"…\"`",
        ),
        (
            "[[group]]\nname = \"x\"\nexisting = \"yes\"\n",
            7,
            "group[0].existing",
            "write `existing = true`",
        ),
        (
            "[group]\nname = \"x\"\n",
            5,
            "group",
            "write each as [[group]]",
        ),
        (
            "[[attribute]]\nname = \"a b\"\ntype = \"boolean\"\n",
            6,
            "attribute[0].name",
            "letters, digits and _",
        ),
        (
            "[[attribute]]\nname = \"a\"\ntype = \"bool\"\n",
            7,
            "attribute[0].type",
            "write one of \"boolean\"",
        ),
        (
            "[[trusted_origin]]\nname = \"o\"\norigin = \"https://a.test/x\"\n",
            7,
            "trusted_origin[0].origin",
            "scheme, host and port",
        ),
        (
            "[[trusted_origin]]\nname = \"o\"\ncors = false\nredirect = false\n",
            5,
            "trusted_origin[0]",
            "set `cors`",
        ),
        (
            "[[saml_idp]]\nname = \"i\"\nconnection = \"A b\"\nusage = \"sso\"\n",
            7,
            "saml_idp[0].connection",
            "lower-case letters",
        ),
        (
            "[[saml_idp]]\nname = \"i\"\nconnection = \"c\"\n",
            5,
            "saml_idp[0].usage",
            "usage = \"factor\"",
        ),
        (
            "[[saml_idp]]\nname = \"i\"\nconnection = \"c\"\nusage = \"factor\"\nno_match = \"create\"\n",
            9,
            "saml_idp[0].no_match",
            "leave the key out",
        ),
        (
            "[[saml_idp]]\nname = \"i\"\nconnection = \"c\"\nusage = \"sso\"\nmax_clock_skew_ms = -1\n",
            9,
            "saml_idp[0].max_clock_skew_ms",
            "write `max_clock_skew_ms = 0`",
        ),
        (
            "[[oidc_idp]]\nname = \"i\"\nconnection = \"c\"\nusage = \"sso\"\nscopes = [\"email\"]\n",
            9,
            "oidc_idp[0].scopes",
            "without it",
        ),
        (
            "[[sign_on_policy]]\nname = \"p\"\n",
            5,
            "sign_on_policy[0].groups",
            "never for everybody by accident",
        ),
        (
            "[[event_hook]]\nname = \"h\"\nevents = [\"a\"]\nurl = \"https://a.test/x\"\n",
            5,
            "event_hook[0]",
            "secret_env",
        ),
        (
            "[[routing_rule]]\nname = \"r\"\nidp = \"i\"\n",
            5,
            "routing_rule[0]",
            "add `suffix",
        ),
        (
            "[[routing_rule]]\nname = \"r\"\nidp = \"i\"\nsuffix = [\"a\", \"a\"]\n",
            8,
            "routing_rule[0].suffix",
            "leave one out",
        ),
        (
            "[[group]]\nname = \"a\\u0001b\"\n",
            6,
            "group[0].name",
            "one line",
        ),
        ("surprise = 1\n", 5, "org.surprise", "known here: "),
        ("[[group]]\nname = \n", 6, "", "toml.io"),
    ] {
        let fault = fault(more);
        assert_eq!((fault.line, fault.place.as_str()), (line, place), "{fault}");
        assert!(fault.repair.contains(repair), "{fault}");
    }
}

#[test]
fn tables_that_do_not_go_together_are_refused() {
    let route = "[[routing_rule]]\nname = \"r\"\nidp = \"us\"\nsuffix = [\"@a.test\"]\n";
    for (more, expected) in [
        (format!("{}{route}", saml("factor")), "is a factor only"),
        (format!("{}{route}", saml("sso")), "names no administrator"),
        (route.to_owned(), "does not have"),
        (
            format!(
                "{}[[authenticator]]\nname = \"a\"\nidp = \"us\"\n",
                saml("sso")
            ),
            "whose usage is \"sso\"",
        ),
        (
            "[[sign_on_policy]]\nname = \"p\"\ngroups = [\"g\"]\n".to_owned(),
            "does not have",
        ),
        (
            "[[group]]\nname = \"g\"\n[[group]]\nname = \"G\"\n".to_owned(),
            "more than one group",
        ),
        (
            format!(
                "{}{}",
                saml("sso"),
                saml("sso").replace("\"us\"", "\"them\"")
            ),
            "share the connection",
        ),
    ] {
        assert!(fault(&more).to_string().contains(expected), "{more}");
    }
}

#[test]
fn a_file_with_a_secret_inside_is_refused_and_the_secret_is_not_repeated() {
    for more in [
        format!("token = \"{TOKEN}\"\n"),
        format!("# {TOKEN}\n"),
        format!("[[group]]\nname = \"x\"\ndescription = \"{TOKEN}\"\n"),
        "client_secret = \"hunter2\"\n".to_owned(),
        "[[event_hook]]\nname = \"h\"\nevents = [\"a\"]\nsecret = \"hunter2\"\n".to_owned(),
        "[[event_hook]]\nname = \"h\"\nevents = [\"a\"]\nsecret_env = \"hunter2\"\n".to_owned(),
        "[[event_hook]]\nname = \"h\"\nevents = [\"a\"]\npassword = hunter2\n".to_owned(),
    ] {
        let shown = fault(&more).to_string();
        assert!(
            !shown.contains(TOKEN) && !shown.contains("hunter2"),
            "{shown}"
        );
    }
    let fault = fault(
        "[[event_hook]]\nname = \"h\"\nevents = [\"a\"]\nsecret_env = \"A\"\nsecret = \"hunter2\"\n",
    );
    assert!(
        fault.what.contains("looks like a secret") && fault.repair.contains("_env"),
        "{fault}"
    );
}

#[test]
fn a_way_in_is_given_once_and_a_large_file_is_not_read() {
    let org = |keys: &str| {
        Wanted::parse(&format!(
            "name = \"t\"\n[org]\nurl = \"https://a.test\"\n{keys}"
        ))
    };
    assert!(org("token_file = \"t\"").is_ok());
    assert!(org("client_id = \"0oa1\"\nkey_id = \"k\"\nkey_file = \"k.pem\"").is_ok());
    for keys in [
        "",
        "client_id = \"0oa1\"",
        "token_env = \"A\"\nclient_id = \"0oa1\"",
        "token_env = \"A\"\ntoken_file = \"t\"",
    ] {
        assert!(org(keys).is_err(), "{keys}");
    }
    for url in ["http://a.test", "https://a.test/x", "https://", "acme"] {
        let text = format!("name = \"t\"\n[org]\nurl = \"{url}\"\ntoken_env = \"A\"");
        assert_eq!(Wanted::parse(&text).unwrap_err().place, "org.url", "{url}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    std::fs::write(&path, format!("{ORG}#{}", "x".repeat(300_000))).unwrap();
    assert!(matches!(Wanted::load(&path), Err(FileError::Large(_))));
    assert!(matches!(
        Wanted::load(&folder.path().join("none.toml")),
        Err(FileError::Read(..))
    ));
}
