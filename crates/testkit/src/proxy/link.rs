//! One connection through the proxy: a socket to the client, a socket to the server.
//!
//! Knows how to write to and how to end the two sockets. Which bytes go through them is decided
//! by the pumps.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use super::pending::Pending;
use super::rule::Armed;
use super::shared::{Closed, Direction, Shared};

/// Between two dripped bytes: long enough that the receiver sees them apart.
const DRIP_PAUSE: Duration = Duration::from_micros(100);

pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) client: TcpStream,
    /// Empty until the proxy has reached the server.
    server: OnceLock<TcpStream>,
    pending: Mutex<Pending>,
    closed: AtomicBool,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>, client: TcpStream) -> Self {
        let _ = client.set_nodelay(true);
        let (server, pending) = (OnceLock::new(), Mutex::default());
        Self { shared, client, server, pending, closed: AtomicBool::new(false) }
    }

    pub(super) fn attach(&self, server: TcpStream) -> io::Result<()> {
        server.set_nodelay(true)?;
        let _ = self.server.set(server);
        if self.is_closed() {
            // It was closed too early to reach this socket.
            self.close();
        }
        Ok(())
    }

    /// `None` for a connection that was closed before the server was reached.
    pub(super) fn server(&self) -> Option<&TcpStream> {
        self.server.get()
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Ends the connection for both sides.
    pub(super) fn close(&self) {
        self.end(Shutdown::Both);
    }

    /// Ends the connection for the client with a reset, which goes out when the last thread that
    /// uses the socket lets go of it.
    pub(super) fn reset(&self) {
        reset_on_close(&self.client);
        // Shutting down only this half wakes our reader and sends nothing.
        self.end(Shutdown::Read);
    }

    fn end(&self, how: Shutdown) {
        self.closed.store(true, Ordering::SeqCst);
        // Fails only for a socket that the other side has ended already.
        let _ = self.client.shutdown(how);
        if let Some(server) = self.server() {
            let _ = server.shutdown(Shutdown::Both);
        }
        self.shared.update(|_| ());
    }

    /// Keeps back what comes next until everything held is let go.
    pub(super) fn hold(&self, armed: &Armed) -> Result<(), Closed> {
        let before = self.shared.look(|state| state.holds_ended);
        self.shared.fired(armed);
        self.shared.pause(self, None, |state| state.holds_ended > before)
    }

    /// Keeps back what comes next for a while.
    pub(super) fn delay(&self, armed: &Armed, delay: Duration) -> Result<(), Closed> {
        self.shared.fired(armed);
        self.shared.pause(self, Some(Instant::now() + delay), |_| false)
    }

    /// Waits as long as the proxy's modes want it for bytes that arrived at that time.
    pub(super) fn pass(&self, direction: Direction, arrived: Instant) -> Result<(), Closed> {
        let delay = self.shared.look(|state| state.modes.delay);
        if !delay.is_zero() {
            self.shared.pause(self, Some(arrived + delay), |_| false)?;
        }
        self.shared.pause(self, None, |state| !state.modes.stuck(direction))
    }

    /// Writes, at once or byte by byte.
    pub(super) fn write(&self, mut socket: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        if !self.shared.look(|state| state.modes.drip) {
            return socket.write_all(bytes);
        }
        for byte in bytes.chunks(1) {
            socket.write_all(byte)?;
            thread::sleep(DRIP_PAUSE);
        }
        Ok(())
    }
}

/// Reads what there is; 0 when the other side has ended, in whatever manner.
pub(super) fn read(mut socket: &TcpStream, chunk: &mut [u8]) -> usize {
    loop {
        match socket.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.unwrap_or(0),
        }
    }
}

/// Lets the socket end with a reset instead of an orderly goodbye.
pub(super) fn reset_on_close(socket: &TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    if let Err(error) = setsockopt(socket, sockopt::Linger, &at_once) {
        eprintln!("fault proxy: closes instead of resetting: {error}");
    }
}
