//! A disk that takes nothing any more: the program says so, and lets nobody in.

use crate::{
    crash::{Client, run, site},
    program::Folder,
    support::{Agent, Browser, Database, Server},
};
use std::process::{Command, Stdio};

/// One megabyte, in the blocks of a shell's `ulimit -f`.
const BLOCKS: u32 = 2_048;

/// The program under a limit of what its files may become; it is told by errors and not by a signal.
fn limited(folder: &Folder) -> Command {
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\""),
        ])
        .arg(env!("CARGO_BIN_EXE_tacit"))
        .env("TACIT_DATA", folder.path("data"))
        .current_dir(folder.path("."))
        .stderr(log);
    command
}

/// Signs in until something is refused; returns the challenges that were said to be allowed.
fn until_refused(client: &Client, server: &Server, agent: &Agent) -> Vec<wire::id::ChallengeId> {
    let mut said = Vec::new();
    for _ in 0..5_000 {
        // The page of a request that could not be written is an error page, which the client does not take for one.
        let begun = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.start(server)));
        let Ok(Some((cookie, page))) = begun else {
            return said;
        };
        let reply = client.answer(server, agent, &cookie, &page).unwrap();
        if reply.status != 200 {
            assert_eq!(
                (reply.status.as_u16(), reply.header("retry-after")),
                (503, "2"),
                "{}",
                reply.body
            );
            return said;
        }
        said.push(page.challenge);
    }
    panic!("the limit was never reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_cannot_write_any_more_says_so_and_lets_nobody_in() {
    let (folder, server, agent, client) = site().await;
    let (program, _) = run(limited(&folder), &client);
    let said = until_refused(&client, &server, &agent);
    assert!(!said.is_empty(), "it worked while there was room");
    // It goes on answering, and nobody gets in.
    assert_eq!(
        client.send("GET", "/health/live", &[], "").unwrap().status,
        200
    );
    for _ in 0..5 {
        let begun =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.start(&server)));
        if let Ok(Some((cookie, page))) = begun {
            let reply = client.answer(&server, &agent, &cookie, &page).unwrap();
            assert_ne!(reply.status, 200, "{}", reply.body);
        }
    }
    drop(program);
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("disk"), "{log}");
    for challenge in &said {
        let rows = server
            .app
            .store
            .decisions_of(challenge.as_str())
            .await
            .unwrap();
        assert!(
            rows.iter().any(|row| row.outcome == "allow"),
            "what was said stands"
        );
    }
    // With room again it works as if nothing had been.
    let mut serve = folder.command();
    serve.stderr(Stdio::null());
    let (_program, _) = run(serve, &client);
    let (cookie, page) = client.start(&server).unwrap();
    let reply = client.answer(&server, &agent, &cookie, &page).unwrap();
    assert_eq!(reply.json()["outcome"], "allow");
}

#[test]
fn a_read_only_database_is_named_and_nothing_starts() {
    let folder = Folder::initialised();
    let file = folder.path("data/tacit.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let read_only = settings.replace("mode=rwc", "mode=ro");
    assert_ne!(settings, read_only);
    std::fs::write(&file, read_only).unwrap();
    let said = folder.bad(&["serve"]);
    assert!(
        said.contains("readonly") || said.contains("read-only"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_lets_nobody_in_and_is_over_when_it_does_again() {
    let server = Server::new(Database::sqlite()).await;
    let other = server.another_process().await;
    let agent = Agent::enrolled(&server).await;
    let browser = Browser::default();
    let page = browser.start(&server, "ann@acme.test").await;
    // Somebody else sits on the lock: for longer than anybody waits, nothing can be written.
    let held = other.app.store.write().await.unwrap();
    let reply = agent
        .send(&server, &browser, &agent.answer(&server, &page))
        .await;
    let told = (
        reply.status.as_u16(),
        reply.reason(),
        reply.header("retry-after").to_owned(),
    );
    assert_eq!(told, (503, "server_unreachable".into(), "2".into()));
    let challenge = server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap();
    assert_eq!(challenge.unwrap().state.code(), "waiting");
    let xml = crate::support::browser::request(&server, "id77", "ann@acme.test");
    let refused = browser.bring(&server, &xml).await;
    assert!(
        refused.status == 500 && !refused.body.contains("locked"),
        "{}",
        refused.body
    );
    drop(held);
    // Lets go of the lock with the next write of that process.
    other
        .app
        .store
        .insert_admin_event(1, "kind", "over", "")
        .await
        .unwrap();
    let page = browser.start(&server, "ann@acme.test").await;
    assert_eq!(
        agent.answers(&server, &browser, &page).await["outcome"],
        "allow"
    );
}
