//! Key codes to key classes. Digits, rare punctuation and control keys share classes: a template then says less about
//! what was typed, and loses nothing that is frequent enough to be learned.

/// Number of classes.
pub(crate) const CLASSES: usize = 44;
/// Ordered pairs of classes.
pub(crate) const PAIRS: usize = CLASSES * CLASSES;

/// The class of a legacy key code.
pub(crate) const fn class_of(key: u8) -> u8 {
    match key {
        b'A'..=b'Z' => key - b'A',
        32 => 26,                            // space
        8 => 27,                             // backspace
        13 => 28,                            // enter
        16 | 160 | 161 => 29,                // shift
        190 => 30,                           // full stop
        188 => 31,                           // comma
        222 => 32,                           // quote
        189 | 173 => 33,                     // dash
        191 => 34,                           // slash
        186 | 59 => 35,                      // semicolon
        b'0'..=b'4' => 36,                   // digits of the left hand
        b'5'..=b'9' => 37,                   // digits of the right hand
        37..=40 => 38,                       // arrows
        17 | 18 | 91..=93 | 224 | 225 => 39, // control, alt, meta
        9 => 40,                             // tab
        46 => 41,                            // delete
        20 => 42,                            // caps lock
        _ => 43,
    }
}
