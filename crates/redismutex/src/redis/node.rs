//! One server that votes: its connection, made anew when it broke, and the ways to ask it.

use super::address::Address;
use super::handshake::Opening;
use super::hub::Hub;
use super::link::{Link, Sink, Unclaimed};
use super::scriptless::Dialect;
use super::slot::{Answer, Reply, Slot, lock};
use super::{clock, encode};
use crate::rules::Moment;
use crate::rules::acquire::Subscription;
use crate::rules::protocol::{Fault, FaultKind, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// After a failed attempt to connect, everybody is told of it for this long before the next one is made.
const COOL: Duration = Duration::from_millis(100);

/// Sees to it that [`Link::read_ready`] is called whenever a link has something to read.
pub(crate) type Attach = Box<dyn FnOnce(&Arc<Link>) -> io::Result<()> + Send>;

/// Asked where the connection is wanted, which is where the executor that is to read it can be found.
pub(crate) type Driver = Arc<dyn Fn() -> Attach + Send + Sync>;

/// Who reads the connections of a node.
#[derive(Clone)]
pub(crate) enum Reader {
    /// The threads that wait.
    Led,
    /// Something outside.
    Driven(Driver),
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    connecting: bool,
    waiting: Vec<Waker>,
    failure: Option<(Moment, Fault)>,
    wants_pushes: bool,
    dialect: Dialect,
}

pub(crate) struct Node {
    address: Address,
    channel: Arc<str>,
    hub: Arc<Hub>,
    unclaimed: Unclaimed,
    reader: Reader,
    state: Mutex<State>,
}

/// An attempt to connect. Whatever becomes of it, a panic in what the user gave us included, those who wait are told.
struct Attempt(Arc<Node>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.connected(Err(not_sent("connecting panicked".to_owned())));
        }
    }
}

/// An answer, when its request was sent and when it was read.
pub(crate) struct Answered {
    pub(crate) sent: Moment,
    pub(crate) read: Moment,
    pub(crate) answer: Answer,
}

impl Node {
    pub(crate) fn new(
        address: Address,
        channel: Arc<str>,
        hub: Arc<Hub>,
        unclaimed: Unclaimed,
        reader: Reader,
    ) -> Arc<Self> {
        Arc::new(Self { address, channel, hub, unclaimed, reader, state: Mutex::default() })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether waiting threads have to read this node's connection themselves.
    pub(crate) fn is_led(&self) -> bool {
        matches!(self.reader, Reader::Led)
    }

    /// The connection, where there is a live one.
    pub(crate) fn current(&self) -> Option<Arc<Link>> {
        lock(&self.state).link.clone().filter(|link| !link.is_dead())
    }

    /// Whether whoever asks now waits for a connection.
    pub(crate) fn is_connecting(&self) -> bool {
        lock(&self.state).connecting
    }

    /// The process's channel, where the subscription stands already.
    pub(crate) fn standing_channel(&self) -> Option<Arc<str>> {
        self.current()?.is_subscribed().then(|| self.channel.clone())
    }

    /// The connection; opened where there is none.
    pub(crate) async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        poll_fn(|cx| self.poll_link(cx)).await
    }

