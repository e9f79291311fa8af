//! Standard output as these commands need it.
//!
//! Knows that a reader may go away. Must not be used by anything that holds a lock: it may end the process.

use crate::exit::{Failure, OTHER};
use std::io::{self, ErrorKind, Write};

/// Standard output; where nobody reads it any more (`redismutex ls | head -1`), all is said and done.
pub(super) struct Output(io::StdoutLock<'static>);

impl Output {
    pub(super) fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_gone(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_gone(self.0.flush())
    }
}

fn unless_gone<T>(written: io::Result<T>) -> io::Result<T> {
    if matches!(&written, Err(error) if error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
    written
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(OTHER, format!("cannot write: {error}"))
    }
}
