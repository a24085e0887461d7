//! Administrators' passwords: argon2id, with the library's recommended cost.

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};

/// The PHC string of `password`.
pub fn hash(password: &str) -> Option<String> {
    let salt = SaltString::encode_b64(&crate::random::bytes::<16>()).ok()?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Some(hash.ok()?.to_string())
}

/// Whether `password` has that hash. Takes as long for a malformed hash as for a wrong password when the caller passes
/// [`NOBODY`] for people who do not exist.
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

/// The hash of a password that nobody has, of the same cost.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hashed = hash("correct horse").unwrap();
        assert!(verify("correct horse", &hashed));
        assert!(!verify("correct horsf", &hashed));
        assert!(!verify("", NOBODY));
    }
}
