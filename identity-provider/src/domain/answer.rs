//! The signed answer: everything that has to be right, then policy, then one transaction whose UPDATE only one answer wins.

mod judge;

pub use judge::{
    Judgement, PRESENT_WITHIN_MS, PROVEN_WITHIN_MS, Question, UNLOCKED_WITHIN_MS,
    UNSURE_AGAIN_AFTER, blockers, judge,
};

use crate::{
    app::App,
    clock::{DAY, Millis, SECOND},
    domain::{
        agent::{self, AgentError, Call},
        challenge::{Challenge, Factor},
        connection::{Connection, Role},
        device::Device,
        enrolment,
        policy::{Agent, Facts, LearningState},
        user::{User, UserId},
    },
    store::{Store, StoreError, Write, challenge::Scored, decision::Decision},
};
use standards::jose;
use wire::{
    reason::Reason,
    server::{AnswerResponse, FailureRequest, Outcome},
    statement::{ANSWER_TYP, Answer, ProtectionClass, Verdict},
    version::V,
};

/// Takes an answer. A refusal of an answer that came from the right browser also ends the page's waiting, with its reason.
pub async fn answer(
    app: &App,
    call: &Call<'_>,
    statement: &str,
    now: Millis,
) -> Result<AnswerResponse, AgentError> {
    let (device, claims) = agent::verified_statement::<Answer>(app, statement, ANSWER_TYP).await?;
    let challenge = agent::challenge_of(app, &claims.jti, call.cookie).await?;
    match check(app, call, statement, &challenge, &device, &claims, now).await {
        Ok(user) => score(app, &challenge, &device, &user, &claims, now).await,
        Err(AgentError::Refused(reason)) => {
            stop_waiting(app, &challenge, Agent::Failed, reason, now).await?;
            Err(reason.into())
        }
        Err(other) => Err(other),
    }
}

/// The agent says that no answer will come. Unsigned, so it only makes the ordinary factors appear sooner.
pub async fn failure(
    app: &App,
    call: &Call<'_>,
    body: &[u8],
    request: &FailureRequest,
    now: Millis,
) -> Result<(), AgentError> {
    let challenge = agent::challenge_of(app, &request.challenge, call.cookie).await?;
    if request.nonce != challenge.nonce {
        return Err(Reason::WrongNonce.into());
    }
    agent::verified_proof(app, call, &jose::digest(body), Some(&challenge.nonce), now).await?;
    if challenge.is_expired(now) {
        return Err(Reason::ChallengeExpired.into());
    }
    stop_waiting(app, &challenge, Agent::Failed, request.reason, now).await?;
    Ok(())
}

/// Nobody answered in time.
pub async fn patience_is_over(
    app: &App,
    challenge: &Challenge,
    now: Millis,
) -> Result<(), StoreError> {
    stop_waiting(app, challenge, Agent::Absent, Reason::NoAgent, now).await
}

/// The browser's device belongs to nobody yet, or has only just been bound.
pub async fn not_enrolled(app: &App, challenge: &Challenge, now: Millis) -> Result<(), StoreError> {
    stop_waiting(app, challenge, Agent::Failed, Reason::NotEnrolled, now).await
}

/// Everything about keys, browser, person and time. Nothing of the answer's content counts before this.
async fn check(
    app: &App,
    call: &Call<'_>,
    statement: &str,
    challenge: &Challenge,
    device: &Device,
    claims: &Answer,
    now: Millis,
) -> Result<User, AgentError> {
    let ath = jose::digest(statement.as_bytes());
    let installation = agent::verified_proof(app, call, &ath, Some(&challenge.nonce), now).await?;
    if claims.iss != device.id {
        return Err(Reason::BadDeviceSignature.into());
    }
    if claims.cnf.jkt != installation {
        return Err(Reason::BadInstallationProof.into());
    }
    if claims.aud != app.settings.origin {
        return Err(Reason::WrongOrigin.into());
    }
    if claims.nonce != challenge.nonce || claims.req != challenge.req {
        return Err(Reason::WrongNonce.into());
    }
    if let Some(reason) = device.refusal(now) {
        return Err(reason.into());
    }
    let user = enrolment::active(app, challenge)
        .await?
        .ok_or(Reason::NotEnrolled)?;
    let named = app.store.find_user_by_name(claims.sub.as_str()).await?;
    if named.is_none_or(|named| named.id != user.id) {
        return Err(Reason::WrongAccount.into());
    }
    if app
        .store
        .find_binding(&device.id, &installation, &user.id)
        .await?
        .is_none()
    {
        return Err(Reason::NotEnrolled.into());
    }
    if challenge.is_expired(now) || now - challenge.created_at > app.settings.freshness_ms {
        return Err(Reason::ChallengeExpired.into());
    }
    Ok(user)
}

