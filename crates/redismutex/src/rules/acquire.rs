//! How an acquisition goes: ask, queue, wait, ask again, until it is granted or given up.
//!
//! A driver calls [`Acquisition::step`], does what it says, reports how that went, and calls it again.

use super::lease::{self, ClockReading};
use super::protocol::reply::{self, Busy};
use super::protocol::request::Ask;
use super::protocol::{AcquireReply, Fault, Names, Push, Request, waiter};
use super::tally::{Tally, Verdict, Vote};
use super::{Moment, fence::Fence, settings::Settings};
use std::sync::Arc;
use std::time::Duration;

/// No waiter goes longer than this without asking; half of what the queue is kept for.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Past the holder's expiry by this much, the server has surely noticed it.
const PAST_EXPIRY: Duration = Duration::from_millis(2);
/// How long an answer may take where there is no block time left to wait for it.
const GRACE: Duration = Duration::from_secs(1);
/// How long an answer may take at all: a connection that is silent for longer is taken for dead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// One who has just queued looks at its place once more: by then a queue that does not move is seen to
/// stand still, and of one that moves it has long been its turn.
const LOOK: Duration = Duration::from_millis(400);
/// One who came to be the first without knowing more looks after this, unless it is its turn before.
const SOON: Duration = Duration::from_millis(100);
/// The pause between attempts while no answer is to be had: from, to.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// What the driver is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this; count it as a fault of unknown outcome where no reply has come by then.
    Ask(Request, Moment),
    /// See to it that messages on this process's channel arrive, then report with [`Acquisition::subscribed`];
    /// count it as a fault where it is not known by then.
    Subscribe(Moment),
    /// Wait for a message or for this moment.
    Wait(Moment),
    Granted(Granted),
    Failed(Failure),
}

/// The lock is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) deadline: Moment,
    pub(crate) fence: Option<Fence>,
}

/// Why an acquisition ended without the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Someone else had it all the time.
    Busy,
    /// Too few nodes answered.
    Unavailable(Fault),
    /// Asking again would meet the same answer.
    Hopeless(Fault),
}

/// How the lock may come to us while we wait.
#[derive(Clone, Debug)]
enum Place {
    /// Not asked for yet.
    None,
    /// In the queue, reached by push.
    Pushed(Arc<[u8]>),
    /// In the queue, or where there is none beside it, polling.
    Polls(Option<Arc<[u8]>>),
}

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) names: Arc<Names>,
    pub(crate) token: Arc<str>,
    pub(crate) label: Arc<str>,
    /// Tells the waiters of one process apart.
    pub(crate) id: u64,
}

/// One acquisition, from the first try to its end.
#[derive(Debug)]
pub(crate) struct Acquisition {
    asker: Asker,
    expiry: Duration,
    delay: Duration,
    give_up: Moment,
    place: Place,
    wants_place: bool,
    /// When it was told that it has a place in the queue; asked again, the server tells more.
    queued_at: Option<Moment>,
    ask_at: Moment,
    reading: Option<ClockReading>,
    /// When the last answer was read.
    read: Moment,
    faults: u32,
    tries: u32,
    end: Option<Result<Granted, Failure>>,
    dice: u64,
}

impl Acquisition {
    /// `channel` is this process's, where its subscription already stands.
    pub(crate) fn new(
        asker: Asker,
        settings: &Settings,
        now: Moment,
        channel: Option<Arc<str>>,
    ) -> Self {
        let waits = !settings.block_time.is_zero();
        let dice =
            asker.token.bytes().fold(asker.id | 1, |dice, byte| roll(dice ^ u64::from(byte)));
        let mut this = Self {
            asker,
            expiry: settings.expiry,
            delay: settings.delay(),
            give_up: now + settings.block_time,
            place: Place::None,
            wants_place: false,
            queued_at: None,
            ask_at: now,
            reading: None,
            read: Moment(0),
            faults: 0,
            tries: 0,
            end: None,
            dice,
        };
        if let Some(channel) = channel.filter(|_| waits) {
            this.place = Place::Pushed(this.entry(Some(&channel)));
        }
        this
    }

    pub(crate) fn step(&mut self, now: Moment) -> Step {
        match &self.end {
            Some(Ok(granted)) => Step::Granted(*granted),
            Some(Err(failure)) => Step::Failed(failure.clone()),
            None if now < self.ask_at => Step::Wait(self.ask_at),
            None if self.wants_place => Step::Subscribe(self.patience(now)),
            None => {
                self.tries += 1;
                Step::Ask(self.request(), self.patience(now))
            }
        }
    }

