//! The AuthnRequest that Okta sends by HTTP-Redirect or HTTP-POST (SAML core 3.4.1, bindings 3.4 and 3.5).
//!
//! ```
//! use standards::saml::authn_request::{AuthnRequestError, UnverifiedAuthnRequest, VerifyContext};
//! # let sp = standards::saml::metadata::ServiceProvider::parse(include_bytes!("../../fixtures/real-okta-sp-metadata.xml")).unwrap();
//! let body = b"SAMLRequest=PGEvPg==&RelayState=opaque";
//! let unverified = UnverifiedAuthnRequest::from_post_body(body).unwrap();
//! let context = VerifyContext::new(1_767_225_600_000, "https://login.example.com/saml/acme/sso");
//! assert_eq!(unverified.verify(&sp, &context), Err(AuthnRequestError::NotAnAuthnRequest));
//! ```

mod read;

pub use super::binding::{PARAMETERS_BYTES, RELAY_STATE_BYTES};
use super::{
    RSA_SHA256,
    binding::{Parameters, QuerySignature},
    metadata::ServiceProvider,
    signature::{self, SignatureError},
    work::{Budget, Exhausted},
    xml::{self, Comments, XmlError},
};

/// The oldest request that is answered, in ms: Okta's own transaction lives that long.
pub const MAX_AGE_MS: i64 = 5 * 60 * 1000;
/// How far a request may come from the future, in ms.
pub const MAX_SKEW_MS: i64 = 2 * 60 * 1000;
/// An ID, an issuer, a name or another single value, in bytes.
pub const VALUE_BYTES: usize = 256;

/// A request as it came in. Nothing of it can be read before [`Self::verify`].
#[derive(Clone)]
pub struct UnverifiedAuthnRequest {
    xml: String,
    elements: usize,
    relay_state: Option<String>,
    binding: Binding,
}

impl std::fmt::Debug for UnverifiedAuthnRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UnverifiedAuthnRequest({} bytes)", self.xml.len())
    }
}

#[derive(Clone)]
enum Binding {
    Post,
    Redirect(Option<QuerySignature>),
}

/// What the server knows when a request comes in.
#[derive(Debug, Clone)]
pub struct VerifyContext<'a> {
    /// ms since 1970.
    pub now_ms: i64,
    /// The URL that Okta is configured to send requests of this connection to; compared byte for byte.
    pub expected_destination: &'a str,
    /// The oldest request that is answered.
    pub max_age_ms: i64,
    /// How far a request may come from the future.
    pub max_skew_ms: i64,
}

impl<'a> VerifyContext<'a> {
    /// With [`MAX_AGE_MS`] and [`MAX_SKEW_MS`].
    pub fn new(now_ms: i64, expected_destination: &'a str) -> Self {
        Self {
            now_ms,
            expected_destination,
            max_age_ms: MAX_AGE_MS,
            max_skew_ms: MAX_SKEW_MS,
        }
    }
}

/// A verified request. Its ID may be used once; the caller remembers it until [`Self::forget_after_ms`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnRequest {
    id: String,
    issuer: String,
    issue_instant_ms: i64,
    forget_after_ms: i64,
    acs: String,
    subject: Option<NameId>,
    force_authn: bool,
    is_passive: bool,
    name_id_policy: Option<String>,
    application_context: Vec<(String, String)>,
    requested_context: Option<RequestedContext>,
    relay_state: Option<String>,
    was_signed: bool,
}

/// Whom the request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameId {
    /// Byte for byte as it has to come back.
    pub value: String,
    /// Its `Format`; Okta sends none.
    pub format: Option<String>,
}

/// What the request demands of the authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedContext {
    /// `exact` (the default), `minimum`, `maximum` or `better`.
    pub comparison: String,
    /// `AuthnContextClassRef` values, at most eight.
    pub classes: Vec<String>,
}

impl AuthnRequest {
    /// Its ID; the Response's `InResponseTo`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The service provider's entity ID; the assertion's audience.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When it was made, in ms since 1970.
    pub fn issue_instant_ms(&self) -> i64 {
        self.issue_instant_ms
    }

    /// When a repetition would be refused for its age anyway, in ms since 1970.
    pub fn forget_after_ms(&self) -> i64 {
        self.forget_after_ms
    }

    /// Where the Response goes; always one of the metadata's.
    pub fn acs(&self) -> &str {
        &self.acs
    }

    /// Whom it is about, if it says so.
    pub fn subject(&self) -> Option<&NameId> {
        self.subject.as_ref()
    }

    /// Whether a fresh authentication is demanded.
    pub fn force_authn(&self) -> bool {
        self.force_authn
    }

    /// Whether nothing may be shown to the person.
    pub fn is_passive(&self) -> bool {
        self.is_passive
    }

