//! An identity provider as the sign-in sees it, read from its row.

use crate::clock::Millis;
use crate::config::{Binding, SignatureScope};
use crate::oidc::{ClientAuth, ContextNames, RequestSignature, Settings};
use crate::resources::idps::{IdpRow, Usage};
use crate::resources::{Fault, Resources};

#[derive(Debug, Clone)]
pub struct Party {
    pub id: String,
    pub name: String,
    pub usage: Usage,
    pub issuer: String,
    /// The service provider's entity id towards this provider.
    pub audience: String,
    pub acs_url: String,
    pub sso_url: String,
    pub destination: String,
    pub request_binding: Binding,
    pub sign_requests: bool,
    pub name_format: String,
    /// DER
    pub certificates: Vec<Vec<u8>>,
    pub response_signature_scope: SignatureScope,
    pub max_clock_skew: Millis,
    pub trust_claims: bool,
    pub send_application_context: bool,
    pub application_context_namespace: String,
    pub matching: Matching,
    /// Whether somebody unknown gets an account.
    pub creates_users: bool,
    /// Set for a provider of type OIDC.
    pub oidc: Option<Settings>,
}

/// Whom a provider's user is.
#[derive(Debug, Clone)]
pub struct Matching {
    /// `idpuser.subjectNameId`, …
    pub template: String,
    pub match_type: String,
    pub attribute: String,
}

impl Party {
    /// Only an active provider takes part in a sign-in.
    pub fn find(resources: &Resources, id: &str) -> Result<Party, Fault> {
        let row = resources.idps.row(id)?;
        match row.is_active() {
            true => Ok(Party::new(resources, id, row)),
            false => Err(Fault::NotFound(format!("{id} (IdpAppInstance)"))),
        }
    }

    /// Whether or not it is active.
    pub fn find_any(resources: &Resources, id: &str) -> Result<Party, Fault> {
        Ok(Party::new(resources, id, resources.idps.row(id)?))
    }

    fn new(resources: &Resources, id: &str, row: &IdpRow) -> Party {
        let flag = |pointer: &str| row.body.pointer(pointer).is_some_and(|value| value == true);
        let protocol = |end: &str| row.text(&format!("/protocol{end}")).to_owned();
        let oidc = (row.kind() == "OIDC").then(|| oidc_settings(row));
        let subject = |end: &str| row.text(&format!("/policy/subject{end}")).to_owned();
        Party {
            id: id.to_owned(),
            name: row.name().to_owned(),
            usage: row.usage,
            issuer: match &oidc {
                Some(settings) => settings.issuer.clone(),
                None => protocol("/credentials/trust/issuer"),
            },
            audience: protocol("/credentials/trust/audience"),
            acs_url: match row.text("/protocol/endpoints/acs/type") {
                "ORG" => resources.url("/sso/saml2"),
                _ => resources.url(&format!("/sso/saml2/{id}")),
            },
            sso_url: protocol("/endpoints/sso/url"),
            destination: protocol("/endpoints/sso/destination"),
            request_binding: match row.text("/protocol/endpoints/sso/binding") {
                "HTTP-REDIRECT" => Binding::Redirect,
                _ => Binding::Post,
            },
            sign_requests: row.text("/protocol/algorithms/request/signature/scope") != "NONE",
            name_format: protocol("/settings/nameFormat"),
            certificates: row
                .kids()
                .filter_map(|kid| resources.certificate(kid))
                .collect(),
            response_signature_scope: match row
                .text("/protocol/algorithms/response/signature/scope")
            {
                "RESPONSE" => SignatureScope::Response,
                "TOKEN" => SignatureScope::Token,
                _ => SignatureScope::Any,
            },
            max_clock_skew: row.body["policy"]["maxClockSkew"].as_i64().unwrap_or(0),
            trust_claims: flag("/policy/trustClaims"),
            send_application_context: flag("/protocol/settings/sendApplicationContext"),
            application_context_namespace: row.extras.application_context_namespace.clone(),
            matching: Matching {
                template: subject("/userNameTemplate/template"),
                match_type: subject("/matchType"),
                attribute: subject("/matchAttribute"),
            },
            creates_users: row.text("/policy/provisioning/action") == "AUTO",
            oidc,
        }
    }

    pub fn is_factor(&self) -> bool {
        self.usage == Usage::Factor
    }

    /// As the widget names its type.
    pub fn kind(&self) -> &'static str {
        match self.oidc {
            Some(_) => "OIDC",
            None => "SAML2",
        }
    }
}

fn oidc_settings(row: &IdpRow) -> Settings {
    let text = |pointer: &str| row.text(&format!("/protocol{pointer}")).to_owned();
    let optional = |pointer: &str| Some(text(pointer)).filter(|text| !text.is_empty());
    let signature = match (
        row.text("/protocol/algorithms/request/signature/scope"),
        row.text("/protocol/algorithms/request/signature/algorithm"),
    ) {
        ("REQUEST", "HS256") => Some(RequestSignature::Hs256),
        ("REQUEST", "HS384") => Some(RequestSignature::Hs384),
        ("REQUEST", "HS512") => Some(RequestSignature::Hs512),
        ("REQUEST", "RS384") => Some(RequestSignature::Rs384),
        ("REQUEST", "RS512") => Some(RequestSignature::Rs512),
        ("REQUEST", _) => Some(RequestSignature::Rs256),
        _ => None,
    };
    let scopes = row.body["protocol"]["scopes"]
        .as_array()
        .into_iter()
        .flatten();
    let extras = row.extras.oidc.as_ref();
    Settings {
        issuer: text("/issuer/url"),
        authorization_endpoint: text("/endpoints/authorization/url"),
        token_endpoint: text("/endpoints/token/url"),
        jwks_endpoint: text("/endpoints/jwks/url"),
        userinfo_endpoint: optional("/endpoints/userInfo/url"),
        client_id: text("/credentials/client/client_id"),
        client_secret: text("/credentials/client/client_secret"),
        client_auth: match row.text("/protocol/credentials/client/token_endpoint_auth_method") {
            "private_key_jwt" => ClientAuth::PrivateKeyJwt,
            "client_secret_basic" => ClientAuth::ClientSecretBasic,
            _ => ClientAuth::ClientSecretPost,
        },
        request_signature: signature,
        pkce_required: row
            .body
            .pointer("/protocol/credentials/client/pkce_required")
            .is_some_and(|value| value == true),
        scopes: scopes
            .filter_map(|scope| scope.as_str().map(str::to_owned))
            .collect(),
        prompt_login: extras.is_some_and(|extras| extras.prompt_login),
        context_names: extras.map_or(ContextNames::default(), |extras| extras.context_names),
        connect: None,
        connect_plainly: false,
        ca: None,
    }
}
