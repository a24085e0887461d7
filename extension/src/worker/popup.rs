//! What the popup asks for.

use super::{enrol, host, person, server, store, with};
use crate::{
    browser,
    challenge::Registration,
    configuration::{Managed, Source},
    connection::Wish,
    summary::{self, Facts},
};
use serde::Serialize;
use wire::{
    id::{Origin, UserName},
    popup::{Decision, Request, RequestBody, Response, ResponseBody, State, Step, Stored},
    reason::Reason,
    statement::Learning,
    version::{self, V},
};

/// A message of the popup; gives the reply.
pub async fn asked(text: &str) -> Option<String> {
    let request: Request = version::parse(text.as_bytes()).ok()?;
    let body = match request.body {
        RequestBody::State {} => ResponseBody::State(Box::new(state().await)),
        RequestBody::Pause { minutes } => {
            let minutes = f64::from(minutes.clamp(1, WEEK_MINUTES));
            pause(Some(browser::now() + minutes * 60_000.0)).await
        }
        RequestBody::Resume {} => pause(None).await,
        RequestBody::Export {} => export(),
        RequestBody::Delete {} => delete().await,
        RequestBody::Diagnose {} => ResponseBody::Diagnosis {
            steps: diagnose().await,
        },
    };
    Some(store::text(&Response { v: V, body }))
}

async fn state() -> State {
    let status = host::status(Wish::Person).await;
    let now = browser::now();
    let bound = status
        .as_ref()
        .map(|s| s.bindings.clone())
        .unwrap_or_default();
    let state = with(|w| {
        let facts = Facts {
            configured: w.configuration().is_some(),
            malformed_policy: matches!(w.sources.managed, Managed::Malformed(_)),
            pause_left_ms: w.pause_left(now),
            host_fault: status.as_ref().err().copied(),
            bound: &bound,
            learning: &w.learning,
            current: w.person.user(),
        };
        State {
            sentence: summary::sentence(&facts),
            extension: browser::version(),
            host: w.connection.host().map(str::to_owned),
            device: status.as_ref().ok().and_then(|s| s.device.clone()),
            protection_class: status.as_ref().ok().map(|s| s.protection_class),
            paused_until: w.paused_until.filter(|until| *until > now),
            learning: w.learning.clone(),
            decisions: w.decisions.list().to_vec(),
            stored: w.person.stored(),
        }
    });
    // `start` comes before every message, so there is a worker; an empty state says that nothing is known.
    state.unwrap_or_else(|| State {
        sentence: Reason::NotConfigured.words().into(),
        extension: browser::version(),
        host: None,
        device: None,
        protection_class: None,
        paused_until: None,
        learning: Vec::new(),
        decisions: Vec::new(),
        stored: Vec::new(),
    })
}

async fn pause(until: Option<f64>) -> ResponseBody {
    with(|w| w.paused_until = until);
    match until {
        Some(until) => store::keep(store::PAUSED_UNTIL, &until).await,
        None => drop(browser::local_remove(store::PAUSED_UNTIL).await),
    }
    ResponseBody::Done {}
}

/// Everything that is stored about the person here. The template stays sealed: it is opened in memory only.
fn export() -> ResponseBody {
    if !may_handle_data() {
        return ResponseBody::Failed {
            reason: Reason::PolicyStepUp,
        };
    }
    let json = with(|w| {
        let stored = w.person.stored();
        let template = |stored: &Stored| SealedTemplate {
            sealed: w.person.sealed(&stored.user).map(wire::b64::encode),
            user: stored.user.clone(),
        };
        store::text(&Everything {
            exported_at: browser::now(),
            extension: browser::version(),
            server: w.configuration().map(|c| &c.server_origin),
            registration: w.registration.as_ref(),
            person: w.person.user(),
            learning: &w.learning,
            templates: stored.iter().map(template).collect(),
            decisions: w.decisions.list(),
            paused_until: w.paused_until,
            last_input_at: w.input_at,
            last_ordinary_factor_at: w.confirmed_at,
        })
    });
    ResponseBody::Exported {
        json: json.unwrap_or_default(),
    }
}

/// What an export holds.
#[derive(Serialize)]
struct Everything<'a> {
    exported_at: f64,
    extension: String,
    server: Option<&'a Origin>,
    registration: Option<&'a Registration>,
    person: Option<&'a UserName>,
    learning: &'a [Learning],
    templates: Vec<SealedTemplate>,
    decisions: &'a [Decision],
    paused_until: Option<f64>,
    last_input_at: Option<f64>,
    last_ordinary_factor_at: Option<f64>,
}

#[derive(Serialize)]
struct SealedTemplate {
    user: UserName,
    sealed: Option<String>,
}

