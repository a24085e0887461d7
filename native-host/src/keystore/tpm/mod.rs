//! TPM 2.0: the device key is made in the chip and never leaves it.
//!
//! The wrapped key is a file in the data folder; only the chip that made it can load it. Everything that talks to the
//! chip runs on one thread of its own, because a chip may take long and a driver may hang, and a browser's other
//! requests must not wait for that.

mod blobs;
mod chip;

use super::{Keys, Keystore, KeystoreError, Kind, OpenKeys, Pending};
use crate::data::DataFolder;
use crate::sealing::SealingKey;
use blobs::Blobs;
use chip::Chip;
use ring::digest::{SHA256, digest};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::sync::{OnceCell, oneshot};
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
        let load = move |chip: &mut Chip| chip.load(blobs, name);
        let (point, thread) = start(self.tcti.clone(), load).await?;
        Keys::new(&point, Box::new(thread)).map(Some)
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
        let name = self.data.path(FILE).display().to_string();
        let create = move |chip: &mut Chip| {
            let blobs = chip.create()?;
            let file = blobs.to_bytes();
            Ok((chip.load(blobs, name)?, file))
        };
        let ((point, file), thread) = start(self.tcti.clone(), create).await?;
        self.data.write(FILE, &file)?;
        Keys::new(&point, Box::new(thread))
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

    /// The chip holds nothing of ours between two starts.
    fn remove(&self) -> Pending<'_, ()> {
        let removed = self.data.remove(FILE).map_err(KeystoreError::from);
        Box::pin(std::future::ready(removed))
    }
}

/// What the chip's thread can be asked for.
enum Job {
    Sign([u8; 32], Reply<[u8; 64]>),
    OpenSealingKey(Reply<SealingKey>),
}

type Reply<T> = oneshot::Sender<Result<T, KeystoreError>>;

/// The thread that owns the chip. Dropping this ends it, and gives it a moment to free the chip's memory: a chip
/// without a resource manager would keep what a dead process loaded.
struct ChipThread {
    jobs: Option<mpsc::Sender<Job>>,
    ended: mpsc::Receiver<()>,
    sealing: OnceCell<Rc<SealingKey>>,
}

impl ChipThread {
    async fn ask<T>(
        &self,
        job: impl FnOnce(Reply<T>) -> Job,
        patience: Duration,
    ) -> Result<T, KeystoreError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(KeystoreError::TpmTimeout)?;
        jobs.send(job(reply))
            .map_err(|_| KeystoreError::TpmTimeout)?;
        match timeout(patience, answer).await {
            Ok(Ok(done)) => done,
            _ => Err(KeystoreError::TpmTimeout),
        }
    }
}

impl Drop for ChipThread {
    fn drop(&mut self) {
        self.jobs = None;
        // Nobody ever sends: this waits for the thread to drop its end.
        let _ = self.ended.recv_timeout(CLOSING);
    }
}

impl OpenKeys for ChipThread {
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64]> {
        Box::pin(async move {
            let digest = digest(&SHA256, message);
            let digest = digest.as_ref().try_into();
            let digest = digest.map_err(|_| KeystoreError::Unreadable)?;
            self.ask(|reply| Job::Sign(digest, reply), SIGNING).await
        })
    }

    fn sealing_key(&self) -> Pending<'_, Rc<SealingKey>> {
        let open = async { self.ask(Job::OpenSealingKey, OPENING).await.map(Rc::new) };
        Box::pin(async { self.sealing.get_or_try_init(|| open).await.cloned() })
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
            // Nobody waits any more if this fails.
            let _ = match job {
                Job::Sign(digest, reply) => reply.send(chip.sign(&digest)).is_ok(),
                Job::OpenSealingKey(reply) => reply.send(chip.open_sealing_key()).is_ok(),
            };
        }
    });
    let thread = ChipThread {
        jobs: Some(jobs),
        ended,
        sealing: OnceCell::new(),
    };
    match timeout(OPENING, answer).await {
        Ok(Ok(done)) => Ok((done?, thread)),
        _ => Err(KeystoreError::TpmTimeout),
    }
}
