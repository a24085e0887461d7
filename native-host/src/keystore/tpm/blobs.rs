//! The file with the wrapped keys: useless without the chip that wrapped them.

use super::chip::point_of;
use serde::{Deserialize, Serialize};
use tss_esapi::structures::Public;
use tss_esapi::traits::UnMarshall;

/// Version of the file.
const FORMAT: u32 = 1;

/// Public and wrapped private parts, in the TPM's own encoding.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Blobs {
    v: u32,
    /// The device key.
    #[serde(with = "wire::b64")]
    pub(super) device_public: Vec<u8>,
    #[serde(with = "wire::b64")]
    pub(super) device_private: Vec<u8>,
    /// The sealed object that holds the sealing key.
    #[serde(with = "wire::b64")]
    pub(super) sealing_public: Vec<u8>,
    #[serde(with = "wire::b64")]
    pub(super) sealing_private: Vec<u8>,
}

impl Blobs {
    pub(super) fn new(device: (Vec<u8>, Vec<u8>), sealing: (Vec<u8>, Vec<u8>)) -> Self {
        Self {
            v: FORMAT,
            device_public: device.0,
            device_private: device.1,
            sealing_public: sealing.0,
            sealing_private: sealing.1,
        }
    }

    pub(super) fn parse(file: &[u8]) -> Option<Self> {
        let blobs: Self = serde_json::from_slice(file).ok()?;
        (blobs.v == FORMAT).then_some(blobs)
    }

    /// The public device key as an uncompressed point.
    pub(super) fn device_point(&self) -> Option<[u8; 65]> {
        point_of(&Public::unmarshall(&self.device_public).ok()?)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A struct of a number and texts: serde_json cannot fail on it.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
