//! A server on a database of its own with a clock that only the test moves; a browser; an agent with software keys.

pub mod agent;
pub mod browser;
pub mod database;
pub mod oidc;
pub mod provisioner;
pub mod server;

pub use agent::Agent;
pub use browser::{Browser, ChallengePage};
pub use database::Database;
pub use server::{Reply, Server};

/// Makes one test per database of `async fn name(database: Database)`.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: Database) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn test($database: crate::support::Database) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                $(#[$attribute])*
                async fn sqlite() {
                    test(crate::support::Database::sqlite()).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                $(#[$attribute])*
                async fn postgres() {
                    test(crate::support::Database::postgres().await).await;
                }
            }
        )*
    };
}
pub(crate) use on_both_databases;
