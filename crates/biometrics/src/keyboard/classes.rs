//! Key codes to key classes, and classes to groups.
//!
//! What is known of *everybody* is kept per class and pair of classes: it says nothing about anyone's text. What is kept
//! of *one person* about pairs is kept per group: a letter counts as one of six, by hand and row, but for the commonest
//! pairs, so that counts say little about which words were typed (docs/adr/0011-groups-of-keys.md has the trade).

/// Number of classes.
pub(crate) const CLASSES: usize = 44;
/// Number of groups: six of letters, and every other class by itself.
pub(crate) const GROUPS: usize = 6 + CLASSES - LETTERS;

const LETTERS: usize = 26;
/// Groups of the letters A to Z: upper, middle and lower row of the left hand, then of the right.
const LETTER_GROUPS: &[u8; LETTERS] = b"12210114344455330010320232";

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

/// The group of a class.
pub(crate) const fn group_of(class: u8) -> u8 {
    if (class as usize) < LETTERS {
        LETTER_GROUPS[class as usize] - b'0'
    } else {
        class - (CLASSES - GROUPS) as u8
    }
}

/// The commonest pairs of letters in English: they are in everybody's text, so that counting them by themselves says
/// little, and people have habits with them.
const COMMON: &[u8; 200] = b"THHEINANERRENDATOUITTOENASHAISNGSTONORTEEDHIALARMEWAVEEAWELLESNTTISEBEEEOFLESOLIRIAYOOUTCAUSHONECOMA\
    KELAURLYOMELETOTROBOCHNOYOTAADFODEILMODAICNIWHLOCEDIRAGOOWWIRYIEMYDOUNPEPAACSHAMRTWOAVULSIABIMRSSAVI";
/// Number of such pairs.
pub(crate) const COMMON_PAIRS: usize = COMMON.len() / 2;
/// One more than the place among them, per pair of letters; nought for others.
static COMMON_PLACES: [u8; LETTERS * LETTERS] = {
    let mut places = [0; LETTERS * LETTERS];
    let mut i = 0;
    while i < COMMON_PAIRS {
        let (a, b) = (class_of(COMMON[2 * i]), class_of(COMMON[2 * i + 1]));
        places[a as usize * LETTERS + b as usize] = (i + 1) as u8;
        i += 1;
    }
    places
};

/// What an ordered pair of classes is kept as, of one person: a common pair by itself, or a pair of groups.
pub(crate) fn pair_of_person(before: u8, class: u8) -> usize {
    let (a, b) = (usize::from(before), usize::from(class));
    let common = if a < LETTERS && b < LETTERS {
        usize::from(COMMON_PLACES[a * LETTERS + b])
    } else {
        0
    };
    match common {
        0 => usize::from(group_of(before)) * GROUPS + usize::from(group_of(class)),
        place => GROUPS * GROUPS + place - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_grouped_by_hand_and_row() {
        let rows = ["QWERT", "ASDFG", "ZXCVB", "YUIOP", "HJKL", "NM"];
        for (group, row) in rows.iter().enumerate() {
            for key in row.bytes() {
                assert_eq!(usize::from(group_of(class_of(key))), group, "{key}");
            }
        }
        assert_eq!(group_of(class_of(32)), 6);
        assert_eq!(usize::from(group_of(class_of(255))), GROUPS - 1);
    }
}
