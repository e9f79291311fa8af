//! Looks at the locks from a thread of its own: a server that hangs must not freeze the keys.

use crate::tools::locks::{Row, locks};
use redismutex::blocking::RedisMutex;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// One look: the locks, or why there was nothing to see.
pub(crate) type Sample = Result<Vec<Row>, String>;

/// The looks, as they come. The thread ends with the first that nobody wants.
pub(super) struct Samples(Receiver<Sample>);

impl Samples {
    pub(super) fn start(
        mutex: RedisMutex,
        pattern: Option<Vec<u8>>,
        delay: Duration,
    ) -> io::Result<Self> {
        // One at most waits to be shown: what is older is of no interest.
        let (sender, receiver) = sync_channel(1);
        let look = move || look(&mutex, pattern.as_deref(), delay, &sender);
        thread::Builder::new().name("top".into()).spawn(look)?;
        Ok(Self(receiver))
    }

    pub(super) fn next(&self) -> Option<Sample> {
        self.0.try_recv().ok()
    }
}

fn look(mutex: &RedisMutex, pattern: Option<&[u8]>, delay: Duration, sender: &SyncSender<Sample>) {
    loop {
        let sample = locks(mutex, pattern).map_err(|error| error.to_string());
        if sender.send(sample).is_err() {
            return;
        }
        thread::sleep(delay);
    }
}
