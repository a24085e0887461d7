//! A small version of `cargo xtask load`, against real processes.

use crate::{
    support::Database,
    swarm::{self, Site, Size, Tally},
};
use std::{sync::Arc, time::Duration};

fn size(at_once: usize, sign_ins: usize, heartbeats: usize) -> Size {
    Size {
        at_once,
        // Only where the machine is so slow that something is wrong.
        during: Duration::from_secs(90),
        sign_ins: Some(sign_ins),
        heartbeats,
    }
}

fn all_went_well(tally: &Tally, sign_ins: usize) {
    assert!(tally.errors.is_empty(), "{:?}", tally.errors);
    assert_eq!(tally.sign_ins.len(), sign_ins);
    println!(
        "{:.0} challenges/s, p50 {:.0} ms, p99 {:.0} ms, {} moved",
        tally.per_second(),
        Tally::percentile(&tally.sign_ins, 0.5),
        Tally::percentile(&tally.sign_ins, 0.99),
        tally.moved
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_agents_at_once_sign_in_without_an_error() {
    let site = Arc::new(Site::start(&swarm::program(), None, 1).await.unwrap());
    let members = Arc::new(site.enrol(100, 0).await.unwrap());
    let tally = swarm::run(&site, &members, size(40, 160, 0)).await;
    all_went_well(&tally, 160);
    // Heartbeats come evenly over the time, so this is two seconds of them.
    let beats = Size {
        during: Duration::from_secs(2),
        ..size(1, 0, 100)
    };
    let tally = swarm::run(&site, &members, beats).await;
    assert!(
        tally.errors.is_empty() && tally.heartbeats.len() > 20,
        "{tally:?}"
    );
    assert_eq!(swarm::decided_twice(&site).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_either_may_be_killed() {
    let database = Some(Database::postgres().await);
    let site = Arc::new(Site::start(&swarm::program(), database, 2).await.unwrap());
    let members = Arc::new(site.enrol(60, 0).await.unwrap());
    let killer = tokio::spawn({
        let site = site.clone();
        async move {
            let pool = site.pool().await.unwrap();
            loop {
                let done: i64 = sqlx::query_scalar(
                    "SELECT CAST(count(*) AS BIGINT) FROM decisions WHERE outcome = 'allow'",
                )
                .fetch_one(&pool)
                .await
                .unwrap();
                if done >= 40 {
                    return site.processes[0].kill();
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let tally = swarm::run(&site, &members, size(30, 150, 0)).await;
    killer.await.unwrap();
    all_went_well(&tally, 150);
    assert!(tally.moved > 0, "the process was not in use");
    assert_eq!(swarm::decided_twice(&site).await.unwrap(), 0);
}

/// With a hundred thousand devices a scan of any of these tables costs each heartbeat milliseconds.
#[tokio::test]
async fn what_a_heartbeat_asks_reads_an_index() {
    let server = crate::support::Server::new(Database::sqlite()).await;
    let mut write = server.app.store.write().await.unwrap();
    for (table, condition) in [
        ("norms", "device_id = 'a'"),
        ("bindings", "device_id = 'a' AND jkt = 'b'"),
        ("installations", "device_id = 'a' AND jkt = 'b'"),
        ("devices", "id = 'a'"),
    ] {
        let plan: Vec<sqlx::any::AnyRow> = sqlx::query(sqlx::AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {condition}"
        )))
        .fetch_all(&mut *write)
        .await
        .unwrap();
        for row in plan {
            let step: String = sqlx::Row::try_get(&row, "detail").unwrap();
            assert!(step.starts_with("SEARCH"), "{table}: {step}");
        }
    }
}
