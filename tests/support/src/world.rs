//! Everything together.

use crate::certificates::Authority;
use crate::driver::Driver;
use crate::host::Host;
use crate::keystore::{Keystore, Kind};
use crate::okta::{self, Okta, Org};
use crate::policy::Policy;
use crate::tacit::{self, Tacit};
use crate::updates::{EXCLUDED_SITE, Page, Updates};
use crate::{net, process, programs};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The people of every world. A roll-out window binds each of them once, so scenarios do not share people.
pub const PEOPLE: &[&str] = &[
    "ann@acme.test",
    "ben@acme.test",
    "cleo@acme.test",
    "dora@acme.test",
    "emil@acme.test",
    "fay@acme.test",
    "gus@acme.test",
    "hana@acme.test",
    "ivo@acme.test",
    "jo@acme.test",
    "kim@acme.test",
    "lea@acme.test",
    "max@acme.test",
    "nia@acme.test",
    "otto@acme.test",
    "pia@acme.test",
];

/// What differs between worlds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How the org behaves.
    pub org: Org,
}

/// A running world.
pub struct World {
    // In this order they are dropped: browsers are gone by then, and the folder goes last.
    policy: Policy,
    /// chromedriver.
    pub driver: Driver,
    /// The server.
    pub tacit: Tacit,
    /// The org.
    pub okta: Okta,
    /// Gives out the extension, and pages to type on.
    pub updates: Updates,
    /// Reaches the servers.
    pub client: net::Client,
    /// The id of the extension.
    pub extension_id: String,
    enrolment_token: String,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts server, org and driver, and puts the browser policy in force.
    pub fn start(settings: Settings) -> Result<Self> {
        let mut folder = tempfile::Builder::new().prefix("tacit-world-").tempdir()?;
        // For whoever looks for the cause of a failure.
        folder.disable_cleanup(std::env::var_os("TACIT_KEEP").is_some());
        let path = folder.path();
        let authority = Authority::generate(&path.join("certificates"))?;
        let client = net::Client::new(&authority.pem())?;

        let mut tacit = Tacit::init(&path.join("tacit"), &authority.certify(tacit::HOST)?)?;
        let org_certificate = authority.certify_many(&[okta::ORG_HOST, okta::APP_HOST])?;
        let mut okta = Okta::new(&path.join("okta"), &org_certificate, PEOPLE)?;
        connect(&tacit, &mut okta)?;
        for user in PEOPLE {
            tacit.run(&["user", "add", user, "--group", "staff"])?;
        }
        tacit.run(&["rollout", "open", "--group", "staff", "--hours", "72"])?;
        let enrolment_token = tacit.run(&["token", "create", "--purpose", "enrolment"])?;
        tacit.serve(&client)?;
        okta.serve(settings.org, &client)?;

        let updates = Updates::start()?;
        let extension_id = publish(&updates, &programs::built("extension-rehearsal.crx")?)?;
        updates.set_html("/notes", None, NOTES);
        updates.set_html(
            "/strict",
            Some("default-src 'none'; style-src 'none'; script-src 'none'"),
            NOTES,
        );
        updates.set_html("/framed", None, FRAMED);
        let this = Self {
            policy: Policy::install(&json!({}))?,
            driver: Driver::start(path)?,
            tacit,
            okta,
            updates,
            client,
            extension_id,
            enrolment_token: last_word(&enrolment_token)?,
            authority,
            folder,
        };
        this.policy.replace(&this.browser_policy(true))?;
        Ok(this)
    }

    /// A folder of this world.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the extension is told, by policy or by the host's machine file.
    pub fn configuration(&self) -> Value {
        json!({
            "server_origin": tacit::ORIGIN,
            "okta_origins": [okta::ORG_ORIGIN],
            "enrolment_token": self.enrolment_token,
            "excluded_sites": [EXCLUDED_SITE],
        })
    }

