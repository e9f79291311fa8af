//! An administrator's connection to a server: ask anything, disturb anything.
//!
//! Knows the socket, RESP and a few questions that tests ask often. It must not know what the
//! tests look for. Waits are bounded, so that a stuck server fails a test instead of hanging it.

mod questions;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::resp::{self, Reply};

/// Longer than any pause that a test makes on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// A blocking connection to one server, RESP2 until `HELLO 3` is sent.
///
/// The methods panic where a test could not go on: when the connection is gone, and the helpers
/// also when the server refuses. [`try_cmd`](Self::try_cmd) does not.
pub struct Admin(Mutex<Connection>);

impl Admin {
    /// Connects to a server's unix socket.
    ///
    /// # Errors
    /// What the system says when nothing listens there.
    pub fn connect_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        Ok(Self::over(Socket::Unix(socket)))
    }

    /// Connects over TCP, to a server or to a proxy before it.
    ///
    /// # Errors
    /// What the system says when nothing listens there.
    pub fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self::over(Socket::Tcp(socket)))
    }

    fn over(socket: Socket) -> Self {
        Self(Mutex::new(Connection { socket, buf: Vec::new(), pushes: VecDeque::new() }))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in another test thread leaves the connection as usable as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one command and waits for its reply; an error of the server is a
    /// [`Reply::Error`]. Pushes that arrive before are kept for [`push`](Self::push).
    pub fn cmd<A: AsRef<[u8]>>(&self, args: &[A]) -> Reply {
        self.try_cmd(args).unwrap_or_else(|error| panic!("no reply to {}: {error}", shown(args)))
    }

    /// Like [`cmd`](Self::cmd), for where the connection is expected to break.
    ///
    /// # Errors
    /// The connection's error; `TimedOut` after 30 s.
    pub fn try_cmd<A: AsRef<[u8]>>(&self, args: &[A]) -> io::Result<Reply> {
        self.try_cmd_within(PATIENCE, args)
    }

    /// Like [`try_cmd`](Self::try_cmd) with a patience of its own.
    ///
    /// # Errors
    /// The connection's error; `TimedOut` after `patience`. The reply may still arrive then, and
    /// would be taken for that of the next command: do not go on with this connection.
    pub fn try_cmd_within<A: AsRef<[u8]>>(
        &self,
        patience: Duration,
        args: &[A],
    ) -> io::Result<Reply> {
        let deadline = Instant::now() + patience;
        let mut connection = self.connection();
        connection.socket.send(&resp::encode(args))?;
        connection.answer(deadline)
    }

    /// Sends one command without waiting; its reply is the next that [`read`](Self::read) gives.
    ///
    /// # Errors
    /// The connection's error.
    pub fn send<A: AsRef<[u8]>>(&self, args: &[A]) -> io::Result<()> {
        self.connection().socket.send(&resp::encode(args))
    }

    /// Waits for the next message, reply or push, whatever it answers.
    ///
    /// # Errors
    /// The connection's error; `TimedOut` after `patience`.
    pub fn read(&self, patience: Duration) -> io::Result<Reply> {
        let deadline = Instant::now() + patience;
        let mut connection = self.connection();
        match connection.pushes.pop_front() {
            Some(push) => Ok(push),
            None => connection.message(deadline),
        }
    }

    /// Waits up to `patience` for a push. Say `HELLO 3` first.
    pub fn push(&self, patience: Duration) -> Option<Reply> {
        self.read(patience).ok().filter(|message| matches!(message, Reply::Push(_)))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// A command as a person reads it.
pub(crate) fn shown<A: AsRef<[u8]>>(args: &[A]) -> String {
    let words: Vec<String> =
        args.iter().map(|arg| arg.as_ref().escape_ascii().to_string()).collect();
    words.join(" ")
}

struct Connection {
    socket: Socket,
    buf: Vec<u8>,
    pushes: VecDeque<Reply>,
}

impl Connection {
    /// The next message that is no push. In RESP3 the answer to a subscription is a push, so that
    /// is taken for an answer too.
    fn answer(&mut self, deadline: Instant) -> io::Result<Reply> {
        loop {
            match self.message(deadline)? {
                push @ Reply::Push(_) if !confirms_subscription(&push) => {
                    self.pushes.push_back(push);
                }
                reply => return Ok(reply),
            }
        }
    }

    fn message(&mut self, deadline: Instant) -> io::Result<Reply> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let parsed = resp::reply(&self.buf)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            if let Some((reply, taken)) = parsed {
                self.buf.drain(..taken);
                return Ok(reply);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.socket.receive(&mut chunk, left)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                taken => self.buf.extend_from_slice(&chunk[..taken]),
            }
        }
    }
}

/// Whether the message says that a subscription began or ended.
pub(crate) fn confirms_subscription(message: &Reply) -> bool {
    let kind = message.parts().first().and_then(Reply::text);
    kind.is_some_and(|kind| kind.ends_with("subscribe"))
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Socket::Unix(socket) => socket.write_all(bytes),
            Socket::Tcp(socket) => socket.write_all(bytes),
        }
    }

    fn receive(&mut self, chunk: &mut [u8], patience: Duration) -> io::Result<usize> {
        if patience.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let read = match self {
            Socket::Unix(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.read(chunk)
            }
            Socket::Tcp(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.read(chunk)
            }
        };
        match read {
            // Unix calls a read timeout "would block"; say what it is.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.receive(chunk, patience)
            }
            other => other,
        }
    }
}
