//! Which feature groups moved a verdict, as short codes, and the words for all codes.

use crate::change;
use crate::trust::{Reading, Trust};
use libm::fabsf;

/// Codes in one assessment, at most.
const MOST: usize = 4;
/// Nats per keystroke or action below which a group did not move anything.
const LEAST: f32 = 0.05;
/// Evidence below which nothing is explained.
const LEAST_KEYS: f64 = 10.0;
const LEAST_ACTIONS: f64 = 4.0;

/// Per kind of timing: fits, greater than usual, less than usual.
const KEY_CODES: [[&str; 3]; 4] = [
    ["hold_fits", "hold_long", "hold_short"],
    ["rhythm_fits", "rhythm_slow", "rhythm_fast"],
    ["overlap_fits", "overlap_less", "overlap_more"],
    ["release_fits", "release_slow", "release_fast"],
];
/// Per group of pointer features: greater than usual, less than usual.
const POINTER_CODES: [[&str; 2]; 4] = [
    ["pointer_fast", "pointer_slow"],
    ["pointer_curved", "pointer_straight"],
    ["pointer_abrupt", "pointer_gentle"],
    ["click_long", "click_short"],
];

/// The groups that moved the verdict most, the strongest first.
pub(crate) fn moved_by(trust: &Trust, reading: &Reading) -> Vec<&'static str> {
    let mut found: Vec<(f32, &'static str)> = Vec::new();
    if reading.keys >= LEAST_KEYS {
        for ((contribution, drift), codes) in trust.kinds().into_iter().zip(KEY_CODES) {
            let code = if contribution > 0.0 {
                codes[0]
            } else if drift > 0.0 {
                codes[1]
            } else {
                codes[2]
            };
            found.push((fabsf(contribution), code));
        }
    }
    if reading.phrases > 0.0 {
        let strength = fabsf(reading.phrase_llr as f32) / 10.0;
        let fits = reading.phrase_llr > 0.0;
        found.push((strength, if fits { "name_fits" } else { "name_differs" }));
    }
    if reading.actions >= LEAST_ACTIONS {
        let strength = fabsf(reading.pointer_llr as f32) / 10.0;
        if reading.pointer_llr > 0.0 {
            found.push((strength, "pointer_fits"));
        } else {
            let strongest = trust
                .groups()
                .into_iter()
                .zip(POINTER_CODES)
                .max_by(|(a, _), (b, _)| fabsf(*a).total_cmp(&fabsf(*b)));
            found.extend(
                strongest.map(|(drift, codes)| (strength, codes[usize::from(drift < 0.0)])),
            );
        }
    }
    if reading.suspicion >= change::BROKEN {
        // What fitted before has been given up; the groups above speak of what came since.
        found.push((f32::MAX, "changed"));
    }
    found.retain(|(strength, _)| *strength >= LEAST);
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.into_iter().take(MOST).map(|(_, code)| code).collect()
}

/// The words for a code of [`Assessment::automation`](crate::Assessment::automation) or
/// [`Assessment::moved_by`](crate::Assessment::moved_by).
pub fn words(code: &str) -> Option<&'static str> {
    Some(match code {
        "hold_fits" => "holds keys as long as usual",
        "hold_long" => "holds keys longer than usual",
        "hold_short" => "holds keys shorter than usual",
        "rhythm_fits" => "types in the usual rhythm",
        "rhythm_slow" => "goes from key to key more slowly than usual",
        "rhythm_fast" => "goes from key to key faster than usual",
        "overlap_fits" => "lets go of keys before the next as usual",
        "overlap_less" => "leaves more time between keys than usual",
        "overlap_more" => "overlaps keys more than usual",
        "release_fits" => "releases keys in the usual rhythm",
        "release_slow" => "releases keys more slowly than usual",
        "release_fast" => "releases keys faster than usual",
        "name_fits" => "types the own user name as usual",
        "name_differs" => "types the own user name otherwise than usual",
        "pointer_fits" => "moves the pointer as usual",
        "pointer_fast" => "moves the pointer faster than usual",
        "pointer_slow" => "moves the pointer more slowly than usual",
        "pointer_curved" => "moves the pointer in wider curves than usual",
        "pointer_straight" => "moves the pointer straighter than usual",
        "pointer_abrupt" => "starts and stops the pointer more abruptly than usual",
        "pointer_gentle" => "starts and stops the pointer more gently than usual",
        "click_long" => "clicks longer than usual",
        "click_short" => "clicks shorter than usual",
        "changed" => "typing or pointer changed in the middle of the session",
        "untrusted_events" => "a script on the page made input events",
        "regular_typing" => "keys follow each other more regularly than a hand can",
        "timer_grid" => "keys follow the ticks of a timer",
        "constant_velocity" => "the pointer moves in straight lines at constant speed",
        "no_holds" => "keys come up in the moment that they go down",
        "replayed_typing" => "typing repeats what was typed before, to the millisecond",
        "smooth_pointer" => "the pointer moves without the tremor of a hand",
        "inserted_text" => "text appeared without having been typed",
        _ => return None,
    })
}
