//! Whose behaviour the engine holds: loading, sealing and forgetting templates. A template is open only in this memory.

use super::{Worker, host, store, with};
use crate::{
    browser,
    capture::{self, Signs},
    challenge::{self, Person},
    connection::Wish,
};
use std::collections::HashMap;
use wire::{
    b64,
    capture::Events,
    host::{Fault, RequestBody, ResponseBody},
    id::UserName,
    popup::Stored,
    statement::Learning,
};

/// The person, and what is on its way into the engine.
#[derive(Default)]
pub struct Held {
    user: Option<UserName>,
    sealed: HashMap<UserName, Vec<u8>>,
    template: Template,
    /// The saved rolling state, which needs the template first.
    state: Option<Vec<u8>>,
    /// Batches that came meanwhile.
    aside: Vec<(Events, f64)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Template {
    /// In the engine, or there is none.
    #[default]
    Settled,
    /// To be unsealed; events wait for it.
    Due,
    /// The host is being asked.
    Loading,
    /// It could not be unsealed now. The engine goes on without, and nothing may overwrite it.
    Missing,
}

impl Held {
    /// Whether events have to wait for the template.
    pub fn is_loading(&self) -> bool {
        matches!(self.template, Template::Due | Template::Loading)
    }

    /// Keeps a batch for a moment.
    pub fn put_aside(&mut self, batch: &Events, now: f64) -> Signs {
        if self.aside.len() == ASIDE {
            self.aside.remove(0);
        }
        self.aside.push((batch.clone(), now));
        capture::take(batch, now, drop)
    }

    /// The person whose behaviour is judged.
    pub fn user(&self) -> Option<&UserName> {
        self.user.as_ref()
    }

    /// What is stored, per person.
    pub fn stored(&self) -> Vec<Stored> {
        let stored = |(user, sealed): (&UserName, &Vec<u8>)| Stored {
            user: user.clone(),
            template_bytes: u32::try_from(sealed.len()).unwrap_or(u32::MAX),
        };
        let mut list: Vec<_> = self.sealed.iter().map(stored).collect();
        list.sort_by(|a, b| a.user.cmp(&b.user));
        list
    }