    fn poll_link(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>, Fault>> {
        {
            let mut state = lock(&self.state);
            if let Some(link) = state.link.as_ref().filter(|link| !link.is_dead()) {
                return Poll::Ready(Ok(link.clone()));
            }
            if state.connecting {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            if let Some((when, fault)) = &state.failure
                && clock::now() < *when + COOL
            {
                return Poll::Ready(Err(fault.clone()));
            }
            state.connecting = true;
            state.waiting.push(cx.waker().clone());
        }
        let attach = match &self.reader {
            Reader::Led => None,
            Reader::Driven(driver) => Some(driver()),
        };
        // Looking up a name and dialling take as long as they take; whoever waits has other limits.
        let attempt = Attempt(self.clone());
        let spawned = std::thread::Builder::new()
            .name("redismutex-connect".into())
            .spawn(move || attempt.0.connect(attach));
        match spawned {
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(
                self.connected(Err(not_sent(format!("no thread to connect with: {error}")))),
            ),
        }
    }

    fn connect(&self, attach: Option<Attach>) -> Result<Arc<Link>, Fault> {
        let channel = lock(&self.state).wants_pushes.then_some(&*self.channel);
        let opening = Opening {
            address: &self.address,
            channel,
            hub: self.hub.clone(),
            unclaimed: self.unclaimed.clone(),
        };
        let driven = |link: Arc<Link>| {
            if let Some(attach) = attach {
                link.drive().map_err(|error| not_sent(error.to_string()))?;
                attach(&link).map_err(|error| not_sent(format!("nobody to read it: {error}")))?;
            }
            Ok(link)
        };
        self.connected(opening.open().and_then(driven))
    }

    fn connected(&self, outcome: Result<Arc<Link>, Fault>) -> Result<Arc<Link>, Fault> {
        let waiting = {
            let mut state = lock(&self.state);
            state.connecting = false;
            match &outcome {
                Ok(link) => {
                    state.link = Some(link.clone());
                    state.failure = None;
                    state.dialect = Dialect::default();
                }
                Err(fault) => state.failure = Some((clock::now(), fault.clone())),
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
        outcome
    }

    /// Asks once. A script that the server does not have is sent along in full.
    pub(crate) async fn ask(self: &Arc<Self>, request: &Request) -> Answered {
        let link = match self.link().await {
            Ok(link) => link,
            Err(fault) => {
                return Answered { sent: clock::now(), read: clock::now(), answer: Err(fault) };
            }
        };
        let answered = self.ask_over(&link, request).await;
        if answered.answer.as_ref().is_err_and(Fault::is_of_a_replica) {
            // Another server may have its name by now: it is looked up anew for the next request.
            link.fail("its server is a replica");
        }
        answered
    }

    async fn ask_over(&self, link: &Link, request: &Request) -> Answered {
        let dialect = lock(&self.state).dialect;
        let mut sent = clock::now();
        let (mut answer, mut read) = match dialect {
            Dialect::Scripts => {
                let (ahead, bytes) = encode::by_digest(request, link.is_subscribed());
                with_moment(link.ask_last(ahead, &bytes)).await
            }
            native => (native.ask(link, request).await, clock::now()),
        };
        if answer.as_ref().is_err_and(|fault| fault.kind == FaultKind::NoScript) {
            sent = clock::now();
            (answer, read) = with_moment(link.ask(&encode::in_full(request))).await;
        }
        if dialect == Dialect::Scripts
            && let Err(Fault { kind: FaultKind::Denied, .. }) = answer
            && let Some(native) = Dialect::native(link, request).await
        {
            lock(&self.state).dialect = native;
            sent = clock::now();
            (answer, read) = (native.ask(link, request).await, clock::now());
        }
        Answered { sent, read, answer }
    }

    /// Sends what may wait for its answer, on the connection that is there; never opens one.
    ///
    /// The bytes are with the system when this returns, if they can be.
    pub(crate) fn give(&self, request: &Request, then: impl FnOnce(Answer) + Send + 'static) {
        let dialect = lock(&self.state).dialect;
        let Some(link) = self.current() else {
            return then(Err(not_sent("there is no connection".to_owned())));
        };
        let (ahead, bytes) = match dialect {
            Dialect::Scripts => encode::by_digest(request, link.is_subscribed()),
            native => match native.single(request) {
                Some(bytes) => (0, bytes),
                None => return then(Err(not_sent("it takes more than one command".to_owned()))),
            },
        };
        let mut sinks: Vec<_> = (0..ahead).map(|_| Sink::Nobody).collect();
        sinks.push(Sink::Call(Box::new(then)));
        link.send_all(&bytes, sinks);
    }

    /// Asks many things at once, in one write, with the scripts in full or by their digest.
    pub(crate) fn ask_all<'a>(
        link: &Link,
        requests: impl IntoIterator<Item = &'a Request>,
        in_full: bool,
    ) -> Vec<Reply> {
        let (mut bytes, mut replies, mut sinks) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests {
            let (ahead, packed) = match in_full {
                true => (0, encode::in_full(request)),
                false => encode::by_digest(request, link.is_subscribed()),
            };
            bytes.extend(packed);
            sinks.extend((0..ahead).map(|_| Sink::Nobody));
            let slot = Slot::new();
            sinks.push(Sink::Slot(slot.clone()));
            replies.push(Reply(slot));
        }
        link.send_all(&bytes, sinks);
        replies
    }

    /// Whether many things can be asked at once.
    pub(crate) fn has_scripts(&self) -> bool {
        lock(&self.state).dialect == Dialect::Scripts
    }

    /// Sees to it that messages on our channel come in.
    pub(crate) async fn subscribe(self: &Arc<Self>) -> Result<Subscription, Fault> {
        let link = self.link().await?;
        if lock(&self.state).dialect != Dialect::Scripts {
            return Ok(Subscription::NoQueue);
        }
        if link.is_subscribed() {
            return Ok(Subscription::Stands(self.channel.clone()));
        }
        if !link.pushes.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(Subscription::Impossible);
        }
        match link.subscribe(&self.channel).await {
            Ok(_) => {
                lock(&self.state).wants_pushes = true;
                Ok(Subscription::Stands(self.channel.clone()))
            }
            Err(fault) if fault.may_pass() => Err(fault),
            Err(_) => {
                // The server does not let us listen: it is not asked again on this connection.
                link.pushes.store(false, std::sync::atomic::Ordering::Release);
                Ok(Subscription::Impossible)
            }
        }
    }

    /// Whether a reply is missing.
    pub(crate) fn has_unread(&self) -> bool {
        self.current().is_some_and(|link| link.silent_since().is_some())
    }

    /// A reply has been missing for `patience`: a connection that has been silent for as long is given up.
    pub(crate) fn suspect(&self, patience: Duration) {
        if let Some(link) = self.current()
            && link.silent_since().is_some_and(|since| since + patience <= clock::now())
        {
            link.fail(&format!("no answer within {patience:?}"));
        }
    }

    /// A connection that nobody reads at present, and that the other side has ended, is given up.
    pub(crate) fn notice_end(&self) {
        if let Some(link) = self.current().filter(|link| link.silent_since().is_none())
            && has_ended(link.socket())
        {
            link.fail("the server closed it");
        }
    }

    /// Ends the connection, after what can still be written.
    pub(crate) fn close(&self) {
        if let Some(link) = self.current() {
            link.close();
        }
    }

    /// One plain command, for the tools that look after a server.
    pub(crate) async fn command(self: &Arc<Self>, words: &[&[u8]]) -> Answer {
        self.link().await?.ask(&encode::pack(words)).await
    }
}

/// Whether nothing more comes, without reading what is there.
fn has_ended(socket: BorrowedFd<'_>) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let end = PollFlags::RDHUP;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let end = PollFlags::HUP;
    let mut looked = [PollFd::from_borrowed_fd(socket, end)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut looked, Some(&now)).is_ok()
        && looked[0].revents().intersects(end | PollFlags::HUP | PollFlags::ERR)
}

/// The reply, and when it was read.
async fn with_moment(reply: Reply) -> (Answer, Moment) {
    let slot = reply.0.clone();
    (reply.await, slot.read_at())
}

fn not_sent(why: String) -> Fault {
    Fault::new(FaultKind::NotSent, why)
}
