//! `tacit-host doctor`: tests every step from the browser to a signature, and names the first one that fails with its
//! repair.

use crate::browsers::{Browser, Level, Packaging, Places};
use crate::data::{DataError, DataFolder};
use crate::host::VERSION;
use crate::install::{Manifest, manifest_in};
use crate::keystore::{self, Chosen, Keys};
use crate::platform::Platform;
use crate::settings::{ExtensionId, Settings, SettingsError};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wire::host::NAME;
use wire::popup::Step;
use wire::trouble::Trouble;

/// For a host that is started to say its version.
const STARTING: Duration = Duration::from_secs(5);
/// Bytes of a manifest.
const MAX_MANIFEST: u64 = 16 * 1024;

/// The findings, in the order of the chain.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// Whether everything works.
    pub ok: bool,
    /// The first step that fails.
    pub failing: Option<String>,
    /// All steps.
    pub steps: Vec<Finding>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// As the popup shows it.
    #[serde(flatten)]
    pub step: Step,
    /// What fails; `None` if it works.
    pub code: Option<Trouble>,
}

/// Tests every step for this user.
pub async fn diagnose(
    settings: Result<Settings, SettingsError>,
    config: &Path,
    profile: Option<&Path>,
    places: &Places,
) -> Diagnosis {
    let mut steps = Vec::new();
    let settings = match settings {
        Ok(settings) => {
            steps.push(passed("configuration", describe(&settings, config)));
            Some(settings)
        }
        Err(error) => {
            steps.push(failed("configuration", error.trouble(), error.to_string()));
            None
        }
    };
    if let Some(settings) = &settings {
        check_keys(settings, &mut steps).await;
    }
    let allowed = settings.map(|settings| settings.allowed_extensions);
    let allowed = allowed.as_deref().unwrap_or_default();
    match profile {
        Some(profile) => {
            let manifest = manifest_in(&profile.join("NativeMessagingHosts"));
            let found = manifest.exists().then(|| manifest.clone());
            let looked = [manifest.display().to_string()];
            steps.push(check_manifest("profile", found, &looked, allowed));
        }
        None => check_browsers(allowed, places, &mut steps),
    }
    let failing = steps.iter().find(|finding| !finding.step.ok);
    Diagnosis {
        ok: failing.is_none(),
        failing: failing.map(|finding| finding.step.name.clone()),
        steps,
    }
}

fn describe(settings: &Settings, config: &Path) -> String {
    format!(
        "{} is valid: signs for {}, {} extension(s) may call",
        config.display(),
        settings.configuration.server_origin,
        settings.allowed_extensions.len()
    )
}

/// Data folder, key store, device key; a later one makes no sense without the earlier ones.
async fn check_keys(settings: &Settings, steps: &mut Vec<Finding>) {
    let data = match open_data(settings) {
        Ok(data) => data,
        Err(error) => {
            return steps.push(failed(
                "data folder",
                Trouble::DataFolder,
                error.to_string(),
            ));
        }
    };
    let place = data.root().display().to_string();
    steps.push(passed("data folder", format!("{place} is writable")));
    let chosen = match keystore::choose(settings, &data).await {
        Ok(chosen) => chosen,
        Err(error) => return steps.push(failed("key store", error.trouble(), error.to_string())),
    };
    let keys = match chosen.store.load().await {
        Ok(keys) => keys,
        Err(error) => return steps.push(failed("key store", error.trouble(), error.to_string())),
    };
    steps.push(passed("key store", describe_store(&chosen)));
    steps.push(match keys {
        Some(keys) => check_signature(&keys).await,
        None => passed(
            "device key",
            "none yet: the extension makes it at its first start".into(),
        ),
    });
}

fn open_data(settings: &Settings) -> Result<DataFolder, DataError> {
    let root = settings.data_dir().ok_or(DataError::NoFolder)?;
    let data = DataFolder::open(root)?;
    data.write("doctor", b"written to see whether it can be")?;
    data.remove("doctor")?;
    let _lock = data.lock()?;
    Ok(data)
}

fn describe_store(chosen: &Chosen) -> String {
    let kind = chosen.store.kind();
    let class = kind.protection_class().code();
    let mut text = format!("{} opens; protection class {class}", kind.name());
    for error in &chosen.passed_over {
        text = format!("{text}. Better, but: {error}");
    }
    text
}

async fn check_signature(keys: &Keys) -> Finding {
    const NAME: &str = "device key";
    let message = b"tacit-host doctor: not a statement";
    let signature = match keys.open.sign(message).await {
        Ok(signature) => signature,
        Err(error) => return failed(NAME, error.trouble(), error.to_string()),
    };
    let fits = keys.jwk.point().is_some_and(|point| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message, &signature)
            .is_ok()
    });
    match fits {
        true => passed(NAME, format!("{} signs, and it verifies", keys.device)),
        false => failed(
            NAME,
            Trouble::KeystoreFailed,
            "the key store's signature does not fit its key: restart the machine".into(),
        ),
    }
}

