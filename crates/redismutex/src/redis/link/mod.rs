//! One connection: requests go out, replies come back in order, messages come in between.
//!
//! A link has no thread of its own. In *led* mode the threads that wait take turns at reading it
//! (`turn`); in *driven* mode something outside calls [`Link::read_ready`] whenever there is something to
//! read: a runtime's reactor or a thread.

mod reading;

use super::clock;
use super::encode;
use super::hub::Hub;
use super::slot::{Answer, Reply, Slot, lock};
use super::turn::Turn;
#[cfg(feature = "tokio")]
use super::wire::Socket;
use super::wire::Wire;
use crate::rules::Moment;
use crate::rules::protocol::{Fault, FaultKind, Push};
use reading::Incoming;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

/// What is done with a reply when it comes.
pub(crate) enum Sink {
    Nobody,
    /// Somebody waits for it.
    Slot(Arc<Slot>),
    /// Nobody waits, but somebody wants to know.
    Call(Box<dyn FnOnce(Answer) + Send>),
}

impl Sink {
    fn take(self, answer: Answer, read: Moment) {
        match self {
            Self::Nobody => {}
            Self::Slot(slot) => slot.fill(answer, read),
            Self::Call(call) => call(answer),
        }
    }
}

struct Expected {
    sink: Sink,
    /// Answered by a message instead of a reply, unless it is refused.
    subscription: bool,
    since: Moment,
}

#[derive(Default)]
struct Outgoing {
    pending: Vec<u8>,
    /// Whoever can wait until the socket takes more.
    flusher: Option<Waker>,
}

/// Called with a message for which nobody waits any more.
pub(crate) type Unclaimed = Arc<dyn Fn(Push) + Send + Sync>;

pub(crate) struct Link {
    wire: Wire,
    outgoing: Mutex<Outgoing>,
    expected: Mutex<VecDeque<Expected>>,
    incoming: Mutex<Incoming>,
    turn: Turn,
    dead: AtomicBool,
    /// Read by something outside instead of by those who wait.
    driven: AtomicBool,
    hub: Arc<Hub>,
    unclaimed: Unclaimed,
    /// Whether messages on our channel come in.
    pub(super) subscribed: AtomicBool,
    /// Whether they can come in at all.
    pub(super) pushes: AtomicBool,
}

/// So much is written at once even if more is about to come.
const ENOUGH: usize = 16 * 1024;
impl Link {
    pub(super) fn new(wire: Wire, hub: Arc<Hub>, unclaimed: Unclaimed) -> Arc<Self> {
        Arc::new(Self {
            wire,
            outgoing: Mutex::default(),
            expected: Mutex::default(),
            incoming: Mutex::default(),
            turn: Turn::default(),
            dead: AtomicBool::new(false),
            driven: AtomicBool::new(false),
            hub,
            unclaimed,
            subscribed: AtomicBool::new(false),
            pushes: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::Acquire)
    }

    /// The socket, for a reactor to watch.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.wire.socket.as_fd()
    }

    /// Makes something of a second handle on the socket.
    #[cfg(feature = "tokio")]
    pub(crate) fn handle<T>(
        &self,
        tcp: impl FnOnce(std::net::TcpStream) -> io::Result<T>,
        unix: impl FnOnce(std::os::unix::net::UnixStream) -> io::Result<T>,
    ) -> io::Result<T> {
        match &self.wire.socket {
            Socket::Tcp(socket) => tcp(socket.try_clone()?),
            Socket::Unix(socket) => unix(socket.try_clone()?),
        }
    }

    /// Sends as many commands at once as there are sinks.
    pub(crate) fn send_all(&self, bytes: &[u8], sinks: Vec<Sink>) {
        self.put(bytes, sinks, false, true);
    }

    /// Sends one command; the reply is what the future gives. Where others are under way, it may leave
    /// together with the next ones.
    pub(crate) fn ask(&self, bytes: &[u8]) -> Reply {
        self.ask_last(0, bytes)
    }

    /// Sends so many commands and one more, all in one piece; the future gives the last one's reply.
    pub(crate) fn ask_last(&self, others: usize, bytes: &[u8]) -> Reply {
        let slot = Slot::new();
        let others = std::iter::repeat_with(|| Sink::Nobody).take(others);
        self.put(bytes, others.chain([Sink::Slot(slot.clone())]), false, false);
        Reply(slot)
    }