    /// Format of its `NameIDPolicy`.
    pub fn name_id_policy(&self) -> Option<&str> {
        self.name_id_policy.as_deref()
    }

    /// The Format that the Response's NameID should have: the subject's own, else the policy's, else unspecified.
    pub fn response_name_id_format(&self) -> &str {
        self.subject
            .as_ref()
            .and_then(|subject| subject.format.as_deref())
            .or(self.name_id_policy())
            .unwrap_or(super::FORMAT_UNSPECIFIED)
    }

    /// `OktaAppInstanceId` and `OktaAppName` where sent; the Response echoes them as attributes.
    pub fn application_context(&self) -> &[(String, String)] {
        &self.application_context
    }

    /// What it demands of the authentication.
    pub fn requested_context(&self) -> Option<&RequestedContext> {
        self.requested_context.as_ref()
    }

    /// Goes back unchanged.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// Whether a signature was there (and fitted). It always is where the metadata says that requests are signed.
    pub fn was_signed(&self) -> bool {
        self.was_signed
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthnRequestError {
    /// Over [`PARAMETERS_BYTES`].
    #[error("the query or form is longer than {PARAMETERS_BYTES} bytes")]
    ParametersTooLong,
    /// A parameter that has to be there is not.
    #[error("the parameter {name} is missing")]
    ParameterMissing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter twice: which one would count is anybody's guess.
    #[error("the parameter {name} is there more than once")]
    ParameterRepeated {
        /// Its name.
        name: &'static str,
    },
    /// Broken percent-encoding or UTF-8.
    #[error("the parameter {name} is not properly encoded")]
    ParameterMalformed {
        /// Its name.
        name: &'static str,
    },
    /// Over [`RELAY_STATE_BYTES`].
    #[error("the RelayState is longer than {RELAY_STATE_BYTES} bytes")]
    RelayStateTooLong,
    /// A `SAMLEncoding` other than DEFLATE.
    #[error("the SAMLEncoding is not DEFLATE")]
    Encoding,
    /// Not base64.
    #[error("the parameter {name} is not base64")]
    NotBase64 {
        /// Its name.
        name: &'static str,
    },
    /// Not a DEFLATE stream.
    #[error("the request is not deflated")]
    NotDeflate,
    /// Inflates to more than a document may have.
    #[error("the request inflates to more than {} bytes", xml::DOCUMENT_BYTES)]
    InflatedTooLong,
    /// Not a document that is read here.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The document element is something else.
    #[error("the document is not a SAML AuthnRequest")]
    NotAnAuthnRequest,
    /// A version other than 2.0.
    #[error("the SAML version is not 2.0")]
    Version,
    /// No ID.
    #[error("the request has no ID")]
    IdMissing,
    /// Not a name, or over [`VALUE_BYTES`].
    #[error("the request's ID is not an XML name of at most {VALUE_BYTES} bytes")]
    IdMalformed,
    /// Two elements of the document have the same ID.
    #[error("an ID is there more than once")]
    IdRepeated,
    /// The signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// An element that may be there once is there twice, or at the wrong place.
    #[error(
        "the element {name} is there more than once or at another place than the schema has it"
    )]
    ElementMisplaced {
        /// Its name.
        name: &'static str,
    },
    /// A text with elements in it, or over its bound.
    #[error("the value of {name} is malformed or too long")]
    ValueMalformed {
        /// Element or attribute.
        name: &'static str,
    },
    /// No Issuer.
    #[error("the request has no Issuer")]
    IssuerMissing,
    /// Not the service provider of this connection.
    #[error("the Issuer is not the service provider of this connection")]
    IssuerUnknown,
    /// No Destination.
    #[error("the request has no Destination")]
    DestinationMissing,
    /// Meant for another URL.
    #[error("the Destination is not the URL of this connection")]
    DestinationOther,
    /// Wants the Response somewhere that the metadata does not name.
    #[error("the AssertionConsumerService is not one of the metadata's")]
    AcsUnknown,
    /// URL and index at once.
    #[error("the AssertionConsumerService is given both as URL and as index")]
    AcsAmbiguous,
    /// A Response binding other than HTTP-POST.
    #[error("the ProtocolBinding is not HTTP-POST")]
    ProtocolBinding,
    /// No IssueInstant.
    #[error("the request has no IssueInstant")]
    IssueInstantMissing,
    /// Not a UTC time.
    #[error("the IssueInstant is not a UTC time")]
    IssueInstantMalformed,
    /// Too old.
    #[error("the request is too old")]
    Expired,
    /// From the future.
    #[error("the request comes from the future: one of the clocks is wrong")]
    NotYetValid,
    /// A subject that is encrypted or not named by a NameID.
    #[error("the Subject is not named by a plain NameID")]
    SubjectUnreadable,
    /// An empty name, or one with control characters.
    #[error("the NameID is empty or has control characters")]
    NameIdMalformed,
    /// Over the budget of one message.
    #[error("reading the request costs more than any request may")]
    TooMuchWork,
}

