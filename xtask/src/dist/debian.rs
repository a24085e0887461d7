//! Debian packages: the server and the host, each compiled, staged as a folder tree and packed by `dpkg-deb`.

mod needs;

use super::site::Site;
use crate::{run, step};
use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything about one package but its program's dependencies.
struct Package {
    name: &'static str,
    summary: &'static str,
    /// Cargo package, program and profile.
    built: (&'static str, &'static str, &'static str),
    /// Loaded by name at run time, so that no table in the program tells.
    loads: &'static [&'static str],
    /// Path in the package and content.
    files: &'static [(&'static str, &'static str)],
    /// Files that an administrator edits and an upgrade keeps.
    conffiles: &'static [&'static str],
}

const SERVER: Package = Package {
    name: "tacit",
    summary: "Identity provider that answers Okta's factor request silently",
    built: ("identity-provider", "tacit", "release"),
    loads: &[],
    files: &[
        (
            "usr/lib/systemd/system/tacit.service",
            include_str!("debian/tacit.service"),
        ),
        ("DEBIAN/postinst", include_str!("debian/tacit.postinst.sh")),
        ("DEBIAN/prerm", include_str!("debian/tacit.prerm.sh")),
        ("DEBIAN/postrm", include_str!("debian/tacit.postrm.sh")),
    ],
    conffiles: &[],
};

const HOST: Package = Package {
    name: "tacit-host",
    summary: "Keeps the device key of a person's machine for the Tacit extension",
    built: ("native-host", "tacit-host", "host"),
    loads: &["libtss2-tcti-device.so.0"],
    files: &[
        (
            "usr/lib/udev/rules.d/70-tacit-tpm.rules",
            include_str!("debian/70-tacit-tpm.rules"),
        ),
        (
            "DEBIAN/postinst",
            include_str!("debian/tacit-host.postinst.sh"),
        ),
    ],
    conffiles: &["/etc/tacit/host.toml"],
};

/// Builds both packages into `out/debian`.
pub fn make(out: &Path, version: &str, site: &Site) -> Result<()> {
    anyhow::ensure!(
        run::exists("dpkg-deb"),
        "Debian packages need dpkg-deb, which this system lacks: make the rest with --no-programs"
    );
    let folder = out.join("debian");
    std::fs::create_dir_all(&folder)?;
    for package in [SERVER, HOST] {
        let program = compile(&package)?;
        step::quiet(&format!("pack {}", package.name), || {
            let stage = folder.join(package.name);
            package.stage(&stage, &program, version)?;
            if package.name == HOST.name {
                host_files(&stage, &program, site)?;
            }
            package.pack(&stage, &folder, version)
        })?;
    }
    Ok(())
}

/// Compiles with the paths of this machine taken out, so that every machine makes the same program.
fn compile(package: &Package) -> Result<PathBuf> {
    let (of, program, profile) = package.built;
    let target = run::target().join("dist-build");
    let mut build = run::cargo();
    build
        .args(["build", "--locked", "--package", of, "--bin", program])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(&target)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            run::remapped_paths().join("\x1f"),
        );
    step::loud(&format!("compile {program} for release"), || {
        run::check(&mut build)
    })?;
    Ok(target.join(profile).join(program))
}

impl Package {
    fn stage(&self, stage: &Path, program: &Path, version: &str) -> Result<()> {
        let installed = stage.join("usr/bin").join(self.built.1);
        super::write(&installed, &std::fs::read(program)?)?;
        set_mode(&installed, 0o755)?;
        for (path, content) in self.files {
            super::write(&stage.join(path), content.as_bytes())?;
            let is_script = content.starts_with("#!");
            set_mode(&stage.join(path), if is_script { 0o755 } else { 0o644 })?;
        }
        let size: u64 = crate::extension::files_below(stage)?
            .iter()
            .map(|name| std::fs::metadata(stage.join(name)).map_or(0, |file| file.len()))
            .sum();
        let control = format!(
            "Package: {}\nVersion: {version}\nArchitecture: {}\nMaintainer: Tacit <root@localhost>\n\
             Section: admin\nPriority: optional\nInstalled-Size: {}\nDepends: {}\nDescription: {}\n",
            self.name,
            run::read(Command::new("dpkg").arg("--print-architecture"))?.trim(),
            size.div_ceil(1024),
            needs::packages(program, self.loads)?.join(", "),
            self.summary,
        );
        super::write(&stage.join("DEBIAN/control"), control.as_bytes())?;
        if !self.conffiles.is_empty() {
            let list = self.conffiles.join("\n") + "\n";
            super::write(&stage.join("DEBIAN/conffiles"), list.as_bytes())?;
        }
        Ok(())
    }

    fn pack(&self, stage: &Path, folder: &Path, version: &str) -> Result<()> {
        let file = folder.join(format!("{}_{version}.deb", self.name));
        run::check_quietly(
            Command::new("dpkg-deb")
                .args(["--root-owner-group", "-Zxz", "--build"])
                .args([stage, &file])
                // Times of files would differ from one build to the next.
                .env("SOURCE_DATE_EPOCH", "0"),
        )?;
        std::fs::remove_dir_all(stage).with_context(|| format!("removing {}", stage.display()))
    }
}

/// The machine configuration, and the manifests that browsers read: made by the host's own `install`.
fn host_files(stage: &Path, program: &Path, site: &Site) -> Result<()> {
    let origins: Vec<String> = site.okta.iter().map(|o| format!("{o:?}")).collect();
    let configuration = format!(
        "# Of tacit-host and, where no policy configures it, of the extension. `tacit-host doctor` checks it.\n\
         allowed_extensions = [{:?}]\n\
         keystore = \"auto\"        # TPM, then Secret Service\n\
         allow_software = false   # true: a file is good enough where there is neither\n\n\
         [configuration]\nserver_origin = {:?}\nokta_origins = [{}]\n\
         # enrolment_token = \"\"   # from: tacit token create --purpose enrolment\n",
        site.id,
        site.server,
        origins.join(", "),
    );
    super::write(&stage.join("etc/tacit/host.toml"), configuration.as_bytes())?;
    run::check_quietly(
        Command::new(program)
            .arg("--config")
            .arg(stage.join("etc/tacit/host.toml"))
            .args([
                "install",
                "--level",
                "system",
                "--program",
                "/usr/bin/tacit-host",
            ])
            .arg("--root")
            .arg(stage),
    )
}

fn set_mode(file: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", file.display()))
}
