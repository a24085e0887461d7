//! capture.js → worker: what happened on a page, without what was typed.
//!
//! The content script sends one JSON text at most every 500 ms:
//!
//! ```json
//! {"v":1,"type":"events","origin":1760000000000.0,"untrusted":0,"withheld":0,
//!  "events":[[0,5120.4,65],[1,5204.1,65],[2,5301.0,410,220,0]]}
//! ```
//!
//! `origin` is `performance.timeOrigin`, event times are `event.timeStamp`: milliseconds since `origin`. The worker drops
//! the sequence as soon as the engine has taken it (at most one window).

use crate::{limits, version::V};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// One batch of events of one frame of one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Protocol version.
    pub v: V,
    /// Always `"events"`.
    #[serde(rename = "type")]
    pub kind: EventsType,
    /// `performance.timeOrigin` of the frame, in ms since 1970.
    pub origin: f64,
    /// Events with `isTrusted` false since the last batch: counted, never recorded.
    pub untrusted: u32,
    /// Events withheld since the last batch because a password field or an excluded site had the focus.
    pub withheld: u32,
    /// In order of time within one device; at most [`limits::CAPTURE_EVENTS`].
    #[serde(deserialize_with = "bounded")]
    pub events: Vec<Event>,
}

/// The constant `"events"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsType {
    /// The only value.
    Events,
}

/// One event. `t` is in ms since the batch's `origin`; coordinates are CSS pixels of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// `[0, t, key]`: `key` is the legacy `keyCode`, 0 to 255; auto-repeat is left out.
    KeyDown {
        /// Time.
        t: f64,
        /// Key code.
        key: u8,
    },
    /// `[1, t, key]`.
    KeyUp {
        /// Time.
        t: f64,
        /// Key code.
        key: u8,
    },
    /// `[2, t, x, y, buttons]`: `buttons` is the DOM bit set; one per coalesced event.
    Move {
        /// Time.
        t: f64,
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// Pressed buttons, as DOM bits.
        buttons: u8,
    },
    /// `[3, t, x, y, button]`.
    ButtonDown {
        /// Time.
        t: f64,
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// DOM button number.
        button: u8,
    },
    /// `[4, t, x, y, button]`.
    ButtonUp {
        /// Time.
        t: f64,
        /// Horizontal position.
        x: f32,
        /// Vertical position.
        y: f32,
        /// DOM button number.
        button: u8,
    },
    /// `[5, t, dx, dy]`, in pixels as the browser reports them.
    Wheel {
        /// Time.
        t: f64,
        /// Horizontal amount.
        dx: f32,
        /// Vertical amount.
        dy: f32,
    },
    /// `[6, t, 0|1]`: the frame lost or got the focus.
    Focus {
        /// Time.
        t: f64,
        /// Whether it has the focus now.
        focused: bool,
    },
    /// `[7, t, 0|1]`: the page was hidden or shown.
    Visibility {
        /// Time.
        t: f64,
        /// Whether it is visible now.
        visible: bool,
    },
    /// `[8, t, n]`: `n` characters were pasted or filled in by software; no characters themselves.
    Inserted {
        /// Time.
        t: f64,
        /// Number of characters, at most 65,535.
        characters: u16,
    },
}

impl Event {
    /// Milliseconds since the batch's `origin`.
    pub fn time(&self) -> f64 {
        match *self {
            Self::KeyDown { t, .. }
            | Self::KeyUp { t, .. }
            | Self::Move { t, .. }
            | Self::ButtonDown { t, .. }
            | Self::ButtonUp { t, .. }
            | Self::Wheel { t, .. }
            | Self::Focus { t, .. }
            | Self::Visibility { t, .. }
            | Self::Inserted { t, .. } => t,
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::KeyDown { t, key } => (0u8, t, key).serialize(to),
            Self::KeyUp { t, key } => (1u8, t, key).serialize(to),
            Self::Move { t, x, y, buttons } => (2u8, t, x, y, buttons).serialize(to),
            Self::ButtonDown { t, x, y, button } => (3u8, t, x, y, button).serialize(to),
            Self::ButtonUp { t, x, y, button } => (4u8, t, x, y, button).serialize(to),
            Self::Wheel { t, dx, dy } => (5u8, t, dx, dy).serialize(to),
            Self::Focus { t, focused } => (6u8, t, u8::from(focused)).serialize(to),
            Self::Visibility { t, visible } => (7u8, t, u8::from(visible)).serialize(to),
            Self::Inserted { t, characters } => (8u8, t, characters).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let numbers = Vec::<f64>::deserialize(from)?;
        event_of(&numbers).ok_or_else(|| D::Error::custom("not an event"))
    }
}

fn event_of(numbers: &[f64]) -> Option<Event> {
    let (&[kind, t], rest) = numbers.split_first_chunk()?;
    if !t.is_finite() {
        return None;
    }
    Some(match (whole(kind, 8)?, rest) {
        (0, &[key]) => Event::KeyDown {
            t,
            key: whole(key, 255)? as u8,
        },
        (1, &[key]) => Event::KeyUp {
            t,
            key: whole(key, 255)? as u8,
        },
        (2, &[x, y, b]) => Event::Move {
            t,
            x: pixel(x)?,
            y: pixel(y)?,
            buttons: whole(b, 255)? as u8,
        },
        (3, &[x, y, b]) => Event::ButtonDown {
            t,
            x: pixel(x)?,
            y: pixel(y)?,
            button: whole(b, 255)? as u8,
        },
        (4, &[x, y, b]) => Event::ButtonUp {
            t,
            x: pixel(x)?,
            y: pixel(y)?,
            button: whole(b, 255)? as u8,
        },
        (5, &[dx, dy]) => Event::Wheel {
            t,
            dx: pixel(dx)?,
            dy: pixel(dy)?,
        },
        (6, &[on]) => Event::Focus {
            t,
            focused: whole(on, 1)? == 1,
        },
        (7, &[on]) => Event::Visibility {
            t,
            visible: whole(on, 1)? == 1,
        },
        (8, &[n]) => Event::Inserted {
            t,
            characters: whole(n, 65_535)? as u16,
        },
        _ => return None,
    })
}

fn whole(x: f64, most: u32) -> Option<u32> {
    (x >= 0.0 && x <= f64::from(most) && x.fract() == 0.0).then_some(x as u32)
}

/// A coordinate or a wheel step; beyond ten million no screen reaches.
fn pixel(x: f64) -> Option<f32> {
    (x.abs() <= 1e7).then_some(x as f32)
}

fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Event>, D::Error> {
    let events = Vec::<Event>::deserialize(from)?;
    if events.len() > limits::CAPTURE_EVENTS {
        return Err(D::Error::custom("too many events in one batch"));
    }
    Ok(events)
}
