use super::*;
use wire::statement::{ProtectionClass, Verdict};

fn facts() -> Facts {
    Facts {
        groups: vec!["staff".into()],
        connection: "acme".into(),
        application: "payroll".into(),
        agent: Agent::Proven,
        provenance: true,
        verdict: Some(Verdict::Genuine),
        evidence_age_ms: Some(5_000),
        learning: Some(LearningState::Mature),
        protection_class: Some(ProtectionClass::Hardware),
        after_unlock: false,
        platform: "linux".into(),
    }
}

fn check(rules: &str, facts: &Facts) -> (Then, Option<String>) {
    let policy = Policy::parse(&format!("format = 1\n{rules}")).unwrap();
    let ruling = policy.rule_on(facts);
    (ruling.then, ruling.rule.map(Into::into))
}

#[test]
fn the_shipped_policy_is_silent_for_this_person_only() {
    let policy = Policy::parse(SHIPPED).unwrap();
    let silent = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        policy.rule_on(&facts).then == Then::Allow
    };
    assert!(silent(&|_| {}));
    for verdict in [
        Verdict::Unsure,
        Verdict::Impostor,
        Verdict::Learning,
        Verdict::Automated,
        Verdict::NoEvidence,
    ] {
        assert!(!silent(&|f| f.verdict = Some(verdict)), "{verdict:?}");
    }
    assert!(!silent(&|f| f.verdict = None));
    assert!(!silent(&|f| f.agent = Agent::Failed));
    assert!(!silent(&|f| f.agent = Agent::Absent));
    assert!(!silent(&|f| f.provenance = false));
    assert!(!silent(&|f| f.evidence_age_ms = Some(120_001)));
    assert!(!silent(&|f| f.evidence_age_ms = None));
    assert!(!silent(
        &|f| f.protection_class = Some(ProtectionClass::Software)
    ));
}

#[test]
fn a_policy_that_allows_too_much_is_not_loaded() {
    let refused = |when: &str| {
        Policy::parse(&format!(
            "format = 1\n[[rule]]\nname = \"r\"\n{when}then = \"allow\""
        ))
        .unwrap_err()
    };
    let name = || "r".to_string();
    for (when, error) in [
        ("", PolicyError::AllowsUnproven(name())),
        (
            "when = { agent = [\"proven\", \"failed\"], provenance = true, verdict = [\"genuine\"] }\n",
            PolicyError::AllowsUnproven(name()),
        ),
        (
            "when = { agent = [\"proven\"], verdict = [\"genuine\"] }\n",
            PolicyError::AllowsTransplanted(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = false, verdict = [\"genuine\"] }\n",
            PolicyError::AllowsTransplanted(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = true }\n",
            PolicyError::AllowsUnjudged(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = true, verdict = [\"genuine\", \"unsure\"] }\n",
            PolicyError::AllowsUnjudged(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = true, verdict = [] }\n",
            PolicyError::AllowsUnjudged(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = true, after_unlock = false }\n",
            PolicyError::AllowsUnjudged(name()),
        ),
        (
            "when = { agent = [\"proven\"], provenance = true, verdict = [\"impostor\"], after_unlock = true }\n",
            PolicyError::AllowsAgainstVerdict(name()),
        ),
    ] {
        assert_eq!(refused(when), error, "{when}");
    }
    let unlock = "format = 1\n[[rule]]\nname = \"r\"\nwhen = { agent = [\"proven\"], provenance = true, after_unlock = true }\nthen = \"allow\"";
    assert!(
        Policy::parse(unlock).is_ok(),
        "an explicit after_unlock is the administrator's to give"
    );
}

#[test]
fn malformed_policies_say_what_is_wrong() {
    let error = |text: &str| Policy::parse(text).unwrap_err();
    assert_eq!(error("format = 2"), PolicyError::Format(2));
    assert_eq!(
        error("format = 1\npatience_ms = 60000"),
        PolicyError::Patience
    );
    assert_eq!(error(&" ".repeat(BYTES + 1)), PolicyError::TooLong);
    assert!(
        matches!(error("format = 1\nsurprise = 1"), PolicyError::Shape(why) if why.contains("surprise"))
    );
    assert!(matches!(
        error(
            "format = 1\n[[rule]]\nname = \"r\"\nwhen = { verdict = [\"sure\"] }\nthen = \"step_up\""
        ),
        PolicyError::Shape(_)
    ));
    let twice = "format = 1\n[[rule]]\nname = \"r\"\nthen = \"step_up\"\n[[rule]]\nname = \"r\"\nthen = \"step_up\"";
    assert_eq!(error(twice), PolicyError::NameTwice("r".into()));
    assert_eq!(
        error("format = 1\n[[rule]]\nname = \"r\"\nthen = \"step_up\"\nfactors = []"),
        PolicyError::NoFactor("r".into())
    );
    assert_eq!(
        error("format = 1\n[[rule]]\nname = \"r\"\nthen = \"decline\"\nfactors = [\"totp\"]"),
        PolicyError::FactorsUnused("r".into())
    );
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rules = r#"
[[rule]]
name = "finance observes"
when = { group = ["finance"] }
then = "observe"
[[rule]]
name = "partners decline"
when = { connection = ["partners"] }
then = "decline"
[[rule]]
name = "learning"
when = { learning = "learning" }
then = "step_up"
factors = ["totp"]
"#;
    assert_eq!(check(rules, &facts()), (Then::StepUp, None), "none fits");
    let finance = Facts {
        groups: vec!["finance".into()],
        connection: "partners".into(),
        ..facts()
    };
    assert_eq!(
        check(rules, &finance),
        (Then::Observe, Some("finance observes".into()))
    );
    let partners = Facts {
        connection: "partners".into(),
        ..facts()
    };
    assert_eq!(
        check(rules, &partners),
        (Then::Decline, Some("partners decline".into()))
    );
    let learning = Facts {
        learning: Some(LearningState::Learning),
        ..facts()
    };
    assert_eq!(
        check(rules, &learning),
        (Then::StepUp, Some("learning".into()))
    );
    let unknown = Facts {
        learning: None,
        ..facts()
    };
    assert_eq!(
        check(rules, &unknown),
        (Then::StepUp, None),
        "what is unknown fits no condition"
    );
}
