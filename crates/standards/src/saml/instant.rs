//! SAML's `xs:dateTime` in UTC, from and to milliseconds since 1970.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Parses `2026-01-01T00:00:00.000Z`; SAML core 1.3.3 demands UTC.
pub(super) fn parse(text: &str) -> Option<i64> {
    if text.len() > 40 || !text.ends_with('Z') {
        return None;
    }
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(instant.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Formats with milliseconds; `None` outside the years 0 to 9999.
pub(super) fn format(ms: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
    (0..=9999).contains(&at.year()).then(|| {
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip_to_the_millisecond() {
        for ms in [0, 1, 1_767_225_600_123, -1] {
            assert_eq!(format(ms).as_deref().and_then(parse), Some(ms));
        }
        assert_eq!(
            format(1_767_225_600_123).as_deref(),
            Some("2026-01-01T00:00:00.123Z")
        );
    }

    #[test]
    fn local_times_and_nonsense_are_no_instants() {
        for bad in [
            "",
            "Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+01:00",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(format(i64::MAX), None);
    }
}