/// Asks policy and writes down what it says, once.
async fn score(
    app: &App,
    challenge: &Challenge,
    device: &Device,
    user: &User,
    claims: &Answer,
    now: Millis,
) -> Result<AnswerResponse, AgentError> {
    let connection = app
        .store
        .find_connection(&challenge.connection)
        .await?
        .ok_or(Reason::ChallengeUnknown)?;
    let norm = app
        .store
        .find_norm(&user.id, &device.id)
        .await?
        .unwrap_or_default();
    let (version, policy) = app.policies.current(&app.store).await?;
    let prompts = app
        .store
        .find_prompts(&user.id, &challenge.browser, &device.id)
        .await?;
    let groups = app.store.groups_of(&user.id).await?;
    let mut facts = facts_of(challenge, device, groups, claims, now);
    facts.session_prompt_ms = prompts.browser.map(|at| now - at);
    facts.device_prompt_ms = prompts.device.map(|at| now - at);
    let question = Question {
        facts,
        blockers: blockers(claims, &norm, connection.role, now),
        is_suspected: norm.silence_off.is_some(),
        okta_offers_choice: connection.okta_offers_choice,
    };
    let judgement = judge(&policy, &question).for_role(connection.role);
    let amr = silent_amr(claims.protection_class, connection.role);
    let scored = Scored {
        device: &device.id,
        state: judgement.state(),
        reasons: &judgement.reasons,
        factors: &judgement.factors,
        amr: if judgement.outcome == Outcome::Allow {
            &amr
        } else {
            &[]
        },
    };
    let mut write = app.store.write().await?;
    if !Store::score_answer(&mut write, &challenge.id, &challenge.nonce, &scored, now).await? {
        // Whoever was first may share this turn's batch: once it stands, the pool sees why.
        write.commit().await.map_err(StoreError::from)?;
        return Err(why_not_scored(app, challenge, now).await?.into());
    }
    remember_verdict(
        &mut write,
        challenge,
        user,
        device,
        claims,
        &question.blockers,
        now,
    )
    .await?;
    let mut decision = Decision::of(challenge, judgement.outcome, &judgement.reasons, now);
    decision.device = device.id.to_string();
    decision.installation = claims.cnf.jkt.to_string();
    decision.factor = if judgement.outcome == Outcome::Allow {
        "silent".into()
    } else {
        String::new()
    };
    decision.protection_class = claims.protection_class.code().into();
    decision.verdict = claims.evidence.verdict.code().into();
    decision.llr = claims.evidence.llr;
    decision.evidence = evidence_of(claims);
    decision.rule = judgement.rule.clone().unwrap_or_default();
    decision.policy_version = version;
    decision.facts = serde_json::to_string(&question).unwrap_or_default();
    app.settle(write, decision).await?;
    app.wakeups.wake(&challenge.id);
    Ok(AnswerResponse {
        v: V,
        outcome: judgement.outcome,
        reasons: judgement.reasons,
    })
}

/// `Impostor` and `Automated` switch silence off, and the first also does what the connection wants done at its org; `Unsure` starts its minute, unless it came within one.
async fn remember_verdict(
    write: &mut Write<'_>,
    challenge: &Challenge,
    user: &User,
    device: &Device,
    claims: &Answer,
    blockers: &[Reason],
    now: Millis,
) -> Result<(), StoreError> {
    match claims.evidence.verdict {
        Verdict::Impostor => {
            let reason = Reason::Impostor;
            if Store::switch_silence_off(write, &user.id, &device.id, reason, now).await? {
                let (connection, cause) = (&challenge.connection, challenge.id.as_str());
                Store::queue_takeover(write, connection, &user.id, cause, now).await?;
            }
            Ok(())
        }
        Verdict::Automated => {
            let reason = Reason::Automated;
            Store::switch_silence_off(write, &user.id, &device.id, reason, now).await?;
            Ok(())
        }
        Verdict::Unsure if !blockers.contains(&Reason::TooSoon) => {
            Store::note_unsure(write, &user.id, &device.id, now).await
        }
        _ => Ok(()),
    }
}

async fn why_not_scored(
    app: &App,
    challenge: &Challenge,
    now: Millis,
) -> Result<Reason, StoreError> {
    let current = app.store.find_challenge(&challenge.id).await?;
    Ok(match current {
        None => Reason::ChallengeUnknown,
        Some(c) if c.nonce_used => Reason::AlreadyScored,
        Some(c) if c.is_expired(now) => Reason::ChallengeExpired,
        Some(_) => Reason::ChallengeClosed,
    })
}

