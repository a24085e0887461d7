//! Slow-loris: connections that say nothing, or say it slowly, at each step where a server waits. All are let go of, and
//! nobody else notices.

use crate::support::{Database, Server};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tacit::{
    domain::connection::Role,
    limits::Limits,
    server::{self, Patience},
    settings::Tls,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

const SHORT: Duration = Duration::from_millis(400);
/// A connection that is still open after this is not let go of; on a busy machine everything takes longer.
const AT_MOST: Duration = Duration::from_secs(20);

struct Listening {
    address: SocketAddr,
    roots: rustls::RootCertStore,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Listening {
    async fn with(connections: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::generate_simple_self_signed(["login.tacit-idp.test".to_owned()]).unwrap();
        let files = Tls {
            certificate: folder.path().join("c.pem"),
            key: folder.path().join("k.pem"),
        };
        std::fs::write(&files.certificate, key.cert.pem()).unwrap();
        std::fs::write(&files.key, key.signing_key.serialize_pem()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&files.certificate).unwrap())
            .unwrap();
        let acceptor = server::acceptor(&files).unwrap();
        let limits = Limits::generous().waiting_for_bodies(SHORT);
        let server = Server::with(Database::sqlite(), limits, Role::Factor, false).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Patience {
            connections,
            handshake: SHORT,
            headers: SHORT,
            idle: SHORT,
            idle_when_crowded: SHORT / 2,
        };
        let app = server.app.clone();
        tokio::spawn(async move {
            server::accept(
                &app,
                listener,
                Some(acceptor),
                patience,
                std::future::pending(),
            )
            .await;
        });
        Self {
            address,
            roots,
            _server: server,
            _folder: folder,
        }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn tls(&self, protocol: &[u8]) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from("login.tacit-idp.test").unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect(name, self.tcp().await).await.unwrap()
    }

    /// What an ordinary client gets meanwhile.
    async fn is_alive(&self) {
        let mut stream = self.tls(b"http/1.1").await;
        let request =
            "GET /health/live HTTP/1.1\r\nhost: login.tacit-idp.test\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let said = until_closed(stream, b"").await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    }
}

/// Reads until the other side closes, and sends one byte of `drip` now and then. Fails if it never closes.
async fn until_closed(mut stream: impl AsyncRead + AsyncWrite + Unpin, drip: &[u8]) -> String {
    let (mut said, mut drip, began) = (Vec::new(), drip.iter(), Instant::now());
    let mut buffer = [0; 4_096];
    loop {
        assert!(
            began.elapsed() < AT_MOST,
            "it is still open: {}",
            String::from_utf8_lossy(&said)
        );
        match timeout(Duration::from_millis(60), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return String::from_utf8_lossy(&said).into_owned(),
            Ok(Ok(n)) => said.extend_from_slice(&buffer[..n]),
            Err(_) => {
                if let Some(&byte) = drip.next() {
                    // Whoever has been let go of cannot write any more, and reads the end next.
                    let _ = stream.write_all(&[byte]).await;
                    let _ = stream.flush().await;
                }
            }
        }
    }
}

const HEAD: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: login.tacit-idp.test\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_says_it_slowly_is_let_go_of_at_every_step() {
    let server = Listening::with(64).await;
    let junk = vec![b'a'; 10_000];
    let silent = until_closed(server.tcp().await, b"");
    let in_the_handshake = until_closed(
        server.tcp().await,
        &[
            0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7,
        ],
    );
    let after_the_handshake = until_closed(server.tls(b"http/1.1").await, b"");
    let in_the_preface = until_closed(server.tls(b"h2").await, PREFACE);
    let in_the_headers = until_closed(
        server.tls(b"http/1.1").await,
        [HEAD, b"x-slow: ", &junk].concat().leak(),
    );
    let mut stream = server.tls(b"h2").await;
    stream
        .write_all(&[PREFACE, &SETTINGS].concat())
        .await
        .unwrap();
    let after_the_preface = until_closed(stream, b"");
    tokio::join!(
        silent,
        in_the_handshake,
        after_the_handshake,
        in_the_preface,
        in_the_headers,
        after_the_preface,
        server.is_alive(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_drips_is_refused_in_time_and_holds_no_place() {
    let server = Listening::with(64).await;
    let head = b"POST /agent/answers HTTP/1.1\r\nhost: login.tacit-idp.test\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n";
    let mut stream = server.tls(b"http/1.1").await;
    stream.write_all(head).await.unwrap();
    let junk = vec![b'['; 9_000];
    let (said, ()) = tokio::join!(until_closed(stream, &junk), server.is_alive());
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_between_two_requests_is_let_go_of() {
    let server = Listening::with(64).await;
    let mut stream = server.tls(b"http/1.1").await;
    stream.write_all(&[HEAD, b"\r\n"].concat()).await.unwrap();
    let said = until_closed(stream, b"").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_of_idlers_is_over_by_itself() {
    let server = Listening::with(8).await;
    let idlers: Vec<_> = futures_of(&server, 24).await;
    // More of them than there are places: whoever comes has to wait for one, and gets it.
    let began = Instant::now();
    timeout(AT_MOST, server.is_alive())
        .await
        .expect("somebody was let go of");
    assert!(began.elapsed() < AT_MOST);
    for idler in idlers {
        until_closed(idler, b"").await;
    }
}

async fn futures_of(server: &Listening, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(server.tcp().await);
    }
    sleep(Duration::from_millis(1)).await;
    streams
}
