//! Requests of Okta, and the pages and cookies they lead to.

use crate::support::{
    Browser, Server,
    browser::{encoded, request},
    on_both_databases,
    server::{ACS, METADATA, ORIGIN, acme},
};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tacit::{
    clock::{MINUTE, SECOND},
    domain::{challenge::Echo, connection::Role},
    limits::Limits,
};

fn redirect(xml: &str) -> String {
    let deflated = miniz_oxide::deflate::compress_to_vec(xml.as_bytes(), 6);
    format!(
        "SAMLRequest={}&RelayState=opaque",
        encoded(&STANDARD.encode(deflated))
    )
}

on_both_databases! {
    async fn a_request_leads_to_its_page_with_a_cookie(database: Database) {
        let server = Server::new(database).await;
        let browser = Browser::default();
        let reply = browser.bring(&server, &request(&server, "id1", "ann@acme.test")).await;
        assert_eq!(reply.status, 303);
        let cookie = reply.header("set-cookie");
        for part in ["__Host-browser=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=None", "; Max-Age="] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        assert!(!cookie.contains("Domain"));
        let page = browser.get(&server, reply.header("location")).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), value);
        }
        assert!(!page.header("x-request-id").is_empty());
        let row = server.app.store.find_challenge_of_request(&acme(), "id1").await.unwrap().unwrap();
        let secret = browser.cookie().split_once('=').unwrap().1.to_owned();
        assert_ne!(row.browser, secret, "only the cookie's hash is stored");
        let Echo::Saml(echo) = &row.request else { panic!("{:?}", row.request) };
        assert_eq!((echo.acs.as_str(), echo.relay_state.as_deref()), (ACS, Some("relay/state")));
    }

    async fn the_same_browser_resumes_and_another_is_told_that_it_was_opened_elsewhere(database: Database) {
        let server = Server::new(database).await;
        let (browser, other) = (Browser::default(), Browser::default());
        let xml = request(&server, "id7", "ann@acme.test");
        let first = browser.bring(&server, &xml).await;
        server.wait(20 * SECOND);
        let again = browser.bring(&server, &xml).await;
        assert_eq!((again.status.as_u16(), again.header("location")), (303, first.header("location")));
        let page = browser.open(&server, first.header("location")).await;
        other.start(&server, "ben@acme.test").await;
        for other in [&other, &Browser::default()] {
            for reply in [other.bring(&server, &xml).await, other.get(&server, first.header("location")).await] {
                assert_eq!(reply.status, 403);
                assert!(reply.body.contains("opened_elsewhere") || reply.body.contains(wire::reason::Reason::OpenedElsewhere.words()), "{}", reply.body);
                assert!(!reply.body.contains(page.nonce.as_str()) && !reply.body.contains(page.req.as_str()));
                assert!(!reply.body.contains("tacit-challenge"));
            }
        }
        let events = server.app.store.events_since(0, 100).await.unwrap();
        let noted = events.iter().filter(|e| e.kind == "opened_elsewhere" && e.challenge_id == page.challenge.as_str());
        assert_eq!(noted.count(), 1, "noted once, however often");
    }

    async fn people_who_do_not_exist_get_the_same_page(database: Database) {
        let server = Server::new(database).await;
        let page = async |login: &str| {
            let browser = Browser::default();
            let page = browser.start(&server, login).await;
            server.wait(2 * SECOND);
            let outcome = browser.outcome(&server, &page).await;
            let again = browser.open(&server, &format!("/challenge/{}", page.challenge)).await;
            let html = [page.html.as_str(), &again.html].concat();
            let html = [page.challenge.as_str(), page.nonce.as_str(), page.req.as_str(), login]
                .iter()
                .fold(html, |html, own| html.replace(own, "-"));
            (html, outcome)
        };
        assert_eq!(page("ann@acme.test").await, page("nobody@acme.test").await);
    }

    async fn requests_that_cannot_be_trusted_are_refused_each_in_its_own_words(database: Database) {
        let server = Server::new(database).await;
        let browser = Browser::default();
        let good = request(&server, "id1", "ann@acme.test");
        let old = request(&server, "id2", "ann@acme.test");
        let table = [
            (good.replace("abcdefghijklmnopqr", "bbcdefghijklmnopqr"), "the Issuer is not the service provider of this connection"),
            (good.replace("/saml/acme/sso", "/saml/other/sso"), "the Destination is not the URL of this connection"),
            (good.replace("0oa1", "0oa2"), "the AssertionConsumerService is not one of the metadata"),
            (good.replace("AuthnRequest", "LogoutRequest"), "the document is not a SAML AuthnRequest"),
            (good.replace("Version=\"2.0\"", "Version=\"1.1\""), "the SAML version is not 2.0"),
            (format!("<!DOCTYPE x [<!ENTITY e \"y\">]>{good}"), "reference"),
            (good.replace("ann@acme.test", ""), "reference"),
            (good.replace("ann@acme.test", &"a".repeat(300)), "reference"),
            ("<".into(), "reference"),
            (String::new(), "reference"),
        ];
        for (xml, words) in table {
            let reply = browser.bring(&server, &xml).await;
            assert_eq!(reply.status, 400, "{xml:.80}");
            let text = reply.body.replace("&#39;", "'").replace("&#x27;", "'");
            assert!(words == "reference" || text.contains(words), "{words}: {text}");
            assert!(reply.header("set-cookie").is_empty());
        }
        server.wait(5 * MINUTE + SECOND);
        let reply = browser.bring(&server, &old).await;
        assert!(reply.status == 400 && reply.body.contains("too old"), "{}", reply.body);
        let long = format!("SAMLRequest={}", "A".repeat(1 << 20));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(server.post("/saml/acme/sso", &headers, long).await.status, 413);
        assert_eq!(server.get("/saml/none/sso?SAMLRequest=x", &[]).await.status, 404);
        assert_eq!(server.get("/saml/ACME/sso", &[]).await.status, 404);
    }

    async fn whoever_forbids_us_to_show_anything_is_told_so_at_its_own_address_only(database: Database) {
        let server = Server::new(database).await;
        let browser = Browser::default();
        let passive = request(&server, "id1", "ann@acme.test").replace("ForceAuthn=\"true\"", "IsPassive=\"true\"");
        let reply = browser.bring(&server, &passive).await;
        assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (200, ""));
        assert!(reply.body.contains(&format!("action=\"{ACS}\"")), "{}", reply.body);
        assert!(reply.body.contains("name=\"RelayState\" value=\"relay/state\"") || reply.body.contains("value=\"relay&#47;state\""), "{}", reply.body);
        let (_, rest) = reply.body.split_once("name=\"SAMLResponse\" value=\"").unwrap();
        let value = rest.split_once('"').unwrap().0.replace("&#43;", "+").replace("&#61;", "=").replace("&#47;", "/");
        let xml = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
        assert!(xml.contains("urn:oasis:names:tc:SAML:2.0:status:Responder") && xml.contains("urn:oasis:names:tc:SAML:2.0:status:NoPassive"), "{xml}");
        assert!(xml.contains("InResponseTo=\"id1\"") && !xml.contains("Assertion"), "{xml}");
        assert!(reply.header("content-security-policy").contains("script-src 'self'"));
        assert!(server.app.store.find_challenge_of_request(&acme(), "id1").await.unwrap().is_none(), "no challenge was made");
        for forged in [
            passive.replace("0oa1", "0oa2"),
            passive.replace("/saml/acme/sso", "/saml/other/sso"),
            passive.replace("abcdefghijklmnopqr", "bbcdefghijklmnopqr"),
        ] {
            let reply = browser.bring(&server, &forged).await;
            assert!(reply.status == 400 && !reply.body.contains("SAMLResponse"), "nothing goes to an address that only the request names");
        }
        server.wait(5 * MINUTE + SECOND);
        assert_eq!(browser.bring(&server, &passive).await.status, 400, "too old");
    }

    async fn where_the_metadata_says_signed_only_signed_requests_count(database: Database) {
        let server = Server::new(database).await;
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(pkcs8.as_ref());
        let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let descriptor = format!(
            "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
             <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:Assertion",
            STANDARD.encode(certificate.der())
        );
        let metadata = METADATA.replace("AuthnRequestsSigned=\"false\"", "AuthnRequestsSigned=\"true\"").replacen("<md:Assertion", &descriptor, 1);
        let mut connection = server.app.store.find_connection(&acme()).await.unwrap().unwrap();
        connection.metadata = metadata;
        connection.updated_at += 1;
        server.app.store.update_connection(&connection).await.unwrap();

        let signed = |xml: &str| {
            let query = format!("{}&SigAlg={}", redirect(xml), encoded("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
            let pair = RsaKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), query.as_bytes(), &mut signature).unwrap();
            format!("{query}&Signature={}", encoded(&STANDARD.encode(signature)))
        };
        let good = signed(&request(&server, "id1", "ann@acme.test"));
        let get = async |query: &str| server.get(&format!("/saml/acme/sso?{query}"), &[]).await;
        assert_eq!(get(&good.replace("opaque", "changed")).await.status, 400, "the relay state is signed too");
        assert_eq!(get(good.split("&SigAlg").next().unwrap()).await.status, 400, "the signature was taken off");
        assert_eq!(Browser::default().bring(&server, &request(&server, "id2", "ann@acme.test")).await.status, 400, "nor by POST");
        assert_eq!(get(&good).await.status, 303);
        let reply = server.get("/saml/acme/metadata", &[]).await;
        assert!(reply.body.contains("WantAuthnRequestsSigned=\"true\""));
    }

    async fn metadata_names_us_as_okta_has_to_know_us(database: Database) {
        let server = Server::new(database).await;
        let reply = server.get("/saml/acme/metadata", &[]).await;
        assert_eq!(reply.header("content-type"), "application/samlmetadata+xml");
        assert!(reply.body.contains(&format!("entityID=\"{ORIGIN}/saml/acme/metadata\"")));
        assert_eq!(reply.body.matches(&format!("Location=\"{ORIGIN}/saml/acme/sso\"")).count(), 2, "Redirect and POST");
        assert_eq!(reply.body.matches("X509Certificate>").count(), 2, "one certificate");
        assert_eq!(server.get("/saml/none/metadata", &[]).await.status, 404);
    }

    async fn guessing_at_the_organisations_token_is_slowed(database: Database) {
        let server = Server::with(database, Limits::default(), Role::Factor, false).await;
        let mut statuses = Vec::new();
        for _ in 0..350 {
            statuses.push(server.post(wire::server::DEVICES, &[], "guess").await.status.as_u16());
        }
        assert_eq!(statuses[0], 400);
        assert!(statuses[300..].contains(&429), "{statuses:?}");
    }
}