/// No answer, or one that was refused: policy says which ordinary factors appear, or that Okta's others should. A late
/// answer still counts until a factor has begun.
async fn stop_waiting(
    app: &App,
    challenge: &Challenge,
    agent: Agent,
    reason: Reason,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(connection) = app.store.find_connection(&challenge.connection).await? else {
        return Ok(());
    };
    let (version, policy) = app.policies.current(&app.store).await?;
    let question = without_answer(app, challenge, &connection, agent, now).await?;
    let judgement = judge(&policy, &question).for_role(connection.role);
    let (state, factors) = (judgement.state(), &judgement.factors);
    let mut write = app.store.write().await?;
    if Store::stop_waiting(&mut write, &challenge.id, state, &[reason], factors, now).await? {
        let mut decision = Decision::of(challenge, judgement.outcome, &[reason], now);
        decision.policy_version = version;
        decision.rule = judgement.rule.unwrap_or_default();
        decision.facts = serde_json::to_string(&question).unwrap_or_default();
        app.settle(write, decision).await?;
        app.wakeups.wake(&challenge.id);
    }
    Ok(())
}

/// What the chooser of a new challenge may offer before anything is known: somebody who acts at once, before any answer,
/// gets no factor that policy or doubt would have taken away.
pub async fn first_factors(
    app: &App,
    challenge: &Challenge,
    connection: &Connection,
    now: Millis,
) -> Result<Vec<Factor>, StoreError> {
    let (_, policy) = app.policies.current(&app.store).await?;
    let question = without_answer(app, challenge, connection, Agent::Absent, now).await?;
    let judgement = judge(&policy, &question).for_role(connection.role);
    Ok(judgement.factors)
}

async fn without_answer(
    app: &App,
    challenge: &Challenge,
    connection: &Connection,
    agent: Agent,
    now: Millis,
) -> Result<Question, StoreError> {
    // People who do not exist cost the same queries.
    let user = challenge.user.clone().unwrap_or_else(UserId::nobody);
    let standing = app.store.find_standing(&user, now - DAY).await?;
    Ok(Question {
        facts: Facts {
            agent,
            ..facts_without_answer(challenge, standing.groups, now)
        },
        blockers: vec![Reason::NoAgent],
        is_suspected: standing.has_silence_off,
        okta_offers_choice: connection.okta_offers_choice,
    })
}

fn facts_without_answer(challenge: &Challenge, groups: Vec<String>, now: Millis) -> Facts {
    Facts {
        groups,
        connection: challenge.connection.to_string(),
        application: challenge.application.clone(),
        agent: Agent::Absent,
        provenance: false,
        verdict: None,
        evidence_age_ms: None,
        learning: None,
        protection_class: None,
        after_unlock: false,
        platform: String::new(),
        address: challenge.place.parse().ok(),
        at: now,
        session_prompt_ms: None,
        device_prompt_ms: None,
    }
}

fn facts_of(
    challenge: &Challenge,
    device: &Device,
    groups: Vec<String>,
    claims: &Answer,
    now: Millis,
) -> Facts {
    let verdict = claims.evidence.verdict;
    let unlocked = claims
        .presence
        .unlock_age_ms
        .is_some_and(|age| age <= UNLOCKED_WITHIN_MS);
    Facts {
        agent: Agent::Proven,
        provenance: claims.provenance.is_proven(),
        verdict: Some(verdict),
        evidence_age_ms: claims.evidence.age_ms,
        learning: Some(match verdict {
            Verdict::Learning => LearningState::Learning,
            _ => LearningState::Mature,
        }),
        protection_class: Some(claims.protection_class),
        after_unlock: verdict == Verdict::NoEvidence && unlocked,
        platform: device.posture.platform.clone(),
        ..facts_without_answer(challenge, groups, now)
    }
}

/// What a silent answer truly is: a key that proved possession, in hardware or not. `mfa` only where Okta did the first
/// factor; never a biometric method, because behaviour is none.
fn silent_amr(class: ProtectionClass, role: Role) -> Vec<String> {
    let key = match class {
        ProtectionClass::Hardware => "hwk",
        ProtectionClass::OsProtected | ProtectionClass::Software => "swk",
    };
    let mut amr = vec![key.to_owned(), "pop".to_owned()];
    if role == Role::Factor {
        amr.push("mfa".to_owned());
    }
    amr
}

/// What policy looked at, so that a decision can be replayed under another policy.
fn evidence_of(claims: &Answer) -> String {
    serde_json::json!({
        "provenance": claims.provenance,
        "presence": claims.presence,
        "evidence": claims.evidence,
        "protection_class": claims.protection_class,
        "iat": claims.iat,
    })
    .to_string()
}

/// A second of slack between the device's clock for ages and ours.
const SLACK: Millis = SECOND;
