use super::{authenticator::Authenticator, *};

const ORIGIN: &str = "https://login.tacit-idp.test";
const DECOY: [u8; 32] = [7; 32];

fn party() -> Passkeys {
    Passkeys::new(&Origin::new(ORIGIN).unwrap()).unwrap()
}

fn registered(authenticator: &Authenticator) -> Result<Stored, PasskeyError> {
    let login = UserName::new("ann@acme.test").unwrap();
    let started = party().start_registration(&UserId::generate(1_000), &login, &[])?;
    party().finish_registration(&started.state, &authenticator.create(&started.options))
}

#[test]
fn a_passkey_that_was_made_signs_in() {
    let authenticator = Authenticator::new(ORIGIN);
    let stored = registered(&authenticator).unwrap();
    assert_eq!(stored.credential_id, authenticator.id());
    let passkeys = [stored.credential];
    let started = party().start_authentication(&passkeys, DECOY).unwrap();
    assert_eq!(started.options["publicKey"]["userVerification"], "required");
    let answer = authenticator.get(&started.options);
    let (used, strength) = party()
        .finish_authentication(&started.state, &passkeys, &answer)
        .unwrap();
    assert_eq!(used.credential_id, authenticator.id());
    assert_eq!(strength, Strength::PhishingResistant { hardware: true });
}

#[test]
fn an_answer_from_another_origin_is_refused() {
    let authenticator = Authenticator::new("https://login.tacit-ipd.test");
    assert!(matches!(
        registered(&authenticator),
        Err(PasskeyError::Refused(_))
    ));
}

#[test]
fn without_user_verification_nothing_is_made_and_nothing_passes() {
    assert!(registered(&Authenticator::new(ORIGIN).without_user_verification()).is_err());
    let authenticator = Authenticator::new(ORIGIN);
    let passkeys = [registered(&authenticator).unwrap().credential];
    let started = party().start_authentication(&passkeys, DECOY).unwrap();
    let answer = authenticator
        .without_user_verification()
        .get(&started.options);
    assert!(
        party()
            .finish_authentication(&started.state, &passkeys, &answer)
            .is_err()
    );
}

#[test]
fn the_passkey_of_another_person_is_refused() {
    let (ann, ben) = (Authenticator::new(ORIGIN), Authenticator::new(ORIGIN));
    let passkeys = [registered(&ann).unwrap().credential];
    registered(&ben).unwrap();
    let started = party().start_authentication(&passkeys, DECOY).unwrap();
    let answer = ben.get(&started.options);
    assert!(
        party()
            .finish_authentication(&started.state, &passkeys, &answer)
            .is_err()
    );
}

#[test]
fn an_answer_to_another_challenge_is_refused() {
    let authenticator = Authenticator::new(ORIGIN);
    let passkeys = [registered(&authenticator).unwrap().credential];
    let first = party().start_authentication(&passkeys, DECOY).unwrap();
    let second = party().start_authentication(&passkeys, DECOY).unwrap();
    let answer = authenticator.get(&first.options);
    assert!(
        party()
            .finish_authentication(&second.state, &passkeys, &answer)
            .is_err()
    );
}

#[test]
fn options_for_nobody_look_like_options_for_somebody() {
    let some = party()
        .start_authentication(
            &[registered(&Authenticator::new(ORIGIN)).unwrap().credential],
            DECOY,
        )
        .unwrap();
    let none = party().start_authentication(&[], DECOY).unwrap();
    let shape = |options: &serde_json::Value| {
        let key = options["publicKey"].as_object().unwrap();
        let members: Vec<String> = key.keys().cloned().collect();
        let allowed = key["allowCredentials"].as_array().unwrap();
        let first = allowed[0].as_object().unwrap();
        let inner: Vec<String> = first.keys().cloned().collect();
        (
            members,
            allowed.len(),
            inner,
            first["id"].as_str().unwrap().len(),
        )
    };
    assert_eq!(shape(&some.options), shape(&none.options));
    let answer = Authenticator::new(ORIGIN).get(&none.options);
    assert!(
        party()
            .finish_authentication(&none.state, &[], &answer)
            .is_err()
    );
}

#[test]
fn what_is_no_answer_is_refused_as_malformed() {
    let started = party().start_authentication(&[], DECOY).unwrap();
    for answer in [
        "",
        "{}",
        "null",
        "[]",
        &"x".repeat(ANSWER + 1),
        r#"{"id":"a","rawId":"%"}"#,
    ] {
        let refused = party().finish_authentication(&started.state, &[], answer);
        assert!(
            matches!(refused, Err(PasskeyError::Malformed)),
            "{answer:.20}"
        );
    }
}