    /// More people, in the group whose roll-out window is open.
    pub fn add_people(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            self.tacit.run(&["user", "add", name, "--group", "staff"])?;
        }
        self.okta.add_users(names);
        self.set_org(Org::default())
    }

    /// A key store and a host that uses it.
    pub fn install_host(&self, name: &str, kind: Kind) -> Result<(Keystore, Host)> {
        let folder = self.path().join(name);
        let keystore = Keystore::start(kind, &folder)?;
        let host = Host::install(
            &folder,
            &self.extension_id,
            &keystore,
            &self.configuration(),
        )?;
        Ok((keystore, host))
    }

    /// With or without force-installing the extension, from the next browser on.
    pub fn set_extension_installed(&mut self, installed: bool) -> Result<()> {
        self.policy.replace(&self.browser_policy(installed))
    }

    /// Gives new profiles another build of the extension, with the same key and thus the same id.
    pub fn publish_extension(&self, packed: &Path) -> Result<()> {
        let id = publish(&self.updates, packed)?;
        ensure!(id == self.extension_id, "another key: {id}");
        Ok(())
    }

    /// No cookies of the server, from the next browser on.
    pub fn block_server_cookies(&mut self) -> Result<()> {
        let mut policy = self.browser_policy(true);
        policy["CookiesBlockedForUrls"] = json!([tacit::ORIGIN]);
        self.policy.replace(&policy)
    }

    /// Host rules for the browser: three names, no ports in URLs.
    pub fn host_rules(&self) -> String {
        format!(
            "MAP {}:443 127.0.0.1:{},MAP {}:443 127.0.0.1:{},MAP {}:443 127.0.0.1:{}",
            tacit::HOST,
            self.tacit.port,
            okta::ORG_HOST,
            self.okta.org_port,
            okta::APP_HOST,
            self.okta.app_port
        )
    }

    /// Restarts the org with other settings.
    pub fn set_org(&mut self, org: Org) -> Result<()> {
        self.okta.serve(org, &self.client)
    }

    /// Restarts the server.
    pub fn restart_server(&mut self) -> Result<()> {
        self.tacit.stop();
        self.tacit.serve(&self.client)
    }

    fn browser_policy(&self, extension: bool) -> Value {
        let source = format!("{};{}", self.extension_id, self.updates.url("/update.xml"));
        json!({
            "ExtensionInstallForcelist": if extension { vec![source] } else { Vec::new() },
            "3rdparty": { "extensions": { (self.extension_id.as_str()): self.configuration() } },
            "CACertificates": [self.authority.base64_der()],
            // Without it WebDriver loses its target on the extension's own pages. Never in production.
            "DeveloperToolsAvailability": 1,
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        process::end_all_that_name(self.folder.path());
    }
}

/// What two administrators do: each gives the other's data to their own system.
fn connect(tacit: &Tacit, okta: &mut Okta) -> Result<()> {
    tacit.run(&["connection", "add", tacit::CONNECTION, "--role", "factor"])?;
    let shown = tacit.read(&["connection", "show", tacit::CONNECTION])?;
    let text = |name: &str| {
        shown[name]
            .as_str()
            .with_context(|| format!("{name} in {shown}"))
    };
    okta.set_provider(text("issuer")?, text("sso_url")?, text("certificate_pem")?)?;
    let metadata = okta.metadata()?;
    tacit.run(&[
        "connection",
        "update",
        tacit::CONNECTION,
        "--metadata",
        &metadata.to_string_lossy(),
    ])?;
    Ok(())
}

/// Serves the packed extension `packed` with the update manifest beside it, and returns its id.
fn publish(updates: &Updates, packed: &Path) -> Result<String> {
    let manifest = packed.with_extension("update.xml");
    let manifest = std::fs::read_to_string(&manifest)
        .with_context(|| format!("reading {}", manifest.display()))?;
    let manifest = manifest.replace("CRX_URL", &updates.url("/extension.crx"));
    let id = manifest
        .split_once("appid='")
        .and_then(|(_, rest)| rest.split('\'').next())
        .context("no appid in the update manifest")?
        .to_owned();
    let body = std::fs::read(packed)?;
    updates.set(
        "/update.xml",
        page("application/xml", manifest.into_bytes()),
    );
    updates.set(
        "/extension.crx",
        page("application/x-chrome-extension", body),
    );
    Ok(id)
}

/// A page to type on.
const NOTES: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Notes</title>\
    <h1>Notes</h1><textarea id=notes rows=20 cols=80 autofocus></textarea>";

/// The same inside another page.
const FRAMED: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Framed</title>\
    <iframe src=/notes width=900 height=600></iframe>";

fn page(kind: &'static str, body: Vec<u8>) -> Page {
    Page {
        kind,
        csp: None,
        body,
    }
}

fn last_word(said: &str) -> Result<String> {
    let word = said.split_whitespace().last();
    let word = word.context("no token was printed")?;
    ensure!(word.len() >= 16, "not a token: {said}");
    Ok(word.to_owned())
}

/// Where a profile called `name` lies in a world.
pub fn profile(world: &World, name: &str) -> PathBuf {
    world.path().join("profiles").join(name)
}
