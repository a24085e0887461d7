//! The search for leaks finds what it should: the canary could not fail otherwise.

use crate::leak::{Depth, Search, without_numbers};
use anyhow::{Result, ensure};
use e2e::harness::Scenario;
use futures_util::FutureExt;
use std::path::Path;

pub fn scenarios() -> Vec<Scenario<()>> {
    vec![Scenario {
        name: "the_search_for_leaks_finds_each_encoding_and_nothing_else",
        show: |_: &mut ()| async { finds_each_encoding() }.boxed_local(),
    }]
}

const PLANTED: &str = "brulfidax womtizzle karpunex";

fn finds_each_encoding() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("tacit-leaks-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let shown = plant_and_search(&folder);
    std::fs::remove_dir_all(&folder)?;
    shown
}

fn plant_and_search(folder: &Path) -> Result<()> {
    let search = Search::new(&[("sentence", PLANTED)]);
    let leaks = leaks();
    for (name, bytes) in &leaks {
        let noise = [
            b"{\"v\":1,\"at\":1760000000000.5} ".as_slice(),
            bytes,
            b" \x00\x01 and more",
        ];
        std::fs::write(folder.join(name), noise.concat())?;
    }
    let order: Vec<u8> = (32..=255).collect();
    let innocent = format!(
        "{} {order:?} {{\"keys\":28,\"pointer_ms\":1200,\"at\":1760000000000}} brulfid womtizz karpune {}",
        "the quick brown fox jumps over the lazy dog", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo"
    );
    std::fs::write(folder.join("innocent"), innocent)?;
    let hits = search.folder(folder, |_| Depth::Deep)?;
    for (name, _) in &leaks {
        ensure!(
            hits.iter().any(|hit| hit.file == without_numbers(name)),
            "{name} was not found"
        );
    }
    ensure!(
        !hits.iter().any(|hit| hit.file == "innocent"),
        "something innocent was found: {hits:?}"
    );
    Ok(())
}

/// The planted sentence in each encoding that somebody might use.
fn leaks() -> Vec<(&'static str, Vec<u8>)> {
    let keys: Vec<u8> = PLANTED.to_ascii_uppercase().into_bytes();
    let list = |of: &dyn Fn(usize, u8) -> String, by: &str| {
        let all: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| of(at, *key))
            .collect();
        all.join(by).into_bytes()
    };
    let each =
        |of: &dyn Fn(u8) -> Vec<u8>| keys.iter().flat_map(|key| of(*key)).collect::<Vec<u8>>();
    let time = |at: usize| 5120.4 + 83.5 * at as f64;
    vec![
        ("text", PLANTED.as_bytes().to_vec()),
        (
            "text in sixteen bits",
            PLANTED.bytes().flat_map(|byte| [byte, 0]).collect(),
        ),
        ("text backwards", PLANTED.bytes().rev().collect()),
        ("bytes", keys.clone()),
        ("bytes backwards", keys.iter().rev().copied().collect()),
        (
            "sixteen bits",
            each(&|key| u16::from(key).to_be_bytes().to_vec()),
        ),
        (
            "thirty-two bits",
            each(&|key| u32::from(key).to_le_bytes().to_vec()),
        ),
        ("records", each(&|key| [&[0][..], &[7; 8], &[key]].concat())),
        (
            "letters from zero",
            each(&|key| vec![key.wrapping_sub(b'A')]),
        ),
        (
            "single floats",
            each(&|key| f32::from(key).to_le_bytes().to_vec()),
        ),
        (
            "double floats",
            each(&|key| f64::from(key).to_be_bytes().to_vec()),
        ),
        ("json", list(&|_, key| key.to_string(), ",")),
        ("json with spaces", list(&|_, key| key.to_string(), ", ")),
        ("lines", list(&|_, key| key.to_string(), "\n")),
        (
            "json from zero",
            list(&|_, key| (200 - b'Z' + key).to_string(), ","),
        ),
        (
            "events",
            list(
                &|at, key| format!("[0,{:.1},{key}],[1,{:.1},{key}]", time(at), time(at) + 40.5),
                ",",
            ),
        ),
        (
            "objects",
            list(
                &|at, key| format!("{{\"keyCode\":{key},\"t\":{:.1}}}", time(at)),
                ",",
            ),
        ),
        (
            "names",
            list(
                &|at, key| match key {
                    b' ' => format!("{{\"code\":\"Space\",\"t\":{:.1}}}", time(at)),
                    _ => format!(
                        "{{\"code\":\"Key{}\",\"t\":{:.1}}}",
                        char::from(key),
                        time(at)
                    ),
                },
                ",",
            ),
        ),
        (
            "characters",
            list(
                &|at, key| {
                    format!(
                        "[\"{}\",{:.1}]",
                        char::from(key.to_ascii_lowercase()),
                        time(at)
                    )
                },
                ",",
            ),
        ),
        ("hex", each(&|key| format!("{key:02x}").into_bytes())),
        ("base64", base64(&keys)),
        (
            "base64 of json",
            base64(&list(&|_, key| key.to_string(), ",")),
        ),
    ]
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = Vec::new();
    for part in bytes.chunks(3) {
        let all = part
            .iter()
            .fold(0u32, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            out.push(ALPHABET[(all >> (18 - 6 * place) & 63) as usize]);
        }
    }
    out
}
