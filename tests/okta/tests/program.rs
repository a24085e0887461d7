//! The program itself: over TLS, and from the command line.

mod common;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use okta_stand_in::{Clock, Config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[tokio::test]
async fn both_sites_speak_tls_under_one_self_made_certificate() {
    let data = tempfile::tempdir().unwrap();
    for name in ["sp-key.pem", "sp-certificate.pem", "sp-entity-id"] {
        std::fs::copy(common::test_only_key(name), data.path().join(name)).unwrap();
    }
    let listeners = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let config = Config::default();
    let running =
        okta_stand_in::serve_on(config, data.path(), Clock::System, listeners.0, listeners.1)
            .await
            .unwrap();
    // A connection that never finishes its handshake holds nobody up.
    let _idle = TcpStream::connect(running.org_address).await.unwrap();
    let org = get(
        running.org_address,
        "acme.localhost",
        "/login/login.htm",
        data.path(),
    )
    .await;
    assert!(
        org.starts_with("HTTP/1.1 200") && org.contains("This is not Okta."),
        "{org}"
    );
    let app = get(
        running.application_address,
        "workplace.localhost",
        "/",
        data.path(),
    )
    .await;
    assert!(app.contains("id=\"sign-in\""), "{app}");
    running.shutdown().await;
}

async fn get(
    address: SocketAddr,
    host: &'static str,
    path: &str,
    data: &std::path::Path,
) -> String {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(data.join("tls-certificate.pem")).unwrap())
        .unwrap();
    // Named, because a build of the whole workspace has two providers.
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(host).unwrap();
    let mut tls = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ = tls.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

#[test]
fn the_help_text_holds_an_example() {
    let output = program().arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("org_origin = \"https://acme.okta-standin.test\""),
        "{text}"
    );
}

#[test]
fn a_bad_configuration_is_named_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stand-in.toml");
    for (content, expected) in [
        (
            "org_origin = \"http://x.test\"",
            "org_origin = \"http://x.test\": must be https://host",
        ),
        ("pipelin = \"oie\"", "unknown field `pipelin`"),
        (
            "[idp]\ncertificate = \"missing.pem\"",
            "missing.pem: No such file",
        ),
        (
            "tls_cert = \"a.pem\"\ntls_key = \"b.pem\"",
            "a.pem: No such file",
        ),
    ] {
        std::fs::write(
            &file,
            format!("listen_org = \"127.0.0.1:0\"\nlisten_app = \"127.0.0.1:0\"\n{content}"),
        )
        .unwrap();
        let output = program().arg("--config").arg(&file).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains(expected),
            "{content}: {text}"
        );
    }
}

#[test]
fn metadata_stays_the_same_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let output = program()
            .args(["metadata", "--data"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let first = run();
    assert!(first.starts_with("<?xml"));
    assert_eq!(first, run());
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_okta-stand-in"))
}
