//! Between an event loop and the library's futures: one per loop.
//!
//! Knows: which futures and connections have something to do. Must not know: what they do, or the loop;
//! Python watches the sockets and calls [`Reactor::turn`]. Another thread that wakes something only rings
//! the bell, a socket that the loop watches too: it never needs the interpreter.

use crate::operation::Task;
use pyo3::prelude::*;
use redismutex::internal::Connection;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Rounds in one turn before the loop gets to do something else.
const ROUNDS: usize = 16;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What has something to do.
pub(crate) enum Woken {
    Task(Arc<Task>),
    /// This connection may have something to write.
    Flush(RawFd),
    /// A connection was opened.
    Opened(Connection),
}

/// What the loop's thread and all others share.
pub(crate) struct Shared {
    woken: Mutex<Vec<Woken>>,
    /// In a turn, which looks again before it ends: no need to ring.
    turning: AtomicBool,
    rung: AtomicBool,
    bell: UnixStream,
}

impl Shared {
    /// For the loop's thread, which takes a turn right after.
    pub(crate) fn note(&self, woken: Woken) {
        lock(&self.woken).push(woken);
    }

    pub(crate) fn wake(&self, woken: Woken) {
        self.note(woken);
        if !self.turning.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // A full bell rings already.
            let _ = (&self.bell).write(&[1]);
        }
    }

    fn take(&self) -> Vec<Woken> {
        std::mem::take(&mut *lock(&self.woken))
    }
}

/// Notes that a connection has something to write.
struct Flusher {
    shared: Arc<Shared>,
    fd: RawFd,
}

impl Wake for Flusher {
    fn wake(self: Arc<Self>) {
        self.shared.wake(Woken::Flush(self.fd));
    }
}

struct Watched {
    connection: Connection,
    flusher: Waker,
    writing: bool,
}

impl Watched {
    fn flush(&mut self, fd: RawFd, changes: &mut Changes) {
        let left = self.connection.flush(&self.flusher);
        if left != self.writing {
            self.writing = left;
            changes.write(fd, left);
        }
    }
}

/// What the loop is to watch from now on: sockets to read, no more to read, to write, no more to write.
type Watch = (Vec<RawFd>, Vec<RawFd>, Vec<RawFd>, Vec<RawFd>);

#[derive(Default)]
struct Changes {
    read: Vec<RawFd>,
    gone: Vec<RawFd>,
    write: Vec<RawFd>,
    written: Vec<RawFd>,
}

impl Changes {
    /// What was said of it earlier in the same turn does not count any more.
    fn write(&mut self, fd: RawFd, wanted: bool) {
        let (now, before) = match wanted {
            true => (&mut self.write, &mut self.written),
            false => (&mut self.written, &mut self.write),
        };
        before.retain(|other| *other != fd);
        now.push(fd);
    }

    fn found(self) -> Option<Watch> {
        let Self { read, gone, write, written } = self;
        let any = [&read, &gone, &write, &written].iter().any(|list| !list.is_empty());
        any.then_some((read, gone, write, written))
    }
}

#[pyclass(frozen, weakref, module = "redismutex._core")]
pub(crate) struct Reactor {
    pub(crate) shared: Arc<Shared>,
    heard: UnixStream,
    watched: Mutex<HashMap<RawFd, Watched>>,
    /// Their numbers are free for others only once the loop has stopped to watch them: one turn later.
    dead: Mutex<Vec<Watched>>,
}

#[pymethods]
impl Reactor {
    #[new]
    fn new() -> PyResult<Self> {
        let (bell, heard) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            woken: Mutex::default(),
            turning: AtomicBool::new(false),
            rung: AtomicBool::new(false),
            bell,
        });
        Ok(Self { shared, heard, watched: Mutex::default(), dead: Mutex::default() })
    }

    /// The bell, to be watched.
    fn fileno(&self) -> RawFd {
        self.heard.as_raw_fd()
    }

    /// Reads and writes `fd` if it is given, then does whatever there is to do. Completes the loop's futures
    /// of what is done. Returns what to watch, where that changed. For the loop's thread only.
    #[pyo3(signature = (fd=None))]
    fn turn(&self, py: Python<'_>, fd: Option<RawFd>) -> PyResult<Option<Watch>> {
        lock(&self.dead).clear();
        self.shared.turning.store(true, Ordering::SeqCst);
        let mut changes = Changes::default();
        let mut done = Vec::new();
        if let Some(fd) = fd {
            self.ready(fd, &mut changes);
        }
        for _ in 0..ROUNDS {
            let woken = self.shared.take();
            if woken.is_empty() {
                break;
            }
            for woken in woken {
                self.serve(woken, &mut changes, &mut done);
            }
        }
        self.shared.turning.store(false, Ordering::SeqCst);
        if !lock(&self.shared.woken).is_empty() {
            self.shared.ring();
        }
        done.iter().try_for_each(|task: &Arc<Task>| task.tell(py))?;
        Ok(changes.found())
    }
}

impl Reactor {
    fn ready(&self, fd: RawFd, changes: &mut Changes) {
        if fd == self.heard.as_raw_fd() {
            self.shared.rung.store(false, Ordering::SeqCst);
            let _ = (&self.heard).read(&mut [0; 64]);
            return;
        }
        let mut watched = lock(&self.watched);
        let Some(one) = watched.get_mut(&fd) else {
            return;
        };
        if one.connection.read_ready() {
            one.flush(fd, changes);
        } else {
            changes.gone.push(fd);
            lock(&self.dead).extend(watched.remove(&fd));
        }
    }

    fn serve(&self, woken: Woken, changes: &mut Changes, done: &mut Vec<Arc<Task>>) {
        match woken {
            Woken::Task(task) => {
                if task.run() {
                    done.push(task);
                }
            }
            Woken::Flush(fd) => {
                if let Some(one) = lock(&self.watched).get_mut(&fd) {
                    one.flush(fd, changes);
                }
            }
            Woken::Opened(connection) => {
                let fd = connection.fd().as_raw_fd();
                let flusher = Waker::from(Arc::new(Flusher { shared: self.shared.clone(), fd }));
                let mut one = Watched { connection, flusher, writing: false };
                one.flush(fd, changes);
                changes.read.push(fd);
                lock(&self.watched).insert(fd, one);
            }
        }
    }
}
