//! A crowd of agents with software keys against real server processes over the loopback: sign-ins and heartbeats, counted
//! and timed. `cargo xtask load` runs it at full size, the tests a small version.

mod flood;
mod line;
mod site;

pub use flood::{Flood, flood};
pub use line::Line;
pub use site::{Site, durable_postgres, program};

use crate::support::{Agent, ChallengePage, Server, browser, browser::encoded};
use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tacit::random;
use tokio::task::JoinSet;
use wire::{
    server::{ANSWERS, HEARTBEATS},
    statement::{ANSWER_TYP, HEARTBEAT_TYP},
};

/// One person's browser with the device in it.
pub struct Member {
    /// The person's name.
    pub login: String,
    /// The keys.
    pub agent: Agent,
    /// A network address of their own: limits count per address.
    pub address: String,
}

/// How much, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Sign-ins under way at any moment.
    pub at_once: usize,
    /// No sign-in begins after this.
    pub during: Duration,
    /// Sign-ins in all; as many as go if absent.
    pub sign_ins: Option<usize>,
    /// Devices that send a heartbeat meanwhile.
    pub heartbeats: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Of sign-ins: from the request to the Response, in microseconds.
    pub sign_ins: Vec<u64>,
    /// Of heartbeats.
    pub heartbeats: Vec<u64>,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, usize>,
    /// Sign-ins that began anew with another process, because theirs went away.
    pub moved: usize,
    /// How long it took in all.
    pub took: Duration,
}

impl Tally {
    /// Sign-ins a second.
    pub fn per_second(&self) -> f64 {
        self.sign_ins.len() as f64 / self.took.as_secs_f64()
    }

    /// The value that `share` of `times` are not over, in milliseconds.
    pub fn percentile(times: &[u64], share: f64) -> f64 {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
        sorted.get(at - 1).map_or(0.0, |us| *us as f64 / 1e3)
    }
}

/// What all tasks of a run share.
struct Run {
    site: Arc<Site>,
    members: Arc<Vec<Member>>,
    size: Size,
    begun: Instant,
    next: AtomicUsize,
    beaten: AtomicUsize,
    tally: Mutex<Tally>,
}