    /// A person's sealed template.
    pub fn sealed(&self, user: &UserName) -> Option<&[u8]> {
        self.sealed.get(user).map(Vec::as_slice)
    }
}

/// Fills a new worker.
pub fn restore(
    w: &mut Worker,
    user: Option<UserName>,
    sealed: HashMap<UserName, Vec<u8>>,
    state: Option<Vec<u8>>,
) {
    let has_template = user.as_ref().is_some_and(|user| sealed.contains_key(user));
    w.engine.expect(user.as_ref().map(UserName::as_str));
    w.person = Held {
        user,
        sealed,
        template: if has_template {
            Template::Due
        } else {
            Template::Settled
        },
        state,
        aside: Vec::new(),
    };
    if !has_template {
        go_on(w);
    }
}

/// Starts to load a template that is due, without waiting.
pub fn load_due() {
    let due = with(|w| matches!(w.person.template, Template::Due | Template::Missing));
    if due == Some(true) {
        browser::spawn(load(Wish::Routine));
    }
}

/// The engine holds `user` when this is done, with the template if it can be had.
pub async fn hold(user: &UserName) {
    let changed = with(|w| {
        let person = challenge::person(w.person.user.as_ref(), user);
        if person == Person::Same {
            return false;
        }
        if person == Person::Another {
            w.engine.reset();
            w.engine.clear_template();
            w.person.aside.clear();
            w.person.state = None;
        }
        w.engine.expect(Some(user.as_str()));
        w.person.user = Some(user.clone());
        let has_template = w.person.sealed.contains_key(user);
        w.person.template = if has_template {
            Template::Due
        } else {
            Template::Settled
        };
        true
    });
    if changed == Some(true) {
        store::keep(store::PERSON, user).await;
    }
    if with(|w| w.person.template != Template::Settled) == Some(true) {
        load(Wish::Person).await;
    }
}

/// Screen locked, or another person: trust and quarantine go.
pub fn locked(w: &mut Worker) {
    w.engine.reset();
    w.person.state = None;
    w.person.aside.clear();
}

/// An ordinary factor of the held person has passed: what was seen since the unlock is theirs.
pub async fn confirm(user: &UserName) {
    let now = browser::now();
    let confirmed = with(|w| {
        let same = challenge::person(w.person.user.as_ref(), user) == Person::Same;
        // Without the template that is stored, a new one would take its place.
        let may = same && w.person.template == Template::Settled;
        if may {
            w.engine.confirm(now);
        }
        may
    });
    if confirmed == Some(true) {
        keep().await;
    }
}

/// Seals and stores a template that could not be sealed before, because the host had no record of the person.
pub async fn keep_new() {
    let unsealed = with(|w| {
        let user = w.person.user.as_ref()?;
        let is_new = w.person.sealed(user).is_none() && w.engine.template_bytes().is_some();
        is_new.then_some(())
    });
    if unsealed.flatten().is_some() {
        keep().await;
    }
}

/// Seals the engine's template and stores it, and writes down how far learning is.
pub async fn keep() -> bool {
    let now = browser::now();
    let held = with(|w| {
        let user = w.person.user.clone()?;
        let assessment = w.engine.assess(now);
        let learning = Learning {
            user: user.clone(),
            progress: assessment.progress.min(100),
            mature: assessment.mature,
            confirmations: assessment.confirmations,
        };
        w.learning.retain(|known| known.user != user);
        w.learning.push(learning);
        Some((user, w.engine.template_bytes(), w.learning.clone()))
    })
    .flatten();
    let Some((user, plain, learning)) = held else {
        return false;
    };
    store::keep(store::LEARNING, &learning).await;
    store::save().await;
    let Some(plain) = plain else { return false };
    let seal = RequestBody::Seal {
        user: user.clone(),
        plain,
    };
    let Ok(ResponseBody::Sealed { sealed }) = host::request(Wish::Person, seal).await else {
        return false;
    };
    let written = browser::local_set(&store::template_key(&user), &b64::encode(&sealed)).await;
    with(|w| w.person.sealed.insert(user, sealed));
    written.is_ok()
}

/// Removes everything about a person from this browser.
pub async fn forget(user: &UserName) {
    let learning = with(|w| {
        w.person.sealed.remove(user);
        w.learning.retain(|known| known.user != *user);
        if w.person.user.as_ref() == Some(user) {
            locked(w);
            w.engine.clear_template();
            w.engine.expect(None);
            w.person.user = None;
            w.person.template = Template::Settled;
        }
        (w.learning.clone(), w.person.user.is_none())
    });
    let _ = browser::local_remove(&store::template_key(user)).await;
    if let Some((learning, nobody)) = learning {
        store::keep(store::LEARNING, &learning).await;
        if nobody {
            let _ = browser::local_remove(store::PERSON).await;
        }
    }
    store::save().await;
}

async fn load(wish: Wish) {
    let begun = with(|w| {
        if w.person.template == Template::Loading {
            return None;
        }
        let user = w.person.user.clone()?;
        let sealed = w.person.sealed.get(&user)?.clone();
        w.person.template = Template::Loading;
        Some((user, sealed))
    })
    .flatten();
    let Some((user, sealed)) = begun else {
        return loaded_elsewhere().await;
    };
    let unseal = RequestBody::Unseal {
        user: user.clone(),
        sealed,
    };
    let response = host::request(wish, unseal).await;
    let lost = with(|w| {
        if w.person.user.as_ref() != Some(&user) {
            return false;
        }
        let lost = match &response {
            Ok(ResponseBody::Unsealed { plain }) => w.engine.load_template(plain).is_err(),
            Ok(ResponseBody::Refused { fault, .. }) => *fault == Fault::NotUnsealed,
            _ => false,
        };
        let have = matches!(response, Ok(ResponseBody::Unsealed { .. }));
        w.person.template = if have || lost {
            Template::Settled
        } else {
            Template::Missing
        };
        go_on(w);
        lost
    });
    if lost == Some(true) {
        // Sealed for another device or binding, or of a format that is gone: learning begins again.
        with(|w| w.person.sealed.remove(&user));
        let _ = browser::local_remove(&store::template_key(&user)).await;
    }
}

/// Waits for a load that somebody else began.
async fn loaded_elsewhere() {
    for _ in 0..LOAD_MS / 10 {
        if with(|w| w.person.template == Template::Loading) != Some(true) {
            return;
        }
        browser::sleep(10.0).await;
    }
}

/// Takes the saved state back and catches up with what came meanwhile.
fn go_on(w: &mut Worker) {
    if let Some(state) = w.person.state.take() {
        // A state of another version is no loss but of evidence.
        let _ = w.engine.restore(&state);
    }
    for (batch, at) in std::mem::take(&mut w.person.aside) {
        capture::take(&batch, at, |event| w.engine.push(event));
    }
}

/// Batches kept while a template loads: some seconds of several frames.
const ASIDE: usize = 20;
const LOAD_MS: u32 = 1_000;
