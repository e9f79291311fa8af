//! A socket, of whatever family, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Runs the same expression on either kind of socket.
macro_rules! on_socket {
    ($socket:expr, $inner:ident => $do:expr) => {
        match $socket {
            Socket::Tcp($inner) => $do,
            #[cfg(unix)]
            Socket::Unix($inner) => $do,
        }
    };
}

impl Socket {
    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        on_socket!(self, socket => socket.set_nonblocking(true))
    }

    pub(super) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        on_socket!(self, socket => socket.set_read_timeout(Some(timeout)))
    }

    pub(super) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        on_socket!(self, socket => socket.set_write_timeout(Some(timeout)))
    }

    pub(super) fn shut_down(&self) {
        // An error means that it is closed already.
        let _ = on_socket!(self, socket => socket.shutdown(Shutdown::Both));
    }
}

#[cfg(unix)]
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        on_socket!(self, socket => socket.as_fd())
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        on_socket!(self, socket => (&*socket).read(buffer))
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        on_socket!(self, socket => (&*socket).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket and the encryption on it. Reading and writing may go on at the same time in two threads.
pub(super) struct Wire {
    pub(super) socket: Socket,
    #[cfg(feature = "tls-rustls")]
    pub(super) tls: Option<super::tls::Session>,
}

impl Wire {
    pub(super) fn plain(socket: Socket) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls-rustls")]
            tls: None,
        }
    }

    /// Reads what is there into `buffer`, decrypted; zero bytes mean that the other side closed.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls-rustls")]
        if let Some(tls) = &self.tls {
            return tls.read(&self.socket, buffer);
        }
        (&self.socket).read(buffer)
    }

    /// Writes as much as goes now, from the front of `pending`; what is left does not go yet.
    pub(super) fn write(&self, pending: &mut Vec<u8>) -> io::Result<()> {
        #[cfg(feature = "tls-rustls")]
        if let Some(tls) = &self.tls {
            return tls.write(&self.socket, pending);
        }
        write_some(&self.socket, pending)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls-rustls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls-rustls"))]
        false
    }

    /// Whether something is waiting to be written that the caller does not see.
    pub(super) fn has_backlog(&self) -> bool {
        #[cfg(feature = "tls-rustls")]
        if let Some(tls) = &self.tls {
            return tls.has_backlog();
        }
        false
    }
}

fn write_some(mut socket: &Socket, pending: &mut Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    let outcome = loop {
        if written == pending.len() {
            break Ok(());
        }
        match socket.write(&pending[written..]) {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    pending.drain(..written);
    outcome
}
