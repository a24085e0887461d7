//! Scenarios in Chromium. Each is one sentence about Tacit that has to hold.

#[path = "chromium/agent.rs"]
mod agent;
#[path = "chromium/arrival.rs"]
mod arrival;
#[path = "chromium/broken.rs"]
mod broken;
#[path = "chromium/canary.rs"]
mod canary;
#[path = "chromium/console.rs"]
mod console;
#[path = "chromium/elsewhere.rs"]
mod elsewhere;
#[path = "chromium/enrolment.rs"]
mod enrolment;
#[path = "chromium/fallback.rs"]
mod fallback;
#[path = "chromium/keystores.rs"]
mod keystores;
#[path = "chromium/leak.rs"]
mod leak;
#[path = "chromium/leveldb.rs"]
mod leveldb;
#[path = "chromium/matrix.rs"]
mod matrix;
#[path = "chromium/planted.rs"]
mod planted;
#[path = "chromium/popup.rs"]
mod popup;
#[path = "chromium/silent.rs"]
mod silent;

use e2e::harness::{Run, Scenario};
use e2e::office::Office;
use keystores::Platforms;
use support::World;

/// With Ann at her browser; the last ones change it for good.
fn office_scenarios() -> Vec<Scenario<Office>> {
    let groups = [
        silent::scenarios(),
        enrolment::scenarios(),
        elsewhere::scenarios(),
        agent::scenarios(),
    ];
    groups.into_iter().flatten().collect()
}

/// People who are asked, administrators who look on, and what is left of what people type.
fn desk_scenarios() -> Vec<Scenario<World>> {
    let groups = [
        fallback::scenarios(),
        console::scenarios(),
        popup::scenarios(),
        broken::scenarios(),
        canary::scenarios(),
    ];
    groups.into_iter().flatten().collect()
}

fn main() {
    let mut run = Run::from_arguments();
    let ended = support::signals::run(async {
        run.all(&mut (), &planted::scenarios()).await;
        let scenarios = office_scenarios();
        if run.wants(&scenarios) {
            match Office::open().await {
                Ok(mut office) => run.all(&mut office, &scenarios).await,
                Err(why) => run.fail_all(&scenarios, &why),
            }
        }
        let scenarios = desk_scenarios();
        if run.wants(&scenarios) {
            match World::start(support::Settings::default()) {
                Ok(mut world) => run.all(&mut world, &scenarios).await,
                Err(why) => run.fail_all(&scenarios, &why),
            }
        }
        let (stores, arrivals) = (keystores::scenarios(), arrival::scenarios());
        if run.wants(&stores) || run.wants(&arrivals) {
            match Platforms::open().await {
                Ok(mut platforms) => {
                    run.all(&mut platforms, &stores).await;
                    // These are about another policy, which they set.
                    run.all(&mut platforms.world, &arrivals).await;
                }
                Err(why) => {
                    run.fail_all(&stores, &why);
                    run.fail_all(&arrivals, &why);
                }
            }
        }
        let scenarios = matrix::scenarios();
        if run.wants(&scenarios) {
            match World::start(support::Settings::default()) {
                Ok(mut world) => run.all(&mut world, &scenarios).await,
                Err(why) => run.fail_all(&scenarios, &why),
            }
        }
    });
    if let Err(why) = ended {
        println!("test result: FAILED. 0 passed; 1 failed; 0 ignored; {why:#}");
        std::process::exit(1);
    }
    run.finish()
}
