//! A lock between the processes of this machine, by `flock`: it ends with the process that holds it.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::run::Result;

/// Held until dropped.
pub(crate) struct FileLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl FileLock {
    /// Takes the lock; `busy` is called once if somebody else has it.
    pub(crate) fn wait(path: &Path, busy: impl FnOnce()) -> Result<Self> {
        let cannot = |e: &dyn std::fmt::Display| format!("cannot lock {}: {e}", path.display());
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|e| cannot(&e))?;
        }
        let file = File::create(path).map_err(|e| cannot(&e))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            busy();
            flock(&file, FlockOperation::LockExclusive).map_err(|e| cannot(&e))?;
        }
        Ok(Self(file))
    }
}
