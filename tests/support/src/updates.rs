//! A loopback web server: gives browsers the packed extension, and plain pages to type on.

use anyhow::Result;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// The server's other name: a site on which the configuration lets nothing be captured.
pub const EXCLUDED_SITE: &str = "localhost";

/// What a path answers.
#[derive(Clone)]
pub struct Page {
    /// The media type.
    pub kind: &'static str,
    /// A policy for the page, if it has one.
    pub csp: Option<&'static str>,
    /// The content.
    pub body: Vec<u8>,
}

/// The running server; ends on drop.
pub struct Updates {
    /// Where it listens.
    pub port: u16,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    visits: Arc<Mutex<Vec<(String, Instant)>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Updates {
    /// Starts it without any page.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let pages: Arc<Mutex<HashMap<String, Page>>> = Arc::default();
        let visits: Arc<Mutex<Vec<(String, Instant)>>> = Arc::default();
        let seen = Arc::clone(&visits);
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&pages), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (pages, visits) = (Arc::clone(&shared), Arc::clone(&seen));
                // A browser opens connections in advance and says nothing on them, so each has its own thread.
                std::thread::spawn(move || serve(&stream, &pages, &visits));
            }
        });
        Ok(Self {
            port,
            pages,
            visits,
            over,
            thread: Some(thread),
        })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same page on [`EXCLUDED_SITE`].
    pub fn excluded_url(&self, path: &str) -> String {
        format!("http://{EXCLUDED_SITE}:{}{path}", self.port)
    }

    /// When `path` was last asked for.
    pub fn last_visit(&self, path: &str) -> Option<Instant> {
        let visits = self.visits.lock().ok()?;
        visits
            .iter()
            .rev()
            .find(|(visited, _)| visited == path)
            .map(|(_, at)| *at)
    }

    /// Sets what `path` answers.
    pub fn set(&self, path: &str, page: Page) {
        if let Ok(mut pages) = self.pages.lock() {
            pages.insert(path.to_owned(), page);
        }
    }

    /// Sets a JSON text, unless the path has one already.
    pub fn set_json(&self, path: &str, value: &serde_json::Value) {
        let known = self
            .pages
            .lock()
            .is_ok_and(|pages| pages.contains_key(path));
        if !known {
            let page = Page {
                kind: "application/json",
                csp: None,
                body: value.to_string().into_bytes(),
            };
            self.set(path, page);
        }
    }

    /// Sets an HTML page.
    pub fn set_html(&self, path: &str, csp: Option<&'static str>, html: &str) {
        let page = Page {
            kind: "text/html; charset=utf-8",
            csp,
            body: html.as_bytes().to_vec(),
        };
        self.set(path, page);
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the loop, so that it sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request and closes. A browser that goes away in between is no fault.
fn serve(
    stream: &TcpStream,
    pages: &Mutex<HashMap<String, Page>>,
    visits: &Mutex<Vec<(String, Instant)>>,
) {
    let mut reader = BufReader::new(stream);
    let Some((path, length)) = read_head(&mut reader) else {
        return;
    };
    // A connection that is closed with something unread is reset, and the browser would not see the answer.
    let _ = std::io::copy(&mut reader.take(length), &mut std::io::sink());
    if let Ok(mut visits) = visits.lock() {
        visits.push((path.clone(), Instant::now()));
    }
    let page = pages
        .lock()
        .ok()
        .and_then(|pages| pages.get(&path).cloned());
    let _ = match page {
        Some(page) => write_page(stream, &page),
        None => write!(
            &mut &*stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    };
}

/// The path without its query, and the length of the body.
fn read_head(reader: &mut impl BufRead) -> Option<(String, u64)> {
    let mut lines = reader.lines().map_while(Result::ok);
    let request = lines.next()?;
    let path = request.split(' ').nth(1)?.split('?').next()?.to_owned();
    let mut length = 0;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    Some((path, length))
}

fn write_page(mut stream: &TcpStream, page: &Page) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n",
        page.kind,
        page.body.len()
    )?;
    if let Some(csp) = page.csp {
        write!(stream, "Content-Security-Policy: {csp}\r\n")?;
    }
    stream.write_all(b"Connection: close\r\n\r\n")?;
    stream.write_all(&page.body)
}