/// Lets the crowd loose.
pub async fn run(site: &Arc<Site>, members: &Arc<Vec<Member>>, size: Size) -> Tally {
    let run = Arc::new(Run {
        site: site.clone(),
        members: members.clone(),
        size,
        begun: Instant::now(),
        next: AtomicUsize::new(0),
        beaten: AtomicUsize::new(0),
        tally: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    for n in 0..size.at_once {
        tasks.spawn(sign_ins(run.clone(), n));
    }
    for n in 0..size.heartbeats.min(200) {
        tasks.spawn(heartbeats(run.clone(), n));
    }
    tasks.join_all().await;
    let mut tally = std::mem::take(&mut *run.tally.lock().unwrap());
    tally.took = run.begun.elapsed();
    tally
}

async fn sign_ins(run: Arc<Run>, n: usize) {
    // Nobody may have two sign-ins at once, so each task has its own people.
    let mine: Vec<_> = (n..run.members.len()).step_by(run.size.at_once).collect();
    let mut process = n;
    let mut lines = None;
    for round in 0.. {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        let is_enough = run.size.sign_ins.is_some_and(|most| number >= most);
        if is_enough || run.begun.elapsed() > run.size.during {
            return;
        }
        let Some(member) = mine.get(round % mine.len().max(1)) else {
            return;
        };
        let member = &run.members[*member];
        let began = Instant::now();
        let done = loop {
            match sign_in(&run.site, process, &mut lines, member).await {
                Err(error) if error.is::<std::io::Error>() && !run.site.is_up(process) => {
                    // The process was killed: somebody else's load balancer would do the same.
                    process += 1;
                    lines = None;
                    run.tally.lock().unwrap().moved += 1;
                    if began.elapsed() > Duration::from_secs(60) {
                        break Err(error);
                    }
                }
                done => break done,
            }
        };
        let took = began.elapsed().as_micros() as u64;
        let mut tally = run.tally.lock().unwrap();
        match done {
            Ok(()) => tally.sign_ins.push(took),
            Err(error) => {
                lines = None;
                *tally.errors.entry(format!("{error:#}")).or_default() += 1;
            }
        }
    }
}

async fn heartbeats(run: Arc<Run>, n: usize) {
    let mut process = n;
    let mut line = None;
    loop {
        let number = run.beaten.fetch_add(1, Ordering::Relaxed);
        if number >= run.size.heartbeats || run.begun.elapsed() > run.size.during {
            return;
        }
        // Evenly over the time, as alarms of many browsers are.
        let due = run
            .size
            .during
            .mul_f64(number as f64 / run.size.heartbeats as f64);
        tokio::time::sleep(due.saturating_sub(run.begun.elapsed())).await;
        let member = &run.members[number % run.members.len()];
        let began = Instant::now();
        let done = match heartbeat(&run.site, process, &mut line, member).await {
            Err(error) if error.is::<std::io::Error>() && !run.site.is_up(process) => {
                process += 1;
                line = None;
                heartbeat(&run.site, process, &mut line, member).await
            }
            done => done,
        };
        let mut tally = run.tally.lock().unwrap();
        match done {
            Ok(()) => tally.heartbeats.push(began.elapsed().as_micros() as u64),
            Err(error) => {
                line = None;
                *tally
                    .errors
                    .entry(format!("heartbeat: {error:#}"))
                    .or_default() += 1;
            }
        }
    }
}

/// A browser's connection and its worker's.
type Lines = (Line, Line);

/// A whole silent sign-in, as browser and worker do it.
pub async fn sign_in(
    site: &Site,
    process: usize,
    lines: &mut Option<Lines>,
    member: &Member,
) -> Result<()> {
    let (browser, worker) = match lines {
        Some(lines) => lines,
        None => lines.insert((site.connect(process).await?, site.connect(process).await?)),
    };
    let from = member.address.as_str();
    let (cookie, page) = start(site.clock(), browser, member).await?;
    let own = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", from),
    ];
    // The page asks for the outcome while the worker answers.
    let outcome = format!("/challenge/{}/outcome", page.challenge);
    browser.send("GET", &outcome, &own, "").await?;
    let reply = answer(site.clock(), worker, member, &cookie, &page).await?;
    ensure!(
        reply.status == 200,
        "answer: {} {:.80}",
        reply.status,
        reply.body
    );
    ensure!(
        reply.json()["outcome"] == "allow",
        "answer: {:.120}",
        reply.body
    );
    let mut reply = browser.receive().await?;
    // It may have been told that nobody answered in time, a moment before somebody did; the page then asks again.
    for _ in 0..10 {
        ensure!(
            reply.status == 200,
            "outcome: {} {:.80}",
            reply.status,
            reply.body
        );
        if !matches!(reply.json()["state"].as_str(), Some("step_up" | "waiting")) {
            break;
        }
        reply = browser.ask("GET", &outcome, &own, "").await?;
    }
    let response = &reply.json()["form"]["fields"]["SAMLResponse"];
    ensure!(
        response.as_str().is_some_and(|r| r.len() > 1_000),
        "no Response: {:.120}",
        reply.body
    );
    Ok(())
}

/// Brings a request and opens its page.
pub async fn start(
    clock: &Server,
    browser: &mut Line,
    member: &Member,
) -> Result<(String, ChallengePage)> {
    let from = ("x-forwarded-for", member.address.as_str());
    let xml = browser::request(clock, &format!("id{}", random::digits(24)), &member.login);
    let body = format!(
        "SAMLRequest={}&RelayState=r",
        encoded(&STANDARD.encode(xml))
    );
    let form = [("content-type", "application/x-www-form-urlencoded"), from];
    let reply = browser.ask("POST", "/saml/acme/sso", &form, &body).await?;
    ensure!(
        reply.status == 303,
        "request: {} {:.80}",
        reply.status,
        reply.body
    );
    let cookie = reply
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let location = reply.header("location").to_owned();
    let page = browser
        .ask("GET", &location, &[("cookie", &cookie), from], "")
        .await?;
    ensure!(
        page.status == 200,
        "page: {} {:.80}",
        page.status,
        page.body
    );
    Ok((cookie, browser::page_of(&page)))
}

/// Posts the answer of somebody who is who they say they are.
pub async fn answer(
    clock: &Server,
    worker: &mut Line,
    member: &Member,
    cookie: &str,
    page: &ChallengePage,
) -> Result<crate::support::Reply> {
    let agent = &member.agent;
    let statement = agent
        .device
        .statement(ANSWER_TYP, &agent.answer(clock, page));
    let proof = agent.proof(clock, ANSWERS, statement.as_bytes(), Some(&page.nonce));
    let body = json!({ "v": 1, "statement": statement }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("dpop", proof.as_str()),
        ("cookie", cookie),
        ("x-forwarded-for", member.address.as_str()),
    ];
    worker.ask("POST", ANSWERS, &headers, &body).await
}

async fn heartbeat(
    site: &Site,
    process: usize,
    line: &mut Option<Line>,
    member: &Member,
) -> Result<()> {
    let line = match line {
        Some(line) => line,
        None => line.insert(site.connect(process).await?),
    };
    let agent = &member.agent;
    let beat = agent.heartbeat(site.clock(), Vec::new());
    let statement = agent.device.statement(HEARTBEAT_TYP, &beat);
    let proof = agent.proof(site.clock(), HEARTBEATS, statement.as_bytes(), None);
    let body = json!({ "v": 1, "statement": statement }).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("dpop", proof.as_str()),
        ("x-forwarded-for", member.address.as_str()),
    ];
    let reply = line.ask("POST", HEARTBEATS, &headers, &body).await?;
    if reply.status != 200 || reply.json()["status"] != "bound" {
        bail!("{} {:.80}", reply.status, reply.body);
    }
    Ok(())
}

/// Whether anything was decided twice: challenges with more than one `allow`.
pub async fn decided_twice(site: &Site) -> Result<i64> {
    sqlx::query_scalar(
        "SELECT CAST(count(*) AS BIGINT) FROM (SELECT challenge_id FROM decisions WHERE outcome = 'allow' \
         GROUP BY challenge_id HAVING count(*) > 1) twice",
    )
    .fetch_one(&site.pool().await?)
    .await
    .context("counting decisions")
}
