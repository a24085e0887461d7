//! Brings about what the file says, step by step; after each step it decides anew from what the org answered.

mod credentials;
mod step;

use super::{
    Error, Organiser, Planned, Result,
    clicks::{Clicks, clicks},
    local,
    lock::Lock,
    object::{Key, Kind, Object, Secret, resolve, unresolved},
    plan::{Action, Plan, Refusal, Step},
    snapshot::Snapshot,
};
use crate::{okta::client, store::okta_object::OktaObjectRow};
use credentials::Credentials;
use serde_json::Value;
use std::collections::BTreeMap;
use wire::id::ConnectionId;

/// What may happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Takes over what was there before.
    pub adopts: bool,
}

/// How it goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Something is about to be done.
    Begin {
        /// The how-manieth.
        number: usize,
        /// Of how many, as it looks at this time.
        of: usize,
        /// What.
        action: &'a str,
        /// To what.
        key: &'a Key,
    },
    /// It is done; the org's id, empty for our own side.
    Done(&'a str),
    /// It waits for somebody.
    Waits(&'a Refusal),
}

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    /// Steps that were done.
    pub done: usize,
    /// What waits, and for what.
    pub waits: Vec<(Key, Refusal)>,
    /// What is left to do; nothing if all is as it shall be.
    pub plan: Plan,
    /// What has to be done by hand.
    pub clicks: Vec<Clicks>,
}

/// How often one object is worked on in a run: made, then verified or switched on.
const TRIES: usize = 3;

impl Organiser {
    /// Reads, asks, and does. `agrees` is shown the plan once, and what it says counts if there is anything to do. `None`: it
    /// said no.
    pub async fn apply(
        &self,
        options: Options,
        agrees: &mut (dyn FnMut(&Planned) -> bool + Send),
        tell: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Option<Applied>> {
        let lock = Lock::take(&self.data)?;
        let mut planned = self.plan(options.adopts).await?;
        let has_agreed = agrees(&planned);
        let blocked: Vec<Key> = blocked(&planned.plan);
        if !blocked.is_empty() {
            return Err(Error::Blocked(blocked));
        }
        let work = planned.plan.count(Action::is_work);
        if work > 0 && !has_agreed {
            return Ok(None);
        }
        let mut run = Run {
            organiser: self,
            lock,
            tries: BTreeMap::new(),
            waits: Vec::new(),
            done: 0,
            work,
        };
        while let Some(step) = run.next(&planned.plan) {
            run.number(&step, tell);
            match run
                .work(&step, &mut planned.snapshot, &planned.plan)
                .await?
            {
                Outcome::Done(id) => {
                    run.done += 1;
                    tell(Progress::Done(&id));
                }
                Outcome::Waits(refusal) => {
                    tell(Progress::Waits(&refusal));
                    run.waits.push((step.object.key.clone(), refusal));
                }
            }
            planned.plan = run.again(&planned.snapshot, options.adopts).await?;
            let blocked = self::blocked(&planned.plan);
            if !blocked.is_empty() {
                return Err(Error::Blocked(blocked));
            }
        }
        let clicks = clicks(
            &self.wanted,
            &planned.snapshot,
            &planned.plan,
            skips(&planned.clicks),
        );
        for step in &planned.plan.steps {
            if let Action::Held(refusal) = &step.action {
                run.waits.push((step.object.key.clone(), refusal.clone()));
            }
        }
        Ok(Some(Applied {
            done: run.done,
            waits: run.waits,
            plan: planned.plan,
            clicks,
        }))
    }
}

fn blocked(plan: &Plan) -> Vec<Key> {
    let steps = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Blocked(_)));
    steps.map(|step| step.object.key.clone()).collect()
}

/// What the list of features said when the plan was made: it does not change by what we do.
fn skips(all: &[Clicks]) -> Option<bool> {
    use super::clicks::Seen;
    let of_it = all.iter().find(|c| c.title == super::clicks::CHOICE)?;
    match (&of_it.seen, of_it.wish?) {
        (Seen::Done(_), wish) => Some(wish),
        (Seen::Open(_), wish) => Some(!wish),
        (Seen::Unreadable(_), _) => None,
    }
}

enum Outcome {
    /// With the org's id.
    Done(String),
    Waits(Refusal),
}

struct Run<'o> {
    organiser: &'o Organiser,
    lock: Lock,
    tries: BTreeMap<Key, usize>,
    waits: Vec<(Key, Refusal)>,
    done: usize,
    work: usize,
}

