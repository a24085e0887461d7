//! The times of a JWT against our clock.

use serde::{Deserialize, Deserializer};

/// How far another's clock may be off, in seconds.
pub(super) const SKEW_S: i64 = 60;

/// Seconds since 1970 as RFC 7519 has them: a number, with or without a fraction, which is dropped.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    if let Some(whole) = number.as_i64() {
        return Ok(Some(whole));
    }
    // Whatever does not fit a clock is no time: the bounds also make the conversion exact.
    match number.as_f64() {
        Some(float) if (0.0..4e9).contains(&float) => {
            Ok(format!("{:.0}", float.floor()).parse().ok())
        }
        _ => Err(serde::de::Error::custom("not a time")),
    }
}
