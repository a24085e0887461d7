//! A world with one enrolled person at one browser, shared by scenarios that do not change it for each other.

use crate::evidence::Record;
use crate::person::{FRAMED, NOTES, Person, STRICT};
use crate::policy;
use crate::visit::Visit;
use anyhow::Result;
use std::time::{Duration, Instant};
use support::keystore::Kind;
use support::{Settings, World};

/// The person at the browser.
pub const ANN: &str = "ann@acme.test";

/// The name of the tab on a site on which nothing is captured.
pub const EXCLUDED: &str = "excluded";

/// The world and its person.
pub struct Office {
    // Before the world, so that the browser ends first.
    /// Ann's browser.
    pub ann: Visit,
    /// How Ann types.
    pub person: Person,
    /// Server, org and all.
    pub world: World,
    worked: Option<Instant>,
    has_typed_in_real_time: bool,
}

/// Evidence is used for 120 s at most; scenarios want what is well within.
const FRESH: Duration = Duration::from_secs(75);

impl Office {
    /// Ann is enrolled and her template is mature.
    pub async fn open() -> Result<Self> {
        let world = World::start(Settings::default())?;
        world.tacit.set_policy(&policy::silent_from("software"))?;
        let person = Person::number(6)?;
        let ann = Visit::enrolled(&world, "ann", Kind::Software, ANN, &person).await?;
        for page in [STRICT, FRAMED] {
            ann.browser.in_tab_of(&world, page, async || Ok(())).await?;
        }
        ann.browser
            .in_tab_at(
                EXCLUDED,
                &world.updates.excluded_url(NOTES),
                async || Ok(()),
            )
            .await?;
        Ok(Self {
            ann,
            person,
            world,
            worked: None,
            has_typed_in_real_time: false,
        })
    }

    /// Sees to it that Ann has typed lately: what is not silent then has another cause. The first time she takes as long for
    /// it as people do.
    pub async fn ann_has_just_worked(&mut self) -> Result<()> {
        if self.worked.is_none_or(|at| at.elapsed() > FRESH) {
            let browser = &self.ann.browser;
            if self.has_typed_in_real_time {
                // What is typed twice to the millisecond in one unlock is a recording.
                self.ann.lock(ANN).await?;
                self.person.has_typed(browser, &self.world).await?;
            } else {
                self.person.type_only(browser, &self.world).await?;
                self.has_typed_in_real_time = true;
            }
            self.worked = Some(Instant::now());
        }
        Ok(())
    }

    /// Ann signs in.
    pub async fn ann_signs_in(&mut self) -> Result<Record> {
        self.ann_has_just_worked().await?;
        self.ann.sign_in(&self.world, ANN).await
    }

    /// The next scenario has to type anew.
    pub fn forget_work(&mut self) {
        self.worked = None;
    }
}
