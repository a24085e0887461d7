//! What stands stands: many writers at once, writers that go away, and a server that is killed at any moment.

use crate::support::{Agent, Browser, Database, Server, on_both_databases};
use std::{sync::Arc, time::Duration};
use tacit::store::{Store, StoreError};
use tokio::task::JoinSet;

async fn count(store: &Store, actor: &str) -> usize {
    let events = store.events_since(0, 10_000).await.unwrap();
    events.iter().filter(|event| event.actor == actor).count()
}

on_both_databases! {
    async fn many_writers_at_once_all_stand_and_each_is_told_after_it_does(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let another = Arc::new(server.another_process().await);
        let mut tasks = JoinSet::new();
        for n in 0..200 {
            let (server, another) = (server.clone(), another.clone());
            tasks.spawn(async move {
                let actor = format!("writer {n}");
                match n % 2 {
                    0 => server.app.store.insert_admin_event(n, "kind", &actor, "").await.unwrap(),
                    _ => assert!(server.app.store.note_once("kind", &actor, n).await.unwrap()),
                }
                // Another process sees it: it was committed before this one was told.
                match n % 2 {
                    0 => assert_eq!(count(&another.app.store, &actor).await, 1),
                    _ => assert!(!another.app.store.note_once("kind", &actor, n).await.unwrap()),
                }
            });
        }
        tasks.join_all().await;
    }

    async fn a_writer_that_gives_up_undoes_its_own_work_only(database: Database) {
        let server = Arc::new(Server::new(database).await);
        let mut tasks = JoinSet::new();
        for n in 0..60_i64 {
            let server = server.clone();
            tasks.spawn(async move {
                let store = &server.app.store;
                let mut write = store.write().await.unwrap();
                let event = tacit::store::decision::Event::by_administrator(n, "kind", &format!("w{}", n % 3), "");
                Store::append_event_in(&mut write, &event).await.unwrap();
                match n % 3 {
                    0 => write.commit().await.unwrap(),
                    1 => drop(write),
                    _ => {
                        // A statement that fails, and then a caller that goes away in the middle of the next one.
                        let again = Store::append_event_in(&mut write, &event).await;
                        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
                        let _ = tokio::time::timeout(Duration::ZERO, Store::append_event_in(&mut write, &event)).await;
                    }
                }
            });
        }
        tasks.join_all().await;
        let store = &server.app.store;
        assert_eq!((count(store, "w0").await, count(store, "w1").await, count(store, "w2").await), (20, 0, 0));
        store.insert_admin_event(99, "kind", "afterwards", "").await.unwrap();
        assert_eq!(count(store, "afterwards").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_while_they_wait_leave_nothing_behind() {
    let server = Arc::new(Server::new(Database::sqlite()).await);
    let mut tasks = JoinSet::new();
    for n in 0..300_i64 {
        let server = server.clone();
        tasks.spawn(async move {
            let store = server.app.store.clone();
            let work = async move {
                let mut write = store.write().await.unwrap();
                let event = tacit::store::decision::Event::by_administrator(n, "kind", "half", "");
                Store::append_event_in(&mut write, &event).await.unwrap();
                tokio::task::yield_now().await;
                drop(write);
            };
            let _ =
                tokio::time::timeout(Duration::from_micros(u64::try_from(n).unwrap() * 20), work)
                    .await;
        });
    }
    tasks.join_all().await;
    let write = server.app.store.insert_admin_event(1, "kind", "whole", "");
    tokio::time::timeout(Duration::from_secs(20), write)
        .await
        .expect("the writer still works")
        .unwrap();
    assert_eq!(
        (
            count(&server.app.store, "half").await,
            count(&server.app.store, "whole").await
        ),
        (0, 1)
    );
    let other = server.another_process().await;
    let write = other.app.store.insert_admin_event(2, "kind", "whole", "");
    tokio::time::timeout(Duration::from_secs(4), write)
        .await
        .expect("nobody sits on the lock")
        .unwrap();
}

#[tokio::test]
async fn a_closed_store_takes_nothing_and_says_so() {
    let server = Server::new(Database::sqlite()).await;
    server
        .app
        .store
        .insert_admin_event(1, "kind", "before", "")
        .await
        .unwrap();
    let other = server.another_process().await;
    server.app.store.close().await;
    assert!(
        server
            .app
            .store
            .insert_admin_event(2, "kind", "after", "")
            .await
            .is_err()
    );
    assert_eq!(
        (
            count(&other.app.store, "before").await,
            count(&other.app.store, "after").await
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_full_disk_lets_nobody_in_and_is_over_when_there_is_room_again() {
    let server = Server::new(Database::sqlite()).await;
    let agent = Agent::enrolled(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    let store = &server.app.store;
    let mut write = store.write().await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *write)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "PRAGMA max_page_count = {pages}"
    )))
    .execute(&mut *write)
    .await
    .unwrap();
    write.commit().await.unwrap();
    let mut failed = false;
    for n in 0..400 {
        failed |= store
            .insert_admin_event(n, "kind", &"x".repeat(4_000), "")
            .await
            .is_err();
    }
    assert!(failed, "the database is full");
    let reply = agent
        .send(&server, &browser, &agent.answer(&server, &page))
        .await;
    let state = browser.outcome(&server, &page).await["state"].clone();
    assert!(
        reply.status == 200 || state != "allowed",
        "told no, and let in: {} {state}",
        reply.status
    );
    let mut write = store.write().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1000000")
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let page = browser.start(&server, "ann@acme.test").await;
    assert_eq!(
        agent.answers(&server, &browser, &page).await["outcome"],
        "allow"
    );
}