    /// Until when an answer is waited for.
    fn patience(&self, now: Moment) -> Moment {
        self.give_up.max(now + GRACE).min(now + PATIENCE)
    }

    /// How many times it has asked.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The entry in the queue, which has to be taken out where no guard comes of this.
    pub(crate) fn queue_entry(&self) -> Option<Arc<[u8]>> {
        match &self.place {
            Place::Pushed(entry) | Place::Polls(Some(entry)) => Some(entry.clone()),
            Place::None | Place::Polls(None) => None,
        }
    }

    /// The answer that is about to be reported was read at that moment.
    pub(crate) fn read(&mut self, read: Moment) {
        self.read = read;
    }

    /// The answer to a request first sent at `sent`.
    pub(crate) fn answered(
        &mut self,
        sent: Moment,
        now: Moment,
        answer: Result<AcquireReply, Fault>,
    ) {
        if self.end.is_some() {
            return;
        }
        let mut tally = Tally::new(1);
        tally.count(match &answer {
            Ok(AcquireReply::Granted(_)) => Vote::Granted,
            Ok(AcquireReply::Busy(_)) => Vote::Refused,
            Err(_) => Vote::Fault,
        });
        match (tally.verdict(), answer) {
            (Verdict::Granted, Ok(AcquireReply::Granted(fence))) => {
                let deadline = lease::deadline(sent, self.expiry);
                self.granted(sent, now, Granted { deadline, fence });
            }
            (_, Ok(AcquireReply::Busy(busy))) => self.busy(sent, now, busy),
            (_, Err(fault)) => self.fault(sent, now, fault),
            (_, Ok(AcquireReply::Granted(_))) => {}
        }
    }

    /// The process's subscription stands, or cannot be had (then it polls), or there is no queue at all.
    pub(crate) fn subscribed(&mut self, now: Moment, outcome: Subscription) {
        self.wants_place = false;
        self.ask_at = now;
        self.place = match outcome {
            Subscription::Stands(channel) => Place::Pushed(self.entry(Some(&channel))),
            Subscription::Impossible => Place::Polls(Some(self.entry(None))),
            Subscription::NoQueue => Place::Polls(None),
        };
    }

    /// A message for this waiter was read at `received`.
    pub(crate) fn pushed(&mut self, received: Moment, now: Moment, push: &Push) {
        let to_us = push.is_for_all() || push.token == *self.asker.token;
        if self.end.is_some() || !to_us || push.lock != self.asker.names.lock.as_bytes() {
            return;
        }
        if push.is_hint() {
            return self.told_to_watch(now, push.expiry);
        }
        // A message from before the answer is of a grant that was over when that was given, whatever the server's
        // clock says: it may have been set back between the two.
        let deadline = self
            .reading
            .filter(|_| self.read < received)
            .and_then(|it| lease::pushed_deadline(it, push.granted_us, received, push.expiry));
        match deadline {
            Some(deadline) if now < deadline => {
                self.end = Some(Ok(Granted { deadline, fence: Some(push.fence) }));
            }
            // Too late to be sure of it: no more than a hint.
            _ => self.ask_at = now,
        }
    }

    /// It is among the first now, and the holder's lease has so long to go.
    fn told_to_watch(&mut self, now: Moment, left: Duration) {
        let look = if left.is_zero() { SOON } else { left + PAST_EXPIRY };
        self.ask_at = self.ask_at.min(now + look);
    }

    /// The connection is a new one: what was sent on the old one may be lost, messages may not be had any more,
    /// and the server that answers may be another, with a clock of its own.
    pub(crate) fn reconnected(&mut self, now: Moment) {
        self.wants_place |= matches!(self.place, Place::Pushed(_));
        self.reading = None;
        self.ask_at = now.min(self.ask_at);
    }

    fn granted(&mut self, sent: Moment, now: Moment, granted: Granted) {
        if now < granted.deadline {
            self.end = Some(Ok(granted));
        } else {
            // The answer took as long as the lease: it is worth nothing. The same token asks for a fresh one.
            let fault = Fault::new(
                super::protocol::FaultKind::Unknown,
                format!(
                    "the answer came after the lease of {:?} had ended: raise the expiry",
                    self.expiry
                ),
            );
            self.fault(sent, now, fault);
        }
    }

