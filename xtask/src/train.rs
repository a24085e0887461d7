//! `cargo xtask train`: makes the background model that ships, from the Monaco and SapiMouse sets alone.
//!
//! The people whose recordings the demo and the browser tests play are left out, so that the model never saw them.

mod recordings;

use crate::accuracy::{corpus, typed};
use anyhow::{Context, Result, ensure};
use biometrics::train::{Evidence, PointingModel, Typed, TypingModel, actions, model_bytes};
use clap::Parser;
use std::path::PathBuf;

/// Version of the model that ships; answers report it.
const VERSION: u32 = 2;
/// Monaco typists of the recordings.
pub const TYPISTS: [&str; 6] = ["0", "16", "24", "31", "41", "52"];
/// SapiMouse users of the recordings.
pub const MOVERS: [&str; 6] = ["114", "18", "3", "5", "67", "85"];
/// Sessions that rivals of the cohort are enrolled on.
const GALLERY: usize = 3;
/// Rivals per modality in the file; few, so that it loads quickly.
const TYPING_RIVALS: usize = 20;
const POINTING_RIVALS: usize = 20;
/// The file stays below this, in bytes.
const LARGEST: usize = 64 * 1024;

/// Makes the background model that ships.
#[derive(Debug, Parser)]
pub struct Args {
    /// Folder with `monaco_free_text.csv.xz` and `sapimouse.csv.xz`.
    #[arg(long)]
    pub data: PathBuf,
    /// The model file to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Folder that receives the recordings for demo and browser tests.
    #[arg(long)]
    pub recordings: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let typists = corpus::typing(&args.data, "monaco_free_text")?;
    let movers = corpus::pointer(&args.data, "sapimouse")?;
    ensure!(
        TYPISTS
            .iter()
            .all(|t| typists.iter().any(|(name, _)| name == t)),
        "a typist to leave out is missing"
    );
    ensure!(
        MOVERS
            .iter()
            .all(|m| movers.iter().any(|(name, _)| name == m)),
        "a mouse user to leave out is missing"
    );
    if let Some(folder) = &args.recordings {
        recordings::write(&typists, &movers, folder)?;
    }
    let typists: Vec<Typed> = typists
        .iter()
        .filter(|(name, _)| !TYPISTS.contains(&name.as_str()))
        .map(|(_, sessions)| typed(sessions, GALLERY))
        .collect();
    let session = |person: &corpus::Moved, name: &str| {
        actions(person.get(name).map_or(&[][..], Vec::as_slice))
    };
    let movers: Vec<_> = movers
        .iter()
        .filter(|(name, _)| !MOVERS.contains(&name.as_str()))
        .map(|(_, person)| (session(person, "3min"), session(person, "1min")))
        .collect();
    println!(
        "training on {} typists and {} mouse users",
        typists.len(),
        movers.len()
    );
    let typing = TypingModel::train(&typists, &[], TYPING_RIVALS, Evidence::Timings);
    let pointing = PointingModel::train(&movers, POINTING_RIVALS);
    let bytes = model_bytes(VERSION, &typing, &pointing);
    ensure!(
        bytes.len() <= LARGEST,
        "the model has {} bytes, more than {LARGEST}",
        bytes.len()
    );
    biometrics::Model::from_bytes(&bytes).context("reading the model back")?;
    std::fs::write(&args.out, &bytes).with_context(|| format!("writing {}", args.out.display()))?;
    println!("{}: {} bytes", args.out.display(), bytes.len());
    Ok(())
}
