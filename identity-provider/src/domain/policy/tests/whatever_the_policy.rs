//! Neither a policy that was loaded nor one that got past the checks of loading lets anybody pass for nothing.

use super::*;
use proptest::prelude::*;

fn verdict() -> impl Strategy<Value = Option<Verdict>> {
    prop::sample::select(vec![
        None,
        Some(Verdict::Genuine),
        Some(Verdict::Unsure),
        Some(Verdict::Impostor),
        Some(Verdict::Learning),
        Some(Verdict::Automated),
        Some(Verdict::NoEvidence),
    ])
}

fn agent() -> impl Strategy<Value = Agent> {
    prop::sample::select(vec![Agent::Proven, Agent::Failed, Agent::Absent])
}

/// A rule as somebody might write it, most of them close to one that allows.
fn rule() -> impl Strategy<Value = Rule> {
    let agents = prop::option::weighted(0.8, prop::collection::vec(agent(), 0..2));
    let verdicts = prop::option::weighted(0.7, prop::collection::vec(verdict(), 0..3));
    let then = prop::sample::select(vec![
        Then::Allow,
        Then::Allow,
        Then::StepUp,
        Then::Decline,
        Then::Observe,
    ]);
    let prompt = prop::sample::select(vec![
        None,
        Some(Prompt::Time),
        Some(Prompt::Device { hours: 1 }),
    ]);
    let unlock = any::<Option<bool>>();
    let provenance = prop::option::weighted(0.8, prop::bool::weighted(0.8));
    (
        0..u32::MAX,
        agents,
        verdicts,
        provenance,
        unlock,
        then,
        prompt,
    )
        .prop_map(
            |(name, agent, verdict, provenance, after_unlock, then, prompt)| Rule {
                name: name.to_string(),
                when: Condition {
                    agent,
                    verdict: verdict.map(|l| l.into_iter().flatten().collect()),
                    provenance,
                    after_unlock,
                    ..Condition::default()
                },
                then,
                factors: None,
                prompt,
            },
        )
}

fn question() -> impl Strategy<Value = Question> {
    let blockers = prop::sample::select(vec![
        vec![],
        vec![],
        vec![Reason::RoleSso],
        vec![Reason::ScreenLocked],
    ]);
    let flags = any::<[bool; 4]>();
    (agent(), verdict(), flags, blockers).prop_map(
        |(
            agent,
            verdict,
            [provenance, after_unlock, is_suspected, okta_offers_choice],
            blockers,
        )| Question {
            facts: Facts {
                agent,
                verdict,
                provenance,
                after_unlock,
                device_prompt_ms: Some(0),
                ..facts()
            },
            blockers,
            is_suspected,
            okta_offers_choice,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]


    #[test]
    fn nothing_is_allowed_without_proven_key_provenance_and_behaviour(
        rules in prop::collection::vec(rule(), 0..5),
        questions in prop::collection::vec(question(), 8),
    ) {
        let is_loaded = rules.iter().all(|rule| rule.check().is_ok());
        let policy = Policy { patience_ms: 1_500, rules };
        for question in &questions {
            let facts = &question.facts;
            let judgement = judge(&policy, question);
            let behaves = facts.verdict == Some(Verdict::Genuine)
                || (facts.verdict == Some(Verdict::NoEvidence) && facts.after_unlock);
            let may = facts.agent == Agent::Proven && facts.provenance && behaves
                && question.blockers.is_empty() && !question.is_suspected;
            prop_assert!(judgement.outcome != Outcome::Allow || may, "{question:?} {policy:?}");
            // A rule that loading lets through matches nothing else in the first place.
            let says_allow = policy.rule_on(facts).then == Then::Allow;
            prop_assert!(!(is_loaded && says_allow) || (facts.agent == Agent::Proven && facts.provenance && behaves
                || facts.after_unlock), "{question:?} {policy:?}");
            prop_assert!(!judgement.factors.is_empty(), "a fallback factor is always on offer");
            let doubted = question.is_suspected || matches!(facts.verdict, Some(Verdict::Impostor | Verdict::Automated));
            prop_assert!(!doubted || judgement.factors.iter().all(|f| f.resists_an_impostor()));
            prop_assert!(!doubted || judgement.outcome != Outcome::Decline, "Okta's other factors may be weaker");
        }
    }
}
