//! What CNG's numbers mean, and the one structure of it that we read. No system call, so that it is tested everywhere.

use crate::keystore::KeystoreError;

/// BCRYPT_ECDSA_PUBLIC_P256_MAGIC, "ECS1".
const P256_MAGIC: u32 = 0x3153_4345;
/// Bytes of one coordinate.
const COORDINATE: u32 = 32;

/// What went wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such key.
    NoKey,
    /// There is no TPM, or Windows may not use it.
    NoTpm,
    /// Too many failed authorisations.
    Lockout,
    /// The key was wrapped by another TPM, or by this one before it was cleared.
    Foreign,
    /// Not for this person.
    Denied,
    /// Anything else.
    Other,
}

/// The meaning of an HRESULT (winerror.h).
pub(super) fn meaning(code: u32) -> Failure {
    match code {
        // NTE_BAD_KEYSET, NTE_NOT_FOUND
        0x8009_0016 | 0x8009_0011 => Failure::NoKey,
        // NTE_PROV_TYPE_NOT_DEF, NTE_PROVIDER_DLL_FAIL, NTE_NOT_SUPPORTED, NTE_DEVICE_NOT_READY, NTE_DEVICE_NOT_FOUND
        0x8009_0017 | 0x8009_001d | 0x8009_0029 | 0x8009_0030 | 0x8009_0035 => Failure::NoTpm,
        // TBS_E_SERVICE_NOT_RUNNING, TBS_E_TPM_NOT_FOUND, TBS_E_SERVICE_DISABLED, TBS_E_PROVISIONING_INCOMPLETE
        0x8028_4008 | 0x8028_400f | 0x8028_4010 | 0x8028_4016 => Failure::NoTpm,
        // TPM_20_E_LOCKOUT, TPM_E_DEFEND_LOCK_RUNNING
        0x8028_0921 | 0x8028_0803 => Failure::Lockout,
        // E_ACCESSDENIED, NTE_PERM
        0x8007_0005 | 0x8009_0010 => Failure::Denied,
        _ if is_integrity(code) => Failure::Foreign,
        _ => Failure::Other,
    }
}

/// TPM_RC_INTEGRITY with the number of its parameter, handle or session (TPM 2.0 Part 2, 6.6.2), within FACILITY_TPM.
fn is_integrity(code: u32) -> bool {
    const FORMAT_ONE_AND_ERROR: u32 = 0xbf;
    code & 0xffff_f000 == 0x8028_0000 && code & FORMAT_ONE_AND_ERROR == 0x9f
}

/// As the person or administrator reads it.
pub(super) fn error(step: &'static str, code: u32) -> KeystoreError {
    match meaning(code) {
        Failure::NoTpm => KeystoreError::CngNoTpm(code),
        Failure::Lockout => KeystoreError::CngLockout,
        Failure::Foreign => KeystoreError::CngForeignKey,
        Failure::NoKey | Failure::Denied | Failure::Other => KeystoreError::Cng { step, code },
    }
}

/// The uncompressed point in a BCRYPT_ECCPUBLIC_BLOB: `magic (4) ‖ bytes per coordinate (4) ‖ x ‖ y`, numbers in
/// little-endian, coordinates in big-endian.
pub(super) fn point_of(blob: &[u8]) -> Option<[u8; 65]> {
    let (magic, rest) = blob.split_first_chunk()?;
    let (length, coordinates) = rest.split_first_chunk()?;
    let fits =
        u32::from_le_bytes(*magic) == P256_MAGIC && u32::from_le_bytes(*length) == COORDINATE;
    let coordinates: &[u8; 64] = coordinates.try_into().ok().filter(|_| fits)?;
    let mut point = [0x04; 65];
    point[1..].copy_from_slice(coordinates);
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_in_which_a_tpm_fails_is_told_from_the_others() {
        for (code, expected) in [
            (0x8009_0016, Failure::NoKey),
            (0x8009_0011, Failure::NoKey),
            (0x8009_0030, Failure::NoTpm),
            (0x8028_400f, Failure::NoTpm),
            (0x8028_0921, Failure::Lockout),
            (0x8007_0005, Failure::Denied),
            (0x8028_009f, Failure::Foreign),
            (0x8028_01df, Failure::Foreign), // of parameter 1
            (0x8028_019f, Failure::Foreign), // of handle 1
            (0x8028_0095, Failure::Other),   // TPM_RC_SIZE
            (0x8009_009f, Failure::Other),   // another facility
            (0, Failure::Other),
        ] {
            assert_eq!(meaning(code), expected, "{code:#x}");
        }
    }

    #[test]
    fn every_error_names_its_repair_or_its_number() {
        for (code, words) in [
            (0x8028_400f, "tpm.msc"),
            (0x8028_0921, "two hours"),
            (0x8028_009f, "tacit-host renew"),
            (0x8009_0020, "0x80090020"),
        ] {
            let text = error("SignHash", code).to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn only_the_blob_of_a_p256_key_has_a_point() {
        let mut blob = b"ECS1\x20\0\0\0".to_vec();
        blob.extend((0..64).map(|n| n + 1));
        let point = point_of(&blob).unwrap();
        assert_eq!((point[0], point[1], point[33], point[64]), (4, 1, 33, 64));
        for (at, byte) in [(0, b'X'), (3, b'3'), (4, 0x30), (7, 1)] {
            let mut changed = blob.clone();
            changed[at] = byte;
            assert_eq!(point_of(&changed), None, "byte {at}");
        }
        for length in 0..blob.len() {
            assert_eq!(point_of(&blob[..length]), None, "{length} bytes");
        }
        blob.push(0);
        assert_eq!(point_of(&blob), None, "one byte more");
    }
}
