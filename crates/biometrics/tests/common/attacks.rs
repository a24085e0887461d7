//! Programs that pretend to type or to move a pointer. Each makes one window of events from 0 on, from a seed.

use biometrics::{Event, EventKind};

/// splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.share()
    }

    /// Box and Muller's.
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * self.share().max(1e-12).ln()).sqrt();
        r * (std::f64::consts::TAU * self.share()).cos()
    }
}

/// Keys of an English sentence, again and again.
pub const TEXT: &[u8] =
    b"THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND THEN RUNS AWAY WITH ALL OF ITS FOOD ";

/// Strokes of (key, gap since the press before, hold), as events at whole tenths of a millisecond, as browsers tell them.
pub fn strokes(times: impl IntoIterator<Item = (u8, f64, f64)>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = 0.0;
    let tenths = |t: f64| (t * 10.0).round() / 10.0;
    for (key, gap, hold) in times {
        at += gap;
        events.push(Event {
            at: tenths(at),
            kind: EventKind::KeyDown { key },
        });
        events.push(Event {
            at: tenths(at + hold),
            kind: EventKind::KeyUp { key },
        });
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

fn typed(keys: usize, mut time: impl FnMut(usize) -> (f64, f64)) -> Vec<Event> {
    strokes((0..keys).map(|i| {
        let (gap, hold) = time(i);
        (TEXT[i % TEXT.len()], gap, hold)
    }))
}

/// The same hold and the same gap, a few per cent off.
pub fn metronome(random: &mut Random) -> Vec<Event> {
    let (gap, hold, off) = (
        random.between(90.0, 300.0),
        random.between(40.0, 110.0),
        random.between(0.0, 0.08),
    );
    typed(60, |_| {
        (
            gap * (1.0 + off * random.between(-1.0, 1.0)),
            hold * (1.0 + off * random.between(-1.0, 1.0)),
        )
    })
}

/// Gaps drawn evenly from a range, as automation libraries do, with a hold that hardly varies.
pub fn even_gaps(random: &mut Random) -> Vec<Event> {
    let (gap, hold) = (random.between(60.0, 200.0), random.between(20.0, 90.0));
    typed(60, |_| {
        (
            gap * random.between(1.0, 3.0),
            hold * random.between(0.95, 1.05),
        )
    })
}

/// Human-looking times, but every event on the tick of a timer.
pub fn on_a_timer(random: &mut Random) -> Vec<Event> {
    let tick = [10.0, 20.0, 25.0, 50.0 / 3.0][(random.next() % 4) as usize];
    let ticks = |t: f64| (t / tick).round().max(1.0) * tick;
    let mut events = typed(60, |_| (0.0, 0.0));
    events.clear();
    let mut at = 0.0;
    for i in 0..60 {
        at += ticks(180.0 * (0.4 * random.normal()).exp());
        let (key, up) = (
            TEXT[i % TEXT.len()],
            at + ticks(90.0 * (0.3 * random.normal()).exp()),
        );
        events.push(Event {
            at: at.round(),
            kind: EventKind::KeyDown { key },
        });
        events.push(Event {
            at: up.round(),
            kind: EventKind::KeyUp { key },
        });
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

/// Down and up in the same moment, with human gaps.
pub fn without_holds(random: &mut Random) -> Vec<Event> {
    typed(60, |_| {
        (
            180.0 * (0.5 * random.normal()).exp(),
            random.between(0.0, 3.0),
        )
    })
}

/// Straight lines at constant speed between targets, on whole pixels.
pub fn constant_velocity(random: &mut Random) -> Vec<Event> {
    moves(random, |random, from, to, share| {
        let noise = random.between(-0.5, 0.5);
        (
            from.0 + (to.0 - from.0) * share + noise,
            from.1 + (to.1 - from.1) * share + noise,
        )
    })
}

/// Cubic Bézier curves with a gentle start and end, on whole pixels.
pub fn bezier(random: &mut Random) -> Vec<Event> {
    let bend = (random.between(-120.0, 120.0), random.between(-120.0, 120.0));
    moves(random, move |_, from, to, share| {
        let s = share * share * (3.0 - 2.0 * share);
        let at = |a: f64, b: f64, bend: f64| {
            let (p, q) = (a + (b - a) * 0.3 + bend, a + (b - a) * 0.7 + bend);
            let r = 1.0 - s;
            r * r * r * a + 3.0 * r * r * s * p + 3.0 * r * s * s * q + s * s * s * b
        };
        (at(from.0, to.0, bend.0), at(from.1, to.1, bend.1))
    })
}

/// Six moves between random targets, each with a click.
fn moves(
    random: &mut Random,
    path: impl Fn(&mut Random, (f64, f64), (f64, f64), f64) -> (f64, f64),
) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut at, mut from) = (0.0, (400.0, 300.0));
    for _ in 0..6 {
        let to = loop {
            let to = (random.between(0.0, 1400.0), random.between(0.0, 800.0));
            if f64::hypot(to.0 - from.0, to.1 - from.1) > 250.0 {
                break to;
            }
        };
        let frames = random.between(18.0, 40.0) as u32;
        for frame in 0..=frames {
            let (x, y) = path(random, from, to, f64::from(frame) / f64::from(frames));
            let (x, y) = (x.round() as f32, y.round() as f32);
            events.push(Event {
                at,
                kind: EventKind::Move { x, y, buttons: 0 },
            });
            at += 1_000.0 / 60.0;
        }
        let (x, y) = (to.0 as f32, to.1 as f32);
        events.push(Event {
            at: at + 60.0,
            kind: EventKind::ButtonDown { x, y, button: 0 },
        });
        events.push(Event {
            at: at + 140.0,
            kind: EventKind::ButtonUp { x, y, button: 0 },
        });
        at += 700.0;
        from = to;
    }
    events
}

/// Events that a script dispatches.
pub fn untrusted(random: &mut Random) -> Vec<Event> {
    let count = 60 + (random.next() % 200) as u32;
    vec![Event {
        at: 0.0,
        kind: EventKind::Untrusted { count },
    }]
}

/// A text that appears at once.
pub fn pasted(random: &mut Random) -> Vec<Event> {
    let characters = 40 + (random.next() % 400) as u16;
    vec![Event {
        at: 0.0,
        kind: EventKind::Inserted { characters },
    }]
}

/// The same events again, each off by up to so many ms.
pub fn replayed(events: &[Event], random: &mut Random, off: f64) -> Vec<Event> {
    let from = events.first().map_or(0.0, |event| event.at);
    let mut again: Vec<Event> = events
        .iter()
        .map(|event| Event {
            at: event.at - from + off * random.between(0.0, 1.0),
            ..*event
        })
        .collect();
    again.sort_by(|a, b| a.at.total_cmp(&b.at));
    again
}

/// Times as people in general have them, whatever the key.
pub fn like_anybody(random: &mut Random, keys: usize) -> Vec<Event> {
    typed(keys, |_| {
        (
            (5.2 + 0.5 * random.normal()).exp().clamp(30.0, 1_400.0),
            (4.5 + 0.3 * random.normal()).exp().clamp(20.0, 400.0),
        )
    })
}

/// A victim's own statistics: per key the mean and deviation of the logarithm of holds, per pair that of press to press.
#[derive(Default)]
pub struct Known {
    holds: std::collections::HashMap<u8, Moments>,
    gaps: std::collections::HashMap<(u8, u8), Moments>,
    hold: Moments,
    gap: Moments,
}

#[derive(Default, Clone, Copy)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// Drawn from a Gaussian; `other` stands in for the mean where too little is known, and for the deviation.
    fn draw(&self, random: &mut Random, other: &Moments) -> f64 {
        let known = if self.n >= 2.0 { self } else { other };
        let of = if self.n >= 5.0 { self } else { other };
        let mean = known.sum / known.n.max(1.0);
        let own = of.sum / of.n.max(1.0);
        let deviation = (of.squares / of.n.max(1.0) - own * own).max(0.0).sqrt();
        mean + deviation * random.normal()
    }
}

impl Known {
    /// Learns from recorded events.
    pub fn learn(&mut self, events: &[Event]) {
        let mut downs: Vec<(u8, f64)> = Vec::new();
        let mut before: Option<(u8, f64)> = None;
        for event in events {
            match event.kind {
                EventKind::KeyDown { key } if downs.iter().all(|(k, _)| *k != key) => {
                    downs.push((key, event.at));
                    if let Some((first, at)) = before.filter(|(_, at)| event.at - at < 1_500.0) {
                        let gap = (event.at - at).max(5.0).ln();
                        self.gaps.entry((first, key)).or_default().add(gap);
                        self.gap.add(gap);
                    }
                    before = Some((key, event.at));
                }
                EventKind::KeyUp { key } => {
                    if let Some(place) = downs.iter().position(|(k, _)| *k == key) {
                        let (_, at) = downs.remove(place);
                        let hold = (event.at - at).clamp(5.0, 1_000.0).ln();
                        self.holds.entry(key).or_default().add(hold);
                        self.hold.add(hold);
                    }
                }
                _ => {}
            }
        }
    }

    /// Types a text with times drawn from what is known of the victim.
    pub fn sample(&self, random: &mut Random, text: &[u8]) -> Vec<Event> {
        let mut before = b' ';
        let mut times = Vec::new();
        for &key in text {
            let none = Moments::default();
            let hold = self
                .holds
                .get(&key)
                .unwrap_or(&none)
                .draw(random, &self.hold);
            let gap = self
                .gaps
                .get(&(before, key))
                .unwrap_or(&none)
                .draw(random, &self.gap);
            times.push((
                key,
                gap.exp().clamp(15.0, 1_400.0),
                hold.exp().clamp(15.0, 900.0),
            ));
            before = key;
        }
        strokes(times)
    }
}
