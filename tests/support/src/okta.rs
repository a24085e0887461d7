//! The Okta stand-in and its System Log.

use crate::certificates::Certificate;
use crate::{net, poll, process, programs};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The org's name in the browser.
pub const ORG_HOST: &str = "acme.okta-standin.test";
/// The org's origin.
pub const ORG_ORIGIN: &str = "https://acme.okta-standin.test";
/// The application's name in the browser.
pub const APP_HOST: &str = "app.workplace.test";
/// The application's origin.
pub const APP_ORIGIN: &str = "https://app.workplace.test";
/// Of every user.
pub const PASSWORD: &str = "correct horse battery staple";

/// The field for the user's name, in Okta's Sign-In Widget (Classic, Identity Engine) and on the stand-in's own page.
pub const USERNAME_FIELD: &str = "#okta-signin-username, input[name=identifier]";
/// The field for the password.
pub const PASSWORD_FIELD: &str = "#okta-signin-password, input[name='credentials.passcode']";
/// The button below them.
pub const SIGN_IN_BUTTON: &str = "#okta-signin-submit, form input[type=submit][value='Sign in']";
/// The button that goes on to the identity provider.
pub const VERIFY_BUTTON: &str = "#verify-idp-factor, form input[type=submit][value=Verify]";

const API_TOKEN: &str = "00standInApiTokenForTestsOnly";

/// How the org behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Org {
    /// Straight to the identity provider after the password.
    pub skip_verify: bool,
    /// Identity Engine instead of Classic.
    pub identity_engine: bool,
    /// AuthnRequests by redirect instead of POST.
    pub by_redirect: bool,
    /// Whether everybody has set the factor up already.
    pub enrolled: bool,
    /// Okta's own sign-in pages instead of the stand-in's.
    pub widget: bool,
}

impl Default for Org {
    fn default() -> Self {
        Self {
            skip_verify: true,
            identity_engine: false,
            by_redirect: false,
            enrolled: true,
            widget: true,
        }
    }
}

/// The stand-in of an Okta org and of one application.
pub struct Okta {
    /// Where the org listens.
    pub org_port: u16,
    /// Where the application listens.
    pub app_port: u16,
    folder: PathBuf,
    certificates: [PathBuf; 2],
    users: Vec<String>,
    provider: Option<Value>,
    process: Option<process::Process>,
}

impl Okta {
    /// Sets it up below `folder`; it does not know its identity provider yet.
    pub fn new(folder: &Path, certificate: &Certificate, users: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let this = Self {
            org_port: net::free_port()?,
            app_port: net::free_port()?,
            folder: folder.to_owned(),
            certificates: [certificate.chain.clone(), certificate.key.clone()],
            users: users.iter().map(|&user| user.to_owned()).collect(),
            provider: None,
            process: None,
        };
        this.write(Org::default())?;
        Ok(this)
    }

    /// More people, from the next [`Okta::serve`] on.
    pub fn add_users(&mut self, users: &[String]) {
        self.users.extend_from_slice(users);
    }

    /// The org's SAML metadata, as an administrator downloads it.
    pub fn metadata(&self) -> Result<PathBuf> {
        let file = self.folder.join("sp-metadata.xml");
        let said = process::output(
            self.command()?
                .arg("metadata")
                .arg("--config")
                .arg(self.config()),
        )?;
        ensure!(said.contains("EntityDescriptor"), "no metadata: {said}");
        std::fs::write(&file, said)?;
        Ok(file)
    }

    /// What an administrator types in: `issuer`, `sso_url`, `certificate_pem`.
    pub fn set_provider(
        &mut self,
        issuer: &str,
        sso_url: &str,
        certificate_pem: &str,
    ) -> Result<()> {
        let file = self.folder.join("identity-provider.pem");
        std::fs::write(&file, certificate_pem)?;
        self.provider = Some(json!({ "issuer": issuer, "sso_url": sso_url, "certificate": file }));
        Ok(())
    }

