//! Scenarios in Chromium. Each is one sentence about Tacit that has to hold.

#[path = "chromium/silent.rs"]
mod silent;

use e2e::harness::Run;
use support::World;

fn main() {
    let mut run = Run::from_arguments();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime for one thread needs nothing that could be missing");
    runtime.block_on(async {
        if run.wants(silent::SCENARIOS) {
            match World::start(support::Settings::default()) {
                Ok(mut world) => run.all(&mut world, silent::SCENARIOS).await,
                Err(why) => run.fail_all(silent::SCENARIOS, &why),
            }
        }
    });
    run.finish()
}
