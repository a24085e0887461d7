//! Policies of the scenarios.

/// As the one that ships, but with a lower demand on how the device key is kept: `class` is `software`, `os-protected` or
/// `hardware`.
pub fn silent_from(class: &str) -> String {
    format!(
        r#"format = 1
patience_ms = 1500

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
