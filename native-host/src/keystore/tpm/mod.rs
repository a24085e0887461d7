//! TPM 2.0: the device key is made in the chip and never leaves it.
//!
//! The wrapped key is a file in the data folder; only the chip that made it can load it. Everything that talks to the
//! chip runs on one thread of its own, because a chip may take long and a driver may hang, and a browser's other
//! requests must not wait for that.

mod blobs;
mod chip;

use super::{Keys, Keystore, KeystoreError, Kind, Pending, Signer};
use crate::data::DataFolder;
use crate::sealing::SealingKey;
use blobs::Blobs;
use chip::Chip;
use ring::digest::{SHA256, digest};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use wire::id::DeviceId;

/// In the data folder.
const FILE: &str = "tpm-keys.json";
/// Making keys takes a slow chip seconds.
const OPENING: Duration = Duration::from_secs(20);
/// A signature takes a slow chip some hundred milliseconds.
const SIGNING: Duration = Duration::from_secs(5);
/// For giving the chip's memory back at the end.
const CLOSING: Duration = Duration::from_secs(1);

/// The chip and where its wrapped keys are.
pub struct Tpm {
    tcti: String,
    data: DataFolder,
}

impl Tpm {
    /// Reached through `tcti`.
    pub fn new(tcti: &str, data: DataFolder) -> Self {
        Self {
            tcti: tcti.to_owned(),
            data,
        }
    }

    async fn load_keys(&self) -> Result<Option<Keys>, KeystoreError> {
        let Some(file) = self.data.read(FILE)? else {
            start(self.tcti.clone(), Chip::probe).await?;
            return Ok(None);
        };
        let blobs = Blobs::parse(&file).ok_or(KeystoreError::Unreadable)?;
        let name = self.data.path(FILE).display().to_string();
        let load = move |chip: &mut Chip| chip.load(&blobs, &name);
        let (opened, thread) = start(self.tcti.clone(), load).await?;
        opened.keys(thread).map(Some)
    }

    /// The wrapped key's public part stands beside it: a chip that another process holds is left alone.
    fn device_on_file(&self) -> Result<Option<DeviceId>, KeystoreError> {
        let Some(file) = self.data.read(FILE)? else {
            return Ok(None);
        };
        let blobs = Blobs::parse(&file).ok_or(KeystoreError::Unreadable)?;
        let point = blobs.device_point().ok_or(KeystoreError::Unreadable)?;
        let (_, thumbprint) = super::name(&point).ok_or(KeystoreError::Unreadable)?;
        Ok(Some(DeviceId::of_key(&thumbprint)))
    }

    async fn create_keys(&self) -> Result<Keys, KeystoreError> {
        let create = |chip: &mut Chip| {
            let blobs = chip.create()?;
            let opened = chip.load(&blobs, FILE)?;
            Ok((blobs, opened))
        };
        let ((blobs, opened), thread) = start(self.tcti.clone(), create).await?;
        self.data.write(FILE, &blobs.to_bytes())?;
        opened.keys(thread)
    }
}

impl Keystore for Tpm {
    fn kind(&self) -> Kind {
        Kind::Tpm
    }

    fn load(&self) -> Pending<'_, Option<Keys>> {
        Box::pin(self.load_keys())
    }

    fn device(&self) -> Pending<'_, Option<DeviceId>> {
        Box::pin(std::future::ready(self.device_on_file()))
    }

    fn create(&self) -> Pending<'_, Keys> {
        Box::pin(self.create_keys())
    }
}

/// What opening the chip yields beside the loaded key itself.
struct Opened {
    point: [u8; 65],
    sealing: SealingKey,
}

impl Opened {
    fn keys(self, thread: ChipThread) -> Result<Keys, KeystoreError> {
        Keys::new(&self.point, Box::new(thread), self.sealing)
    }
}

/// One digest to sign.
struct Job {
    digest: [u8; 32],
    reply: oneshot::Sender<Result<[u8; 64], KeystoreError>>,
}

/// The thread that owns the chip. Dropping this ends it, and gives it a moment to free the chip's memory: a chip
/// without a resource manager would keep what a dead process loaded.
struct ChipThread {
    jobs: Option<mpsc::Sender<Job>>,
    ended: mpsc::Receiver<()>,
}

impl Drop for ChipThread {
    fn drop(&mut self) {
        self.jobs = None;
        // Nobody ever sends: this waits for the thread to drop its end.
        let _ = self.ended.recv_timeout(CLOSING);
    }
}

impl Signer for ChipThread {
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]> {
        let hashed = digest(&SHA256, message);
        Box::pin(async move {
            let digest = hashed
                .as_ref()
                .try_into()
                .map_err(|_| KeystoreError::Unreadable)?;
            let (reply, answer) = oneshot::channel();
            let job = Job { digest, reply };
            let jobs = self.jobs.as_ref().ok_or(KeystoreError::TpmTimeout)?;
            jobs.send(job).map_err(|_| KeystoreError::TpmTimeout)?;
            match timeout(SIGNING, answer).await {
                Ok(Ok(signed)) => signed,
                _ => Err(KeystoreError::TpmTimeout),
            }
        })
    }
}

/// Opens the chip on a new thread, does `first` there, and then signs what comes until the [`ChipThread`] is dropped.
async fn start<T: Send + 'static>(
    tcti: String,
    first: impl FnOnce(&mut Chip) -> Result<T, KeystoreError> + Send + 'static,
) -> Result<(T, ChipThread), KeystoreError> {
    let (jobs, queue) = mpsc::channel::<Job>();
    let (alive, ended) = mpsc::channel::<()>();
    let (reply, answer) = oneshot::channel();
    thread::spawn(move || {
        let _alive = alive;
        let mut chip = match Chip::open(&tcti) {
            Ok(chip) => chip,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        if reply.send(first(&mut chip)).is_err() {
            return;
        }
        for job in queue {
            let _ = job.reply.send(chip.sign(&job.digest));
        }
    });
    let thread = ChipThread {
        jobs: Some(jobs),
        ended,
    };
    match timeout(OPENING, answer).await {
        Ok(Ok(done)) => Ok((done?, thread)),
        _ => Err(KeystoreError::TpmTimeout),
    }
}
