//! The CRX3 container: a zip file with a signature in front of it, as Chromium's `components/crx_file` reads it.
//!
//! ```text
//! "Cr24" | 3: u32 | header length: u32 | header (protobuf) | zip
//! ```
//! The header holds the public key, an RSA-SHA256 signature over `"CRX3 SignedData\0" | length: u32 | signed data | zip`,
//! and the signed data: the 16-byte extension id, which is the start of SHA-256 over the public key.

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The signing key of an extension.
pub struct Key {
    pair: RsaKeyPair,
    /// DER of the SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

impl Key {
    /// Reads a PKCS#8 PEM file with an RSA key of 2048 bits.
    pub fn load(file: &Path) -> Result<Self> {
        let pem =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        Self::parse(&pem).with_context(|| format!("{} is not a usable key", file.display()))
    }

    fn parse(pem: &str) -> Result<Self> {
        let body: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(body.trim()).context("not base64")?;
        let pair = RsaKeyPair::from_pkcs8(&der)
            .map_err(|why| anyhow::anyhow!("not an RSA key in PKCS#8: {why}"))?;
        let public = public_key_info(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// The extension id that belongs to this key.
    pub fn id(&self) -> String {
        id_of(&self.public)
    }
}

/// The id of the extension whose manifest has this public key: 32 letters from a to p.
pub fn id_of(public: &[u8]) -> String {
    let digits = crate::run::hex(&digest(&SHA256, public).as_ref()[..16]);
    digits
        .chars()
        .map(|digit| char::from(b'a' + digit.to_digit(16).unwrap_or(0) as u8))
        .collect()
}

/// Packs and signs a folder. The same folder gives the same bytes.
pub fn pack(folder: &Path, key: &Key) -> Result<Vec<u8>> {
    let zip = zip(folder)?;
    let hash = digest(&SHA256, &key.public);
    let signed_data = field(1, &hash.as_ref()[..16]);
    let mut signature = vec![0; key.pair.public().modulus_len()];
    key.pair
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &to_sign(&signed_data, &zip)?,
            &mut signature,
        )
        .map_err(|_| anyhow::anyhow!("the RSA signature could not be made"))?;
    let proof = [field(1, &key.public), field(2, &signature)].concat();
    let header = [field(2, &proof), field(10_000, &signed_data)].concat();

    let mut crx = b"Cr24".to_vec();
    crx.extend_from_slice(&3u32.to_le_bytes());
    crx.extend_from_slice(&u32::try_from(header.len())?.to_le_bytes());
    crx.extend_from_slice(&header);
    crx.extend_from_slice(&zip);
    Ok(crx)
}

/// The update manifest that a browser asks for: where version `version` of extension `id` lies.
pub fn update_manifest(id: &str, version: &str, crx_url: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n\
         <gupdate xmlns='http://www.google.com/update2/response' protocol='2.0'>\n  \
         <app appid='{id}'>\n    <updatecheck codebase='{crx_url}' version='{version}' />\n  </app>\n</gupdate>\n"
    )
}

fn to_sign(signed_data: &[u8], zip: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(signed_data.len())?.to_le_bytes();
    Ok([b"CRX3 SignedData\0", &length[..], signed_data, zip].concat())
}

/// A zip of a folder. The same folder gives the same bytes.
pub fn zip(folder: &Path) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in crate::extension::files_below(folder)? {
        writer.start_file(name.to_string_lossy(), options)?;
        writer.write_all(&std::fs::read(folder.join(&name))?)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// One length-delimited protobuf field.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = varint(number << 3 | 2);
    out.extend(varint(content.len() as u64));
    out.extend_from_slice(content);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Wraps an RSAPublicKey (RFC 8017, A.1.1) of 2048 bits into a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
fn public_key_info(rsa: &[u8]) -> Result<Vec<u8>> {
    const RSA_ENCRYPTION: &[u8] = &[
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    if rsa.len() != 270 {
        bail!("not an RSA key of 2048 bits with the exponent 65537");
    }
    let bits = [&[0x03, 0x82, 0x01, 0x0f, 0x00][..], rsa].concat();
    Ok([&[0x30, 0x82, 0x01, 0x22][..], RSA_ENCRYPTION, &bits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    fn test_key() -> Key {
        Key::load(&crate::run::root().join("tests/test-only-keys/extension.pem")).unwrap()
    }

    #[test]
    fn the_key_is_the_one_in_the_manifest_and_gives_the_same_id() {
        let key = test_key();
        let manifest = std::fs::read(crate::run::root().join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let public = STANDARD.decode(manifest["key"].as_str().unwrap()).unwrap();
        assert_eq!(key.public, public);
        assert_eq!(key.id(), id_of(&public));
        assert_eq!(key.id().len(), 32);
    }

    #[test]
    fn the_signature_verifies_and_one_changed_byte_breaks_it() {
        let folder = crate::run::target().join("crx-test");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("manifest.json"), "{}").unwrap();
        let key = test_key();
        let mut crx = pack(&folder, &key).unwrap();
        assert_eq!(crx, pack(&folder, &key).unwrap(), "packing is reproducible");
        assert!(verify(&crx).is_ok());
        let last = crx.len() - 1;
        crx[last] ^= 1;
        assert!(verify(&crx).is_err());
    }

    /// Reads the container back, as a browser does.
    fn verify(crx: &[u8]) -> Result<()> {
        assert_eq!(&crx[..8], b"Cr24\x03\0\0\0");
        let length = u32::from_le_bytes(crx[8..12].try_into()?) as usize;
        let (mut header, zip) = crx[12..].split_at(length);
        let (two, mut proof) = take_field(&mut header);
        let (ten_thousand, signed_data) = take_field(&mut header);
        assert_eq!((two, ten_thousand, header.len()), (2, 10_000, 0));
        let (_, public) = take_field(&mut proof);
        let (_, signature) = take_field(&mut proof);
        assert_eq!(signed_data[2..], digest(&SHA256, public).as_ref()[..16]);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..])
            .verify(&to_sign(signed_data, zip)?, signature)
            .map_err(|_| anyhow::anyhow!("signature does not verify"))
    }

    fn take_field<'a>(from: &mut &'a [u8]) -> (u64, &'a [u8]) {
        let number = take_varint(from) >> 3;
        let length = take_varint(from) as usize;
        let (content, rest) = from.split_at(length);
        *from = rest;
        (number, content)
    }

    fn take_varint(from: &mut &[u8]) -> u64 {
        let mut value = 0;
        for place in 0.. {
            let (&byte, rest) = from.split_first().unwrap();
            *from = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                break;
            }
        }
        value
    }
}
