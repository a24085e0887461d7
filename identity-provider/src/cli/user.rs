//! `tacit user`.

use super::open;
use crate::{
    domain::user::{User, UserId, UserStatus},
    store::StoreError,
};
use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use std::path::Path;
use wire::id::UserName;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a person.
    Add {
        /// The login in the Okta org.
        login: String,
        /// A group; may be given again.
        #[arg(long)]
        group: Vec<String>,
    },
    /// Lists people.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Lets nothing of this person succeed any more, and has their devices wiped.
    Disable { login: String },
    /// Takes that back.
    Enable { login: String },
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let now = app.now_ms();
        match self {
            Self::Add { login, group } => {
                let user = User {
                    id: UserId::generate(now),
                    login: UserName::new(login.as_str()).context("the login")?,
                    status: UserStatus::Active,
                    additions_held_until: 0,
                    created_at: now,
                };
                match app.store.insert_user(&user, &group).await {
                    Ok(()) => println!("added {login}"),
                    Err(StoreError::Conflict) => bail!("{login} exists already"),
                    Err(other) => return Err(other.into()),
                }
                app.store
                    .insert_admin_event(now, "user_added", &open::actor(), &login)
                    .await?;
            }
            Self::List { json } => {
                for user in app.store.list_users().await? {
                    let groups = app.store.groups_of(&user.id).await?;
                    if json {
                        open::print_json(&json!({
                            "id": user.id.as_str(), "login": user.login, "status": user.status.code(), "groups": groups,
                            "created_at": user.created_at,
                        }))?;
                    } else {
                        println!(
                            "{}  {}  {}",
                            user.login,
                            user.status.code(),
                            groups.join(", ")
                        );
                    }
                }
            }
            Self::Disable { login } => {
                set(&app, &login, UserStatus::Disabled, "user_disabled").await?
            }
            Self::Enable { login } => set(&app, &login, UserStatus::Active, "user_enabled").await?,
        }
        Ok(())
    }
}

async fn set(
    app: &crate::app::App,
    login: &str,
    status: UserStatus,
    kind: &str,
) -> anyhow::Result<()> {
    let user =
        app.store.find_user_by_name(login).await?.with_context(|| {
            format!("nobody is called {login}: `tacit user list` shows everybody")
        })?;
    let now = app.now_ms();
    app.store.set_user_status(&user.id, status, now).await?;
    app.store
        .insert_admin_event(now, kind, &open::actor(), login)
        .await?;
    println!("{login} is {}", status.code());
    Ok(())
}
