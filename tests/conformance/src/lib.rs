//! Other people's implementations judge our protocols: `@node-saml/node-saml` and `samlify` in Node, and `xmlsec1`.
//!
//! The tests need `npm ci` in this folder and the program `xmlsec1`; they fail with a sentence that says so when one of
//! them is missing. `cargo xtask test conformance` does both.

pub mod okta;
pub mod scim;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Hands tasks to `judge.mjs` and returns one answer for each.
pub fn judge(tasks: &[Value]) -> Result<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    ensure!(
        folder.join("node_modules/samlify").is_dir()
            && folder.join("node_modules/@node-saml").is_dir(),
        "tests/conformance/node_modules is missing or incomplete: run `npm ci` in tests/conformance first"
    );
    let mut node = Command::new("node")
        .arg(folder.join("judge.mjs"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting node: is Node.js installed?")?;
    let mut stdin = node.stdin.take().context("node has no stdin")?;
    stdin.write_all(&serde_json::to_vec(tasks)?)?;
    drop(stdin);
    let output = node.wait_with_output()?;
    ensure!(
        output.status.success(),
        "judge.mjs ended with {}",
        output.status
    );
    let answers: Vec<Value> =
        serde_json::from_slice(&output.stdout).context("reading the answers of judge.mjs")?;
    ensure!(
        answers.len() == tasks.len(),
        "judge.mjs answered {} of {} tasks",
        answers.len(),
        tasks.len()
    );
    Ok(answers)
}

/// Whether `xmlsec1` accepts the signature of the element `element` in `xml` by the key of the PEM `certificate`.
pub fn xmlsec1_accepts(xml: &str, element: &str, certificate: &str) -> Result<bool> {
    let folder = unique_folder()?;
    let (document, key) = (folder.join("document.xml"), folder.join("certificate.pem"));
    fs::write(&document, xml)?;
    fs::write(&key, certificate)?;
    let output = Command::new("xmlsec1")
        .args([
            "--verify",
            "--enabled-reference-uris",
            "same-doc",
            "--enabled-key-data",
            "rsa",
        ])
        .arg("--pubkey-cert-pem")
        .arg(&key)
        .args(["--id-attr:ID", element])
        .arg(&document)
        .output()
        .context("starting xmlsec1: is it installed?")?;
    fs::remove_dir_all(&folder)?;
    match (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr),
    ) {
        (true, text) if text.contains("OK") => Ok(true),
        (false, _) => Ok(false),
        (true, text) => bail!("xmlsec1 said neither yes nor no: {text}"),
    }
}

/// `template` with the signature of the element `element` filled in by `xmlsec1` with the PEM `key`.
pub fn xmlsec1_signed(template: &str, element: &str, key: &str) -> Result<String> {
    let folder = unique_folder()?;
    let (document, key_file) = (folder.join("template.xml"), folder.join("key.pem"));
    fs::write(&document, template)?;
    fs::write(&key_file, key)?;
    let output = Command::new("xmlsec1")
        .args(["--sign", "--privkey-pem"])
        .arg(&key_file)
        .args(["--id-attr:ID", element])
        .arg(&document)
        .output()
        .context("starting xmlsec1: is it installed?")?;
    fs::remove_dir_all(&folder)?;
    ensure!(
        output.status.success(),
        "xmlsec1 did not sign: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A new folder for temporary files, one for each call.
fn unique_folder() -> Result<PathBuf> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "conformance-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
