//! A server on this machine that writes down what the org sends, and answers as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        found.next().map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub async fn start(
        answer: impl Fn(&Received) -> (u16, Value) + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &kept, answer.as_ref()).await;
                });
            }
        });
        Receiver { address, received }
    }

    /// Of an event hook's challenge.
    pub fn echo_challenge(received: &Received) -> (u16, Value) {
        (
            200,
            json!({ "verification": received.header("x-okta-verification-challenge") }),
        )
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until so many requests of a method have come.
    pub async fn wait_for(&self, method: &str, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found: Vec<Received> = self
                .received()
                .into_iter()
                .filter(|one| one.method == method)
                .collect();
            if found.len() >= count {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} came: {found:?}",
                found.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Received>>,
    answer: &(impl Fn(&Received) -> (u16, Value) + Sync),
) -> std::io::Result<()> {
    let mut octets = Vec::new();
    let mut part = [0; 4096];
    let head = loop {
        if let Some(at) = octets.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut part).await? {
            0 => return Ok(()),
            n => octets.extend_from_slice(&part[..n]),
        }
    };
    let text = String::from_utf8_lossy(&octets[..head]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    while octets.len() < head + 4 + length {
        match stream.read(&mut part).await? {
            0 => return Ok(()),
            n => octets.extend_from_slice(&part[..n]),
        }
    }
    let received = Received {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8_lossy(&octets[head + 4..]).into_owned(),
    };
    kept.lock().unwrap().push(received.clone());
    let (status, body) = answer(&received);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.0 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}
