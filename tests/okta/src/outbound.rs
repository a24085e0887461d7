//! Calls from the org to others: HTTP/1.0 with `Connection: close`, so that an answer ends where the connection does.
//!
//! TLS with the configured authority. Plain HTTP only to this machine, for tests of the stand-in itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::Config;

pub const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{0}: not https://host/path (http only to 127.0.0.1)")]
    Url(String),
    #[error("the authority's file cannot be used: {0}")]
    Authority(String),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("{0}: no answer in time")]
    Late(String),
    #[error("the answer is not HTTP")]
    NotHttp,
    #[error("the answer is not JSON")]
    NotJson,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value, OutboundError> {
        serde_json::from_str(&self.body).map_err(|_| OutboundError::NotJson)
    }
}

/// One request; every header that is not about the connection is the caller's.
pub struct Call<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(String, String)],
    pub body: Option<&'a str>,
    pub patience: Duration,
}

pub struct Outbound {
    /// Where a host really listens, and whether it speaks plain HTTP there.
    routes: HashMap<String, (SocketAddr, bool)>,
    tls: TlsConnector,
}

impl Outbound {
    pub fn new(config: &Config) -> Result<Outbound, OutboundError> {
        let fault = |error: &dyn std::fmt::Display| OutboundError::Authority(error.to_string());
        let mut routes: HashMap<String, (SocketAddr, bool)> = HashMap::new();
        let mut authorities: Vec<_> = config.network.ca.iter().collect();
        for (host, address) in &config.network.hosts {
            let is_plain = config.network.plain && address.ip().is_loopback();
            routes.insert(host.clone(), (*address, is_plain));
        }
        if let Some(settings) = config.idp.as_ref().and_then(|idp| idp.oidc.as_ref()) {
            authorities.extend(&settings.ca);
            if let Some(address) = settings.connect {
                let is_plain = settings.connect_plainly && address.ip().is_loopback();
                let endpoints = [&settings.token_endpoint, &settings.jwks_endpoint];
                for url in endpoints.into_iter().chain(&settings.userinfo_endpoint) {
                    if let Some((_, host, _)) = split(url) {
                        routes.insert(host.to_owned(), (address, is_plain));
                    }
                }
            }
        }
        let mut roots = RootCertStore::empty();
        for path in authorities {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))? {
                let certificate = certificate.map_err(|error| fault(&error))?;
                roots.add(certificate).map_err(|error| fault(&error))?;
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Outbound {
            routes,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    pub async fn get(
        &self,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Answer, OutboundError> {
        self.simple("GET", url, authorization, None).await
    }

    /// With a form as its body.
    pub async fn post(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<Answer, OutboundError> {
        self.simple("POST", url, authorization, Some(form)).await
    }

    async fn simple(
        &self,
        method: &str,
        url: &str,
        authorization: Option<&str>,
        form: Option<&str>,
    ) -> Result<Answer, OutboundError> {
        let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
        if let Some(value) = authorization {
            headers.push(("Authorization".to_owned(), value.to_owned()));
        }
        if form.is_some() {
            let kind = "application/x-www-form-urlencoded";
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
        let call = Call {
            method,
            url,
            headers: &headers,
            body: form,
            patience: PATIENCE,
        };
        self.call(&call).await
    }

    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, OutboundError> {
        let url = call.url;
        let wrong = || OutboundError::Url(url.chars().take(200).collect());
        let (scheme, host, authority) = split(url).ok_or_else(wrong)?;
        if scheme != "https" && !(scheme == "http" && host == "127.0.0.1") {
            return Err(wrong());
        }
        let path = &url[scheme.len() + 3 + authority.len()..];
        let path = if path.is_empty() { "/" } else { path };
        let mut request = format!("{} {path} HTTP/1.0\r\nHost: {authority}\r\n", call.method);
        for (name, value) in call.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = call.body {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(call.body.unwrap_or_default());
        let io = |error| OutboundError::Io(url.to_owned(), error);
        let route = self.routes.get(host).copied();
        let exchange = async {
            let stream = match route {
                Some((address, _)) => TcpStream::connect(address).await,
                None if authority.contains(':') => TcpStream::connect(authority).await,
                None => TcpStream::connect((host, 443)).await,
            };
            let stream = stream.map_err(io)?;
            if scheme == "http" || route.is_some_and(|(_, is_plain)| is_plain) {
                return talk(stream, &request).await.map_err(io);
            }
            let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong())?;
            let stream = self.tls.connect(name, stream).await.map_err(io)?;
            talk(stream, &request).await.map_err(io)
        };
        let octets = timeout(call.patience, exchange)
            .await
            .map_err(|_| OutboundError::Late(url.to_owned()))??;
        read(&octets)
    }
}

/// Scheme, host, and host with port.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    Some((scheme, authority.split(':').next()?, authority))
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut octets = Vec::new();
    match stream.take(ANSWER_BYTES).read_to_end(&mut octets).await {
        // Servers often end TLS without saying so; what came is what there is, and JSON shows if it is cut off.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(octets),
    }
}

fn read(octets: &[u8]) -> Result<Answer, OutboundError> {
    let text = std::str::from_utf8(octets).map_err(|_| OutboundError::NotHttp)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(OutboundError::NotHttp)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(OutboundError::NotHttp)?,
        body: body.to_owned(),
    })
}
