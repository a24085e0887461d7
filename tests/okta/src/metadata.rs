//! `metadata.xml` of the service provider, member by member as a real org gives it.

use crate::config::Config;
use crate::keys::ServiceProvider;
use crate::xml::{escape_attribute, escape_text};

/// What differs between the identity providers of one org.
pub struct Towards<'a> {
    pub entity_id: &'a str,
    pub acs_url: &'a str,
    pub sign_requests: bool,
    pub name: &'a str,
}

pub fn build(config: &Config, sp: &ServiceProvider, towards: &Towards<'_>) -> String {
    let key = |used: &str, methods: &str| {
        format!(
            "<md:KeyDescriptor use=\"{used}\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
             <ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>",
            sp.certificate_base64()
        )
    };
    let encryption_methods: String = ENCRYPTION_METHODS
        .iter()
        .map(|uri| format!("<md:EncryptionMethod Algorithm=\"{uri}\"/>"))
        .collect();
    let name_id_formats: String = NAME_ID_FORMATS
        .iter()
        .map(|uri| format!("<md:NameIDFormat>{uri}</md:NameIDFormat>"))
        .collect();
    let attributes: String = ATTRIBUTES
        .iter()
        .map(|(friendly, name, required)| {
            format!(
                "<md:RequestedAttribute FriendlyName=\"{friendly}\" Name=\"{name}\" \
                 NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\" isRequired=\"{required}\"/>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <md:EntityDescriptor entityID=\"{entity_id}\" xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">\
         <md:SPSSODescriptor AuthnRequestsSigned=\"{signed}\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{encryption}{signing}{name_id_formats}\
         <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"{acs}\" index=\"0\" isDefault=\"true\"/>\
         <md:AttributeConsumingService index=\"0\"><md:ServiceName xml:lang=\"en\">{idp_name}</md:ServiceName>\
         {attributes}</md:AttributeConsumingService></md:SPSSODescriptor>\
         <md:Organization><md:OrganizationName xml:lang=\"en\">{label}</md:OrganizationName>\
         <md:OrganizationDisplayName xml:lang=\"en\">{display}</md:OrganizationDisplayName>\
         <md:OrganizationURL xml:lang=\"en\">{url}</md:OrganizationURL></md:Organization></md:EntityDescriptor>",
        entity_id = escape_attribute(towards.entity_id),
        signed = towards.sign_requests,
        encryption = key("encryption", &encryption_methods),
        signing = key("signing", ""),
        acs = escape_attribute(towards.acs_url),
        idp_name = escape_text(towards.name),
        label = escape_text(config.org_label()),
        display = escape_text(&config.org_name),
        url = escape_text(&config.org_origin),
    )
}

const ENCRYPTION_METHODS: [&str; 6] = [
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
];

const NAME_ID_FORMATS: [&str; 4] = [
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
];

const ATTRIBUTES: [(&str, &str, bool); 4] = [
    ("First Name", "firstName", true),
    ("Last Name", "lastName", true),
    ("Email", "email", true),
    ("Mobile Phone", "mobilePhone", false),
];
