//! The org as an OpenID relying party towards an identity provider.
//!
//! Written from Okta's documentation and captures, and from nothing of the product: it shares no code with it. Facts that
//! were only inferred are settings: whether `prompt=login` is sent, and how the application context's members are called.
//!
//! ```toml
//! [idp.oidc]                       # with this table the identity provider is of type OIDC, not SAML2
//! issuer = "https://login.tacit-idp.test/oidc/okta"
//! authorization_endpoint = "https://login.tacit-idp.test/oidc/okta/authorize"
//! token_endpoint = "https://login.tacit-idp.test/oidc/okta/token"
//! jwks_endpoint = "https://login.tacit-idp.test/oidc/okta/jwks"
//! # userinfo_endpoint = "…"        # asked only where it is set
//! client_id = "…"
//! client_secret = "…"
//! client_auth = "client_secret_post"   # or client_secret_basic, private_key_jwt (RS256 by the org's key)
//! # request_signature = "HS256"    # or HS384, HS512, RS256: sends a signed request object
//! pkce_required = false
//! connect = "127.0.0.1:9443"       # where the provider's host really listens
//! ca = "ca.pem"                    # who vouches for its certificate
//! ```

pub mod id_token;
pub mod jwt;
pub mod settings;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::config::Config;
use crate::keys::ServiceProvider;
use crate::outbound::Outbound;
use crate::party::Party;
use crate::state::PendingRequest;

pub use id_token::{Claims, Expected, Refusal};
pub use settings::{ClientAuth, ContextNames, RequestSignature, Settings};

/// `…/oauth2/v1/authorize/callback`
pub fn redirect_uri(config: &Config) -> String {
    format!("{}/oauth2/v1/authorize/callback", config.org_origin)
}

/// What only this request and its answer know, made from its relay state: nothing has to be kept.
pub struct Ties {
    /// 32 letters and digits, as Okta's.
    pub nonce: String,
    /// PKCE's.
    pub verifier: String,
}

impl Ties {
    pub fn of(sp: &ServiceProvider, pending: &PendingRequest) -> Ties {
        // A signature by the org's key is a secret that the same input always gives again.
        let secret = sp.sign(format!("oidc ties {}", pending.relay_state).as_bytes());
        let part =
            |name: &str| digest::digest(&digest::SHA256, format!("{name}|{secret}").as_bytes());
        let nonce: String = part("nonce").as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ties {
            nonce,
            verifier: URL_SAFE_NO_PAD.encode(part("verifier")),
        }
    }
}

/// The URL that the browser is sent to.
pub fn authorize_url(
    config: &Config,
    party: &Party,
    settings: &Settings,
    sp: &ServiceProvider,
    pending: &PendingRequest,
    app: (&str, &str),
    now: Millis,
) -> String {
    let ties = Ties::of(sp, pending);
    let mut parameters: Vec<(&str, String)> = vec![
        ("state", pending.relay_state.clone()),
        ("nonce", ties.nonce),
        ("client_id", settings.client_id.clone()),
        ("redirect_uri", redirect_uri(config)),
        ("response_type", "code".to_owned()),
        ("display", "page".to_owned()),
        ("scope", settings.scopes.join(" ")),
    ];
    if !pending.login.is_empty() {
        parameters.push(("login_hint", pending.login.clone()));
    }
    if settings.prompt_login {
        parameters.push(("prompt", "login".to_owned()));
    }
    if settings.pkce_required {
        let challenge = digest::digest(&digest::SHA256, ties.verifier.as_bytes());
        parameters.push(("code_challenge", URL_SAFE_NO_PAD.encode(challenge)));
        parameters.push(("code_challenge_method", "S256".to_owned()));
    }
    if party.send_application_context {
        let (id, name) = settings.context_names.names();
        parameters.push((id, app.0.to_owned()));
        parameters.push((name, app.1.to_owned()));
    }
    if let Some(signature) = settings.request_signature {
        let object = request_object(settings, signature, sp, &parameters, now);
        parameters.retain(|(name, _)| matches!(*name, "client_id" | "response_type" | "scope"));
        parameters.push(("request", object));
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&parameters)
        .finish();
    let separator = if settings.authorization_endpoint.contains('?') {
        '&'
    } else {
        '?'
    };
    format!("{}{separator}{query}", settings.authorization_endpoint)
}

