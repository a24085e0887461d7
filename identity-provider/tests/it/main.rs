//! Real requests through the router, and every store function, each on SQLite and on PostgreSQL. A machine without
//! PostgreSQL fails these tests; none is skipped.

/// Does one thing of the store's in a transaction of its own.
macro_rules! in_one {
    ($store:expr, $name:ident($($argument:expr),*)) => {{
        let mut write = $store.write().await.unwrap();
        let result = tacit::store::Store::$name(&mut write, $($argument),*).await.unwrap();
        write.commit().await.unwrap();
        result
    }};
}

mod answers;
mod attacks;
mod ceremony;
mod console;
mod crash;
mod disk;
mod durability;
mod enrolment;
mod fallback;
mod load;
mod memory;
mod notices;
mod oidc;
mod okta;
mod operations;
mod overload;
mod policy;
mod program;
mod requests;
mod scim;
mod scim_attacks;
mod scim_departure;
mod sockets;
mod store;
mod support;
#[expect(
    dead_code,
    unused_imports,
    reason = "`cargo xtask load` uses more of it"
)]
mod swarm;
