//! Real requests through the router, and every store function, each on SQLite and on PostgreSQL. A machine without
//! PostgreSQL fails these tests; none is skipped.

mod answers;
mod attacks;
mod console;
mod enrolment;
mod fallback;
mod operations;
mod program;
mod requests;
mod store;
mod support;
