//! One person's norm on one device: sums over what was typed and moved, and how it was confirmed.

use crate::codec::{Fault, Reader, write_keys, write_phrase, write_pointer};
use crate::history::History;
use crate::keyboard::{KeyNorm, PhraseNorm};
use crate::pointer::PointerNorm;
use crate::quarantine::Stretch;
use crate::replay::Seen;

const MAGIC: [u8; 4] = *b"TcT3";
/// Keystrokes of a mature template.
const MATURE_KEYS: u32 = 1_500;
/// Confirmations of a mature template, and days on which they happened.
const MATURE_CONFIRMATIONS: u32 = 3;
const MATURE_DAYS: u32 = 2;
/// Keystrokes from which a template can contradict what is typed.
const KNOWN_KEYS: u32 = 300;
/// Keystrokes from which suspicion that the own person raises is remembered.
const PEAK_KEYS: u32 = 900;
/// Time of pointer actions from which the pointer takes part in verdicts, in ms. Five minutes at the screen hold about
/// half as much movement; the public recordings that calibrate it are shorter still.
const POINTER_JOINS: f32 = 60_000.0;
/// Keystrokes or pointer actions that make a confirmation count.
const WORTH: (u32, u32) = (20, 5);

/// What is learned about one person.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The background model whose mixture the pointer's sums belong to.
    pub model: u32,
    pub keys: KeyNorm,
    pub pointer: PointerNorm,
    /// The rhythm of the user name.
    pub phrase: PhraseNorm,
    pub confirmations: u32,
    /// Different days with a confirmation, and the last of them (days since 1970).
    pub days: u32,
    pub last_day: u32,
    pub history: History,
    /// Hashes of what was typed in confirmed unlocks, to know a replay by.
    pub seen: Seen,
}

impl Template {
    pub(crate) fn new(model: u32, salt: u64) -> Self {
        Self {
            model,
            keys: KeyNorm::new(),
            pointer: PointerNorm::new(),
            phrase: PhraseNorm::new(),
            confirmations: 0,
            days: 0,
            last_day: 0,
            history: History::default(),
            seen: Seen::new(salt),
        }
    }

    /// Confirmed windows join.
    pub(crate) fn join(&mut self, stretch: &Stretch) {
        self.keys.merge(&stretch.keys);
        self.pointer.merge(&stretch.pointer);
        self.phrase.merge(&stretch.phrase);
    }

    /// Counts a confirmation that brought so many keystrokes and actions, on a day.
    pub(crate) fn count(&mut self, keys: u32, actions: u32, day: u32) {
        if keys < WORTH.0 && actions < WORTH.1 {
            return;
        }
        self.confirmations = self.confirmations.saturating_add(1);
        if self.days == 0 || day != self.last_day {
            self.days = self.days.saturating_add(1);
            self.last_day = day;
        }
    }

    pub(crate) fn is_mature(&self) -> bool {
        self.keys.keys >= MATURE_KEYS
            && self.confirmations >= MATURE_CONFIRMATIONS
            && self.days >= MATURE_DAYS
    }

    /// Whether enough is known for a stretch that does not fit to speak against the stretch, not the template.
    pub(crate) fn knows_person(&self) -> bool {
        self.keys.keys >= KNOWN_KEYS
    }

    /// Whether what is raised against the person says how far they vary, and not how little is known.
    pub(crate) fn knows_peaks(&self) -> bool {
        self.keys.keys >= PEAK_KEYS
    }

    /// Learning begins again: what was learned weighs a quarter, and has to be confirmed anew.
    pub(crate) fn begin_again(&mut self) {
        const LEFT: f32 = 0.25;
        let keys = &mut self.keys;
        keys.count.iter_mut().for_each(|count| *count *= LEFT);
        keys.sum.iter_mut().for_each(|sum| *sum *= LEFT);
        keys.squares.iter_mut().for_each(|s| *s *= f64::from(LEFT));
        keys.keys /= 4;
        self.pointer.clear();
        self.phrase.shrink(LEFT);
        (self.confirmations, self.days, self.last_day) = (0, 0, 0);
        self.history = History::default();
    }

    /// Whether enough movement is known for the pointer to take part.
    pub(crate) fn knows_pointer(&self) -> bool {
        self.pointer.lasted >= POINTER_JOINS
    }

    /// Per cent on the way to maturity; 100 only when it is reached.
    pub(crate) fn progress(&self) -> u8 {
        if self.is_mature() {
            return 100;
        }
        let share = |have: u32, need: u32, weight: u32| have.min(need) * weight / need;
        let sum = share(self.keys.keys, MATURE_KEYS, 70)
            + share(self.confirmations, MATURE_CONFIRMATIONS, 20)
            + share(self.days, MATURE_DAYS, 10);
        sum.min(99) as u8
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 * 1024);
        out.extend(MAGIC);
        for number in [self.model, self.confirmations, self.days, self.last_day] {
            out.extend(number.to_le_bytes());
        }
        write_keys(&self.keys, &mut out);
        write_pointer(&self.pointer, &mut out);
        write_phrase(&self.phrase, &mut out);
        self.history.write(&mut out);
        self.seen.write(&mut out);
        out
    }

    /// Reads a template for use with a model. What was learned about the pointer with another model does not count.
    pub(crate) fn from_bytes(bytes: &[u8], model: u32) -> Result<Self, TemplateError> {
        let mut from = Reader::new(bytes);
        if from.bytes::<4>()? != MAGIC {
            return Err(TemplateError::NotATemplate);
        }
        let learned_with = from.u32()?;
        let (confirmations, days, last_day) = (from.u32()?, from.u32()?, from.u32()?);
        let keys = from.keys()?;
        let mut pointer = from.pointer()?;
        let phrase = from.phrase()?;
        let history = History::read(&mut from)?;
        let seen = Seen::read(&mut from)?;
        from.end()?;
        if learned_with != model {
            pointer.clear();
        }
        Ok(Self {
            model,
            keys,
            pointer,
            phrase,
            confirmations,
            days,
            last_day,
            history,
            seen,
        })
    }
}

/// Why bytes are not a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// They begin otherwise than a template does.
    #[error("these bytes are not a template of this format")]
    NotATemplate,
    /// They end too early.
    #[error("the template ends too early")]
    Truncated,
    /// Something follows.
    #[error("the template is followed by other bytes")]
    Trailing,
    /// A number that no template has.
    #[error("the template holds a number that is out of range")]
    OutOfRange,
}

impl From<Fault> for TemplateError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Truncated => Self::Truncated,
            Fault::Trailing => Self::Trailing,
            Fault::OutOfRange => Self::OutOfRange,
        }
    }
}
