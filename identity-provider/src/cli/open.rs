//! What commands open before they do anything, and how they print.

use crate::{
    app::App,
    clock::Clock,
    keys::MasterKey,
    limits::Limits,
    settings::{MASTER_KEY_FILE, Settings},
    store::Store,
};
use anyhow::Context;
use serde::Serialize;
use std::path::Path;

/// The application on the data folder.
pub async fn app(data: &Path) -> anyhow::Result<App> {
    let settings = Settings::load(data)?;
    let master = MasterKey::load_file(&data.join(MASTER_KEY_FILE)).context("the master key")?;
    let store = Store::open(&settings.database)
        .await
        .context("opening the database")?;
    Ok(App::new(
        settings,
        store,
        Clock::System,
        master,
        Limits::default(),
    ))
}

/// Prints one value as JSON on one line.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Who acts, for the records: the operating system's account as far as the environment tells.
pub fn actor() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|v| std::env::var(v).ok());
    format!("cli:{}", name.unwrap_or_else(|| "unknown".into()))
}
