//! From a code to tokens. Who could cheat here stands in `standards::oidc`; what the database decides is decided by one
//! UPDATE, in the transaction that also writes the token down: of many at once one gets tokens, and a second use finds the
//! token of the first and revokes it.

use super::{
    CODE_LIFETIME, ID_TOKEN_LIFETIME, OidcClient, OidcEcho, TOKEN_LIFETIME, acr_of,
    claims::{subject_of, token_claims},
    may_enter, person_of,
};
use crate::{
    app::App,
    clock::{Millis, seconds},
    domain::{
        challenge::{Challenge, Echo, State},
        connection::Connection,
        user::User,
    },
    keys, random,
    store::{Store, StoreError, oidc::AccessToken},
};
use standards::oidc::{
    id_token::{IdToken, access_token_hash},
    jwt::Alg,
    pkce,
    token_request::TokenRequest,
};
use wire::id::ChallengeId;

/// Why there are no tokens. All of these are `invalid_grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Never given to this client, or forgotten.
    #[error("the code is not known to this client")]
    UnknownCode,
    /// Over [`CODE_LIFETIME`].
    #[error("the code is older than {} s", CODE_LIFETIME / 1000)]
    Expired,
    /// A second use; what the first gave is revoked.
    #[error("the code was used before; what it gave is revoked")]
    Reused,
    /// Another one than in the authorization request.
    #[error("redirect_uri is not the one of the authorization request")]
    RedirectUri,
    /// The verifier is missing, does not fit, or was not announced.
    #[error("code_verifier does not fit the authorization request")]
    Verifier,
    /// Disabled or unassigned since.
    #[error("the person may not enter this application")]
    Person,
}

/// What a client gets for its code; the ID token is not signed yet.
pub struct Tokens {
    /// For `userinfo`.
    pub access_token: String,
    /// What was granted.
    pub scope: String,
    challenge: Challenge,
    echo: OidcEcho,
    user: User,
    at_hash: String,
    now: Millis,
}

impl Tokens {
    /// The text of the ID token to sign by the key `kid`.
    pub fn signing_input(
        &self,
        client: &OidcClient,
        connection: &Connection,
        issuer: &str,
        alg: Alg,
        kid: &str,
    ) -> String {
        let token = IdToken {
            iss: issuer,
            sub: subject_of(client, &self.user),
            aud: &client.client.client_id,
            exp: seconds(self.now + ID_TOKEN_LIFETIME),
            iat: seconds(self.now),
            auth_time: seconds(self.challenge.decided_at),
            nonce: self.echo.nonce.as_deref(),
            acr: acr_of(&self.challenge.amr),
            amr: &self.challenge.amr,
            sid: self.challenge.id.as_str(),
            at_hash: &self.at_hash,
            claims: &token_claims(&self.echo, &self.user, &self.challenge, connection.role),
        };
        token.signing_input(alg, kid)
    }
}

/// Redeems the code of `request`, whose client has shown that it is `client`.
pub async fn exchange(
    app: &App,
    client: &OidcClient,
    request: &TokenRequest,
    now: Millis,
) -> Result<Result<Tokens, Refused>, StoreError> {
    let hash = keys::hash(request.code.as_bytes());
    let Some(code) = app.store.find_oidc_code(&hash, &client.connection).await? else {
        return Ok(Err(Refused::UnknownCode));
    };
    let Some((challenge, echo)) = signed_in(app, &code.challenge_id).await? else {
        return Ok(Err(Refused::UnknownCode));
    };
    let person = person_of(app, &challenge).await?;
    let verdict = match &person {
        None => Err(Refused::Person),
        Some(user) if !may_enter(app, client, user).await? => Err(Refused::Person),
        Some(user) => fits(request, &echo).map(|()| user.clone()),
    };
    let mut write = app.store.write().await?;
    if !Store::use_oidc_code(&mut write, &hash, now).await? {
        // Lost the race, came again, or came late; the row was read before the lock, so it says which only now.
        let used = Store::is_oidc_code_used(&mut write, &hash).await?;
        if used {
            Store::revoke_oidc_tokens_of(&mut write, &challenge.id, now).await?;
        }
        write.commit().await?;
        if used {
            note_reuse(app, &challenge, now).await?;
        }
        return Ok(Err(if used {
            Refused::Reused
        } else {
            Refused::Expired
        }));
    }
    let user = match verdict {
        Ok(user) => user,
        Err(refused) => {
            // The right client with a wrong verifier or redirect URI: the code has leaked, and is spent.
            write.commit().await?;
            return Ok(Err(refused));
        }
    };
    let access_token = random::token::<32>();
    let row = AccessToken {
        connection: client.connection.clone(),
        challenge: challenge.id.clone(),
        user: user.id.clone(),
        browser: challenge.browser.clone(),
        scope: echo.scope.clone(),
        created_at: now,
        expires_at: now + TOKEN_LIFETIME,
    };
    Store::insert_oidc_token(&mut write, &keys::hash(access_token.as_bytes()), &row).await?;
    write.commit().await?;
    Ok(Ok(Tokens {
        at_hash: access_token_hash(&access_token),
        access_token,
        scope: echo.scope.clone(),
        challenge,
        echo,
        user,
        now,
    }))
}

/// The allowed challenge of a code.
async fn signed_in(
    app: &App,
    id: &ChallengeId,
) -> Result<Option<(Challenge, OidcEcho)>, StoreError> {
    let challenge = app.store.find_challenge(id).await?;
    let allowed = challenge.filter(|c| c.state == State::Allowed);
    Ok(
        allowed.and_then(|challenge| match challenge.request.clone() {
            Echo::Oidc(echo) => Some((challenge, *echo)),
            Echo::Saml(_) => None,
        }),
    )
}

fn fits(request: &TokenRequest, echo: &OidcEcho) -> Result<(), Refused> {
    if request.redirect_uri.as_deref() != Some(&echo.redirect_uri) {
        return Err(Refused::RedirectUri);
    }
    match (&echo.code_challenge, &request.code_verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce::fits(challenge, verifier) => Ok(()),
        // A verifier without a challenge: somebody took the challenge out of the request (RFC 9700 section 4.8.2).
        _ => Err(Refused::Verifier),
    }
}

async fn note_reuse(app: &App, challenge: &Challenge, now: Millis) -> Result<(), StoreError> {
    tracing::warn!(challenge = %challenge.id, connection = %challenge.connection, "a code came twice");
    let detail = "its tokens are revoked";
    app.store
        .insert_event(now, "oidc_code_reused", "client", challenge, detail)
        .await
}
