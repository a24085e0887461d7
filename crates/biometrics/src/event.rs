//! What the engine is fed with.

/// One input event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Milliseconds since 1970, with fractions. Anything is harmless: the engine checks it.
    pub at: f64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. Key codes are those of the legacy `KeyboardEvent.keyCode`; coordinates are CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventKind {
    /// A key went down; auto-repeat is ignored.
    KeyDown {
        /// Key code.
        key: u8,
    },
    /// A key came up.
    KeyUp {
        /// Key code.
        key: u8,
    },
    /// The pointer moved.
    Move {
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// Pressed buttons, as DOM bits.
        buttons: u8,
    },
    /// A button went down.
    ButtonDown {
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// DOM button number.
        button: u8,
    },
    /// A button came up.
    ButtonUp {
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// DOM button number.
        button: u8,
    },
    /// The wheel turned. Counted as presence of a person, neutral as evidence.
    Wheel {
        /// Horizontal amount.
        dx: f32,
        /// Vertical amount.
        dy: f32,
    },
    /// The frame got or lost the focus: no rhythm reaches across it.
    Focus {
        /// Whether it has the focus now.
        focused: bool,
    },
    /// Characters appeared without keystrokes: pasted or filled in.
    Inserted {
        /// How many.
        characters: u16,
    },
    /// Events that a script made (`isTrusted` false). They never train or score.
    Untrusted {
        /// How many.
        count: u32,
    },
}
