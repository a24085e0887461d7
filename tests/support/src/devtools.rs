//! A connection of its own to one page's DevTools, for many commands in a row: through WebDriver each takes a round trip
//! over two programs.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::{Message, WebSocket};

/// Commands that are under way at the same time.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(20);

/// The connection.
pub struct Page {
    socket: WebSocket<TcpStream>,
}

impl Page {
    /// Connects to the page with the id `target` of the browser whose DevTools listen on `address`.
    pub fn connect(address: &str, target: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).context("the browser's DevTools")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let url = format!("ws://{address}/devtools/page/{target}");
        let (socket, _) =
            tungstenite::client(url, stream).context("opening the page's DevTools")?;
        Ok(Self { socket })
    }

    /// Runs commands in their order and returns when the page has taken the last one.
    pub fn run(&mut self, commands: &[(&str, Value)]) -> Result<()> {
        let mut taken = 0;
        for (id, (method, params)) in commands.iter().enumerate() {
            let text = json!({ "id": id, "method": method, "params": params }).to_string();
            self.socket.send(Message::text(text))?;
            if id + 1 - taken >= AT_ONCE {
                taken += self.take_one()?;
            }
        }
        while taken < commands.len() {
            taken += self.take_one()?;
        }
        Ok(())
    }

    /// Reads until one command is answered.
    fn take_one(&mut self) -> Result<usize> {
        loop {
            let text = self.socket.read().context("the page does not answer")?;
            let said: Value = serde_json::from_slice(&text.into_data())?;
            if said["id"].is_u64() {
                ensure!(said["error"].is_null(), "DevTools: {}", said["error"]);
                return Ok(1);
            }
        }
    }
}
