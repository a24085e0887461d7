//! One challenge, from the page's question to the server's decision (DESIGN section 4, steps 4 to 7).

use super::{enrol, host, person, server, store, with};
use crate::{
    browser,
    challenge::{self, AfterHost, AfterServer, Sender},
    connection::Wish,
    presence::{self, IdleState},
};
use enrol::Asked;
use futures_util::future::join4;
use server::Proof;
use wire::{
    host::{AnswerRequest, RequestBody},
    id::{ChallengeId, Digest, Nonce, Origin, UserName},
    page::{Request, RequestBody as PageBody, Response, ResponseBody},
    reason::Reason,
    server::{
        ANSWERS, AnswerRequest as PostedAnswer, AnswerResponse, CONFIRMATIONS, ConfirmationRequest,
        ConfirmationResponse, FAILURES, FailureRequest, Outcome,
    },
    statement::Provenance,
    version::{self, V},
};

/// A message of answer.js; gives the reply. What is no such message gets none.
pub async fn asked(text: &str, sender: &Sender) -> Option<String> {
    let request: Request = version::parse(text.as_bytes()).ok()?;
    let body = match page_asked(request.body, sender).await {
        Ok(()) => ResponseBody::Answered {},
        Err(reason) => ResponseBody::NotAnswered { reason },
    };
    Some(store::text(&Response { v: V, body }))
}

async fn page_asked(body: PageBody, sender: &Sender) -> Result<(), Reason> {
    if with(|w| w.configuration().is_none()) == Some(true) {
        // The browser may have started this moment: the host knows the configuration.
        let _ = host::open(Wish::Person).await;
    }
    with(|w| challenge::admit(sender, w.configuration())).unwrap_or(Err(Reason::NotConfigured))?;
    match body {
        PageBody::Challenge {
            challenge,
            nonce,
            req,
            subject,
        } => {
            let question = Question {
                challenge,
                nonce,
                req,
                subject,
            };
            once(question, sender).await
        }
        PageBody::Passed { challenge } => passed(challenge).await,
    }
}

struct Question {
    challenge: ChallengeId,
    nonce: Nonce,
    req: Digest,
    subject: UserName,
}

/// A challenge is answered once. A page that is reloaded meanwhile asks again and changes nothing.
async fn once(question: Question, sender: &Sender) -> Result<(), Reason> {
    let first = with(|w| {
        let first = !w.asked.contains(&question.challenge);
        if first {
            if w.asked.len() == ASKED {
                w.asked.remove(0);
            }
            w.asked.push(question.challenge.clone());
        }
        first
    });
    if first != Some(true) {
        return Err(Reason::AlreadyScored);
    }
    let result = answer(&question, sender).await;
    if let Err(reason) = result {
        with(|w| w.decisions.add(browser::now(), None, vec![reason]));
        if challenge::ends_the_wait(reason) {
            // If the server cannot be reached, the page notices by itself.
            let failure = FailureRequest {
                v: V,
                challenge: question.challenge.clone(),
                nonce: question.nonce.clone(),
                reason,
            };
            let proof = Proof::BodyFor(&question.nonce);
            let _: Result<serde::de::IgnoredAny, _> = server::post(FAILURES, &failure, proof).await;
        }
        if reason == Reason::ServerUnreachable {
            with(|w| w.asked.retain(|asked| *asked != question.challenge));
        }
    }
    let decisions = with(|w| w.decisions.clone()).unwrap_or_default();
    store::keep(store::DECISIONS, &decisions).await;
    result
}

