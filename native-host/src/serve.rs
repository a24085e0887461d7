//! The loop: frames from the browser, one after the other, until it closes the pipe or nothing is asked for a while.

use crate::framing::{FrameError, read_frame, write_frame};
use crate::host::Host;
use crate::refusal::Refusal;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;
use wire::host::{Response, ResponseBody};
use wire::version::V;

/// Frames read ahead of the one being carried out; the pipe holds the rest.
const AHEAD: usize = 4;

/// Why the loop ended.
#[derive(Debug)]
pub enum End {
    /// The browser closed the pipe.
    Closed,
    /// Nothing was asked for the configured time.
    Idle,
    /// The input cannot be read any further.
    Broken(FrameError),
    /// The browser does not read any more.
    Deaf(io::Error),
}

/// Serves until the end. `output` gets frames and nothing else.
pub async fn serve(
    host: Host,
    input: impl Read + Send + 'static,
    mut output: impl Write,
    idle: Duration,
) -> End {
    let host = Rc::new(host);
    let mut frames = frames_of(input);
    let serve = async move {
        let mut first = true;
        loop {
            let frame = match timeout(idle, frames.recv()).await {
                Err(_) => return End::Idle,
                Ok(None) => return End::Closed,
                Ok(Some(Err(error))) => return refuse_and_close(&mut output, error),
                Ok(Some(Ok(frame))) => frame,
            };
            let response = host.handle(&frame).await;
            if let Err(error) = write_frame(&mut output, &encode(&response)) {
                return End::Deaf(error);
            }
            if first {
                // After the handshake is answered, so that it never waits for a slow key store.
                let host = Rc::clone(&host);
                spawn_local(async move { host.warm().await });
                first = false;
            }
        }
    };
    LocalSet::new().run_until(serve).await
}

/// A thread that blocks on the pipe: that works for every kind of file, on every platform. It ends with the process.
fn frames_of(mut input: impl Read + Send + 'static) -> mpsc::Receiver<Result<Vec<u8>, FrameError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        while let Some(frame) = read_frame(&mut input).transpose() {
            let last = frame.is_err();
            if sender.blocking_send(frame).is_err() || last {
                break;
            }
        }
    });
    receiver
}

/// Where the next frame would start is unknown, so this is the last word.
fn refuse_and_close(output: &mut impl Write, error: FrameError) -> End {
    let response = Response {
        v: V,
        id: 0,
        body: Refusal::malformed(error.to_string()).into(),
    };
    match write_frame(output, &encode(&response)) {
        Ok(()) => End::Broken(error),
        Err(error) => End::Deaf(error),
    }
}

/// The response as JSON; one that would not fit into a frame becomes a refusal of the same request.
fn encode(response: &Response) -> Vec<u8> {
    // Our own types with string keys: serde_json cannot fail on them.
    let json = serde_json::to_vec(response).unwrap_or_default();
    if json.len() <= wire::limits::FRAME {
        return json;
    }
    let body: ResponseBody = Refusal::malformed("the response would be over the limit").into();
    let refused = Response {
        v: V,
        id: response.id,
        body,
    };
    serde_json::to_vec(&refused).unwrap_or_default()
}
