//! The decisions of one challenge, as functions of values; `worker/answer.rs` carries them out.

use wire::{
    config::Configuration,
    host::{Fault, ResponseBody},
    id::{DeviceId, Digest, UserName},
    reason::Reason,
    server::{AnswerResponse, ErrorResponse},
    statement::{Evidence, Verdict},
};

/// Who sent a message, as the browser says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// The extension that the sender belongs to.
    #[serde(default)]
    pub id: Option<String>,
    /// The sender's origin.
    #[serde(default)]
    pub origin: Option<String>,
    /// The sender's URL.
    #[serde(default)]
    pub url: Option<String>,
    /// The frame; 0 is the top.
    #[serde(default)]
    pub frame_id: Option<u32>,
    /// The document.
    #[serde(default)]
    pub document_id: Option<String>,
    /// `active`, `prerender`, `cached` or `pending_deletion`.
    #[serde(default)]
    pub document_lifecycle: Option<String>,
    /// The tab, for a content script.
    #[serde(default)]
    pub tab: Option<SenderTab>,
}

/// The sender's tab.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct SenderTab {
    /// The browser's number of it.
    pub id: i32,
    /// Whether it is a private one.
    #[serde(default)]
    pub incognito: bool,
}

/// Whether this sender may ask for an answer at all. What fails here is not even told to the server: it is not the
/// challenge page in front of the person.
pub fn admit(sender: &Sender, configuration: Option<&Configuration>) -> Result<(), Reason> {
    let configuration = configuration.ok_or(Reason::NotConfigured)?;
    if sender.origin.as_deref() != Some(configuration.server_origin.as_str()) {
        return Err(Reason::WrongOrigin);
    }
    if sender.frame_id != Some(0) {
        return Err(Reason::NotTopFrame);
    }
    match &sender.tab {
        None => return Err(Reason::NotActivePage),
        Some(tab) if tab.incognito => return Err(Reason::Incognito),
        Some(_) => {}
    }
    if sender.document_lifecycle.as_deref() != Some("active") {
        return Err(Reason::NotActivePage);
    }
    Ok(())
}

/// What to do with the host's response to `answer`.
#[derive(Debug, Clone, PartialEq)]
pub enum AfterHost {
    /// Post this statement.
    Post(String),
    /// Offer the device for binding first.
    OfferBinding,
    /// No answer, for this reason.
    Fail(Reason),
}

/// Reads the host's response to `answer`.
pub fn after_host(response: ResponseBody) -> AfterHost {
    match response {
        ResponseBody::Signed { statement } => AfterHost::Post(statement),
        ResponseBody::Refused {
            fault: Fault::NotBound | Fault::NoKey,
            ..
        } => AfterHost::OfferBinding,
        ResponseBody::Refused { fault, .. } => {
            AfterHost::Fail(crate::connection::reason_of_fault(fault))
        }
        _ => AfterHost::Fail(Reason::HostFailed),
    }
}

/// What to do with the server's response to the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum AfterServer {
    /// It decided.
    Decided(AnswerResponse),
    /// It does not know this installation or binding (any more): register and offer again.
    EnrolAgain(Reason),
    /// It refused.
    Fail(Reason),
}

/// Reads the server's response to the answer.
pub fn after_server(response: Result<AnswerResponse, ErrorResponse>) -> AfterServer {
    match response {
        Ok(decision) => match decision.reasons.as_slice() {
            [
                reason @ (Reason::NotEnrolled | Reason::BadInstallationProof),
                ..,
            ] => AfterServer::EnrolAgain(*reason),
            _ => AfterServer::Decided(decision),
        },
        Err(refusal) => match refusal.reason {
            reason @ (Reason::NotEnrolled | Reason::BadInstallationProof) => {
                AfterServer::EnrolAgain(reason)
            }
            reason => AfterServer::Fail(reason),
        },
    }
}

/// Whether the server should hear that no answer comes. Where it has already closed the challenge itself, it knows.
pub fn ends_the_wait(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::AlreadyScored
            | Reason::ChallengeClosed
            | Reason::ChallengeExpired
            | Reason::ChallengeUnknown
    )
}

/// Whether the device has to be registered (again): never yet, or for another key, installation or server.
pub fn must_register(
    registered: Option<&Registration>,
    device: &DeviceId,
    installation: &str,
    server: &str,
) -> bool {
    registered.is_none_or(|known| {
        known.device != *device || known.installation != installation || known.server != server
    })
}

/// What the worker remembers about its registration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Registration {
    /// The device.
    pub device: DeviceId,
    /// Thumbprint of the installation key.
    pub installation: String,
    /// The server's origin.
    pub server: String,
}

/// The engine's summary as the statement has it.
pub fn evidence(
    assessment: &biometrics::Assessment,
    model: u32,
    template: Option<Digest>,
) -> Evidence {
    let texts = |codes: &[&'static str], most: usize| {
        codes.iter().take(most).map(|&c| c.to_owned()).collect()
    };
    Evidence {
        verdict: match assessment.verdict {
            biometrics::Verdict::Genuine => Verdict::Genuine,
            biometrics::Verdict::Unsure => Verdict::Unsure,
            biometrics::Verdict::Impostor => Verdict::Impostor,
            biometrics::Verdict::Learning => Verdict::Learning,
            biometrics::Verdict::Automated => Verdict::Automated,
            biometrics::Verdict::NoEvidence => Verdict::NoEvidence,
        },
        llr: assessment.llr,
        keys: assessment.keys,
        pointer_ms: assessment.pointer_ms,
        age_ms: assessment.age_ms,
        model,
        template,
        progress: assessment.progress.min(100),
        automation: texts(&assessment.automation, 8),
        moved_by: texts(&assessment.moved_by, 4),
    }
}

