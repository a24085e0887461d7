//! The table of tampered messages, and what each of them costs.
#![expect(unsafe_code, reason = "counting memory needs a global allocator")]

use crate::{
    okta,
    tampered::{E, Tampered, larger, table},
};
use standards::saml::{
    authn_request::UnverifiedAuthnRequest,
    work::{Budget, Work},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::HashSet,
};

thread_local! {
    /// Bytes that this thread holds, and the most it held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

impl Counting {
    fn note(bytes: isize) {
        let _ = HELD.try_with(|held| {
            let (now, most) = held.get();
            held.set((now + bytes, most.max(now + bytes)));
        });
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::note(-layout.size().cast_signed());
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that reading one message may hold at a time, in bytes.
const MEMORY: isize = 1_500_000;

#[test]
fn every_tampered_message_is_refused_for_its_own_reason_within_its_budget() {
    let (sp, table) = (okta::service_provider(), table());
    let mut most = Work::default();
    for row in &table {
        let mut budget = Budget::default();
        let refused = row.send(&sp, &mut budget);
        assert_eq!(refused, Err(row.expected.clone()), "{}", row.sentence);
        most = larger(most, budget.done());
    }
    let reasons: HashSet<_> = table
        .iter()
        .map(|row| format!("{:?}", row.expected))
        .collect();
    println!(
        "{} messages, {} reasons, at most {most:?} of {:?}",
        table.len(),
        reasons.len(),
        Work::MOST
    );
    assert!(
        table.len() >= 100 && reasons.len() >= 45,
        "{} {}",
        table.len(),
        reasons.len()
    );
    assert_eq!(larger(most, Work::MOST), Work::MOST);
    assert!(most.references == 1 && most.digests == 1 && most.signatures == 1);
}

#[test]
fn no_tampered_message_makes_the_memory_grow() {
    let (sp, table) = (okta::service_provider(), table());
    for row in &table {
        let before = HELD.get().0;
        HELD.set((before, before));
        let refused = row.send(&sp, &mut Budget::default());
        let (after, most) = HELD.get();
        assert!(refused.is_err(), "{}", row.sentence);
        assert!(
            most - before <= MEMORY,
            "{}: {} bytes at once",
            row.sentence,
            most - before
        );
        drop(refused);
        assert_eq!(
            HELD.get().0.min(after),
            before,
            "{}: something is kept",
            row.sentence
        );
    }
}

#[test]
fn all_eight_classical_wrappings_are_in_the_table() {
    let table = table();
    for form in 1..=8 {
        let name = format!("XSW{form}:");
        assert!(
            table.iter().any(|row| row.sentence.starts_with(&name)),
            "{name}"
        );
    }
}

/// Each kind of work has its bound: with one less than a good message costs, even that is refused.
#[test]
fn a_message_over_its_budget_is_refused() {
    let (sp, body) = (
        okta::service_provider(),
        okta::posted(&okta::signed(&okta::request())),
    );
    let cost = |most: Work| {
        let mut budget = Budget::of(most);
        UnverifiedAuthnRequest::from_post_body_within(&body, &mut budget)?.verify_within(
            &sp,
            &okta::context(),
            &mut budget,
        )?;
        Ok(budget.done())
    };
    let whole = cost(Work::MOST).unwrap();
    assert_eq!(cost(whole), Ok(whole));
    assert_eq!(
        (whole.references, whole.digests, whole.signatures),
        (1, 1, 1)
    );
    let less: [fn(&mut Work); 5] = [
        |w| w.bytes -= 1,
        |w| w.elements -= 1,
        |w| w.references -= 1,
        |w| w.digests -= 1,
        |w| w.signatures -= 1,
    ];
    for take in less {
        let mut most = whole;
        take(&mut most);
        assert_eq!(cost(most), Err(E::TooMuchWork), "{most:?}");
    }
}

/// Sixteen certificates are the most that metadata may have: a foreign signature costs as many verifications, and no more.
#[test]
fn a_foreign_signature_costs_each_certificate_once() {
    let metadata = okta::metadata(true);
    let key = okta::between(&metadata, "<md:KeyDescriptor", "</md:KeyDescriptor>");
    let key = format!("<md:KeyDescriptor{key}</md:KeyDescriptor>");
    let metadata = metadata.replace(&key, &key.repeat(16));
    let sp = standards::saml::metadata::ServiceProvider::parse(metadata.as_bytes()).unwrap();
    assert_eq!(sp.signing_certificates().len(), 16);
    let foreign = okta::Signature {
        key: okta::STRANGER_KEY,
        ..okta::Signature::default()
    };
    let body = okta::posted(&foreign.enveloped_in(&okta::request()));
    let row = Tampered::posted("by a stranger", body, E::TooMuchWork);
    let mut budget = Budget::default();
    assert!(row.send(&sp, &mut budget).is_err());
    assert_eq!(budget.done().signatures, 16);
}
