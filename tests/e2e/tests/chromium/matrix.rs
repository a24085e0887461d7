//! Six people at each other's browsers: who is taken for whom.
//!
//! Everybody works for a minute where the template is somebody's, and then signs in. Each pair has an account, and with it an
//! unlock of its own: what was judged before counts for nobody. The threshold is the engine's, from its target for false
//! acceptance; the recordings have been seen by no model.

use crate::fallback;
use anyhow::{Context, Result, ensure};
use biometrics::{Targets, Verdict};
use e2e::evidence::Record;
use e2e::harness::Scenario;
use e2e::native;
use e2e::person::{self, Person};
use e2e::policy;
use e2e::visit::Visit;
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use serde_json::json;
use support::World;
use support::keystore::Kind;

pub fn scenarios() -> Vec<Scenario<World>> {
    vec![Scenario {
        name: "six_people_at_six_browsers_are_silent_at_their_own_and_nobody_elses",
        show: |world| matrix(world).boxed_local(),
    }]
}

const PEOPLE: usize = 6;
/// Each is shared by two templates, one after the other: more at once take longer on two cores.
const BROWSERS: usize = 3;
/// Of 36 ratios so many have to be the native ones. Not all: where the engine notices a change of person it begins anew, and
/// does so a keystroke earlier or later for a tenth of a millisecond.
const ALIKE: usize = 30;

/// How far a ratio may be from the native one: the browser rounds times to 0.1 ms and positions to pixels, and adds the
/// clicks of the sign-in.
fn rounding(native: f64) -> f64 {
    0.5 + 0.1 * native.abs()
}

/// One person at the browser that knows another.
struct Cell {
    /// What the engine says about the same recording without a browser.
    native: f64,
    is_genuine_natively: bool,
    record: Record,
}

async fn matrix(world: &mut World) -> Result<()> {
    // Six browsers on one machine: what is judged here is people, not how fast an answer comes.
    world
        .tacit
        .set_policy(&policy::with_patience("software", 10_000))?;
    let names: Vec<String> = (0..PEOPLE * PEOPLE)
        .map(|at| account(at / PEOPLE, at % PEOPLE))
        .collect();
    world.add_people(&names)?;
    let people: Vec<Person> = (1..=PEOPLE as u32)
        .map(Person::number)
        .collect::<Result<_>>()?;
    let world = &*world;
    let shares = (0..BROWSERS).map(|browser| share(world, &people, browser));
    let mut rows: Vec<_> = try_join_all(shares).await?.into_iter().flatten().collect();
    rows.sort_by_key(|(owner, _)| *owner);
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    judge(&rows)
}

/// The account of `actor` where the template is that of `owner`.
fn account(owner: usize, actor: usize) -> String {
    format!("at{}-{}@acme.test", owner + 1, actor + 1)
}

/// Everybody at one browser, with one template after the other.
async fn share(
    world: &World,
    people: &[Person],
    browser: usize,
) -> Result<Vec<(usize, Vec<Cell>)>> {
    let name = format!("matrix-{}", browser + 1);
    let visit = Visit::begin(world, &name, Kind::Software).await?;
    let owners: Vec<usize> = (browser..PEOPLE).step_by(BROWSERS).collect();
    let users: Vec<String> = owners
        .iter()
        .flat_map(|owner| (0..PEOPLE).map(|actor| account(*owner, actor)))
        .collect();
    enrol_all(world, &visit, &users).await?;
    let mut rows = Vec::new();
    for owner in owners {
        rows.push((owner, row(world, &visit, people, owner).await?));
    }
    visit.browser.close().await?;
    Ok(rows)
}

/// Everybody where the template is that of `owner`.
async fn row(world: &World, visit: &Visit, people: &[Person], owner: usize) -> Result<Vec<Cell>> {
    let engine = native::learned(&people[owner])?;
    let mut cells = Vec::new();
    for (at, actor) in people.iter().enumerate() {
        let user = account(owner, at);
        let record = cell(world, visit, &people[owner], actor, &user)
            .await
            .with_context(|| format!("person {} at the browser of {}", at + 1, owner + 1))?;
        let native = native::assess(&engine, actor);
        cells.push(Cell {
            native: native.llr,
            is_genuine_natively: native.verdict == Verdict::Genuine,
            record,
        });
    }
    Ok(cells)
}

/// Binds the browser to one account for each of `people` by codes of the help desk: a roll-out window would give it to the
/// first only. What the extension learned from the typing of codes is deleted.
async fn enrol_all(world: &World, visit: &Visit, users: &[String]) -> Result<()> {
    for user in users {
        visit.sign_out().await?;
        fallback::bind_by_code(world, visit, user).await?;
    }
    let reply = person::ask_popup(&visit.browser, json!({ "type": "delete" })).await?;
    ensure!(reply["type"] == "done", "not deleted: {reply}");
    Ok(())
}

async fn cell(
    world: &World,
    visit: &Visit,
    owner: &Person,
    actor: &Person,
    user: &str,
) -> Result<Record> {
    owner.teach(&visit.browser, world, user).await?;
    actor.has_worked(&visit.browser, world).await?;
    visit.sign_in(world, user).await
}

fn judge(rows: &[Vec<Cell>]) -> Result<()> {
    let Targets { false_accept, .. } = Targets::default();
    let (mut genuine, mut genuine_natively, mut strangers, mut alike) = (0, 0, 0, 0);
    let mut verdicts = [const { std::collections::BTreeMap::<String, u32>::new() }; 2];
    println!("    ratio in the browser (without one); * is silent");
    for (owner, row) in rows.iter().enumerate() {
        let mut line = format!("    template {}:", owner + 1);
        for (actor, cell) in row.iter().enumerate() {
            let decision = &cell.record.decision;
            let is_silent = cell.record.is_silent();
            let own = owner == actor;
            genuine += u32::from(own && is_silent);
            genuine_natively += u32::from(own && cell.is_genuine_natively);
            strangers += u32::from(!own && is_silent);
            let verdict = decision["verdict"].as_str().unwrap_or("none").to_owned();
            *verdicts[usize::from(own)].entry(verdict).or_default() += 1;
            let llr = decision["llr"].as_f64().context("no ratio")?;
            alike += usize::from((llr - cell.native).abs() <= rounding(cell.native));
            let mark = if is_silent { '*' } else { ' ' };
            line += &format!(" {llr:6.2}{mark}({:6.2})", cell.native);
        }
        println!("{line}");
    }
    let all = PEOPLE * PEOPLE - PEOPLE;
    println!(
        "    own browser: {genuine} of {PEOPLE} silent, natively {genuine_natively}; verdicts {:?}",
        verdicts[1]
    );
    println!(
        "    others' browsers: {strangers} of {all} silent; verdicts {:?}",
        verdicts[0]
    );
    println!(
        "    {alike} of {} ratios are the native ones",
        PEOPLE * PEOPLE
    );
    ensure!(
        alike >= ALIKE,
        "only {alike} ratios in the browser are those without one"
    );
    let may = (false_accept * all as f64).floor();
    ensure!(
        f64::from(strangers) <= may,
        "{strangers} of {all} strangers were silent; a target of {false_accept} lets {may} pass"
    );
    ensure!(
        genuine >= genuine_natively,
        "{genuine} of {PEOPLE} were silent at their own browser, natively {genuine_natively} would be"
    );
    Ok(())
}
