//! How long a server works for a message that somebody tampered with, at worst, beside what a good one takes in the same
//! run. Prints one line of JSON.

#[path = "../tests/it/okta.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod okta;
#[path = "../tests/it/tampered/mod.rs"]
mod tampered;

use standards::saml::work::{Budget, Work};
use std::time::{Duration, Instant};

/// Each message is sent so often, and its fastest time counts: the others measure what else runs on the machine.
const TIMES: u32 = 25;

fn main() {
    let sp = okta::service_provider();
    let good = okta::posted(&okta::signed(&okta::request()));
    let good = fastest(|| assert!(okta::receive_post(&good).is_ok()));
    let table = tampered::table();
    let mut most = Work::default();
    let (mut worst, mut whole) = ((Duration::ZERO, ""), Duration::ZERO);
    for row in &table {
        let mut budget = Budget::default();
        let took = fastest(|| {
            budget = Budget::default();
            assert!(row.send(&sp, &mut budget).is_err());
        });
        most = tampered::larger(most, budget.done());
        worst = worst.max((took, row.sentence));
        whole += took;
    }
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let count = u32::try_from(table.len()).unwrap_or(u32::MAX);
    println!(
        r#"{{"messages":{count},"worst_us":{:.1},"worst_message":"{}","mean_us":{:.1},"good_us":{:.1},"worst_to_good":{:.2},"most_bytes":{},"most_elements":{},"most_digests":{},"most_signatures":{}}}"#,
        us(worst.0),
        worst.1,
        us(whole) / f64::from(count),
        us(good),
        us(worst.0) / us(good),
        most.bytes,
        most.elements,
        most.digests,
        most.signatures,
    );
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..TIMES {
        let began = Instant::now();
        work();
        fastest = fastest.min(began.elapsed());
    }
    fastest
}
