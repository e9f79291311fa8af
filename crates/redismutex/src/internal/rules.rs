//! The rules, for a driver that reaches the server through a client of its own.
//!
//! Knows: what to send, what an answer means, what to do next. Must not know: the client, threads, waits.
//! Such a driver polls: nothing is pushed to it, and others hold its turn for it until its next poll.

use super::Reply;
use crate::drive::acquire::NotAcquired;
use crate::drive::lease::Lease;
use crate::redis::clock;
use crate::redis::origin::Origin;
use crate::rules::Moment;
use crate::rules::acquire::{Acquisition, Asker, Failure, Granted, Step as Said, Subscription};
use crate::rules::protocol::request::{Arg, Ask};
use crate::rules::protocol::{
    AcquireReply, Fault, FaultKind, Inspection as Inspected, Item, Names, OwnerReply, Request,
    Script,
};
use crate::rules::settings::Settings;
use crate::{Error, Inspection};
use std::sync::Arc;
use std::time::Duration;

use crate::drive::claim::PAST_LEASE;

mod tenure;
pub use crate::drive::lease::Wanted;
pub use tenure::{Lasting, Releasing, Tenure};

/// A script to be run.
pub struct Call {
    /// `acquire`, `extend`, `release` or `inspect`.
    pub name: &'static str,
    /// The script in full.
    pub script: &'static str,
    /// KEYS; the first is the lock.
    pub keys: Vec<Vec<u8>>,
    /// ARGV; the first is the owner token, of `acquire` and `extend` the second is the expiry in ms.
    pub args: Vec<Vec<u8>>,
}

impl Call {
    fn of(request: &Request) -> Self {
        let name = match request.script() {
            Script::Acquire => "acquire",
            Script::Extend => "extend",
            Script::Release => "release",
            Script::Inspect => "inspect",
        };
        Self {
            name,
            script: request.script().source(),
            keys: request.keys().map(<[u8]>::to_vec).collect(),
            args: request.args().map(whole).collect(),
        }
    }
}

fn whole(arg: Arg<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    arg.pieces(|pieces| bytes = pieces.concat());
    bytes
}

/// Why there is no reply.
pub enum Trouble {
    /// The server refused, with these words.
    Refused(String),
    /// Nothing was sent.
    NotSent(String),
    /// It is not known whether the server ran it.
    Silence(String),
}

/// What came of a call.
pub type Answer = Result<Reply, Trouble>;

/// The clock that the rules go by, in nanoseconds.
pub fn now() -> u64 {
    clock::now().0
}

/// How to acquire.
pub struct Wish<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The owner token.
    pub token: &'a str,
    /// Longest time to wait.
    pub block_time: Duration,
    /// How often to ask.
    pub delay: Duration,
    /// How long a grant lasts.
    pub expiry: Duration,
    /// Longest time to hold.
    pub max_hold: Option<Duration>,
    /// Who this is.
    pub label: &'a str,
}

/// What to do next.
pub enum Step {
    /// Run this and report with [`Acquiring::answered`].
    Call(Call),
    /// Wait for as long.
    Wait(Duration),
    /// It is ours.
    Granted(Tenure),
}

/// An acquisition on its way.
pub struct Acquiring {
    acquisition: Acquisition,
    names: Arc<Names>,
    token: Arc<str>,
    expiry: Duration,
    max_hold: Option<Duration>,
    started: Moment,
    /// When the server has surely forgotten what was sent; `None`: nothing was.
    until: Option<Moment>,
    /// An answer is missing or lost.
    doubt: bool,
    queues: bool,
}

impl Acquiring {
    /// Begins. `queues`: scripts can be run, so that there is a queue to wait in.
    pub fn new(wish: &Wish<'_>, queues: bool) -> Result<Self, Error> {
        let settings = Settings {
            block_time: wish.block_time,
            delay: Some(wish.delay),
            expiry: wish.expiry,
            max_hold: wish.max_hold,
            label: wish.label.into(),
            renew: true,
        };
        settings.check(false).map_err(Error::config)?;
        let names = named(wish.key)?;
        let token: Arc<str> = wish.token.into();
        let asker =
            Asker { names: names.clone(), token: token.clone(), label: wish.label.into(), id: 0 };
        let started = clock::now();
        Ok(Self {
            acquisition: Acquisition::new(asker, &settings, started, None),
            names,
            token,
            expiry: wish.expiry,
            max_hold: wish.max_hold,
            started,
            until: None,
            doubt: false,
            queues,
        })
    }

