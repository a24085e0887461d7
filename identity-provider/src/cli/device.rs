//! `tacit device`.

use super::open;
use crate::{
    app::App,
    clock::rfc3339,
    domain::{
        code::{self, Purpose},
        device::status_code,
        enrolment,
    },
};
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use std::path::Path;
use wire::id::DeviceId;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists devices, the latest seen first.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Takes a device back for good; it wipes itself at its next contact.
    Revoke {
        /// Thumbprint of the device key, as `tacit device list` shows it.
        // One thumbprint in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Says beforehand whose a device will be.
    Preregister {
        /// Thumbprint of the device key, from `tacit-host status`.
        #[arg(long, allow_hyphen_values = true)]
        device: String,
        /// Login of the person.
        #[arg(long)]
        user: String,
    },
    /// Issues a help-desk code for the sign-in that shows a number: nine characters, one minute, one purpose.
    Code {
        /// The number that the person reads out.
        #[arg(long)]
        matching: String,
        /// What the code is for.
        #[arg(long)]
        purpose: PurposeName,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PurposeName {
    /// Binds the device that the browser offers.
    Bind,
    /// Sets up one-time codes.
    Totp,
    /// Sets up a passkey.
    Passkey,
    /// Signs in this once.
    SignIn,
}

impl PurposeName {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Bind => Purpose::Bind,
            Self::Totp => Purpose::Totp,
            Self::Passkey => Purpose::Passkey,
            Self::SignIn => Purpose::SignIn,
        }
    }
}

impl Command {
    pub async fn run(self, data: &Path) -> anyhow::Result<()> {
        let app = open::app(data).await?;
        match self {
            Self::List { json } => list(&app, json).await,
            Self::Revoke { id } => {
                let device = DeviceId::new(id.as_str()).context("the device's id")?;
                let now = app.now_ms();
                if !enrolment::revoke(&app, &device, &open::actor(), now).await? {
                    bail!("no device {id} that stands: `tacit device list` shows them all");
                }
                println!("revoked {id}");
                Ok(())
            }
            Self::Preregister { device, user } => {
                let id = DeviceId::new(device.as_str()).context("the device's thumbprint")?;
                let person = app.store.find_user_by_name(&user).await?.with_context(|| {
                    format!("nobody is called {user}: `tacit user list` shows everybody")
                })?;
                let now = app.now_ms();
                app.store.preregister(&id, &person.id, now).await?;
                app.store
                    .insert_admin_event(
                        now,
                        "device_preregistered",
                        &open::actor(),
                        &format!("{id} for {user}"),
                    )
                    .await?;
                println!("{id} will be {user}'s");
                Ok(())
            }
            Self::Code {
                matching,
                purpose,
                json,
            } => issue(&app, &matching, purpose.purpose(), json).await,
        }
    }
}

async fn list(app: &App, as_json: bool) -> anyhow::Result<()> {
    let now = app.now_ms();
    for device in app.store.list_devices().await? {
        let mut users = Vec::new();
        for binding in app.store.bindings_of_device(&device.id).await? {
            if binding.revoked_at == 0
                && let Some(user) = app.store.find_user(&binding.user).await?
            {
                users.push(json!({ "user": user.login, "installation": binding.installation, "how": binding.how }));
            }
        }
        let status = status_code(device.status(now));
        if as_json {
            open::print_json(&json!({
                "id": device.id, "status": status, "protection_class": device.protection_class.code(),
                "platform": device.posture.platform, "os_account": device.os_account, "last_seen": device.last_seen,
                "registered_at": device.registered_at, "bindings": users,
            }))?;
        } else {
            let class = device.protection_class.code();
            println!(
                "{}  {status}  {class}  {} binding(s)  {}",
                device.id,
                users.len(),
                rfc3339(device.last_seen)
            );
        }
    }
    Ok(())
}

async fn issue(app: &App, matching: &str, purpose: Purpose, as_json: bool) -> anyhow::Result<()> {
    let number: String = matching.chars().filter(char::is_ascii_digit).collect();
    let now = app.now_ms();
    let found = app.store.find_challenges_matching(&number, now).await?;
    let challenge = match found.as_slice() {
        [] => bail!(
            "no open sign-in shows {number}: it lives for five minutes, ask for the number on the page now"
        ),
        [challenge] => challenge,
        _ => bail!("two open sign-ins show {number}: ask the person to begin anew"),
    };
    let openings = code::openings(app, challenge, now).await?;
    if !openings.purposes.contains(&purpose) {
        let others: Vec<&str> = openings.purposes.iter().map(|p| p.code()).collect();
        bail!(
            "no code of purpose {} for the sign-in of {} that shows {number}: {} Open: {}.",
            purpose.code(),
            challenge.subject,
            openings.note,
            if others.is_empty() {
                "nothing".into()
            } else {
                others.join(", ")
            }
        );
    }
    let text = code::issue(app, challenge, purpose, &open::actor(), now).await?;
    if as_json {
        return open::print_json(&json!({
            "code": text, "purpose": purpose.code(), "user": challenge.subject, "place": challenge.place,
            "application": challenge.application, "browser": challenge.agent, "expires_at": now + code::LIFETIME,
        }));
    }
    eprintln!("person       {}", challenge.subject);
    eprintln!("started from {}", challenge.place);
    eprintln!("browser      {}", challenge.agent);
    eprintln!(
        "application  {}",
        if challenge.application.is_empty() {
            "not stated"
        } else {
            &challenge.application
        }
    );
    eprintln!(
        "Hand the code out only if all of this is what the person tells you. It is good for one minute."
    );
    println!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn a_thumbprint_may_begin_with_a_hyphen() {
        const DEVICE: &str = "-VmsX-hzh6tLUcCZXTtQdEdjzRL75MXPSHjhbVorkMY";
        let line = |words: &[&str]| Line::try_parse_from([&["device"], words].concat());
        let revoked = line(&["revoke", DEVICE]).unwrap().command;
        assert!(matches!(revoked, Command::Revoke { id } if id == DEVICE));
        let said = line(&["preregister", "--device", DEVICE, "--user", "ann"]).unwrap();
        assert!(matches!(said.command, Command::Preregister { device, .. } if device == DEVICE));
    }
}
