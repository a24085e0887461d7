//! From what capture.js sends to what the engine takes.

use biometrics::{Event, EventKind};
use wire::capture;

/// What one batch means besides the engine's events.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Signs {
    /// The newest trusted event of any kind, ms since 1970.
    pub input_at: Option<f64>,
    /// The newest key or click, ms since 1970: what shows that a person wants something on this page.
    pub touched_at: Option<f64>,
}

/// Hands the events of a batch that arrived at `now` to `push`, and tells what the batch shows.
pub fn take(batch: &capture::Events, now: f64, mut push: impl FnMut(Event)) -> Signs {
    let mut signs = Signs::default();
    for event in &batch.events {
        // A page cannot set these times, but clocks jump: nothing may lie in the future.
        let at = (batch.origin + event.time()).min(now);
        if !at.is_finite() {
            continue;
        }
        match kind_of(event) {
            Some(EventKind::KeyDown { .. } | EventKind::ButtonDown { .. }) => {
                newer(&mut signs.touched_at, at);
                newer(&mut signs.input_at, at);
            }
            Some(EventKind::Focus { .. } | EventKind::Inserted { .. }) | None => {}
            Some(_) => newer(&mut signs.input_at, at),
        }
        if let Some(kind) = kind_of(event) {
            push(Event { at, kind });
        }
    }
    if batch.withheld > 0 {
        // Typed into a password field: nobody learns what or how, only that somebody did.
        newer(&mut signs.touched_at, now);
        newer(&mut signs.input_at, now);
    }
    if batch.untrusted > 0 {
        push(Event {
            at: now,
            kind: EventKind::Untrusted {
                count: batch.untrusted,
            },
        });
    }
    signs
}

/// The later one of two times.
pub fn newest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}

fn newer(at: &mut Option<f64>, candidate: f64) {
    *at = newest(*at, Some(candidate));
}

fn kind_of(event: &capture::Event) -> Option<EventKind> {
    Some(match *event {
        capture::Event::KeyDown { key, .. } => EventKind::KeyDown { key },
        capture::Event::KeyUp { key, .. } => EventKind::KeyUp { key },
        capture::Event::Move { x, y, buttons, .. } => EventKind::Move { x, y, buttons },
        capture::Event::ButtonDown { x, y, button, .. } => EventKind::ButtonDown { x, y, button },
        capture::Event::ButtonUp { x, y, button, .. } => EventKind::ButtonUp { x, y, button },
        capture::Event::Wheel { dx, dy, .. } => EventKind::Wheel { dx, dy },
        capture::Event::Focus { focused, .. } => EventKind::Focus { focused },
        // A hidden page cannot be typed into: for the engine that is a lost focus.
        capture::Event::Visibility { visible: false, .. } => EventKind::Focus { focused: false },
        capture::Event::Visibility { visible: true, .. } => return None,
        capture::Event::Inserted { characters, .. } => EventKind::Inserted { characters },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(json: &str) -> capture::Events {
        wire::version::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn keys_and_clicks_are_touches_and_moves_are_input() {
        let batch = batch(
            r#"{"v":1,"type":"events","origin":1e12,"untrusted":2,"withheld":0,
                "events":[[0,100,65],[1,180,65],[2,300,5,6,0],[6,900,0]]}"#,
        );
        let mut events = Vec::new();
        let signs = take(&batch, 2e12, |event| events.push(event));
        assert_eq!(signs.touched_at, Some(1e12 + 100.0));
        assert_eq!(signs.input_at, Some(1e12 + 300.0));
        assert_eq!(events.len(), 5);
        assert_eq!(events[4].kind, EventKind::Untrusted { count: 2 });
    }

    #[test]
    fn typing_in_a_password_field_shows_somebody_and_gives_nothing() {
        let batch = batch(
            r#"{"v":1,"type":"events","origin":1e12,"untrusted":0,"withheld":9,"events":[]}"#,
        );
        let signs = take(&batch, 1e12, |event| panic!("{event:?}"));
        assert_eq!(signs.touched_at, Some(1e12));
    }

    #[test]
    fn scripted_events_alone_show_nobody() {
        let batch = batch(
            r#"{"v":1,"type":"events","origin":1e12,"untrusted":9,"withheld":0,"events":[]}"#,
        );
        assert_eq!(take(&batch, 1e12, |_| {}), Signs::default());
    }

    #[test]
    fn no_time_lies_in_the_future() {
        let batch = batch(
            r#"{"v":1,"type":"events","origin":1e300,"untrusted":0,"withheld":0,"events":[[0,5,65]]}"#,
        );
        let signs = take(&batch, 1e12, |event| assert_eq!(event.at, 1e12));
        assert_eq!(signs.touched_at, Some(1e12));
    }
}