fn check_browsers(allowed: &[ExtensionId], places: &Places, steps: &mut Vec<Finding>) {
    let before = steps.len();
    for browser in Browser::ALL {
        let found = browser.registered(places).into_iter().next();
        match browser.packaging(places) {
            None if found.is_none() => {}
            Some(Packaging::Snap) => steps.push(confined(browser, "Snap")),
            Some(Packaging::Flatpak) => steps.push(confined(browser, "Flatpak")),
            _ => {
                let looked = looked_at(browser, places);
                steps.push(check_manifest(browser.name(), found, &looked, allowed));
            }
        }
    }
    if steps.len() == before {
        let message = "no Chrome, Chromium, Edge or Brave is installed here".into();
        steps.push(failed("browser", Trouble::BrowserMissing, message));
    }
}

fn confined(browser: Browser, by: &str) -> Finding {
    let message = format!(
        "this browser is a {by} and cannot start hosts outside its sandbox: install it as an ordinary package"
    );
    failed(browser.name(), Trouble::BrowserConfined, message)
}

/// Where this browser looks, the person's own place first.
fn looked_at(browser: Browser, places: &Places) -> Vec<String> {
    [Level::User, Level::System]
        .into_iter()
        .filter_map(|level| match places.platform {
            Platform::Windows => Some(browser.registry_key(level).display()),
            _ => Some(browser.manifests(level, places)?.display().to_string()),
        })
        .collect()
}

/// The first manifest counts, as it does for the browser.
fn check_manifest(
    browser: &str,
    found: Option<PathBuf>,
    looked: &[String],
    allowed: &[ExtensionId],
) -> Finding {
    let name = format!("browser {browser}");
    let Some(path) = found else {
        let message = format!(
            "no manifest {NAME}.json in {}: run tacit-host install",
            looked.join(" or ")
        );
        return failed(&name, Trouble::ManifestMissing, message);
    };
    match check_manifest_file(&path, allowed) {
        Ok(message) => passed(&name, message),
        Err((code, message)) => failed(&name, code, message),
    }
}

fn check_manifest_file(path: &Path, allowed: &[ExtensionId]) -> Result<String, (Trouble, String)> {
    let shown = path.display();
    let again = "run tacit-host install again";
    let about = std::fs::metadata(path)
        .map_err(|e| (Trouble::ManifestMalformed, format!("{shown}: {e}: {again}")))?;
    if about.len() > MAX_MANIFEST {
        return Err((
            Trouble::ManifestMalformed,
            format!("{shown} is not our manifest: {again}"),
        ));
    }
    let json = std::fs::read(path).map_err(|e| {
        (
            Trouble::ManifestMalformed,
            format!("{shown}: {e}: make it readable"),
        )
    })?;
    let manifest: Manifest = serde_json::from_slice(&json)
        .map_err(|e| (Trouble::ManifestMalformed, format!("{shown}: {e}: {again}")))?;
    if manifest.name != NAME || manifest.kind != "stdio" {
        return Err((
            Trouble::ManifestMalformed,
            format!("{shown} is not the manifest of {NAME}: {again}"),
        ));
    }
    for id in allowed {
        if !manifest.allowed_origins.contains(&id.origin()) {
            let what = format!("{shown} does not allow the extension {id}: {again}");
            return Err((Trouble::ManifestOrigin, what));
        }
    }
    let program = &manifest.path;
    let version = version_of(program).map_err(|what| {
        let names = program.display();
        let what = format!("{shown} names {names}, which {what}: {again}");
        (Trouble::ManifestProgram, what)
    })?;
    if version != VERSION {
        let what = format!(
            "{} is version {version} and this is {VERSION}: update the older one, then {again}",
            program.display()
        );
        return Err((Trouble::HostVersion, what));
    }
    Ok(format!("{shown} starts {}", program.display()))
}

/// What the program that the browser would start says its version is.
fn version_of(program: &Path) -> Result<String, String> {
    if !program.is_absolute() {
        return Err("is not an absolute path".into());
    }
    if !program.exists() {
        return Err("does not exist".into());
    }
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot be started ({e})"))?;
    let deadline = Instant::now() + STARTING;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err("does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child
        .wait_with_output()
        .map_err(|e| format!("cannot be read ({e})"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.trim().strip_prefix("tacit-host ");
    match (output.status.success(), version) {
        (true, Some(version)) => Ok(version.to_owned()),
        (true, None) => Err("is another program".into()),
        (false, _) => Err(format!("ends with {}", output.status)),
    }
}

fn passed(name: &str, message: String) -> Finding {
    let step = Step {
        name: name.into(),
        ok: true,
        message,
    };
    Finding { step, code: None }
}

fn failed(name: &str, code: Trouble, message: String) -> Finding {
    let step = Step {
        name: name.into(),
        ok: false,
        message,
    };
    let code = Some(code);
    Finding { step, code }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { step, code } in &self.steps {
            let mark = if step.ok { "ok  " } else { "FAIL" };
            write!(f, "{mark} {}: {}", step.name, step.message)?;
            match code {
                Some(code) => writeln!(f, " [{}]", code.code())?,
                None => writeln!(f)?,
            }
        }
        match &self.failing {
            None => writeln!(f, "Everything works."),
            Some(name) => writeln!(f, "Mend \"{name}\" first."),
        }
    }
}
