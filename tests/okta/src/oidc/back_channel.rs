//! Calls from the org to the identity provider: HTTP/1.0 with `Connection: close`, so that an answer ends where the
//! connection does. TLS with the configured authority; plain only to this machine, for tests of the stand-in itself.

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

use super::Settings;

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES: u64 = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum BackChannelError {
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
pub struct Answer {
    pub status: u16,
    body: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value, BackChannelError> {
        serde_json::from_str(&self.body).map_err(|_| BackChannelError::NotJson)
    }
}

pub struct BackChannel {
    connect: Option<SocketAddr>,
    is_plain: bool,
    tls: TlsConnector,
}

impl BackChannel {
    pub fn new(settings: &Settings) -> Result<BackChannel, BackChannelError> {
        let fault = |error: &dyn std::fmt::Display| BackChannelError::Authority(error.to_string());
        let mut roots = RootCertStore::empty();
        if let Some(path) = &settings.ca {
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
        Ok(BackChannel {
            connect: settings.connect,
            is_plain: settings.connect_plainly
                && settings.connect.is_some_and(|at| at.ip().is_loopback()),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    pub async fn get(
        &self,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Answer, BackChannelError> {
        self.call("GET", url, authorization, "").await
    }

    pub async fn post(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<Answer, BackChannelError> {
        self.call("POST", url, authorization, form).await
    }

    async fn call(
        &self,
        method: &str,
        url: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> Result<Answer, BackChannelError> {
        let wrong = || BackChannelError::Url(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').ok_or_else(wrong)?;
        let host = authority.split(':').next().unwrap_or_default();
        if scheme != "https" && !(scheme == "http" && host == "127.0.0.1") {
            return Err(wrong());
        }
        let mut request = format!(
            "{method} /{path} HTTP/1.0\r\nHost: {authority}\r\nAccept: application/json\r\n"
        );
        if let Some(value) = authorization {
            request.push_str(&format!("Authorization: {value}\r\n"));
        }
        if method == "POST" {
            request.push_str(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        request.push_str(&format!("\r\n{body}"));
        let io = |error| BackChannelError::Io(url.to_owned(), error);
        let exchange = async {
            let stream = match self.connect {
                Some(address) => TcpStream::connect(address).await,
                None if authority.contains(':') => TcpStream::connect(authority).await,
                None => TcpStream::connect((host, 443)).await,
            };
            let stream = stream.map_err(io)?;
            if scheme == "http" || self.is_plain {
                return talk(stream, &request).await.map_err(io);
            }
            let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong())?;
            let stream = self.tls.connect(name, stream).await.map_err(io)?;
            talk(stream, &request).await.map_err(io)
        };
        let octets = timeout(PATIENCE, exchange)
            .await
            .map_err(|_| BackChannelError::Late(url.to_owned()))??;
        read(&octets)
    }
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

fn read(octets: &[u8]) -> Result<Answer, BackChannelError> {
    let text = std::str::from_utf8(octets).map_err(|_| BackChannelError::NotHttp)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(BackChannelError::NotHttp)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(BackChannelError::NotHttp)?,
        body: body.to_owned(),
    })
}
