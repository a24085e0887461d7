//! The statements that the device key signs, built from typed and bounded fields. Nothing else is ever signed.

use crate::keystore::{Keys, KeystoreError};
use crate::refusal::Refusal;
use serde::Serialize;
use wire::host::{AnswerRequest, Fault};
use wire::id::{Origin, UserName};
use wire::jws::{self, Alg, Header};
use wire::limits;
use wire::statement::{
    ANSWER_TYP, Answer, BINDING_TYP, Binding, Evidence, HEARTBEAT_TYP, Heartbeat, Learning,
    ProtectionClass, REGISTRATION_TYP, Registration,
};

/// Signs of automation in one answer.
const MAX_AUTOMATION: usize = 8;
/// Feature groups in one answer.
const MAX_MOVED_BY: usize = 4;
/// A short code, in bytes.
const MAX_CODE: usize = 32;

/// A statement with its `typ`.
pub trait Statement: Serialize {
    /// The `typ` of its header.
    const TYP: &'static str;
}

impl Statement for Answer {
    const TYP: &'static str = ANSWER_TYP;
}
impl Statement for Registration {
    const TYP: &'static str = REGISTRATION_TYP;
}
impl Statement for Binding {
    const TYP: &'static str = BINDING_TYP;
}
impl Statement for Heartbeat {
    const TYP: &'static str = HEARTBEAT_TYP;
}

/// What an answer holds beside what the worker asked for; all of it is the host's own knowledge.
pub struct Own {
    /// The person, from the binding record.
    pub sub: UserName,
    /// The server, from the machine configuration.
    pub aud: Origin,
    /// Seconds since 1970.
    pub iat: i64,
    /// How the device key is kept.
    pub protection_class: ProtectionClass,
}

/// The answer to `request`.
pub fn answer(request: AnswerRequest, own: Own, keys: &Keys) -> Result<Answer, Refusal> {
    check_evidence(&request.evidence)?;
    Ok(Answer {
        iss: keys.device.clone(),
        sub: own.sub,
        aud: own.aud,
        nonce: request.nonce,
        jti: request.challenge,
        req: request.req,
        iat: own.iat,
        cnf: wire::statement::Confirmation {
            jkt: request.installation,
        },
        provenance: request.provenance,
        presence: request.presence,
        evidence: request.evidence,
        protection_class: own.protection_class,
    })
}

/// Why a statement was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Over [`limits::JWS`].
    #[error("the statement would be over {} bytes", limits::JWS)]
    TooLong,
    /// The key store.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}

/// The compact JWS of `claims`, signed by the device key.
pub async fn sign<S: Statement>(claims: &S, keys: &Keys) -> Result<String, SignError> {
    let header = Header {
        alg: Alg::ES256,
        typ: S::TYP.into(),
        kid: keys.thumbprint.clone(),
    };
    let input = jws::signing_input(&header, claims);
    // The signature is 86 characters and a dot.
    if input.len() + 87 > limits::JWS {
        return Err(SignError::TooLong);
    }
    let signature = keys.open.sign(input.as_bytes()).await?;
    Ok(jws::compact(&input, &signature))
}

/// Learning states that are within bounds.
pub fn check_learning(learning: &[Learning]) -> Result<(), Refusal> {
    if learning.len() > limits::LIST {
        return Err(over("learning", limits::LIST));
    }
    match learning.iter().all(|state| state.progress <= 100) {
        true => Ok(()),
        false => Err(Refusal::malformed(
            "learning: progress is over 100 per cent",
        )),
    }
}

/// A version text that is within bounds and readable.
pub fn check_version_text(text: &str) -> Result<(), Refusal> {
    let fits = (1..=limits::VERSION_TEXT).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_graphic());
    fits.then_some(()).ok_or_else(|| {
        Refusal::malformed(format!(
            "extension: not a version of 1 to {} characters",
            limits::VERSION_TEXT
        ))
    })
}

/// The worker is allowed to ask, and still only for what an engine can have found.
fn check_evidence(evidence: &Evidence) -> Result<(), Refusal> {
    if !evidence.llr.is_finite() {
        return Err(Refusal::malformed("evidence: llr is not finite"));
    }
    if evidence.progress > 100 {
        return Err(Refusal::malformed(
            "evidence: progress is over 100 per cent",
        ));
    }
    check_codes("automation", &evidence.automation, MAX_AUTOMATION)?;
    check_codes("moved_by", &evidence.moved_by, MAX_MOVED_BY)
}

fn check_codes(member: &str, codes: &[String], limit: usize) -> Result<(), Refusal> {
    if codes.len() > limit {
        return Err(over(member, limit));
    }
    let is_code = |code: &String| {
        (1..=MAX_CODE).contains(&code.len())
            && code
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-')
    };
    codes.iter().all(is_code).then_some(()).ok_or_else(|| {
        Refusal::malformed(format!(
            "evidence: {member} holds something that is not a short code"
        ))
    })
}

fn over(member: &str, limit: usize) -> Refusal {
    Refusal::new(
        Fault::Malformed,
        format!("{member} has more than {limit} entries"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::statement::Verdict;

    fn evidence() -> Evidence {
        Evidence {
            verdict: Verdict::Genuine,
            llr: 3.5,
            keys: 120,
            pointer_ms: 4_000,
            age_ms: Some(900),
            model: 1,
            template: None,
            progress: 100,
            automation: vec![],
            moved_by: vec!["hold".into(), "digraph".into()],
        }
    }

    #[test]
    fn evidence_that_no_engine_can_have_found_is_refused() {
        assert!(check_evidence(&evidence()).is_ok());
        type Change = (&'static str, fn(&mut Evidence));
        let changes: [Change; 8] = [
            ("llr", |e| e.llr = f64::NAN),
            ("llr", |e| e.llr = f64::INFINITY),
            ("progress", |e| e.progress = 101),
            ("automation", |e| e.automation = vec!["a".into(); 9]),
            ("automation", |e| e.automation = vec!["a".repeat(33)]),
            ("automation", |e| e.automation = vec![String::new()]),
            ("moved_by", |e| e.moved_by = vec!["a".into(); 5]),
            ("moved_by", |e| e.moved_by = vec!["What was typed".into()]),
        ];
        for (member, change) in changes {
            let mut changed = evidence();
            change(&mut changed);
            let refusal = check_evidence(&changed).unwrap_err();
            assert_eq!(refusal.fault, Fault::Malformed);
            assert!(refusal.message.contains(member), "{}", refusal.message);
        }
    }

    #[test]
    fn version_texts_are_short_and_readable() {
        assert!(check_version_text("0.1.0").is_ok());
        for bad in ["", "1 0", "1\n", &"1".repeat(33)] {
            assert!(check_version_text(bad).is_err(), "{bad:?}");
        }
    }
}
