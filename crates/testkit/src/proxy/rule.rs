//! Which message a fault is aimed at, when it strikes, and what it does.
//!
//! Knows requests as lists of arguments and pushes as bytes; carrying the faults out is the
//! pumps' work.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::shared::Shared;

type Test = dyn Fn(&[Vec<u8>]) -> bool + Send + Sync;

/// Says of a request or a push whether it is meant.
#[derive(Clone)]
pub struct Matcher(Kind);

#[derive(Clone)]
enum Kind {
    Any,
    Request(Arc<Test>),
    Push(Vec<u8>),
    Either(Box<Matcher>, Box<Matcher>),
}

impl Matcher {
    /// Every request. Mind that clients send some of their own when they connect.
    #[must_use]
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// Requests of one command, in whatever case: `EVALSHA`.
    #[must_use]
    pub fn command(name: &str) -> Self {
        let name = name.as_bytes().to_vec();
        Self::test(move |args| args.first().is_some_and(|arg| arg.eq_ignore_ascii_case(&name)))
    }

    /// Requests with an argument that contains these bytes: a script's hash, a piece of its text,
    /// a key.
    #[must_use]
    pub fn containing(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        Self::test(move |args| args.iter().any(|arg| contains(arg, &bytes)))
    }

    /// Requests whose arguments, the command's name being the first, pass the test, which must not
    /// call the proxy.
    #[must_use]
    pub fn test(test: impl Fn(&[Vec<u8>]) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::Request(Arc::new(test)))
    }

    /// Every push, and every message of a RESP2 subscription.
    #[must_use]
    pub fn push() -> Self {
        Self::push_containing("")
    }

    /// Pushes in which these bytes occur.
    #[must_use]
    pub fn push_containing(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Push(bytes.as_ref().to_vec()))
    }

    /// What this one or the other means.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(Kind::Either(Box::new(self), Box::new(other)))
    }

    pub(super) fn is_request(&self, args: &[Vec<u8>]) -> bool {
        match &self.0 {
            Kind::Any => true,
            Kind::Request(test) => test(args),
            Kind::Push(_) => false,
            Kind::Either(one, other) => one.is_request(args) || other.is_request(args),
        }
    }

    fn is_push(&self, frame: &[u8]) -> bool {
        match &self.0 {
            Kind::Push(bytes) => contains(frame, bytes),
            Kind::Either(one, other) => one.is_push(frame) || other.is_push(frame),
            Kind::Any | Kind::Request(_) => false,
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").finish_non_exhaustive()
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || hay.windows(needle.len()).any(|window| window == needle)
}

/// What happens to a request, to its reply, or to a push.
///
/// A push has no request: for one, *drop* loses that push alone, *delay* and *hold* keep it and
/// what follows it back, *duplicate* sends it twice, *close* and *reset* strike instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The request is lost, and so is all that the client sends after it on this connection. The
    /// other direction goes on.
    DropRequest,
    /// The request is carried out, but its reply is lost, and so is all that the server sends
    /// after it on this connection. The other direction goes on.
    DropReply,
    /// The request, and what follows it, arrives this much later.
    DelayRequest(Duration),
    /// The reply, and what follows it, arrives this much later.
    DelayReply(Duration),
    /// The request, and what follows it, arrives after [`Proxy::let_go`](super::Proxy::let_go),
    /// even if the client is gone by then.
    HoldRequest,
    /// The request is carried out; the reply, and what follows it, arrives after
    /// [`Proxy::let_go`](super::Proxy::let_go).
    HoldReply,
    /// The connection is closed and the server never sees the request.
    CloseBefore,
    /// The request is carried out; when the reply comes the connection is closed instead.
    CloseAfterForward,
    /// Like [`CloseAfterForward`](Self::CloseAfterForward), but with a reset.
    ResetAfterForward,
    /// The server gets the request twice, the client gets the first reply.
    DuplicateRequest,
    /// The client gets this many bytes of the reply, then the connection is closed.
    TruncateReply(usize),
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Every,
    Nth(usize),
    First(usize),
}

/// A fault and what it is aimed at: `Rule::when(matcher).nth(2).then(action)`.
#[derive(Clone, Debug)]
pub struct Rule {
    matcher: Matcher,
    turn: Turn,
    action: Action,
}

impl Rule {
    /// Begins a rule for every message that matches.
    pub fn when(matcher: Matcher) -> When {
        When { matcher, turn: Turn::Every }
    }
}

/// A [`Rule`] that lacks its action.
#[derive(Clone, Debug)]
#[must_use = "say what happens: .then(action)"]
pub struct When {
    matcher: Matcher,
    turn: Turn,
}

impl When {
    /// Only the `n`-th message that matches, counted from 1 since the rule was added.
    pub fn nth(mut self, n: usize) -> Self {
        self.turn = Turn::Nth(n);
        self
    }

    /// Only the first `n` messages that match.
    pub fn first(mut self, n: usize) -> Self {
        self.turn = Turn::First(n);
        self
    }

    /// What happens to it.
    #[must_use]
    pub fn then(self, action: Action) -> Rule {
        Rule { matcher: self.matcher, turn: self.turn, action }
    }
}

/// A rule at work, with its counts.
pub(super) struct Armed {
    rule: Rule,
    matched: AtomicUsize,
    fired: AtomicUsize,
    removed: AtomicBool,
}

impl Armed {
    pub(super) fn new(rule: Rule) -> Self {
        let (matched, fired) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { rule, matched, fired, removed: AtomicBool::new(false) }
    }

    pub(super) fn action(&self) -> Action {
        self.rule.action
    }

    /// Counts the request if it is meant; whether the rule's turn has come.
    pub(super) fn strikes_request(&self, args: &[Vec<u8>]) -> bool {
        self.rule.matcher.is_request(args) && self.turn()
    }

    /// Counts the push if it is meant; whether the rule's turn has come.
    pub(super) fn strikes_push(&self, frame: &[u8]) -> bool {
        self.rule.matcher.is_push(frame) && self.turn()
    }

    fn turn(&self) -> bool {
        let count = self.matched.fetch_add(1, Ordering::SeqCst) + 1;
        match self.rule.turn {
            Turn::Every => true,
            Turn::Nth(n) => count == n,
            Turn::First(n) => count <= n,
        }
    }

    pub(super) fn count_fired(&self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::SeqCst)
    }
}

/// Watches, and ends, one rule of a proxy. Dropping it does not remove the rule.
#[derive(Clone)]
pub struct RuleHandle {
    pub(super) armed: Arc<Armed>,
    /// Weak, so that a forgotten handle keeps no proxy state.
    pub(super) shared: Weak<Shared>,
}

impl RuleHandle {
    /// How many messages have matched.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.armed.matched.load(Ordering::SeqCst)
    }

    /// How often the action has taken effect. A reply's delay or hold has when the reply is
    /// there and is being kept back.
    #[must_use]
    pub fn fired(&self) -> usize {
        self.armed.fired.load(Ordering::SeqCst)
    }

    /// Waits until the action has taken effect at least once; whether it came to that in time.
    #[must_use]
    pub fn wait_fired(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let Some(shared) = self.shared.upgrade() else {
            return self.fired() > 0;
        };
        shared.wait(deadline, |_| self.fired() > 0)
    }

    /// Ends the rule. A message that it already holds stays held.
    pub fn remove(&self) {
        self.armed.removed.store(true, Ordering::SeqCst);
    }
}

impl fmt::Debug for RuleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleHandle").field("rule", &self.armed.rule).finish_non_exhaustive()
    }
}
