//! The rolling state as bytes, for a worker that may die at any time.

use crate::Engine;
use crate::automation::Automation;
use crate::codec::{Fault, Reader};
use crate::engine::{KEYBOARD, NO_CLOCK, POINTER};
use crate::quarantine::Quarantine;
use crate::replay::Replay;

const MAGIC: [u8; 4] = *b"TcS3";

impl Engine {
    /// The rolling state, for a worker that may die at any time. It holds no sequence of what was typed.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 * 1024);
        out.extend(MAGIC);
        out.extend(self.model.version.to_le_bytes());
        out.extend(self.keys.to_le_bytes());
        out.extend(self.pointer_ms.to_le_bytes());
        for time in [self.clocks[KEYBOARD], self.clocks[POINTER], self.newest] {
            out.extend(time.unwrap_or(-1.0).to_le_bytes());
        }
        self.automation.write(&mut out);
        self.trust.write(&mut out);
        self.quarantine.write(&mut out);
        self.replay.write(&mut out);
        out
    }

    /// Takes a rolling state back; refuses bytes that are none and keeps what it had. The template is loaded apart, and
    /// before: what is loaded after it begins without evidence.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut from = Reader::new(bytes);
        if from.bytes::<4>()? != MAGIC {
            return Err(StateError::NotAState);
        }
        if from.u32()? != self.model.version {
            return Err(StateError::OtherModel);
        }
        let keys = from.u32()?;
        let pointer_ms = from.f32(1e12)?;
        let mut times = [None; 3];
        for time in &mut times {
            *time = Some(from.f64(NO_CLOCK)?).filter(|time| *time >= 0.0);
        }
        let [keyboard, pointer, newest] = times;
        let automation = Automation::read(&mut from)?;
        let mut trust = self.trust.clone();
        trust.read(&mut from)?;
        let quarantine = Quarantine::read(&mut from)?;
        let replay = Replay::read(&mut from)?;
        from.end()?;
        self.break_off();
        self.keys = keys;
        self.pointer_ms = pointer_ms.max(0.0);
        self.clocks = [keyboard, pointer];
        self.newest = newest;
        self.automation = automation;
        self.trust = trust;
        self.quarantine = quarantine;
        self.replay = replay;
        Ok(())
    }
}

/// Why bytes are not a rolling state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They begin otherwise than a state does.
    #[error("these bytes are not a rolling state of this format")]
    NotAState,
    /// They were saved with another background model.
    #[error("the state belongs to another background model")]
    OtherModel,
    /// They end too early.
    #[error("the state ends too early")]
    Truncated,
    /// Something follows.
    #[error("the state is followed by other bytes")]
    Trailing,
    /// A number that no state has.
    #[error("the state holds a number that is out of range")]
    OutOfRange,
}

impl From<Fault> for StateError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Truncated => Self::Truncated,
            Fault::Trailing => Self::Trailing,
            Fault::OutOfRange => Self::OutOfRange,
        }
    }
}