async fn delete() -> ResponseBody {
    if !may_handle_data() {
        return ResponseBody::Failed {
            reason: Reason::PolicyStepUp,
        };
    }
    let users = with(|w| {
        let mut users: Vec<_> = w.person.stored().into_iter().map(|s| s.user).collect();
        users.extend(w.learning.iter().map(|l| l.user.clone()));
        users.extend(w.person.user().cloned());
        w.decisions = Default::default();
        w.engine.reset();
        users
    });
    for user in users.unwrap_or_default() {
        person::forget(&user).await;
    }
    let _ = browser::local_remove(store::DECISIONS).await;
    store::save().await;
    ResponseBody::Done {}
}

/// Whoever sits at an unlocked computer must not take a person's template away, or begin a new one: export and deletion
/// need an ordinary factor that passed just now. Where nothing is learned there is nothing to protect.
fn may_handle_data() -> bool {
    let now = browser::now();
    let may = with(|w| {
        let recent = w
            .confirmed_at
            .is_some_and(|at| (0.0..=RECENT_MS).contains(&(now - at)));
        recent || (w.person.stored().is_empty() && w.learning.is_empty())
    });
    may == Some(true)
}

async fn diagnose() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |name: &str, result: Result<String, String>| {
        steps.push(Step {
            name: name.into(),
            ok: result.is_ok(),
            message: result.unwrap_or_else(|fault| fault),
        });
    };
    let opened = host::open(Wish::Person).await;
    let configuration = with(|w| {
        match (&w.sources.managed, w.sources.in_force()) {
        (Managed::Malformed(what), _) => Err(format!(
            "The policy for this extension cannot be read: {what}. Correct it in the browser's policies."
        )),
        (_, Some((configuration, source))) => {
            let source = match source {
                Source::Policy => "the browser's policy",
                Source::MachineFile => "the host's machine file",
                Source::Remembered => "memory; neither policy nor host can be read now",
            };
            Ok(format!("{} (from {source}).", configuration.server_origin))
        }
        (_, None) => Err(
            "There is neither a policy for this extension nor a machine file of the host. Deploy one of them."
                .into(),
        ),
    }
    });
    step("configuration", configuration.unwrap_or(Err(String::new())));
    let version = with(|w| w.connection.host().map(str::to_owned)).flatten();
    step(
        "host",
        match (opened, version) {
            (Ok(()), version) => Ok(format!("Version {} answers.", version.unwrap_or_default())),
            (Err(reason), _) => Err(format!("{} {}", reason.words(), repair(reason))),
        },
    );
    step(
        "keystore",
        match host::status(Wish::Person).await {
            Ok(status) => Ok(format!(
                "{}, protection class {}.",
                status.keystore,
                status.protection_class.code()
            )),
            Err(reason) => Err(format!("{} {}", reason.words(), repair(reason))),
        },
    );
    step(
        "server",
        match server::is_alive().await {
            true => Ok("The server answers.".into()),
            false => Err(format!(
                "{} Check the network, a proxy, and the certificate.",
                Reason::ServerUnreachable.words()
            )),
        },
    );
    step(
        "enrolment",
        match enrol::register(Wish::Person).await {
            Ok(_) => match host::status(Wish::Person).await.map(|s| s.bindings) {
                Ok(bindings) if !bindings.is_empty() => {
                    let names: Vec<_> = bindings.iter().map(|user| user.as_str()).collect();
                    Ok(format!("This device belongs to {}.", names.join(", ")))
                }
                _ => {
                    Err("This device is registered and belongs to nobody yet. Sign in once.".into())
                }
            },
            Err(reason) => Err(format!("{} {}", reason.words(), repair(reason))),
        },
    );
    let input = with(|w| w.input_at).flatten();
    step(
        "capture",
        match input.map(|at| crate::whole_ms(browser::now() - at) / 1000) {
            Some(age) => Ok(format!("The last key or movement on a page was {age:.0} s ago.")),
            None => Err("No page has reported a key or movement since the browser started. Type on any page.".into()),
        },
    );
    steps
}

fn repair(reason: Reason) -> &'static str {
    match reason {
        Reason::HostMissing => "Install it, or run 'tacit-host install'.",
        Reason::HostForbidden => {
            "Add this extension's id to allowed_extensions of the host's configuration."
        }
        Reason::HostFailed => "Run 'tacit-host doctor'.",
        Reason::KeystoreFailed => "Run 'tacit-host doctor'.",
        Reason::VersionMismatch => "Update the older one.",
        Reason::NotConfigured => "Check the host's machine file with 'tacit-host doctor'.",
        Reason::NotEnrolled => "The configuration needs a valid enrolment token.",
        Reason::ServerRefused => {
            "The enrolment token may be wrong, revoked or expired: see 'tacit token list'."
        }
        _ => "",
    }
}

const WEEK_MINUTES: u32 = 7 * 24 * 60;
/// How long an ordinary factor counts as passed just now.
const RECENT_MS: f64 = 600_000.0;