fn request_object(
    settings: &Settings,
    signature: RequestSignature,
    sp: &ServiceProvider,
    parameters: &[(&str, String)],
    now: Millis,
) -> String {
    let mut claims: serde_json::Map<String, Value> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect();
    let seconds = now / 1000;
    claims.insert("iss".to_owned(), settings.client_id.as_str().into());
    claims.insert("aud".to_owned(), settings.issuer.as_str().into());
    claims.insert("iat".to_owned(), seconds.into());
    claims.insert("exp".to_owned(), (seconds + 300).into());
    jwt::sign(
        signature,
        &settings.client_secret,
        sp,
        &Value::Object(claims),
    )
}

/// The code for tokens, and the tokens judged: what the ID token says of the transaction's user.
#[expect(
    clippy::too_many_arguments,
    reason = "all of one org and one request, named at the one call"
)]
pub async fn redeem(
    config: &Config,
    channel: &Outbound,
    party: &Party,
    settings: &Settings,
    sp: &ServiceProvider,
    pending: &PendingRequest,
    code: &str,
    app: (&str, &str),
    now: Millis,
) -> Result<Claims, Refusal> {
    let ties = Ties::of(sp, pending);
    let mut form: Vec<(&str, String)> = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", redirect_uri(config)),
    ];
    if settings.pkce_required {
        form.push(("code_verifier", ties.verifier));
    }
    let mut authorization = None;
    match settings.client_auth {
        ClientAuth::ClientSecretPost => {
            form.push(("client_id", settings.client_id.clone()));
            form.push(("client_secret", settings.client_secret.clone()));
        }
        ClientAuth::ClientSecretBasic => {
            let encode =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!(
                "{}:{}",
                encode(&settings.client_id),
                encode(&settings.client_secret)
            );
            authorization = Some(format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(pair)
            ));
        }
        ClientAuth::PrivateKeyJwt => {
            let seconds = now / 1000;
            let claims = json!({
                "iss": settings.client_id, "sub": settings.client_id, "aud": settings.token_endpoint,
                "iat": seconds, "exp": seconds + 300, "jti": crate::ids::generate_uuid(),
            });
            form.push(("client_id", settings.client_id.clone()));
            form.push((
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ));
            form.push((
                "client_assertion",
                jwt::sign(RequestSignature::Rs256, "", sp, &claims),
            ));
        }
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&form)
        .finish();
    let tokens = channel
        .post(&settings.token_endpoint, authorization.as_deref(), &body)
        .await?;
    if tokens.status != 200 {
        let error = tokens.json()?["error"]
            .as_str()
            .unwrap_or("unknown")
            .to_owned();
        return Err(Refusal::TokenEndpoint(tokens.status, error));
    }
    let tokens = tokens.json()?;
    let jwks = channel.get(&settings.jwks_endpoint, None).await?.json()?;
    let expected = Expected {
        party,
        settings,
        nonce: &ties.nonce,
        user: party.is_factor().then_some(pending.login.as_str()),
        app,
        now,
    };
    let mut claims = id_token::verify(
        tokens["id_token"].as_str().unwrap_or_default(),
        &jwks,
        &expected,
    )?;
    if let Some(userinfo) = &settings.userinfo_endpoint {
        let bearer = format!(
            "Bearer {}",
            tokens["access_token"].as_str().unwrap_or_default()
        );
        let info = channel.get(userinfo, Some(&bearer)).await?;
        let status = info.status;
        let told = if status == 200 {
            info.json()?
        } else {
            Value::Null
        };
        if told["sub"] != claims.sub.as_str() {
            return Err(Refusal::UserInfo(status));
        }
        // Where userinfo is configured, attributes come from there.
        for (name, value) in told.as_object().into_iter().flatten() {
            claims.all[name] = value.clone();
        }
    }
    Ok(claims)
}
