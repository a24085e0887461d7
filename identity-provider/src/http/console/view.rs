//! What the console shows, as values; the templates turn them into HTML.

use super::desk::{Desk, words_of};
use crate::{
    clock::{DAY, Millis, rfc3339},
    domain::device::STALE_AFTER,
    http::fallback::{
        assets::{CONSOLE_CSS, CONSOLE_JS, HTMX_JS, UPLOT_CSS, UPLOT_JS},
        words::ago_in_words,
    },
    store::{
        Result, Store,
        console::{ChangeLine, DeviceLine, PersonLine, ROWS},
        decision::Decision,
    },
};
use askama::Template;
use wire::{reason::Reason, statement::Posture};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub(super) struct SignInPage<'a> {
    pub(super) css: String,
    pub(super) name: &'a str,
    pub(super) problem: &'a str,
}

#[derive(Template)]
#[template(path = "console/console.html")]
pub(super) struct Page<'a> {
    pub(super) assets: Assets,
    pub(super) admin: &'a str,
    pub(super) desk: &'a Desk,
    pub(super) o: &'a Overview,
}

#[derive(Template)]
#[template(path = "console/desk.html")]
pub(super) struct DeskFragment<'a> {
    pub(super) desk: &'a Desk,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
pub(super) struct OverviewFragment<'a> {
    pub(super) o: &'a Overview,
}

/// Addresses of what the page loads.
pub(super) struct Assets {
    css: String,
    js: String,
    htmx: String,
    uplot: String,
    uplot_css: String,
}

impl Default for Assets {
    fn default() -> Self {
        Self {
            css: CONSOLE_CSS.href(),
            js: CONSOLE_JS.href(),
            htmx: HTMX_JS.href(),
            uplot: UPLOT_JS.href(),
            uplot_css: UPLOT_CSS.href(),
        }
    }
}

/// Everything that updates itself.
pub(super) struct Overview {
    now: String,
    silent: i64,
    silent_share: String,
    step_up: i64,
    declined: i64,
    p50: String,
    p95: String,
    /// JSON for the chart: seconds since 1970, silent, step-up, declined.
    series: String,
    hours: Vec<HourRow>,
    decisions: Vec<DecisionRow>,
    people: Vec<PersonRow>,
    devices: Vec<DeviceRow>,
    changes: Vec<ChangeRow>,
}

struct ChangeRow {
    id: String,
    at: String,
    ago: String,
    what: &'static str,
    tone: &'static str,
    login: String,
    device: String,
    device_short: String,
    actor: String,
}

struct HourRow {
    from: String,
    silent: i64,
    step_up: i64,
    declined: i64,
}

struct DecisionRow {
    id: String,
    challenge: String,
    at: String,
    ago: String,
    login: String,
    connection: String,
    outcome: String,
    outcome_words: &'static str,
    tone: &'static str,
    reasons: Vec<Reason>,
    factor: &'static str,
    took: String,
}

struct PersonRow {
    key: String,
    login: String,
    device: String,
    device_short: String,
    progress: i64,
    mature: bool,
    confirmations: i64,
    silence_off: Option<Reason>,
}

struct DeviceRow {
    id: String,
    short: String,
    status: &'static str,
    tone: &'static str,
    protection_class: &'static str,
    class_tone: &'static str,
    platform: String,
    versions: String,
    seen_at: String,
    seen_ago: String,
}

impl Overview {
    pub(super) async fn read(store: &Store, now: Millis) -> Result<Self> {
        let counts = store.count_by_hour(24, now).await?;
        let times = store.silent_times(now - DAY).await?;
        let sum = |of: fn(&crate::store::console::HourCounts) -> i64| {
            counts.iter().map(|(_, count)| of(count)).sum::<i64>()
        };
        let (silent, step_up, declined) =
            (sum(|c| c.silent), sum(|c| c.step_up), sum(|c| c.declined));
        let column = |of: fn(&crate::store::console::HourCounts) -> i64| {
            counts
                .iter()
                .map(|(_, count)| of(count))
                .collect::<Vec<_>>()
        };
        let hours: Vec<_> = counts.iter().map(|(hour, _)| hour / 1_000).collect();
        let series = serde_json::json!([
            hours,
            column(|c| c.silent),
            column(|c| c.step_up),
            column(|c| c.declined)
        ]);
        let all = silent + step_up + declined;
        Ok(Self {
            now: rfc3339(now),
            silent,
            silent_share: match all {
                0 => String::new(),
                all => format!("{} %", (silent * 100 + all / 2) / all),
            },
            step_up,
            declined,
            p50: times.map_or("–".into(), |times| duration(times.p50)),
            p95: times.map_or("–".into(), |times| duration(times.p95)),
            series: series.to_string(),
            hours: counts
                .iter()
                .rev()
                .map(|(hour, count)| HourRow {
                    from: rfc3339(*hour)
                        .get(..16)
                        .unwrap_or_default()
                        .replace('T', " "),
                    silent: count.silent,
                    step_up: count.step_up,
                    declined: count.declined,
                })
                .collect(),
            decisions: store
                .latest_decisions(ROWS)
                .await?
                .into_iter()
                .map(|d| DecisionRow::of(d, now))
                .collect(),
            people: store
                .bound_people()
                .await?
                .into_iter()
                .map(PersonRow::of)
                .collect(),
            devices: store
                .latest_devices()
                .await?
                .into_iter()
                .map(|d| DeviceRow::of(d, now))
                .collect(),
            changes: store
                .latest_changes()
                .await?
                .into_iter()
                .map(|line| ChangeRow::of(line, now))
                .collect(),
        })
    }
}