async fn answer(question: &Question, sender: &Sender) -> Result<(), Reason> {
    if with(|w| w.pause_left(browser::now()).is_some()) == Some(true) {
        return Err(Reason::Paused);
    }
    // Admitted, so the origin is the configured server's.
    let origin = with(|w| Some(w.configuration()?.server_origin.clone())).flatten();
    let origin = origin.ok_or(Reason::NotConfigured)?;
    let (provenance, status, idle, installation) = join4(
        provenance(sender),
        ready(&question.subject),
        browser::idle_state(),
        enrol::installation(),
    )
    .await;
    status?;
    let (installation, _) = installation?;
    let idle = idle.as_deref().and_then(IdleState::parse);
    let answer = with(|w| {
        let now = browser::now();
        let posture = w.posture.as_ref();
        let template = w.template_digest();
        AnswerRequest {
            origin: origin.clone(),
            challenge: question.challenge.clone(),
            nonce: question.nonce.clone(),
            req: question.req.clone(),
            subject: question.subject.clone(),
            installation,
            provenance: provenance.clone(),
            presence: presence::presence(now, w.input_at, idle.or(w.idle), posture),
            evidence: challenge::evidence(
                &w.engine.assess(now),
                w.engine.model_version(),
                template,
            ),
        }
    })
    .ok_or(Reason::HostFailed)?;
    let response = host::request(Wish::Person, RequestBody::Answer(Box::new(answer))).await?;
    let statement = match challenge::after_host(response) {
        AfterHost::Post(statement) => statement,
        AfterHost::OfferBinding => return offer(question, origin, provenance).await,
        AfterHost::Fail(reason) => return Err(reason),
    };
    let body = PostedAnswer {
        v: V,
        statement: statement.clone(),
    };
    let proof = Proof::StatementFor(&statement, &question.nonce);
    let response: Result<AnswerResponse, _> = server::post(ANSWERS, &body, proof).await;
    match challenge::after_server(response) {
        AfterServer::Decided(decision) => {
            let at = browser::now();
            with(|w| {
                w.decisions
                    .add(at, Some(decision.outcome), decision.reasons)
            });
            Ok(())
        }
        AfterServer::EnrolAgain(reason) => {
            enrol::forget_registration().await;
            offer(question, origin, provenance).await.and(Err(reason))
        }
        AfterServer::Fail(reason) => Err(reason),
    }
}

/// Offers the device for binding. This challenge steps up; the next one can be silent.
async fn offer(question: &Question, origin: Origin, provenance: Provenance) -> Result<(), Reason> {
    let asked = Asked {
        origin,
        challenge: &question.challenge,
        nonce: &question.nonce,
        req: &question.req,
        provenance,
    };
    enrol::offer_binding(asked).await?;
    Err(Reason::NotEnrolled)
}

/// Host open, posture taken, and the engine holding the person in question, if this device is theirs.
async fn ready(subject: &UserName) -> Result<(), Reason> {
    let status = host::status(Wish::Person).await;
    let bindings = match status {
        Ok(status) => status.bindings,
        // Not a word about bindings, but a device key may still be made.
        Err(Reason::NotEnrolled) => Vec::new(),
        Err(reason) => return Err(reason),
    };
    let fits = |user: &&UserName| user.as_str().eq_ignore_ascii_case(subject.as_str());
    if let Some(user) = bindings.iter().find(fits) {
        person::hold(user).await;
    }
    host::posture(Wish::Person).await;
    Ok(())
}

/// Where the sign-in came from. The browser's word about the document may come a moment after the page's question.
async fn provenance(sender: &Sender) -> Provenance {
    let tab = sender.tab.as_ref().map_or(-1, |tab| tab.id);
    let document = sender.document_id.clone().unwrap_or_default();
    for _ in 0..COMMIT_MS / 10 {
        if with(|w| {
            w.tabs
                .get(&tab)
                .is_some_and(|record| record.shows(&document))
        }) == Some(true)
        {
            break;
        }
        browser::sleep(10.0).await;
    }
    let known = with(|w| w.tabs.get(&tab).map(|record| record.provenance(&document)));
    known.flatten().unwrap_or(Provenance {
        broken_by: Some(Reason::StartedElsewhere),
        age_ms: None,
        entered_from: None,
    })
}

/// The page says that an ordinary factor passed. Only the server's word counts.
async fn passed(challenge: ChallengeId) -> Result<(), Reason> {
    let device = enrol::register(Wish::Person).await?;
    let request = ConfirmationRequest {
        v: V,
        device,
        challenge,
    };
    let response: ConfirmationResponse = server::post(CONFIRMATIONS, &request, Proof::Body)
        .await
        .map_err(|refused| refused.reason)?;
    let Some(user) = response.confirmed else {
        return Err(Reason::ChallengeUnknown);
    };
    let at = browser::now();
    with(|w| {
        w.confirmed_at = Some(at);
        let reasons = vec![Reason::StrongFactorPassed];
        w.decisions.add(at, Some(Outcome::StepUp), reasons);
    });
    let decisions = with(|w| w.decisions.clone()).unwrap_or_default();
    store::keep(store::DECISIONS, &decisions).await;
    if response.bound {
        enrol::bound(&user).await?;
        person::confirm(&user).await;
    }
    store::save().await;
    Ok(())
}

/// Challenges remembered as asked.
const ASKED: usize = 32;
/// The question overtakes the browser's report by less than this.
const COMMIT_MS: u32 = 200;