/// Whose behaviour the engine should hold when a challenge for `subject` comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// The one it holds.
    Same,
    /// Nobody was known yet: what has been seen since the unlock may be this person's.
    First,
    /// Somebody else: trust does not pass from one person to another.
    Another,
}

/// Compares the engine's person with the challenge's, by the ASCII case fold that the server allows.
pub fn person(current: Option<&UserName>, subject: &UserName) -> Person {
    match current {
        None => Person::First,
        Some(current) if current.as_str().eq_ignore_ascii_case(subject.as_str()) => Person::Same,
        Some(_) => Person::Another,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::server::Outcome;
    use wire::version::V;

    fn configuration() -> Configuration {
        serde_json::from_str(r#"{"server_origin":"https://s.test","okta_origins":[]}"#).unwrap()
    }

    fn sender(json: serde_json::Value) -> Sender {
        let mut whole = serde_json::json!({
            "origin": "https://s.test", "frameId": 0, "documentId": "D",
            "documentLifecycle": "active", "tab": {"id": 1, "incognito": false},
        });
        for (key, value) in json.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn only_the_servers_page_in_front_of_the_person_may_ask() {
        use serde_json::json;
        let configured = configuration();
        for (change, expected) in [
            (json!({}), Ok(())),
            (
                json!({"origin": "https://evil.test"}),
                Err(Reason::WrongOrigin),
            ),
            (json!({"origin": "null"}), Err(Reason::WrongOrigin)),
            (json!({"origin": null}), Err(Reason::WrongOrigin)),
            (json!({"frameId": 3}), Err(Reason::NotTopFrame)),
            (json!({"frameId": null}), Err(Reason::NotTopFrame)),
            (
                json!({"documentLifecycle": "prerender"}),
                Err(Reason::NotActivePage),
            ),
            (
                json!({"documentLifecycle": null}),
                Err(Reason::NotActivePage),
            ),
            (
                json!({"tab": {"id": 1, "incognito": true}}),
                Err(Reason::Incognito),
            ),
            (json!({"tab": null}), Err(Reason::NotActivePage)),
        ] {
            let admitted = admit(&sender(change.clone()), Some(&configured));
            assert_eq!(admitted, expected, "{change}");
        }
        let unconfigured = admit(&sender(json!({})), None);
        assert_eq!(unconfigured, Err(Reason::NotConfigured));
    }

    #[test]
    fn a_host_without_a_record_offers_a_binding_and_other_faults_end_it() {
        let refused = |fault| ResponseBody::Refused {
            fault,
            message: String::new(),
        };
        let signed = ResponseBody::Signed {
            statement: "a.b.c".into(),
        };
        for (response, expected) in [
            (signed, AfterHost::Post("a.b.c".into())),
            (refused(Fault::NotBound), AfterHost::OfferBinding),
            (refused(Fault::NoKey), AfterHost::OfferBinding),
            (
                refused(Fault::WrongOrigin),
                AfterHost::Fail(Reason::WrongOrigin),
            ),
            (
                refused(Fault::Keystore),
                AfterHost::Fail(Reason::KeystoreFailed),
            ),
            (ResponseBody::Done {}, AfterHost::Fail(Reason::HostFailed)),
        ] {
            assert_eq!(after_host(response), expected);
        }
    }

    #[test]
    fn a_lost_installation_key_leads_to_enrolment_and_never_to_a_lock_out() {
        let refusal = |reason| {
            Err(ErrorResponse {
                v: V,
                reason,
                message: String::new(),
            })
        };
        let decision = |reasons: &[Reason]| AnswerResponse {
            v: V,
            outcome: Outcome::StepUp,
            reasons: reasons.to_vec(),
        };
        let unsure = decision(&[Reason::Unsure]);
        for (response, expected) in [
            (
                refusal(Reason::BadInstallationProof),
                AfterServer::EnrolAgain(Reason::BadInstallationProof),
            ),
            (
                Ok(decision(&[Reason::NotEnrolled])),
                AfterServer::EnrolAgain(Reason::NotEnrolled),
            ),
            (
                refusal(Reason::DeviceRevoked),
                AfterServer::Fail(Reason::DeviceRevoked),
            ),
            (Ok(unsure.clone()), AfterServer::Decided(unsure)),
        ] {
            assert_eq!(after_server(response), expected);
        }
    }

    #[test]
    fn a_new_key_installation_or_server_is_registered_again() {
        let device = DeviceId::new("A".repeat(43)).unwrap();
        let other = DeviceId::new("B".repeat(42) + "A").unwrap();
        let known = Registration {
            device: device.clone(),
            installation: "i".into(),
            server: "s".into(),
        };
        assert!(must_register(None, &device, "i", "s"));
        assert!(!must_register(Some(&known), &device, "i", "s"));
        assert!(must_register(Some(&known), &other, "i", "s"));
        assert!(must_register(Some(&known), &device, "j", "s"));
        assert!(must_register(Some(&known), &device, "i", "t"));
    }

    #[test]
    fn trust_does_not_pass_from_one_person_to_another() {
        let ann = UserName::new("ann@acme.test").unwrap();
        let ann_again = UserName::new("Ann@acme.test").unwrap();
        let ben = UserName::new("ben@acme.test").unwrap();
        assert_eq!(person(None, &ann), Person::First);
        assert_eq!(person(Some(&ann), &ann_again), Person::Same);
        assert_eq!(person(Some(&ann), &ben), Person::Another);
    }
}
