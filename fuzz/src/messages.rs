//! Our own messages: frames on the host's input, what pages and popup send the worker, what extensions post to the server,
//! and what the server says in return; and templates and state of the engine, which lie in the browser's profile.

// The host's own reader; the rest of the host needs a TPM's library.
#[path = "../../native-host/src/framing.rs"]
#[expect(dead_code, reason = "frames are only read here")]
mod framing;

use biometrics::{Engine, Model};
use std::{fmt::Debug, mem::discriminant, sync::LazyLock};
use wire::{config, limits, page, popup, server, version::parse_bounded};

/// A good message of each kind, as `crates/wire` keeps them.
macro_rules! fixtures {
    ($($name:literal),*) => {
        vec![$(include_bytes!(concat!("../../crates/wire/fixtures/", $name, ".json")).to_vec()),*]
    };
}

pub fn frame_seeds() -> Vec<Vec<u8>> {
    let frame = |json: &[u8]| {
        let length = u32::try_from(json.len()).expect("a fixture is short");
        [&length.to_ne_bytes(), json].concat()
    };
    let [hello, answer] = [
        frame(include_bytes!(
            "../../crates/wire/fixtures/host-request-hello.json"
        )),
        frame(include_bytes!(
            "../../crates/wire/fixtures/host-request-answer.json"
        )),
    ];
    vec![
        [hello.clone(), answer].concat(),
        hello,
        u32::MAX.to_ne_bytes().to_vec(),
        0_u32.to_ne_bytes().repeat(3),
    ]
}

/// Frames until the input ends or is refused: never more is held than one frame may have.
pub fn frames(bytes: &[u8]) -> String {
    let mut input = bytes;
    let mut count = 0_u32;
    loop {
        match framing::read_frame(&mut input) {
            Ok(Some(frame)) => {
                assert!(frame.len() <= limits::FRAME);
                count += 1;
            }
            Ok(None) => return format!("{} frames", count.min(8)),
            Err(error) => return format!("{:?} after {}", discriminant(&error), count.min(8)),
        }
    }
}

pub fn page_seeds() -> Vec<Vec<u8>> {
    fixtures!(
        "page-request-challenge",
        "page-request-passed",
        "page-response-answered",
        "popup-request-pause",
        "popup-request-delete",
        "popup-response-state",
        "configuration",
        "configuration-least"
    )
}

pub fn page(bytes: &[u8]) -> String {
    let all = [
        read::<page::Request>(bytes),
        read::<page::Response>(bytes),
        read::<popup::Request>(bytes),
        read::<popup::Response>(bytes),
        format!(
            "{}",
            serde_json::from_slice::<config::Configuration>(bytes).is_ok()
        ),
    ];
    all.join(" ")
}

pub fn server_seeds() -> Vec<Vec<u8>> {
    fixtures!(
        "server-answer-request",
        "server-bind-request",
        "server-confirmation-request",
        "server-failure-request",
        "server-heartbeat-request",
        "server-register-request",
        "server-device-response",
        "server-error-response",
        "server-answer-response",
        "server-bind-response",
        "server-confirmation-response"
    )
}

pub fn server(bytes: &[u8]) -> String {
    let all = [
        read::<server::AnswerRequest>(bytes),
        read::<server::BindRequest>(bytes),
        read::<server::ConfirmationRequest>(bytes),
        read::<server::FailureRequest>(bytes),
        read::<server::HeartbeatRequest>(bytes),
        read::<server::RegisterRequest>(bytes),
        read::<server::DeviceResponse>(bytes),
        read::<server::ErrorResponse>(bytes),
        read::<server::AnswerResponse>(bytes),
        read::<server::BindResponse>(bytes),
        read::<server::ConfirmationResponse>(bytes),
    ];
    all.join(" ")
}

/// What is read can be written, and is read again.
fn read<T: serde::de::DeserializeOwned + serde::Serialize + Debug>(bytes: &[u8]) -> String {
    match parse_bounded::<T>(bytes, limits::AGENT_BODY) {
        Ok(message) => {
            let again = serde_json::to_vec(&message).expect("what was read can be written");
            assert!(
                parse_bounded::<T>(&again, usize::MAX).is_ok(),
                "what was read and written is refused"
            );
            "ok".to_owned()
        }
        Err(refusal) => format!("{:?}", discriminant(&refusal)),
    }
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::from_bytes(include_bytes!("../../crates/biometrics/model/shipped.bin"))
        .expect("the model that ships is one")
});

/// An engine's own state.
pub fn state_seeds() -> Vec<Vec<u8>> {
    let engine = Engine::new(MODEL.clone());
    let mut seeds = vec![engine.save()];
    seeds.extend(engine.template_bytes());
    seeds
}

/// As template and as state: refused, or an engine that still works.
pub fn state(bytes: &[u8]) -> String {
    let mut engine = Engine::new(MODEL.clone());
    let template = engine.load_template(bytes).map_err(|e| discriminant(&e));
    let restored = engine.restore(bytes).map_err(|e| discriminant(&e));
    let assessment = engine.assess(1.76e12);
    assert!(!assessment.llr.is_nan(), "a score that is none");
    assert!(
        engine
            .template_bytes()
            .is_none_or(|t| t.len() <= limits::TEMPLATE),
        "a template over its limit"
    );
    format!("{template:?} {restored:?}")
}
