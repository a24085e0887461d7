//! Native-messaging frames: a 32-bit length in the machine's byte order, then that many bytes of JSON.

use std::io::{self, ErrorKind, Read, Write};
use wire::limits::FRAME;

/// Why the input cannot be read any further. After any of these the place where the next frame starts is unknown.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Announced longer than [`FRAME`]; nothing was allocated and nothing of it was read.
    #[error("a frame of {length} bytes is over the limit of {FRAME}")]
    TooLong {
        /// Bytes announced.
        length: u32,
    },
    /// The input ended inside a frame.
    #[error("the input ended inside a frame")]
    Truncated,
    /// The pipe failed.
    #[error("reading standard input: {0}")]
    Io(#[from] io::Error),
}

/// Reads one frame; `None` at an orderly end of the input.
pub fn read_frame(from: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut header = [0; 4];
    match fill(from, &mut header)? {
        0 => return Ok(None),
        4 => {}
        _ => return Err(FrameError::Truncated),
    }
    let length = u32::from_ne_bytes(header);
    let size = usize::try_from(length)
        .ok()
        .filter(|size| *size <= FRAME)
        .ok_or(FrameError::TooLong { length })?;
    let mut frame = vec![0; size];
    if fill(from, &mut frame)? < size {
        return Err(FrameError::Truncated);
    }
    Ok(Some(frame))
}

/// Writes one frame in one piece, so that a reader never waits for a second packet.
pub fn write_frame(to: &mut impl Write, json: &[u8]) -> io::Result<()> {
    let length = u32::try_from(json.len())
        .ok()
        .filter(|_| json.len() <= FRAME)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a frame over the limit"))?;
    let mut frame = Vec::with_capacity(4 + json.len());
    frame.extend_from_slice(&length.to_ne_bytes());
    frame.extend_from_slice(json);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads until `into` is full or the input ends; returns how much there was.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out at most `step` bytes at a time, as a pipe may.
    struct Dribble<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.step.min(into.len()).min(self.bytes.len());
            into[..n].copy_from_slice(&self.bytes[..n]);
            self.bytes = &self.bytes[n..];
            Ok(n)
        }
    }

    proptest! {
        #[test]
        fn frames_arrive_as_they_were_written_however_the_pipe_cuts_them(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
            step in 1usize..50,
        ) {
            let mut bytes = Vec::new();
            for frame in &frames {
                write_frame(&mut bytes, frame).unwrap();
            }
            let mut from = Dribble { bytes: &bytes, step };
            for frame in &frames {
                let read = read_frame(&mut from).unwrap();
                prop_assert_eq!(read.as_ref(), Some(frame));
            }
            prop_assert!(read_frame(&mut from).unwrap().is_none());
        }

        #[test]
        fn any_bytes_are_read_without_panic_and_to_the_end(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            step in 1usize..50,
        ) {
            let mut from = Dribble { bytes: &bytes, step };
            while let Ok(Some(frame)) = read_frame(&mut from) {
                prop_assert!(frame.len() <= FRAME);
            }
        }

        #[test]
        fn a_frame_cut_anywhere_is_truncated(frame in prop::collection::vec(any::<u8>(), 1..200), cut in 1usize..1000) {
            let mut bytes = Vec::new();
            write_frame(&mut bytes, &frame).unwrap();
            let cut = 1 + cut % (bytes.len() - 1);
            let refused = read_frame(&mut &bytes[..cut]);
            prop_assert!(matches!(refused, Err(FrameError::Truncated)));
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_it_is_read() {
        for length in [FRAME as u32 + 1, u32::MAX] {
            let mut from: &[u8] = &[length.to_ne_bytes().as_slice(), b"rest"].concat();
            let refused = read_frame(&mut from);
            assert!(matches!(refused, Err(FrameError::TooLong { length: l }) if l == length));
            assert_eq!(from, b"rest");
        }
        assert!(write_frame(&mut Vec::new(), &vec![b' '; FRAME + 1]).is_err());
        let mut largest = Vec::new();
        write_frame(&mut largest, &vec![b' '; FRAME]).unwrap();
        assert_eq!(read_frame(&mut &largest[..]).unwrap().unwrap().len(), FRAME);
    }
}
