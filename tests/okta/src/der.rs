//! As much DER as it takes to read an RSA certificate's key and its end. Every length is checked; nothing is trusted.

use time::{Date, Month, PrimitiveDateTime, Time};

use crate::clock::Millis;

pub struct Certificate {
    /// Modulus and exponent without leading zeros, if the key is RSA.
    pub rsa: Option<(Vec<u8>, Vec<u8>)>,
    pub not_after: Millis,
}

/// RFC 5280, section 4.1. The signature is not looked at: whoever uploads a certificate pins it.
pub fn certificate(der: &[u8]) -> Option<Certificate> {
    let (outer, rest) = element(der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (tbs, _) = element(outer, SEQUENCE)?;
    let tbs = match element(tbs, VERSION) {
        Some((_, rest)) => rest,
        None => tbs,
    };
    let (_, tbs) = element(tbs, INTEGER)?;
    let (_, tbs) = element(tbs, SEQUENCE)?;
    let (_, tbs) = element(tbs, SEQUENCE)?;
    let (validity, tbs) = element(tbs, SEQUENCE)?;
    let (_, tbs) = element(tbs, SEQUENCE)?;
    let (key_info, _) = element(tbs, SEQUENCE)?;
    let (_, after_start) = first(validity)?;
    let (tag, end) = first(after_start)?.0;
    Some(Certificate {
        rsa: rsa_key(key_info),
        not_after: instant(tag, end)?,
    })
}

fn rsa_key(key_info: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (algorithm, rest) = element(key_info, SEQUENCE)?;
    if element(algorithm, OBJECT_IDENTIFIER)?.0 != RSA_ENCRYPTION {
        return None;
    }
    let (bits, _) = element(rest, BIT_STRING)?;
    let (key, _) = element(bits.strip_prefix(&[0])?, SEQUENCE)?;
    let (n, key) = element(key, INTEGER)?;
    let (e, _) = element(key, INTEGER)?;
    let bare = |number: &[u8]| {
        number
            .iter()
            .copied()
            .skip_while(|b| *b == 0)
            .collect::<Vec<u8>>()
    };
    let (n, e) = (bare(n), bare(e));
    ((128..=1024).contains(&n.len()) && !e.is_empty()).then_some((n, e))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`
fn instant(tag: u8, text: &[u8]) -> Option<Millis> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        UTC_TIME if text.get(..2)?.parse::<u32>().ok()? < 50 => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    if text.len() != 15 || !text.ends_with('Z') || !text[..14].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u8>().ok();
    let month = Month::try_from(part(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text[..4].parse().ok()?, month, part(6, 8)?).ok()?;
    let time = Time::from_hms(part(8, 10)?, part(10, 12)?, part(12, 14)?).ok()?;
    Some(
        PrimitiveDateTime::new(date, time)
            .assume_utc()
            .unix_timestamp()
            * 1000,
    )
}

/// The content of the first element if it has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let ((found, content), rest) = first(der)?;
    (found == tag).then_some((content, rest))
}

type Element<'d> = ((u8, &'d [u8]), &'d [u8]);

fn first(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (
            usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?),
            &rest[2..],
        ),
        _ => return None,
    };
    (length <= rest.len()).then(|| ((tag, &rest[..length]), &rest[length..]))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn test_only() -> Vec<u8> {
        let pem = include_str!("../tests/test-only-keys/identity-provider.cert.pem");
        crate::keys::pem_to_der(pem).unwrap()
    }

    #[test]
    fn an_rsa_certificate_tells_its_key_and_its_end() {
        let certificate = certificate(&test_only()).unwrap();
        let (n, e) = certificate.rsa.unwrap();
        assert_eq!((n.len(), e), (256, vec![1, 0, 1]));
        assert!(certificate.not_after > 1_767_225_600_000);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = certificate(&octets);
        }

        #[test]
        fn no_cut_certificate_makes_it_panic(length in 0_usize..900, at in 0_usize..900, octet: u8) {
            let mut der = test_only();
            let (length, at) = (length.min(der.len()), at.min(der.len() - 1));
            der[at] = octet;
            let _ = certificate(&der[..length]);
        }
    }
}
