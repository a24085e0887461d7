//! What one message may cost. Every step of reading it pays for what it reads and writes, so that no message, however it is
//! made, costs more than these bounds.

use super::{authn_request::PARAMETERS_BYTES, c14n::CANONICAL_BYTES, metadata::LIST, xml};

/// An amount of work: what was done for one message, or what may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes read or written: parameters, documents each time they are parsed, canonical forms.
    pub bytes: usize,
    /// Elements of the documents that were parsed.
    pub elements: usize,
    /// References of signatures that were followed.
    pub references: usize,
    /// Digests of canonical forms.
    pub digests: usize,
    /// RSA verifications.
    pub signatures: usize,
}

impl Work {
    /// What one message may cost: a query or form; its document, scanned and parsed; the canonical forms of what is signed
    /// and of the signature, of which the first is parsed again; one reference, one digest, and each certificate tried once.
    pub const MOST: Self = Self {
        bytes: PARAMETERS_BYTES + 2 * xml::DOCUMENT_BYTES + 3 * CANONICAL_BYTES,
        elements: 2 * xml::ELEMENTS,
        references: 1,
        digests: 1,
        signatures: LIST,
    };
}

/// The work is over what one message may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

/// A bound of work, and what was done so far.
#[derive(Debug, Clone)]
pub struct Budget {
    most: Work,
    done: Work,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(Work::MOST)
    }
}

impl Budget {
    /// With bounds of its own.
    pub fn of(most: Work) -> Self {
        Self {
            most,
            done: Work::default(),
        }
    }

    /// What was done so far. A step that was refused for its cost is not in it.
    pub fn done(&self) -> Work {
        self.done
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<(), Exhausted> {
        pay(&mut self.done.bytes, n, self.most.bytes)
    }

    pub(super) fn elements(&mut self, n: usize) -> Result<(), Exhausted> {
        pay(&mut self.done.elements, n, self.most.elements)
    }

    pub(super) fn reference(&mut self) -> Result<(), Exhausted> {
        pay(&mut self.done.references, 1, self.most.references)
    }

    pub(super) fn digest(&mut self) -> Result<(), Exhausted> {
        pay(&mut self.done.digests, 1, self.most.digests)
    }

    pub(super) fn signature(&mut self) -> Result<(), Exhausted> {
        pay(&mut self.done.signatures, 1, self.most.signatures)
    }
}

fn pay(done: &mut usize, n: usize, most: usize) -> Result<(), Exhausted> {
    let after = done.saturating_add(n);
    if after > most {
        return Err(Exhausted);
    }
    *done = after;
    Ok(())
}
