use super::*;
use crate::domain::answer::{Question, judge};
use wire::{
    reason::Reason,
    server::Outcome,
    statement::{ProtectionClass, Verdict},
};

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
        address: Some([10, 1, 2, 3].into()),
        at: 1_795_393_898_042, // Monday, 00:31 UTC
        session_prompt_ms: None,
        device_prompt_ms: None,
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

#[test]
fn networks_hours_and_prompts_are_conditions_like_the_others() {
    let rules = r#"
[[rule]]
name = "from the office"
when = { network = ["10.1.0.0/16", "2001:db8::/32"], application = ["payroll"], platform = ["linux"] }
then = "decline"
[[rule]]
name = "at night"
when = { time = { days = ["sun"], from = "22:00", to = "05:00", zone = "UTC" }, agent = ["failed", "absent"], provenance = false }
then = "observe"
"#;
    let rule = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        check(rules, &facts).1.unwrap_or_default()
    };
    assert_eq!(rule(&|_| {}), "from the office");
    assert_eq!(
        rule(&|f| f.address = "2001:db8::7".parse().ok()),
        "from the office"
    );
    for address in ["10.2.0.1", "2001:db9::7", "::ffff:10.1.2.3"] {
        assert_eq!(rule(&|f| f.address = address.parse().ok()), "", "{address}");
    }
    assert_eq!(
        rule(&|f| f.address = None),
        "",
        "an unknown address is in no network"
    );
    assert_eq!(rule(&|f| f.platform = "windows".into()), "");
    let absent = |f: &mut Facts| {
        (f.address, f.agent, f.provenance) = (None, Agent::Absent, false);
    };
    assert_eq!(
        rule(&absent),
        "at night",
        "Monday, half past midnight, belongs to Sunday"
    );
    assert_eq!(
        rule(&|f| {
            absent(f);
            f.at += 5 * crate::clock::HOUR;
        }),
        ""
    );
    for (written, words) in [
        ("when = { network = [\"10.0.0.0/33\"] }", "network"),
        ("when = { network = [\"office\"] }", "network"),
        (
            "when = { time = { zone = \"Mars/Olympus\" } }",
            "is no time zone",
        ),
    ] {
        let text = format!("format = 1\n[[rule]]\nname = \"r\"\n{written}\nthen = \"step_up\"");
        let error = Policy::parse(&text).unwrap_err();
        assert!(
            matches!(&error, PolicyError::Shape(why) if why.contains(words)),
            "{error}"
        );
    }
}

const SILENT: &str =
    "when = { agent = [\"proven\"], provenance = true, verdict = [\"genuine\"] }\n";

#[test]
fn a_prompt_asks_from_time_to_time_and_never_lets_anything_pass() {
    let judged = |prompt: &str, session: Option<i64>, device: Option<i64>, verdict: Verdict| {
        let text =
            format!("format = 1\n[[rule]]\nname = \"r\"\n{SILENT}then = \"allow\"\n{prompt}");
        let question = Question {
            facts: Facts {
                session_prompt_ms: session,
                device_prompt_ms: device,
                verdict: Some(verdict),
                ..facts()
            },
            blockers: Vec::new(),
            is_suspected: false,
            okta_offers_choice: true,
        };
        let judgement = judge(&Policy::parse(&text).unwrap(), &question);
        (judgement.outcome, judgement.reasons[0])
    };
    let genuine = Verdict::Genuine;
    let allowed = (Outcome::Allow, Reason::Genuine);
    let due = (Outcome::StepUp, Reason::PromptDue);
    let hour = crate::clock::HOUR;
    assert_eq!(judged("", None, None, genuine), allowed);
    assert_eq!(
        judged("prompt = { every = \"time\" }", Some(0), Some(0), genuine),
        due
    );
    let session = "prompt = { every = \"session\", hours = 12 }";
    for (passed, expected) in [
        (None, due),
        (Some(0), allowed),
        (Some(12 * hour), allowed),
        (Some(12 * hour + 1), due),
        (Some(-1), due),
    ] {
        assert_eq!(
            judged(session, passed, Some(0), genuine),
            expected,
            "{passed:?}"
        );
    }
    let device = "prompt = { every = \"device\", hours = 168 }";
    for (passed, expected) in [
        (None, due),
        (Some(168 * hour), allowed),
        (Some(168 * hour + 1), due),
    ] {
        assert_eq!(
            judged(device, Some(0), passed, genuine),
            expected,
            "{passed:?}"
        );
    }
    let unsure = judged(device, Some(0), Some(0), Verdict::Unsure);
    assert_eq!(
        unsure.0,
        Outcome::StepUp,
        "a factor that was passed before stands in for nothing"
    );
    for (wrong, error) in [
        (
            "then = \"step_up\"\nprompt = { every = \"time\" }",
            PolicyError::PromptUnused("r".into()),
        ),
        (
            &*format!("{SILENT}then = \"allow\"\nprompt = {{ every = \"device\", hours = 0 }}"),
            PolicyError::PromptHours("r".into()),
        ),
        (
            &*format!("{SILENT}then = \"allow\"\nprompt = {{ every = \"session\", hours = 8761 }}"),
            PolicyError::PromptHours("r".into()),
        ),
    ] {
        let text = format!("format = 1\n[[rule]]\nname = \"r\"\n{wrong}");
        assert_eq!(Policy::parse(&text).unwrap_err(), error);
    }
}

#[test]
fn observing_says_what_would_have_been_decided() {
    let policy = Policy::parse("format = 1\n[[rule]]\nname = \"r\"\nthen = \"observe\"").unwrap();
    let reasons = |facts: Facts, blockers: Vec<Reason>| {
        let question = Question {
            facts,
            blockers,
            is_suspected: false,
            okta_offers_choice: true,
        };
        let judgement = judge(&policy, &question);
        assert_eq!(judgement.outcome, Outcome::Observe);
        judgement.reasons
    };
    assert_eq!(
        reasons(facts(), vec![]),
        [Reason::PolicyObserve, Reason::Genuine]
    );
    let doubtful = Facts {
        verdict: Some(Verdict::Unsure),
        ..facts()
    };
    assert_eq!(
        reasons(doubtful, vec![]),
        [Reason::PolicyObserve, Reason::Unsure]
    );
    let blocked = vec![Reason::ScreenLocked];
    assert_eq!(
        reasons(facts(), blocked),
        [Reason::PolicyObserve, Reason::ScreenLocked]
    );
}

mod whatever_the_policy;
