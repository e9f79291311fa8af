//! A fault proxy: sits between clients and one server, and breaks what a network can break.
//!
//! It reads the wire protocol, so a fault can be aimed at one request, at its reply or at a push,
//! and it keeps to what TCP allows: bytes of one connection may be late, stuck or cut off, but
//! are never lost from the middle, for no client could be blamed for what it then believes. It
//! must not know what the requests are for.

mod down;
mod link;
mod pending;
mod rule;
mod shared;
mod up;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use rule::{Action, Matcher, Rule, RuleHandle, When};
pub use shared::Direction;

use link::Link;
use shared::Shared;

/// A TCP proxy in front of one server, faithful until it is told otherwise.
///
/// Two threads serve each connection. They end, and every connection is closed, on drop.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free loopback port for connections to `target`.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::new(target));
        let accepting = Arc::clone(&shared);
        let listener = thread::spawn(move || accept_all(&listener, &accepting));
        Self { shared, address, listener: Some(listener) }
    }

    /// `redis://127.0.0.1:port/0`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule. The oldest rule whose turn it is decides about a message; rules stay until
    /// they are removed.
    pub fn rule(&self, rule: Rule) -> RuleHandle {
        self.shared.add_rule(rule)
    }

    /// Removes every rule. What is held stays held until [`let_go`](Self::let_go).
    pub fn clear_rules(&self) {
        self.shared.clear_rules();
    }

    /// Lets everything pass that [`Action::HoldRequest`] and [`Action::HoldReply`] hold now.
    pub fn let_go(&self) {
        self.shared.update(|state| state.holds_ended += 1);
    }

    /// Nothing passes any more in the given direction, not even the end of a connection, until
    /// [`heal`](Self::heal); then what was stuck arrives, as TCP would resend it. New connections
    /// are taken and get no answer.
    pub fn blackhole(&self, direction: Direction) {
        self.shared.update(|state| state.modes.blackhole(direction));
    }

    /// New connections are reset at once; the present ones stay.
    pub fn refuse(&self) {
        self.shared.update(|state| state.modes.refuse = true);
    }

    /// New connections are taken but reach no server until [`heal`](Self::heal); the present
    /// ones stay.
    pub fn accept_and_hang(&self) {
        self.shared.update(|state| state.modes.hang = true);
    }

    /// Ends [`blackhole`](Self::blackhole), [`refuse`](Self::refuse) and
    /// [`accept_and_hang`](Self::accept_and_hang).
    pub fn heal(&self) {
        self.shared.update(|state| state.modes.heal());
    }

    /// Closes every connection. What is held or stuck on them is lost.
    pub fn close_all(&self) {
        for link in self.shared.links() {
            link.close();
        }
    }

    /// From now on everything arrives at least this much later than it was sent, in each
    /// direction. Zero ends it.
    pub fn delay_all(&self, delay: Duration) {
        self.shared.update(|state| state.modes.delay = delay);
    }

    /// Whether pushes, and messages of RESP2 subscriptions, are lost.
    pub fn drop_pushes(&self, on: bool) {
        self.shared.update(|state| state.modes.drop_pushes = on);
    }

    /// Whether everything is sent byte by byte.
    pub fn drip(&self, on: bool) {
        self.shared.update(|state| state.modes.drip = on);
    }

    /// How many requests clients have sent, whatever became of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.look(|state| state.requests)
    }

    /// How many of the requests in the [`log`](Self::log) match.
    #[must_use]
    pub fn requests_matching(&self, matcher: &Matcher) -> usize {
        self.log().iter().filter(|args| matcher.is_request(args)).count()
    }

    /// Waits until the [`log`](Self::log) has `count` requests that match; whether it came to
    /// that in time.
    #[must_use]
    pub fn wait_for(&self, matcher: &Matcher, count: usize, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        self.shared.wait(deadline, |state| {
            state.log.iter().filter(|args| matcher.is_request(args)).count() >= count
        })
    }

    /// The requests that went on to the server, in order, the latest 100 000 of them.
    #[must_use]
    pub fn log(&self) -> Vec<Vec<Vec<u8>>> {
        self.shared.look(|state| state.log.iter().cloned().collect())
    }

    /// Empties the log and starts counting requests from zero.
    pub fn clear_log(&self) {
        self.shared.update(|state| {
            state.log.clear();
            state.requests = 0;
        });
    }

    /// How many connections clients have made, refused ones included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.look(|state| state.connections)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.links().len()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {} to {}", self.address, self.shared.target)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.update(|state| state.ended = true);
        self.close_all();
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            // A panic there has been printed, and must not become a second one here.
            let _ = listener.join();
        }
    }
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut serving: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if shared.look(|state| state.ended) {
            break;
        }
        serving.retain(|thread| !thread.is_finished());
        let refuse = shared.update(|state| {
            state.connections += 1;
            state.modes.refuse
        });
        match client {
            Ok(client) if refuse => link::reset_on_close(&client),
            Ok(client) => {
                let shared = Arc::clone(shared);
                serving.push(thread::spawn(move || serve(&shared, client)));
            }
            Err(error) => eprintln!("fault proxy: cannot accept: {error}"),
        }
    }
    for thread in serving {
        let _ = thread.join();
    }
}

/// Serves one connection from its first byte to its end.
fn serve(shared: &Arc<Shared>, client: TcpStream) {
    let link = Arc::new(Link::new(Arc::clone(shared), client));
    if !shared.register(&link) {
        return;
    }
    if let Err(error) = connect(shared, &link) {
        // As the client would be told if it had tried itself.
        link.reset();
        // A server that is down is what tests do all the time; anything else is news.
        if error.kind() != io::ErrorKind::ConnectionRefused {
            eprintln!("fault proxy: cannot reach {}: {error}", shared.target);
        }
        return;
    }
    let for_replies = Arc::clone(&link);
    let replies = thread::spawn(move || down::run(&for_replies));
    up::run(&link);
    // The socket must not be kept open by this thread while the other one ends it with a reset.
    drop(link);
    let _ = replies.join();
}

fn connect(shared: &Shared, link: &Link) -> io::Result<()> {
    let may_connect = |modes: &shared::Modes| !modes.hang && !modes.stuck(Direction::ToServer);
    if shared.pause(link, None, |state| may_connect(&state.modes)).is_err() {
        return Ok(());
    }
    // Bounded, for a stopped server whose backlog is full lets callers wait for minutes.
    link.attach(TcpStream::connect_timeout(&shared.target, Duration::from_secs(5))?)
}