impl DecisionRow {
    fn of(d: Decision, now: Millis) -> Self {
        let (outcome_words, tone) = match (d.outcome.as_str(), d.factor.as_str()) {
            ("allow", "silent") => ("Silent", "good"),
            ("allow", _) => ("Passed by factor", "good"),
            ("decline", _) => ("Declined", ""),
            ("observe", _) => ("Observed", "warn"),
            _ => ("Step-up", "warn"),
        };
        let doubted = |code: &String| {
            matches!(
                Reason::from_code(code),
                Some(Reason::Impostor | Reason::Automated)
            )
        };
        Self {
            challenge: d.challenge,
            at: rfc3339(d.at),
            ago: ago_in_words(d.at, now),
            login: d.user,
            connection: d.connection,
            outcome_words,
            tone: if d.reasons.iter().any(doubted) {
                "bad"
            } else {
                tone
            },
            reasons: d
                .reasons
                .iter()
                .filter_map(|code| Reason::from_code(code))
                .collect(),
            factor: match d.factor.as_str() {
                "silent" => "Device key",
                "passkey" => "Passkey",
                "totp" => "Authenticator app",
                "code" => "Help-desk code",
                _ => "–",
            },
            took: duration(d.challenge_ms),
            outcome: d.outcome,
            id: d.id,
        }
    }
}

impl ChangeRow {
    fn of(line: ChangeLine, now: Millis) -> Self {
        let (what, tone) = match line.kind.as_str() {
            "bound" => ("Device enrolled", "good"),
            "factor_added" => ("Factor added", "good"),
            _ => ("Device revoked", "warn"),
        };
        Self {
            at: rfc3339(line.at),
            ago: ago_in_words(line.at, now),
            what,
            tone,
            login: match line.login.is_empty() {
                true => "several people".into(),
                false => line.login,
            },
            device_short: short(&line.device_id),
            device: line.device_id,
            actor: line.actor,
            id: line.id,
        }
    }
}

impl PersonRow {
    fn of(line: PersonLine) -> Self {
        Self {
            // A person may have several devices, so the row is named by both.
            key: crate::keys::hash(format!("{} {}", line.login, line.device_id).as_bytes()),
            device_short: short(&line.device_id),
            device: line.device_id,
            login: line.login,
            progress: line.progress.clamp(0, 100),
            mature: line.mature != 0,
            confirmations: line.confirmations,
            silence_off: (line.silence_off_at != 0).then(|| {
                Reason::from_code(&line.silence_off_reason).unwrap_or(Reason::SilenceSwitchedOff)
            }),
        }
    }
}

impl DeviceRow {
    fn of(line: DeviceLine, now: Millis) -> Self {
        let (status, tone) = match line.status.as_str() {
            _ if line.revoked_at != 0 => ("Revoked", "bad"),
            _ if now - line.last_seen > STALE_AFTER => ("Stale", "warn"),
            "bound" => ("Bound", "good"),
            _ => ("Pending", ""),
        };
        let (protection_class, class_tone) = match line.protection_class.as_str() {
            "hardware" => ("hardware", "good"),
            "os-protected" => ("os-protected", ""),
            _ => ("software", "warn"),
        };
        // A posture that cannot be read is shown as unknown rather than hiding the device.
        let posture: Posture = serde_json::from_str(&line.posture).unwrap_or_default();
        let platform = format!(
            "{} {}",
            posture.platform,
            posture.os_version.unwrap_or_default()
        );
        Self {
            short: short(&line.id),
            id: line.id,
            status,
            tone,
            protection_class,
            class_tone,
            platform: match platform.trim() {
                "" => "–".into(),
                known => known.into(),
            },
            versions: match (line.extension.as_str(), line.host.as_str()) {
                ("", "") => "–".into(),
                (extension, host) => format!("extension {extension}, host {host}"),
            },
            seen_at: rfc3339(line.last_seen),
            seen_ago: ago_in_words(line.last_seen, now),
        }
    }
}

fn short(id: &str) -> String {
    format!("{}…", id.get(..8).unwrap_or(id))
}

/// `87 ms`, `1.4 s`, `2.1 min`.
fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{}.{} min", ms / 60_000, ms % 60_000 / 6_000),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_499, "1.4 s"),
            (59_999, "59.9 s"),
            (126_000, "2.1 min"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }
}
