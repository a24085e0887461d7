//! Loopback ports, and HTTPS requests to our own programs.

use anyhow::{Context, Result};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A port that is free now. Between this and its use somebody else could take it; on loopback nobody did so far.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Two free ports, one after the other: the swtpm TCTI finds the control port there.
pub fn two_free_ports() -> Result<(u16, u16)> {
    for _ in 0..100 {
        let first = free_port()?;
        let Some(second) = first.checked_add(1) else {
            continue;
        };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, second)).is_ok() {
            return Ok((first, second));
        }
    }
    anyhow::bail!("no two free ports in a row")
}

/// Whether somebody listens.
pub fn listens(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

/// A client that trusts the test CA alone and reaches every name on loopback.
pub struct Client {
    agent: ureq::Agent,
}

impl Client {
    /// A client that trusts `ca_pem`.
    pub fn new(ca_pem: &str) -> Result<Self> {
        let ca = Certificate::from_pem(ca_pem.as_bytes())?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Ok(Self {
            agent: config.into(),
        })
    }

    /// GET `https://127.0.0.1:port/path` as if it were on `host`; status and body.
    pub fn get(
        &self,
        port: u16,
        host: &str,
        path: &str,
        authorization: Option<&str>,
    ) -> Result<(u16, String)> {
        let mut request = self
            .agent
            .get(format!("https://127.0.0.1:{port}{path}"))
            .header("Host", host);
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        let mut response = request
            .call()
            .with_context(|| format!("GET https://{host}{path}"))?;
        let body = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), body))
    }

    /// Where a GET of the same form redirects to.
    pub fn redirection(&self, port: u16, host: &str, path: &str) -> Result<String> {
        let response = self
            .agent
            .get(format!("https://127.0.0.1:{port}{path}"))
            .header("Host", host)
            .call()?;
        let location = response
            .headers()
            .get("Location")
            .with_context(|| format!("{path} redirects nowhere"))?;
        Ok(location.to_str()?.to_owned())
    }

    /// POST of JSON in the same way; the answer has to be JSON too.
    pub fn post_json(&self, port: u16, host: &str, path: &str, body: &Value) -> Result<Value> {
        let mut response = self
            .agent
            .post(format!("https://127.0.0.1:{port}{path}"))
            .header("Host", host)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .send(body.to_string())?;
        let text = response.body_mut().read_to_string()?;
        serde_json::from_str(&text)
            .with_context(|| format!("POST https://{host}{path} answered {text}"))
    }
}