    fn busy(&mut self, sent: Moment, now: Moment, busy: Busy) {
        self.faults = 0;
        self.reading = Some(ClockReading { sent, server_us: busy.server_us });
        if sent >= self.give_up {
            self.end = Some(Err(Failure::Busy));
        } else if matches!(self.place, Place::None) {
            self.wants_place = true;
            self.ask_at = now;
        } else {
            self.ask_at = (now + self.sleep(busy.place)).min(self.give_up);
            self.look_again(sent, now);
        }
    }

    /// Nobody is told of a hand-off to one who has just come: those behind it have just come as well, and see it
    /// when they look. One who looked before that, for a short `delay` or a hint, looks once more.
    fn look_again(&mut self, sent: Moment, now: Moment) {
        let queued_at = *self.queued_at.get_or_insert(now);
        if matches!(self.place, Place::Pushed(_)) && sent < queued_at + LOOK / 4 * 3 {
            self.ask_at = self.ask_at.min(queued_at + LOOK);
        }
    }

    fn fault(&mut self, sent: Moment, now: Moment, fault: Fault) {
        self.faults += 1;
        if !fault.may_pass() {
            self.end = Some(Err(Failure::Hopeless(fault)));
        } else if self.faults == 1 && now < self.give_up.max(sent + GRACE) {
            // A connection that died unnoticed since its last use is found out here: once more, at once.
            self.ask_at = now;
        } else if sent >= self.give_up || now >= self.give_up {
            self.end = Some(Err(Failure::Unavailable(fault)));
        } else {
            let (shortest, longest) = PAUSES;
            let pause = shortest * 2u32.pow(self.faults.min(8));
            self.ask_at = (now + self.jittered(pause.min(longest))).min(self.give_up);
        }
    }

    /// How long to sleep before asking again, unless a message comes first.
    ///
    /// One that polls sleeps for `delay`. Else the first in the queue wakes when the lease of the holder
    /// ends, to take over from one that crashed; those behind it sleep longer, each a little more than the
    /// one before, so that a long queue costs the server next to nothing. Whom hand-offs bring to the front
    /// of a slow queue is told ([`Self::told_to_watch`]); in a fast one all have just come, and look soon.
    /// The release of a holder that is not ours wakes nobody: then the first in the queue polls for all, and
    /// two more seldom, should it die.
    fn sleep(&mut self, place: Option<reply::Place>) -> Duration {
        let polls = matches!(self.place, Place::Polls(_));
        let Some(reply::Place { left, rank, foreign }) = place else {
            return self.jittered(if polls { self.delay } else { LOOK.min(self.delay) });
        };
        let lapse = left.map(|left| left + PAST_EXPIRY);
        if polls || foreign {
            let seldom = if polls { 1 } else { 1 + 2 * rank };
            let delay = self.jittered(self.delay.saturating_mul(seldom)).min(LONGEST_SLEEP);
            return lapse.map_or(delay, |lapse| lapse.min(delay));
        }
        let stagger = Duration::from_millis(
            u64::from(rank.min(4)) * 200 + u64::from(rank.saturating_sub(4)) * 500,
        );
        (lapse.unwrap_or(self.delay) + stagger).min(LONGEST_SLEEP)
    }

    fn request(&self) -> Request {
        let Asker { names, token, label, .. } = &self.asker;
        let window = match self.place {
            Place::Polls(_) => self.delay * 3 + GRACE,
            Place::None | Place::Pushed(_) => Duration::ZERO,
        };
        let ask = Ask::Acquire {
            token: token.clone(),
            expiry: self.expiry,
            label: label.clone(),
            entry: self.queue_entry(),
            window,
            again: self.queued_at.is_some(),
        };
        Request { names: names.clone(), ask }
    }

    fn entry(&self, channel: Option<&str>) -> Arc<[u8]> {
        let Asker { token, label, id, .. } = &self.asker;
        waiter::entry(self.expiry, channel, *id, token, label).into()
    }

    /// Three quarters to all of it, so that those who began together do not stay together.
    fn jittered(&mut self, pause: Duration) -> Duration {
        self.dice = roll(self.dice);
        pause - pause / 4 * u32::from(self.dice as u8) / 256
    }
}

/// What became of the wish for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// It stands on this channel.
    Stands(Arc<str>),
    /// The server or something before it does not allow it.
    Impossible,
    /// The server keeps no queue for us.
    NoQueue,
}

/// Xorshift: spreads pauses, guards nothing.
fn roll(mut dice: u64) -> u64 {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^ (dice << 17)
}

#[cfg(test)]
#[path = "acquire_tests.rs"]
mod tests;
