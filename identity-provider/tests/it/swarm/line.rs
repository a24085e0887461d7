//! One HTTP/1.1 connection that is kept: small enough not to measure itself.

use crate::support::Reply;
use anyhow::{Context, Result};
use axum::http::{HeaderMap, HeaderName};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// To one server, in plain HTTP as from a proxy in front.
pub struct Line(BufReader<TcpStream>);

impl Line {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and waits for its reply.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply> {
        self.send(method, path, headers, body).await?;
        self.receive().await
    }

    /// Sends a request.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<()> {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nhost: login.tacit-idp.test\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.0.get_mut().write_all(text.as_bytes()).await?;
        Ok(())
    }

    /// Waits for a reply.
    pub async fn receive(&mut self) -> Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let status = line.split(' ').nth(1).context("no status")?.parse()?;
        let mut headers = HeaderMap::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.append(HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
        }
        let length = headers.get("content-length").and_then(|v| v.to_str().ok());
        let mut body = vec![0; length.unwrap_or("0").parse()?];
        self.0.read_exact(&mut body).await?;
        Ok(Reply {
            status,
            headers,
            body: String::from_utf8(body)?,
        })
    }
}
