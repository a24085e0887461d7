use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What somebody tries, with the numbers of things that exist by then.
#[derive(Debug, Clone)]
enum Step {
    Begin,
    SignIn(usize, bool),
    ChooseFactor(usize),
    ChooseEnrolment(usize),
    Previous(usize),
    Leave(usize),
    Complete(usize),
    Fail(usize),
    Finish(usize),
    Redeem(usize),
    Cancel(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..4_usize;
    prop_oneof![
        Just(Step::Begin),
        (n.clone(), prop::bool::weighted(0.9)).prop_map(|(n, right)| Step::SignIn(n, right)),
        n.clone().prop_map(Step::ChooseFactor),
        n.clone().prop_map(Step::ChooseEnrolment),
        n.clone().prop_map(Step::Previous),
        n.clone().prop_map(Step::Leave),
        (0..12_usize).prop_map(Step::Complete),
        (0..12_usize).prop_map(Step::Fail),
        n.clone().prop_map(Step::Finish),
        n.clone().prop_map(Step::Redeem),
        n.prop_map(Step::Cancel),
        (0..100_000_i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// In whatever order things are tried: a session needs the right password and a
    /// verified Response after it, each relay state counts once, each state token once.
    #[test]
    fn no_order_of_steps_leads_around_the_factor(
        pipeline in prop_oneof![Just(Pipeline::Classic), Just(Pipeline::Oie)],
        enrolled in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut config = Config::default();
        config.users[0].enrolled = enrolled;
        let mut state = State::new(&config);
        let mut now = 1_000_000;
        let (mut tokens, mut requests) = (Vec::new(), Vec::new());
        let mut seen: HashMap<String, Seen> = HashMap::new();
        for step in steps {
            let token = |n: usize| tokens.get(n).cloned().unwrap_or_default();
            let request = |n: usize| -> Option<PendingRequest> { requests.get(n).cloned() };
            match step {
                Step::Begin => tokens.push(state.begin(pipeline, "/", now).token),
                Step::SignIn(n, right) => {
                    let password = if right { "correct horse battery staple" } else { "wrong" };
                    if state.sign_in(&token(n), &attempt(&config, password), &config, now).is_ok() {
                        prop_assert!(right);
                        let seen = seen.entry(token(n)).or_default();
                        prop_assert_eq!(seen.password_at, None);
                        seen.password_at = Some(now);
                    }
                }
                Step::ChooseFactor(n) => drop(state.choose_factor(&token(n), now)),
                Step::ChooseEnrolment(n) => drop(state.choose_enrolment(&token(n), now)),
                Step::Previous(n) => drop(state.previous(&token(n), now)),
                Step::Leave(n) => {
                    if let Ok(request) = state.begin_request(&token(n), IDP, true, now) {
                        prop_assert!(seen[&token(n)].password_at.is_some());
                        requests.push(request);
                    }
                }
                Step::Complete(n) => {
                    let Some(request) = request(n) else { continue };
                    let known = state.pending_request(&request.relay_state, now).is_ok();
                    if let Ok((completion, _)) = state.complete(&request, &[], now, now) {
                        prop_assert!(known);
                        let seen = seen.get_mut(&request.token).unwrap();
                        prop_assert!(now < seen.password_at.unwrap() + 300_000);
                        prop_assert_eq!(seen.completion, None);
                        seen.completion = Some(completion);
                    }
                }
                Step::Fail(n) => {
                    if let Some(request) = request(n) {
                        drop(state.fail(&request, now));
                    }
                }
                Step::Finish(n) => {
                    if state.finish_enrolment(&token(n), now).is_ok() {
                        let seen = seen.get_mut(&token(n)).unwrap();
                        prop_assert_eq!(seen.completion, Some(Completion::Enrolled));
                        prop_assert!(!std::mem::replace(&mut seen.is_finished, true));
                    }
                }
                Step::Redeem(n) => {
                    if state.redeem(&token(n), now).is_ok() {
                        let seen = seen.get_mut(&token(n)).unwrap();
                        let verified = seen.completion == Some(Completion::Verified);
                        prop_assert!(verified || seen.is_finished);
                        prop_assert!(!std::mem::replace(&mut seen.is_redeemed, true));
                    }
                }
                Step::Cancel(n) => state.cancel(&token(n)),
                Step::Wait(by) => now += by,
            }
        }
    }
}

const IDP: &str = "0oa1tacitfactor00001";

fn attempt<'a>(config: &'a Config, password: &'a str) -> Attempt<'a> {
    let ann = &config.users[0];
    Attempt {
        login: &ann.login,
        password,
        account: Some(Account {
            login: ann.login.clone(),
            password: Some(ids::hash(&ann.password)),
            is_active: true,
        }),
        next: Next::Factor {
            idp: IDP.to_owned(),
        },
    }
}

#[derive(Debug, Default)]
struct Seen {
    password_at: Option<Millis>,
    completion: Option<Completion>,
    is_finished: bool,
    is_redeemed: bool,
}

#[test]
fn memory_stays_bounded() {
    let config = Config::default();
    let mut state = State::new(&config);
    let first = state.begin(Pipeline::Oie, "/", 0).token;
    for n in 1..=MAX_TRANSACTIONS {
        state.begin(Pipeline::Oie, "/", i64::try_from(n).unwrap());
    }
    assert_eq!(state.transactions.len(), MAX_TRANSACTIONS);
    assert_eq!(
        state.transaction(&first, 1).unwrap_err(),
        StateError::InvalidToken
    );

    let token = state.begin(Pipeline::Oie, "/", 10_000).token;
    let password = &config.users[0].password;
    state.enrolled.insert(config.users[0].login.clone());
    state
        .sign_in(&token, &attempt(&config, password), &config, 10_000)
        .unwrap();
    for _ in 0..100 {
        state.begin_request(&token, IDP, true, 10_000).unwrap();
    }
    assert!(state.requests.len() <= REQUESTS_PER_TRANSACTION);
}