impl From<Exhausted> for AuthnRequestError {
    fn from(_: Exhausted) -> Self {
        Self::TooMuchWork
    }
}

impl UnverifiedAuthnRequest {
    /// From the raw octets of a query string, as the Redirect binding sends it. Other parameters are left alone.
    pub fn from_redirect_query(query: &[u8]) -> Result<Self, AuthnRequestError> {
        Self::from_redirect_query_within(query, &mut Budget::default())
    }

    /// From the raw octets of an `application/x-www-form-urlencoded` body, as the POST binding sends it.
    pub fn from_post_body(body: &[u8]) -> Result<Self, AuthnRequestError> {
        Self::from_post_body_within(body, &mut Budget::default())
    }

    /// As [`Self::from_redirect_query`], and counts what it costs.
    pub fn from_redirect_query_within(
        query: &[u8],
        budget: &mut Budget,
    ) -> Result<Self, AuthnRequestError> {
        let parameters = Parameters::parse(query, budget)?;
        let (xml, elements) = checked(&parameters.redirected_xml()?, budget)?;
        Ok(Self {
            xml,
            elements,
            relay_state: parameters.relay_state()?,
            binding: Binding::Redirect(parameters.signature()?),
        })
    }

    /// As [`Self::from_post_body`], and counts what it costs.
    pub fn from_post_body_within(
        body: &[u8],
        budget: &mut Budget,
    ) -> Result<Self, AuthnRequestError> {
        let parameters = Parameters::parse(body, budget)?;
        let (xml, elements) = checked(&parameters.posted_xml()?, budget)?;
        Ok(Self {
            xml,
            elements,
            relay_state: parameters.relay_state()?,
            binding: Binding::Post,
        })
    }

    /// Verifies everything that can be verified without memory; replay is the caller's to refuse.
    pub fn verify(
        self,
        sp: &ServiceProvider,
        context: &VerifyContext<'_>,
    ) -> Result<AuthnRequest, AuthnRequestError> {
        self.verify_within(sp, context, &mut Budget::default())
    }

    /// As [`Self::verify`], and counts what it costs.
    pub fn verify_within(
        self,
        sp: &ServiceProvider,
        context: &VerifyContext<'_>,
        budget: &mut Budget,
    ) -> Result<AuthnRequest, AuthnRequestError> {
        budget.bytes(self.xml.len())?;
        budget.elements(self.elements)?;
        let document = xml::parse(&self.xml)?;
        let id = read::identify(&document)?;
        let signed_text = match &self.binding {
            Binding::Redirect(signature) => {
                if signature::find(&document)?.is_some() {
                    return Err(SignatureError::Embedded.into());
                }
                signature
                    .as_ref()
                    .map(|s| verify_query(s, sp, budget))
                    .transpose()?
                    .map(|()| self.xml.clone())
            }
            Binding::Post => match signature::find(&document)? {
                None => None,
                Some(_) => Some(signature::verify_enveloped(
                    &document,
                    id,
                    sp.signing_certificates(),
                    budget,
                )?),
            },
        };
        if signed_text.is_none() && sp.authn_requests_signed() {
            return Err(SignatureError::Missing.into());
        }
        // What is read is the very text that was hashed, where something was.
        let was_signed = signed_text.is_some();
        let text = signed_text.as_deref().unwrap_or(&self.xml);
        budget.bytes(text.len())?;
        budget.elements(self.elements)?;
        let request = read::read(&xml::parse(text)?, sp, context)?;
        Ok(AuthnRequest {
            relay_state: self.relay_state,
            was_signed,
            ..request
        })
    }
}

/// The text and the number of its elements.
fn checked(xml: &[u8], budget: &mut Budget) -> Result<(String, usize), AuthnRequestError> {
    // A document over its own bound is refused as such, unread.
    budget.bytes(xml.len().min(xml::DOCUMENT_BYTES))?;
    let (text, elements) = xml::check(xml, Comments::Refused)?;
    Ok((text.to_owned(), elements))
}

fn verify_query(
    signature: &QuerySignature,
    sp: &ServiceProvider,
    budget: &mut Budget,
) -> Result<(), AuthnRequestError> {
    if signature.algorithm != RSA_SHA256 {
        return Err(SignatureError::Algorithm.into());
    }
    let certificates = sp.signing_certificates();
    signature::verify_value(certificates, &signature.signed, &signature.value, budget)
}