impl Run<'_> {
    /// The first step that is work and that nobody waits for.
    fn next(&mut self, plan: &Plan) -> Option<Step> {
        let waits = |key: &Key| self.waits.iter().any(|(waiting, _)| waiting == key);
        let step = plan.steps.iter().find(|step| {
            let key = &step.object.key;
            step.action.is_work()
                && !waits(key)
                && self.tries.get(key).copied().unwrap_or(0) < TRIES
        })?;
        *self.tries.entry(step.object.key.clone()).or_default() += 1;
        Some(step.clone())
    }

    fn number(&mut self, step: &Step, tell: &mut (dyn FnMut(Progress<'_>) + Send)) {
        self.work = self.work.max(self.done + 1);
        let begin = Progress::Begin {
            number: self.done + 1,
            of: self.work,
            action: step.action.code(),
            key: &step.object.key,
        };
        tell(begin);
    }

    async fn again(&self, snapshot: &Snapshot, adopts: bool) -> Result<Plan> {
        let o = self.organiser;
        let ours = local::ours(&o.app, &o.wanted).await?;
        let rows = o
            .app
            .store
            .okta_objects(&o.wanted.name, &snapshot.org_id)
            .await?;
        o.decide(&ours, snapshot, &rows, adopts).await
    }

    async fn work(&self, step: &Step, snapshot: &mut Snapshot, plan: &Plan) -> Result<Outcome> {
        let o = self.organiser;
        let object = &step.object;
        match object.key.kind {
            Kind::Connection => return self.connection(object, snapshot).await,
            Kind::Metadata => return self.metadata(object, plan, snapshot).await,
            _ => {}
        }
        let id_of = |key: &Key| plan.step(key).and_then(|step| step.id.clone());
        let parent = match &object.parent {
            None => None,
            Some(key) => {
                let id =
                    id_of(key).ok_or_else(|| Error::Missing(object.key.clone(), key.clone()))?;
                Some(id)
            }
        };
        let parent = parent.as_deref();
        let shall = resolve(&object.body, &id_of);
        if let Some(missing) = unresolved(&shall) {
            // What it needs waits for somebody, so this does too.
            return match self.waits.iter().find(|(key, _)| *key == missing) {
                Some((_, refusal)) => Ok(Outcome::Waits(refusal.clone())),
                None => Err(Error::Missing(object.key.clone(), missing)),
            };
        }
        let mut row = self.row(object, parent, snapshot);
        let secret = match &object.secret {
            Some((at, Secret::Named(source))) => {
                let text = source.read(&o.folder)?;
                row.secret = super::fingerprint(&o.app.master, &text);
                Some((*at, text))
            }
            Some((at, Secret::OfReceiver(connection))) => {
                let is_only_seen = step
                    .action
                    .differences()
                    .iter()
                    .all(|d| matches!(d.at.as_str(), "status" | "verificationStatus"));
                match &step.action {
                    // Nothing is sent, so what the org shows stays as it is.
                    Action::Change(_) if is_only_seen => {
                        row.secret = local::ours(&o.app, &o.wanted)
                            .await?
                            .hook_hashes
                            .remove(connection)
                            .unwrap_or_default();
                        None
                    }
                    Action::Resume => {
                        row.secret = local::ours(&o.app, &o.wanted)
                            .await?
                            .hook_hashes
                            .remove(connection)
                            .unwrap_or_default();
                        None
                    }
                    _ => {
                        let text = o.make_hook_secret(connection).await?;
                        row.secret = crate::keys::hash(text.as_bytes());
                        Some((*at, text))
                    }
                }
            }
            None => None,
        };
        if object.key.kind == Kind::Link {
            let id = ConnectionId::new(object.key.name.as_str())
                .map_err(|e| Error::Connection(object.key.name.clone(), e.to_string()))?;
            o.put_link(&id, &shall).await?;
            return self.keep_ours(object, row, id.as_str()).await;
        }
        let mut lost = None;
        let id = match (&step.action, &step.id) {
            (Action::Create { .. }, _) => {
                let seen = self.seen(&object.key, snapshot).await?;
                if !o.app.store.intend_okta_object(&row, &seen).await? {
                    return Err(Error::Elsewhere(object.key.clone()));
                }
                let made = match self.create(object, parent, &shall, secret, snapshot).await {
                    Ok(made) => made,
                    Err(error) => return refused(object, error),
                };
                made.id
            }
            (Action::Change(_) | Action::Adopt(_), Some(id)) => {
                if let Action::Adopt(_) = step.action {
                    row.adopted = 1;
                    row.okta_id.clone_from(id);
                    o.app.store.put_okta_object(&row).await?;
                }
                match self
                    .change(step, id, parent, &shall, secret, snapshot)
                    .await
                {
                    Ok(()) => id.clone(),
                    Err(error) => return refused(object, error),
                }
            }
            (Action::Resume, Some(id)) if object.key.kind == Kind::App => {
                let body = self.with_secret(id, Value::Null, snapshot).await?;
                lost = Credentials::prepare(o, &object.key.name)?.write(&body)?;
                id.clone()
            }
            (_, Some(id)) => id.clone(),
            (_, None) => return Err(Error::Nameless(object.key.clone())),
        };
        row.okta_id.clone_from(&id);
        row.made_at = o.app.now_ms();
        if let Action::Change(_) = step.action {
            self.keep_history(&mut row).await?;
        }
        o.app.store.put_okta_object(&row).await?;
        let kind = match step.action {
            Action::Create { .. } => "okta_object_made",
            Action::Adopt(_) => "okta_object_adopted",
            Action::Resume => "okta_object_taken_up",
            _ => "okta_object_changed",
        };
        o.note(kind, &object.key, &id).await?;
        Ok(match lost {
            Some(refusal) => Outcome::Waits(refusal),
            None => Outcome::Done(id),
        })
    }

    fn row(&self, object: &Object, parent: Option<&str>, snapshot: &Snapshot) -> OktaObjectRow {
        OktaObjectRow {
            set_name: self.organiser.wanted.name.clone(),
            org: snapshot.org_id.clone(),
            kind: object.key.kind.code().into(),
            name: object.key.name.clone(),
            okta_id: String::new(),
            parent_id: parent.unwrap_or_default().into(),
            state: "intended".into(),
            adopted: 0,
            secret: String::new(),
            holder: self.lock.holder.clone(),
            intended_at: self.organiser.app.now_ms(),
            made_at: 0,
        }
    }

    /// The id that the record has of an object.
    async fn seen(&self, key: &Key, snapshot: &Snapshot) -> Result<String> {
        let o = self.organiser;
        let rows = o
            .app
            .store
            .okta_objects(&o.wanted.name, &snapshot.org_id)
            .await?;
        let row = rows
            .into_iter()
            .find(|row| row.kind == key.kind.code() && row.name == key.name);
        Ok(row.map_or_else(String::new, |row| row.okta_id))
    }

    /// A change does not make an object anew: who made it and when stays.
    async fn keep_history(&self, row: &mut OktaObjectRow) -> Result<()> {
        let rows = self
            .organiser
            .app
            .store
            .okta_objects(&row.set_name, &row.org)
            .await?;
        if let Some(old) = rows
            .into_iter()
            .find(|old| old.kind == row.kind && old.name == row.name)
        {
            row.adopted = old.adopted;
            row.intended_at = old.intended_at;
            // A changed identity provider is another way in: it has to be walked anew before a rule leads there.
            if row.kind != Kind::Idp.code() {
                row.made_at = old.made_at;
            }
        }
        Ok(())
    }

    /// Notes down something on our own side.
    async fn keep_ours(
        &self,
        object: &Object,
        mut row: OktaObjectRow,
        id: &str,
    ) -> Result<Outcome> {
        let o = self.organiser;
        row.okta_id = id.into();
        row.made_at = o.app.now_ms();
        o.app.store.put_okta_object(&row).await?;
        o.note("okta_own_side_organised", &object.key, id).await?;
        Ok(Outcome::Done(String::new()))
    }

    async fn connection(&self, object: &Object, snapshot: &Snapshot) -> Result<Outcome> {
        let o = self.organiser;
        let idp = o
            .wanted
            .idps
            .iter()
            .find(|idp| idp.connection.as_str() == object.key.name);
        if let Some(idp) = idp {
            o.put_connection(idp).await?;
        }
        self.keep_ours(object, self.row(object, None, snapshot), &object.key.name)
            .await
    }

    async fn metadata(&self, object: &Object, plan: &Plan, snapshot: &Snapshot) -> Result<Outcome> {
        let o = self.organiser;
        let idp = object.parent.as_ref();
        let id = idp
            .and_then(|key| plan.step(key))
            .and_then(|step| step.id.clone());
        let connection = idp.and_then(|key| o.connection_of(&key.name));
        match (id, connection, idp) {
            (Some(id), Some(connection), _) => {
                o.import_metadata(connection, &id).await?;
                self.keep_ours(object, self.row(object, None, snapshot), &id)
                    .await
            }
            (_, _, Some(idp)) => Err(Error::Missing(object.key.clone(), idp.clone())),
            (_, _, None) => Ok(Outcome::Done(String::new())),
        }
    }
}

/// Refusals that somebody can lift by hand do not end the run.
fn refused(object: &Object, error: Error) -> Result<Outcome> {
    let Error::Call { cause, .. } = &error else {
        return Err(error);
    };
    let is_refusal = matches!(
        cause.kind(),
        Some(client::Kind::Invalid | client::Kind::FeatureOff | client::Kind::Conflict)
    );
    match object.key.kind {
        Kind::Authenticator if is_refusal => Ok(Outcome::Waits(Refusal::new(
            format!("the org does not take it: {cause}"),
            "set the identity provider's usage to \"Factor only\" by hand (see below), then run `tacit okta apply` again",
        ))),
        Kind::Hook if is_refusal && error.to_string().contains("verify") => {
            Ok(Outcome::Waits(Refusal::new(
                format!("the org could not verify it: {cause}"),
                "see that the server runs and that the org reaches it, then run `tacit okta apply` again",
            )))
        }
        Kind::Signals if cause.kind() == Some(client::Kind::FeatureOff) => {
            Ok(Outcome::Waits(Refusal::new(
                format!("the org has no Identity Threat Protection: {cause}"),
                "have it switched on, or leave [[security_events]] out of the file",
            )))
        }
        _ => Err(error),
    }
}
