//! Takes away what the record says that this file made, in reverse order, and nothing else.

use super::{
    Organiser, Result,
    apply::Progress,
    call, local,
    lock::Lock,
    object::{Key, Kind, objects},
    plan::Refusal,
    remote::key_of,
    snapshot::Snapshot,
};
use crate::store::okta_object::OktaObjectRow;
use wire::id::ConnectionId;

/// What came of it.
#[derive(Debug, Default)]
pub struct Destroyed {
    /// What was taken away, or was gone already.
    pub removed: Vec<Key>,
    /// What stays, and why.
    pub left: Vec<(Key, Refusal)>,
}

impl Organiser {
    /// What would be taken away, in its order.
    pub async fn doomed(&self) -> Result<Vec<Key>> {
        let organization = self
            .client
            .organization()
            .await
            .map_err(call("asking the org who it is"))?;
        self.check_org(&organization.id)?;
        let rows = self
            .app
            .store
            .okta_objects(&self.wanted.name, &organization.id)
            .await?;
        Ok(in_reverse(rows)
            .into_iter()
            .filter(|(_, row)| row.adopted == 0)
            .map(|(key, _)| key)
            .collect())
    }

    /// Takes it away. `agrees` is asked once, if there is anything to take away.
    pub async fn destroy(
        &self,
        agrees: &mut (dyn FnMut(&[Key]) -> bool + Send),
        tell: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Option<Destroyed>> {
        let _lock = Lock::take(&self.data)?;
        let organization = self
            .client
            .organization()
            .await
            .map_err(call("asking the org who it is"))?;
        self.check_org(&organization.id)?;
        let rows = self
            .app
            .store
            .okta_objects(&self.wanted.name, &organization.id)
            .await?;
        let rows = in_reverse(rows);
        let doomed: Vec<Key> = rows
            .iter()
            .filter(|(_, row)| row.adopted == 0)
            .map(|(key, _)| key.clone())
            .collect();
        if !doomed.is_empty() && !agrees(&doomed) {
            return Ok(None);
        }
        let all: Vec<OktaObjectRow> = rows.iter().map(|(_, row)| row.clone()).collect();
        let ours = local::ours(&self.app, &self.wanted).await?;
        let snapshot = self
            .read(&organization, &objects(&self.wanted, &ours), &all)
            .await?;
        let mut destroyed = Destroyed::default();
        for (number, (key, row)) in rows.into_iter().enumerate() {
            if row.adopted != 0 {
                self.app.store.forget_okta_object(&row).await?;
                let refusal = Refusal::new(
                    "it was there before this file",
                    "remove it in Okta if nobody needs it",
                );
                destroyed.left.push((key, refusal));
                continue;
            }
            let of = doomed.len();
            tell(Progress::Begin {
                number: number + 1,
                of,
                action: "remove",
                key: &key,
            });
            if key.kind.is_ours() {
                let refusal = self.take_out_of_ours(&key).await?;
                tell(Progress::Done(""));
                match refusal {
                    Some(refusal) => destroyed.left.push((key.clone(), refusal)),
                    None => destroyed.removed.push(key.clone()),
                }
            } else if let Some(refusal) = self.take_away(&key, &row, &snapshot).await? {
                tell(Progress::Waits(&refusal));
                destroyed.left.push((key.clone(), refusal));
            } else {
                tell(Progress::Done(&row.okta_id));
                destroyed.removed.push(key.clone());
            }
            self.app.store.forget_okta_object(&row).await?;
            self.note("okta_object_removed", &key, &row.okta_id).await?;
        }
        Ok(Some(destroyed))
    }

    /// Our own side; why something stays, if it does.
    async fn take_out_of_ours(&self, key: &Key) -> Result<Option<Refusal>> {
        let Ok(id) = ConnectionId::new(key.name.as_str()) else {
            return Ok(None);
        };
        match key.kind {
            Kind::Metadata => self.drop_metadata(&id).await?,
            Kind::Link => self.app.store.forget_okta_org(&id).await?,
            _ => {
                return Ok(Some(Refusal::new(
                    "the audit trail speaks of it; without its identity provider it answers nobody",
                    "nothing has to be done",
                )));
            }
        }
        Ok(None)
    }

    /// Takes one object away; why it stays, if it does.
    async fn take_away(
        &self,
        key: &Key,
        row: &OktaObjectRow,
        snapshot: &Snapshot,
    ) -> Result<Option<Refusal>> {
        let parent = Some(row.parent_id.as_str()).filter(|id| !id.is_empty());
        let id = match row.okta_id.is_empty() {
            false => row.okta_id.clone(),
            // Intended, and nobody knows whether it was made: whatever has its name and was made then is ours.
            true => {
                let known_as = match key.kind {
                    Kind::Certificate => key.name.rsplit('/').next().unwrap_or_default(),
                    Kind::Assignment => key.name.rsplit(" / ").next().unwrap_or_default(),
                    _ => &key.name,
                };
                let at = |created: Option<i64>| {
                    created
                        .is_none_or(|at| (at - row.intended_at).abs() <= 20 * crate::clock::MINUTE)
                };
                let all = snapshot.all(key.kind).iter();
                let mut of_that_name = all.filter(|f| {
                    f.name == known_as && f.parent.as_deref() == parent && at(f.created)
                });
                match of_that_name.next() {
                    Some(found) => found.id.clone(),
                    None => return Ok(None),
                }
            }
        };
        self.remove(key.kind, &id, parent, snapshot).await?;
        Ok((key.kind == Kind::Authenticator).then(|| {
            Refusal::new(
                "Okta never deletes an authenticator; it is inactive now",
                "nothing has to be done",
            )
        }))
    }
}

/// What was made last goes first.
fn in_reverse(rows: Vec<OktaObjectRow>) -> Vec<(Key, OktaObjectRow)> {
    let mut all: Vec<(Key, OktaObjectRow)> = rows
        .into_iter()
        .filter_map(|row| Some((key_of(&row)?, row)))
        .collect();
    all.sort_by(|(a, x), (b, y)| b.kind.cmp(&a.kind).then(y.made_at.cmp(&x.made_at)));
    all
}