    /// Starts it, or starts it anew with other settings.
    pub fn serve(&mut self, org: Org, client: &net::Client) -> Result<()> {
        self.process = None;
        self.write(org)?;
        let mut command = self.command()?;
        command.arg("--config").arg(self.config());
        let mut process = process::Process::start(command, &self.folder.join("okta.log"))?;
        let (org_port, app_port) = (self.org_port, self.app_port);
        poll::until("the Okta stand-in", Duration::from_secs(20), || {
            process.ensure_running().context("okta-stand-in")?;
            let answers = client.get(org_port, ORG_HOST, "/", None).is_ok();
            Ok((answers && net::listens(app_port)).then_some(()))
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// The System Log, oldest event first.
    pub fn system_log(&self, client: &net::Client) -> Result<Vec<Value>> {
        let authorization = format!("SSWS {API_TOKEN}");
        let (status, body) = client.get(
            self.org_port,
            ORG_HOST,
            "/api/v1/logs?limit=1000",
            Some(&authorization),
        )?;
        ensure!(status == 200, "System Log: {status} {body}");
        serde_json::from_str(&body).context("System Log")
    }

    /// What somebody gets who knows the password and uses no browser: the link to the identity provider, which carries a
    /// state token (Classic).
    pub fn link_with_state_token(&self, client: &net::Client, user: &str) -> Result<String> {
        let post = |path: &str, body: Value| client.post_json(self.org_port, ORG_HOST, path, &body);
        let first = post(
            "/api/v1/authn",
            json!({ "username": user, "password": PASSWORD }),
        )?;
        let verify = first["_embedded"]["factors"][0]["_links"]["verify"]["href"]
            .as_str()
            .with_context(|| format!("no factor in {first}"))?;
        let next = post(
            path_of(verify)?,
            json!({ "stateToken": first["stateToken"] }),
        )?;
        let link = next["_links"]["next"]["href"].as_str();
        Ok(link
            .with_context(|| format!("no link in {next}"))?
            .to_owned())
    }

    /// The same person follows the link himself, as far as our server's URL (binding by redirect).
    pub fn link_with_request(&self, client: &net::Client, user: &str) -> Result<String> {
        let link = self.link_with_state_token(client, user)?;
        client.redirection(self.org_port, ORG_HOST, path_of(&link)?)
    }

    fn write(&self, org: Org) -> Result<()> {
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|user| json!({ "login": user, "password": PASSWORD, "enrolled": org.enrolled }))
            .collect();
        let mut config = json!({
            "listen_org": format!("127.0.0.1:{}", self.org_port),
            "listen_app": format!("127.0.0.1:{}", self.app_port),
            "org_origin": ORG_ORIGIN,
            "app_origin": APP_ORIGIN,
            "tls_cert": self.certificates[0],
            "tls_key": self.certificates[1],
            "pipeline": if org.identity_engine { "oie" } else { "classic" },
            "skip_verify": org.skip_verify,
            "api_token": API_TOKEN,
            "users": users,
        });
        if org.widget {
            config["widget"] = json!(widget()?);
        }
        if let Some(provider) = &self.provider {
            config["idp"] = provider.clone();
            config["idp"]["request_binding"] =
                json!(if org.by_redirect { "redirect" } else { "post" });
        }
        std::fs::write(self.config(), toml::to_string(&config)?)
            .context("writing the stand-in's file")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("okta.toml")
    }

    fn command(&self) -> Result<Command> {
        let mut command = process::command(programs::program("okta-stand-in")?);
        command.arg("--data").arg(self.folder.join("data"));
        Ok(command)
    }
}

/// What npm installed for the stand-in.
fn widget() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../okta/widget/node_modules/@okta/okta-signin-widget/dist");
    folder
        .canonicalize()
        .context("Okta's Sign-In Widget is missing: run `cargo xtask setup` first")
}

fn path_of(url: &str) -> Result<&str> {
    url.strip_prefix(ORG_ORIGIN)
        .with_context(|| format!("{url} is not on the org"))
}
