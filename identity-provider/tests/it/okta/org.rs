//! An org that says what a test tells it to, over TLS on loopback, and remembers what it was asked.

use axum::http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tacit::{
    clock::Clock,
    okta::client::{Bounds, Client, Credential, Options},
};
use tokio::{net::TcpListener, task::JoinSet};
use wire::id::Origin;
use zeroize::Zeroizing;

pub const HOST: &str = "acme.okta-standin.test";
pub const TOKEN: &str = "00aTokenThatNobodyMaySee";

/// One call that came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// What the org does with a call.
pub enum Say {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Takes it, and never says a word.
    Nothing,
    /// Takes it, and hangs up.
    HangUp,
}

impl Say {
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::Answer(
            status,
            vec![("content-type", "application/json".into())],
            body.to_string(),
        )
    }

    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }

    pub fn with(self, name: &'static str, value: impl ToString) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.to_string()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

type Script = dyn Fn(&Seen, usize) -> Say + Send + Sync;

pub struct Org {
    pub address: SocketAddr,
    pub ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _server: JoinSet<()>,
}

impl Org {
    /// `script` gets each call with the number of calls before it.
    pub async fn start(script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static) -> Self {
        let key = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, calls): (Arc<Script>, _) = (Arc::new(script), seen.clone());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, calls) = (acceptor.clone(), script.clone(), calls.clone());
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service =
                        service_fn(move |request| answer(request, script.clone(), calls.clone()));
                    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            ca: key.cert.pem(),
            seen,
            _server: server,
        }
    }

    pub fn origin(&self) -> Origin {
        Origin::new(format!("https://{HOST}:{}", self.address.port())).unwrap()
    }

    pub fn options(&self) -> Options {
        Options {
            ca: Some(self.ca.clone().into_bytes()),
            addresses: [(HOST.to_owned(), self.address)].into(),
            ..Options::new(
                self.origin(),
                Credential::Token(Zeroizing::new(TOKEN.into())),
            )
        }
    }

    /// With short pauses.
    pub fn client(&self) -> Client {
        self.client_within(Bounds {
            backoff: tacit::backoff::Backoff {
                first: 1,
                longest: 5,
            },
            ..Bounds::default()
        })
    }

    pub fn client_within(&self, bounds: Bounds) -> Client {
        let options = Options {
            bounds,
            ..self.options()
        };
        Client::new(options, Clock::System).unwrap()
    }

    /// What was asked so far, in the order of its coming.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let call = Seen {
        method: parts.method,
        path: parts.uri.path_and_query().unwrap().to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_bytes().to_vec()).unwrap(),
    };
    let before = {
        let mut calls = calls.lock().unwrap();
        calls.push(call.clone());
        calls.len() - 1
    };
    match script(&call, before) {
        Say::Answer(status, headers, body) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(body.into())).unwrap())
        }
        Say::Nothing => std::future::pending().await,
        Say::HangUp => Err(std::io::Error::other("hung up")),
    }
}
