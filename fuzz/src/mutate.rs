//! Changes to bytes. All randomness comes from one seed.

/// SplitMix64: small, even, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Longest input, in bytes: past every limit, and still quick.
const LONGEST: usize = 300_000;

/// A few changes to one of `corpus`.
pub fn mutated(corpus: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        change(&mut bytes, corpus, words, random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next() as u8,
        2 => drop(bytes.drain(at..end)),
        3 => {
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            drop(bytes.splice(to..to, piece));
        }
        4 | 5 => {
            let word = words[random.below(words.len())].as_bytes();
            // Mostly put in, sometimes put over what is there.
            let end = if random.below(3) == 0 {
                (at + word.len()).min(bytes.len())
            } else {
                at
            };
            drop(bytes.splice(at..end, word.iter().copied()));
        }
        6 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        // Now and then something long or deep.
        7 if random.below(50) == 0 => {
            let piece = bytes[at..end].to_vec();
            let times = random.below(10_000);
            drop(bytes.splice(
                at..at,
                piece.repeat(times.min(LONGEST / piece.len().max(1))),
            ));
        }
        _ => bytes.truncate(end),
    }
}
