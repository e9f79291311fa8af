//! What all connections of a proxy share: modes, rules, counts, and waiting for a change of them.
//!
//! Knows no sockets and moves no bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::link::Link;
use super::rule::{Armed, Rule, RuleHandle};

const LOG_LIMIT: usize = 100_000;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From clients to the server.
    ToServer,
    /// From the server to clients.
    ToClient,
    /// Either way.
    Both,
}

/// What applies to every connection alike.
#[derive(Default)]
pub(super) struct Modes {
    stuck_to_server: bool,
    stuck_to_client: bool,
    pub(super) refuse: bool,
    pub(super) hang: bool,
    pub(super) drop_pushes: bool,
    pub(super) drip: bool,
    pub(super) delay: Duration,
}

impl Modes {
    pub(super) fn blackhole(&mut self, direction: Direction) {
        self.stuck_to_server |= direction != Direction::ToClient;
        self.stuck_to_client |= direction != Direction::ToServer;
    }

    pub(super) fn heal(&mut self) {
        (self.stuck_to_server, self.stuck_to_client) = (false, false);
        (self.refuse, self.hang) = (false, false);
    }

    pub(super) fn stuck(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToServer => self.stuck_to_server,
            Direction::ToClient => self.stuck_to_client,
            Direction::Both => self.stuck_to_server && self.stuck_to_client,
        }
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) modes: Modes,
    /// How often everything held was let go.
    pub(super) holds_ended: u64,
    pub(super) requests: u64,
    pub(super) connections: u64,
    pub(super) log: VecDeque<Vec<Vec<u8>>>,
    pub(super) ended: bool,
    rules: Vec<Arc<Armed>>,
    links: Vec<Weak<Link>>,
}

/// The connection is closed, so there is nothing left to wait for.
pub(super) struct Closed;

pub(super) struct Shared {
    pub(super) target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(target: SocketAddr) -> Self {
        Self { target, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the state and wakes everybody who waits for a change.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify_all();
        result
    }

    /// Waits until `done`; whether it came to that before the deadline.
    pub(super) fn wait(&self, deadline: Instant, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state();
        loop {
            if done(&state) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.sleep(state, Some(left));
        }
    }

    /// Lets a connection wait until `done` or until the deadline.
    pub(super) fn pause(
        &self,
        link: &Link,
        deadline: Option<Instant>,
        done: impl Fn(&State) -> bool,
    ) -> Result<(), Closed> {
        let mut state = self.state();
        loop {
            if state.ended || link.is_closed() {
                return Err(Closed);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if done(&state) || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            state = self.sleep(state, left);
        }
    }

    fn sleep<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        // Endless waits look up now and then all the same; it costs nothing here.
        let at_most = at_most.unwrap_or(Duration::from_secs(1));
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn add_rule(self: &Arc<Self>, rule: Rule) -> RuleHandle {
        let armed = Arc::new(Armed::new(rule));
        self.state().rules.push(Arc::clone(&armed));
        RuleHandle { armed, shared: Arc::downgrade(self) }
    }

    pub(super) fn clear_rules(&self) {
        self.state().rules.clear();
    }

    /// The rule that decides about a message. Every rule gets to count it, also after one has
    /// struck: that a rule's n-th message met another fault makes it no other message.
    pub(super) fn verdict(&self, strikes: impl Fn(&Armed) -> bool) -> Option<Arc<Armed>> {
        // Tests are the user's code: they run outside the lock.
        let rules = self.look(|state| state.rules.clone());
        let active = rules.into_iter().filter(|rule| !rule.is_removed());
        let striking: Vec<Arc<Armed>> = active.filter(|rule| strikes(rule)).collect();
        striking.into_iter().next()
    }

    pub(super) fn fired(&self, armed: &Armed) {
        self.update(|_| armed.count_fired());
    }

    pub(super) fn log_all(&self, requests: Vec<Vec<Vec<u8>>>) {
        self.update(|state| {
            state.log.extend(requests);
            let surplus = state.log.len().saturating_sub(LOG_LIMIT);
            state.log.drain(..surplus);
        });
    }

    /// Remembers the connection, to close it later; false if the proxy is at its end.
    pub(super) fn register(&self, link: &Arc<Link>) -> bool {
        self.update(|state| {
            state.links.retain(|link| link.strong_count() > 0);
            state.links.push(Arc::downgrade(link));
            !state.ended
        })
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let links: Vec<Weak<Link>> = self.look(|state| state.links.clone());
        links.iter().filter_map(Weak::upgrade).filter(|link| !link.is_closed()).collect()
    }
}