    /// What to do now.
    pub fn step(&mut self) -> Result<Step, Error> {
        loop {
            let now = clock::now();
            match self.acquisition.step(now) {
                Said::Subscribe(_) => {
                    let place =
                        if self.queues { Subscription::Impossible } else { Subscription::NoQueue };
                    self.acquisition.subscribed(now, place);
                }
                Said::Ask(request, _) => {
                    self.until = Some(now + self.expiry + PAST_LEASE);
                    // Until the answer is there.
                    self.doubt = true;
                    return Ok(Step::Call(Call::of(&request)));
                }
                Said::Wait(until) => return Ok(Step::Wait(now.until(until))),
                Said::Granted(granted) => {
                    self.until = None;
                    return Ok(Step::Granted(self.tenure(granted, now)));
                }
                Said::Failed(failure) => return Err(self.failed(failure, now)),
            }
        }
    }

    /// What came of the last call, which was first sent at `sent` by [`now`].
    pub fn answered(&mut self, sent: u64, answer: Answer) {
        let answer = item(answer).and_then(|item| AcquireReply::parse(&item));
        self.doubt = answer.as_ref().is_err_and(Fault::may_have_run);
        self.acquisition.answered(Moment(sent), clock::now(), answer);
    }

    /// There are no scripts after all, hence no queue: says so before the call is made another way.
    pub fn without_queue(&mut self) {
        self.queues = false;
        if self.acquisition.queue_entry().is_some() {
            self.acquisition.subscribed(clock::now(), Subscription::NoQueue);
        }
    }

    /// What undoes everything that was brought about, if anything can have been.
    pub fn undo(&self) -> Option<Undo> {
        let until = self.until?;
        let (token, entry) = (self.token.clone(), self.acquisition.queue_entry());
        let request = Request { names: self.names.clone(), ask: Ask::Release { token, entry } };
        Some(Undo { call: Call::of(&request), again: self.doubt, until: until.0 })
    }

    fn tenure(&self, granted: Granted, now: Moment) -> Tenure {
        let hold_until = self.max_hold.map(|longest| now + longest);
        Tenure {
            lease: Arc::new(Lease::new(
                Origin::here(),
                self.names.clone(),
                granted.deadline,
                self.expiry,
                hold_until,
            )),
            names: self.names.clone(),
            token: self.token.clone(),
            fence: granted.fence,
        }
    }

    fn failed(&self, failure: Failure, now: Moment) -> Error {
        let failure = match failure {
            Failure::Busy => NotAcquired::Busy { waited: self.started.until(now) },
            Failure::Unavailable(fault) => NotAcquired::Unavailable(fault),
            Failure::Hopeless(fault) => NotAcquired::Hopeless(fault),
        };
        Error::of_acquire(&self.names.lock, failure)
    }
}

/// What undoes an acquisition that ended without the lock.
pub struct Undo {
    /// To be run.
    pub call: Call,
    /// Run it until `until`, whatever it answers: an earlier call may still be under way.
    pub again: bool,
    /// By [`now`]: after this the server has forgotten it by itself.
    pub until: u64,
}

/// What looks at the lock of `key`.
pub fn inspect(key: &[u8]) -> Result<Call, Error> {
    Ok(Call::of(&Request { names: named(key)?, ask: Ask::Inspect { most: 100 } }))
}

/// What [`inspect`] saw.
pub fn inspected(key: &[u8], answer: Answer) -> Result<Inspection, Error> {
    let names = named(key)?;
    let reply = item(answer).and_then(|item| Inspected::parse(&item));
    reply.map(Inspection::of).map_err(|fault| Error::of_fault(Some(&names.lock), fault))
}

/// What gives back the lock that stands under `token`.
pub fn release(key: &[u8], token: &str) -> Result<Call, Error> {
    let ask = Ask::Release { token: token.into(), entry: None };
    Ok(Call::of(&Request { names: named(key)?, ask }))
}

/// Whether [`release`] found it there.
pub fn released(key: &[u8], answer: Answer) -> Result<bool, Error> {
    let names = named(key)?;
    let reply = item(answer).and_then(|item| OwnerReply::parse(&item));
    reply
        .map(|reply| reply == OwnerReply::Done)
        .map_err(|fault| Error::of_fault(Some(&names.lock), fault))
}

fn named(key: &[u8]) -> Result<Arc<Names>, Error> {
    Names::of(key).map(Arc::new).map_err(|message| Error::Config { key: None, message })
}

fn item(answer: Answer) -> Result<Item, Fault> {
    match answer {
        Ok(reply) => Ok(reply.into()),
        Err(Trouble::Refused(words)) => {
            let (code, detail) = words.split_once(' ').unwrap_or((&words, ""));
            Err(Fault::of_server(code, detail))
        }
        Err(Trouble::NotSent(why)) => Err(Fault::new(FaultKind::NotSent, why)),
        Err(Trouble::Silence(why)) => Err(Fault::new(FaultKind::Unknown, why)),
    }
}

impl From<Reply> for Item {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Nil => Self::Nil,
            Reply::Int(number) => Self::Int(number),
            Reply::Bytes(bytes) => Self::Bytes(bytes),
            Reply::List(replies) => Self::List(replies.into_iter().map(Self::from).collect()),
        }
    }
}
