//! The only source of randomness.

use aws_lc_rs::rand;
use wire::id::Nonce;

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    // Invariant: the operating system's generator cannot fail once the library has been seeded; without randomness
    // nothing this server does is safe, so it must not go on.
    rand::fill(&mut out).expect("the system's random generator failed");
    out
}

/// `N` random bytes as base64url.
pub fn token<const N: usize>() -> String {
    wire::b64::encode(&bytes::<N>())
}

/// A nonce of the protocol.
pub fn nonce() -> Nonce {
    // Invariant: 32 bytes as base64url are what a `Nonce` is.
    Nonce::new(token::<32>()).expect("32 bytes make a nonce")
}

/// A UUID that sorts by `now`.
pub fn id(now: crate::clock::Millis) -> String {
    let millis = u64::try_from(now).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes::<10>())
        .into_uuid()
        .to_string()
}

/// `digits` decimal digits without bias.
pub fn digits(digits: usize) -> String {
    let mut out = String::with_capacity(digits);
    while out.len() < digits {
        let [byte] = bytes::<1>();
        // 250 is the largest multiple of ten that a byte holds.
        if byte < 250 {
            out.push(char::from(b'0' + byte % 10));
        }
    }
    out
}

/// A number below `most`, for jitter: the little bias of the remainder does not matter there.
pub fn below(most: u16) -> u16 {
    u16::from_le_bytes(bytes()) % most.max(1)
}

/// `length` characters of an alphabet of 32 that has no look-alikes.
pub fn readable(length: usize) -> String {
    (0..length)
        .map(|_| {
            let [byte] = bytes::<1>();
            char::from(READABLE[usize::from(byte % 32)])
        })
        .collect()
}

/// Digits and capitals without I, L, O and U (Crockford's base 32).
pub const READABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
