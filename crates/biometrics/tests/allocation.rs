//! `push` allocates nothing.
#![expect(unsafe_code, reason = "counting allocations needs a global allocator")]

mod common;

use common::{learned, person, push_all};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn push_allocates_nothing() {
    let person = person(1);
    let mut engine = learned(&person);
    let events: Vec<_> = person["live"]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .chain(person["live"]["pointer"].as_array().unwrap())
        .map(|capture| common::event(capture, 1_794_000_000_000.0))
        .collect();
    engine.expect(Some("that"));
    push_all(&mut engine, &person["live"]["keys"], 1_793_990_000_000.0);
    let before = ALLOCATIONS.get();
    events.iter().for_each(|event| engine.push(*event));
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(engine.assess(1_794_000_100_000.0).keys > 0);
}
