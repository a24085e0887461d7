//! What a client is given when it is registered.

use super::{OidcClient, secret_context};
use crate::{
    app::App,
    clock::Millis,
    domain::{
        connection::{KeyStatus, SigningKey},
        signing::{self, SigningKeyError},
    },
    keys, random,
    store::oidc::SecretRow,
};
use standards::oidc::jwt::Alg;
use zeroize::Zeroizing;

/// A new signing key of the kind that the connection's ID tokens need.
pub fn generate_key(
    app: &App,
    client: &OidcClient,
    status: KeyStatus,
    now: Millis,
) -> Result<SigningKey, SigningKeyError> {
    match client.client.id_token_signed_response_alg {
        Alg::ES256 => signing::generate_elliptic(app, &client.connection, status, now),
        _ => signing::generate(app, &client.connection, status, now),
    }
}

/// 48 random bytes as 64 characters: as long as HS512 wants its key. Only a hash is kept, unless HMACs have to be computed
/// with it: then the text itself too, under the master key.
pub fn generate_secret(
    app: &App,
    client: &OidcClient,
    now: Millis,
) -> (Zeroizing<String>, SecretRow) {
    let text = Zeroizing::new(random::token::<48>());
    let sealed = match client.client.computes_with_its_secret() {
        true => app
            .master
            .seal(&secret_context(&client.connection), text.as_bytes()),
        false => String::new(),
    };
    let row = SecretRow {
        id: random::id(now),
        hash: keys::hash(text.as_bytes()),
        sealed,
        created_at: now,
    };
    (text, row)
}
