//! What the Security framework's numbers mean, and its DER signatures. No system call, so that it is tested everywhere.

use crate::keystore::KeystoreError;

/// What went wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such item.
    NoKey,
    /// This build may not use the data-protection keychain, where keys of the enclave have to be.
    NoEntitlement,
    /// This Mac has no Secure Enclave.
    NoEnclave,
    /// The keychain is locked, or would ask the person.
    Locked,
    /// The person or the system refused.
    Denied,
    /// Anything else.
    Other,
}

/// The meaning of an OSStatus (SecBase.h).
pub(super) fn meaning(code: i64) -> Failure {
    match code {
        // errSecItemNotFound
        -25300 => Failure::NoKey,
        // errSecMissingEntitlement
        -34018 => Failure::NoEntitlement,
        // errSecUnimplemented, errSecNotAvailable, errSecParam: as the enclave's token is answered where there is none
        -4 | -25291 | -50 => Failure::NoEnclave,
        // errSecInteractionNotAllowed, errSecInteractionRequired
        -25308 | -25315 => Failure::Locked,
        // errSecAuthFailed, errSecUserCanceled
        -25293 | -128 => Failure::Denied,
        _ => Failure::Other,
    }
}

/// As the person or administrator reads it, of the Secure Enclave.
pub(super) fn enclave_error(step: &'static str, code: i64) -> KeystoreError {
    match meaning(code) {
        Failure::NoEntitlement => KeystoreError::EnclaveEntitlement,
        Failure::NoEnclave => KeystoreError::EnclaveMissing(code),
        _ => keychain_error(step, code),
    }
}

/// The same of the keychain.
pub(super) fn keychain_error(step: &'static str, code: i64) -> KeystoreError {
    match meaning(code) {
        Failure::Locked => KeystoreError::KeychainLocked,
        Failure::Denied => KeystoreError::KeychainDenied,
        _ => KeystoreError::Keychain { step, code },
    }
}

/// r ‖ s of an ECDSA signature in DER (X9.62: a SEQUENCE of two INTEGERs), for P-256.
pub(super) fn fixed(der: &[u8]) -> Option<[u8; 64]> {
    let (body, after) = element(der, 0x30)?;
    let (r, body) = element(body, 0x02)?;
    let (s, rest) = element(body, 0x02)?;
    if !after.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut fixed = [0; 64];
    let (left, right) = fixed.split_at_mut(32);
    put(r, left)?;
    put(s, right)?;
    Some(fixed)
}

/// The content of the element at the front, and what follows it. Lengths below 128 are all that P-256 needs.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else {
        return None;
    };
    if *found != tag || *length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(*length))
}

/// A positive INTEGER, right-aligned.
fn put(integer: &[u8], into: &mut [u8]) -> Option<()> {
    let digits = match integer {
        [] | [0x80..=0xff, ..] => return None,
        [0, rest @ ..] => rest,
        all => all,
    };
    let start = into.len().checked_sub(digits.len())?;
    into[start..].copy_from_slice(digits);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair,
        UnparsedPublicKey,
    };

    #[test]
    fn a_mac_without_enclave_is_told_from_a_build_without_entitlement() {
        for (code, expected) in [
            (-25300, Failure::NoKey),
            (-34018, Failure::NoEntitlement),
            (-4, Failure::NoEnclave),
            (-50, Failure::NoEnclave),
            (-25308, Failure::Locked),
            (-25293, Failure::Denied),
            (-128, Failure::Denied),
            (-26275, Failure::Other),
            (0, Failure::Other),
        ] {
            assert_eq!(meaning(code), expected, "{code}");
        }
        assert!(matches!(
            enclave_error("find", -34018),
            KeystoreError::EnclaveEntitlement
        ));
        let other = keychain_error("add", -61).to_string();
        assert!(other.contains("-61"), "{other}");
    }

    #[test]
    fn signatures_in_der_become_fixed_ones_that_verify() {
        let random = SystemRandom::new();
        let scheme = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        // Short numbers and those with a leading zero come up by themselves in so many.
        for n in 0..600_u32 {
            let message = n.to_be_bytes();
            let der = pair.sign(&random, &message).unwrap();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(&message, &fixed(der.as_ref()).unwrap())
                .unwrap();
        }
    }

    #[test]
    fn what_is_not_one_signature_is_refused() {
        let good = [0x30, 6, 2, 1, 5, 2, 1, 7];
        let signature = fixed(&good).unwrap();
        assert_eq!((signature[31], signature[63]), (5, 7));
        for length in 0..good.len() {
            assert_eq!(fixed(&good[..length]), None, "{length} bytes");
        }
        for bad in [
            &[0x30, 6, 2, 1, 5, 2, 1, 7, 0][..],
            &[0x30, 7, 2, 1, 5, 2, 1, 7, 0],
            &[0x31, 6, 2, 1, 5, 2, 1, 7],
            &[0x30, 6, 2, 1, 0x85, 2, 1, 7],
            &[0x30, 5, 2, 0, 2, 1, 7],
            &[0x30, 0x81, 6, 2, 1, 5, 2, 1, 7],
        ] {
            assert_eq!(fixed(bad), None, "{bad:?}");
        }
        let mut long = vec![0x30, 38, 2, 33, 1];
        long.extend([0; 32]);
        long.extend([2, 1, 7]);
        assert_eq!(fixed(&long), None, "33 digits");
    }
}
