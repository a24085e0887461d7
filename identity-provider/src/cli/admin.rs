//! `tacit admin`: the console's local administrators.

use super::{init::password_hash, open};
use anyhow::ensure;
use clap::Subcommand;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes an administrator, or gives one another password and ends all of their sessions.
    Set {
        name: String,
        /// File that holds the password.
        #[arg(long)]
        password_file: PathBuf,
    },
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        let Self::Set {
            name,
            password_file,
        } = self;
        ensure!(
            (1..=64).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_.@".contains(c)),
            "an administrator's name has at most 64 letters, digits and -_.@"
        );
        let now = app.now_ms();
        app.store
            .put_admin(&name, &password_hash(&password_file)?, now)
            .await?;
        app.store
            .insert_admin_event(now, "admin_set", &open::actor(), &name)
            .await?;
        println!("{name} may sign in to the console");
        Ok(())
    }
}
