//! The committed bits of the parity fixture; the WASM build is held to the same file.
#![cfg(feature = "parity")]

#[test]
fn the_fixture_gives_the_committed_bits() {
    let expected: Vec<u64> = include_str!("parity.txt")
        .lines()
        .map(|line| u64::from_str_radix(line.trim(), 16).unwrap())
        .collect();
    let found = biometrics::parity_fixture();
    let text: Vec<String> = found.iter().map(|bits| format!("{bits:016x}")).collect();
    assert_eq!(
        found,
        expected,
        "if the model or the engine changed on purpose, parity.txt becomes:\n{}",
        text.join("\n")
    );
}