    pub(super) fn subscribe(&self, channel: &str) -> Reply {
        let slot = Slot::new();
        let bytes = encode::pack(&[b"SUBSCRIBE", channel.as_bytes()]);
        self.put(&bytes, [Sink::Slot(slot.clone())], true, true);
        Reply(slot)
    }

    fn put(
        &self,
        bytes: &[u8],
        sinks: impl IntoIterator<Item = Sink>,
        subscription: bool,
        at_once: bool,
    ) {
        let mut outgoing = lock(&self.outgoing);
        let others = {
            // Looked at under the same lock that a failing link empties the line under.
            let mut expected = lock(&self.expected);
            if self.is_dead() {
                drop((expected, outgoing));
                let closed = || Err(Fault::new(FaultKind::NotSent, "the connection is closed"));
                return sinks.into_iter().for_each(|sink| sink.take(closed(), clock::now()));
            }
            let others = !expected.is_empty();
            let since = clock::now();
            expected.extend(sinks.into_iter().map(|sink| Expected { sink, subscription, since }));
            others
        };
        outgoing.pending.extend_from_slice(bytes);
        // A server that gets the first of many while the last are being made loses no time.
        let at_once = at_once || outgoing.pending.len() >= ENOUGH;
        if !at_once
            && others
            && let Some(flusher) = outgoing.flusher.take()
        {
            // Whoever drives it writes what has come together by then in one go.
            drop(outgoing);
            return flusher.wake();
        }
        if !at_once && others && self.is_driven() {
            // Woken already.
            return;
        }
        let written = self.write_out(&mut outgoing);
        drop(outgoing);
        if let Err(error) = written {
            self.fail(&error.to_string());
        }
    }

    fn write_out(&self, outgoing: &mut Outgoing) -> io::Result<()> {
        match self.wire.write(&mut outgoing.pending) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => match outgoing.flusher.take() {
                Some(flusher) => {
                    flusher.wake();
                    Ok(())
                }
                // Driven, and about to be waited for.
                None if self.is_driven() => Ok(()),
                // The write was to block, and did for too long.
                None => Err(io::Error::new(ErrorKind::TimedOut, "the server takes no data")),
            },
            other => other,
        }
    }

    pub(crate) fn is_driven(&self) -> bool {
        self.driven.load(Ordering::Acquire)
    }

    /// From now on something outside reads, with [`Link::read_ready`] and [`Link::flush`].
    pub(super) fn drive(&self) -> io::Result<()> {
        self.wire.socket.set_nonblocking()?;
        self.driven.store(true, Ordering::Release);
        Ok(())
    }

    /// How long the oldest reply has been missing.
    pub(crate) fn silent_since(&self) -> Option<Moment> {
        lock(&self.expected).front().map(|expected| expected.since)
    }

    /// Ends this connection, after what can still be written.
    pub(super) fn close(&self) {
        let _ = self.write_out(&mut lock(&self.outgoing));
        self.fail("it is not used any more");
    }

    /// Ends this connection: whoever waits for a reply learns that it is not known what became of it.
    pub(crate) fn fail(&self, why: &str) {
        let expected = {
            let mut expected = lock(&self.expected);
            if self.dead.swap(true, Ordering::AcqRel) {
                return;
            }
            std::mem::take(&mut *expected)
        };
        self.wire.socket.shut_down();
        for Expected { sink, .. } in expected {
            let broke = Fault::new(FaultKind::Unknown, format!("the connection broke: {why}"));
            sink.take(Err(broke), clock::now());
        }
        self.hub.disconnected();
        self.turn.wake_all();
    }

    /// Writes what could not be written before. Says whether something is left, and remembers whom to
    /// wake when more comes to be.
    pub(crate) fn flush(&self, cx: &mut Context<'_>) -> bool {
        let mut outgoing = lock(&self.outgoing);
        let written = self.wire.write(&mut outgoing.pending);
        outgoing.flusher = Some(cx.waker().clone());
        let left = !outgoing.pending.is_empty() || self.wire.has_backlog();
        drop(outgoing);
        match written {
            Err(error) if !is_passing(&error) => self.fail(&error.to_string()),
            _ => {}
        }
        left && !self.is_dead()
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
