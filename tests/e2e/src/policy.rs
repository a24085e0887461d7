//! Policies of the scenarios.

/// As the one that ships, but with a lower demand on how the device key is kept: `class` is `software`, `os-protected` or
/// `hardware`.
pub fn silent_from(class: &str) -> String {
    with_patience(class, 1_500)
}

/// The same, with a page that waits so long for a silent answer. For several browsers at once.
pub fn with_patience(class: &str, patience_ms: u32) -> String {
    format!(
        r#"format = 1
patience_ms = {patience_ms}

[[rule]]
name = "somebody else, or a program"
when = {{ verdict = ["impostor", "automated"] }}
then = "step_up"
factors = ["passkey", "code"]

[[rule]]
name = "silent"
when = {{ agent = ["proven"], provenance = true, verdict = ["genuine"], evidence_age_s = 120, protection_class = "{class}" }}
then = "allow"

[[rule]]
name = "everything else"
then = "step_up"
factors = ["passkey", "totp", "code"]
"#
    )
}
