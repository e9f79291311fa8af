//! What all clones of one mutex share: the node, the timer, the watchdog. No lock's state.

use super::block_on::block_on;
use super::claim::Due;
use super::timer::{Alarms, Timer};
use super::token::Tokens;
use super::watchdog::Watchdog;
use crate::redis::address::Address;
use crate::redis::clock;
use crate::redis::hub::Hub;
use crate::redis::link::Unclaimed;
use crate::redis::node::{Node, Reader};
use crate::redis::origin::Origin;
use crate::rules::protocol::{Names, Push};
use std::io;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// How long the end of a process is held up for the sake of locks that could not be released yet: a new
/// connection and a release take four round trips.
const FLUSH: Duration = Duration::from_secs(1);
/// How long the last drop waits to learn that its connection is dead: a dead one says so at once, and a
/// server that is merely silent must not hold anybody up.
const LAST_LOOK: Duration = Duration::from_millis(200);

pub(crate) struct Core {
    pub(crate) node: Arc<Node>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) timer: Arc<Timer>,
    pub(crate) alarms: Alarms,
    pub(crate) watchdog: Arc<Watchdog>,
    pub(crate) tokens: Tokens,
    origin: Origin,
}

/// Why this mutex cannot be used here.
pub(crate) enum Unusable {
    /// It was made before a fork, and this is the child.
    Forked,
    /// The system gives no thread.
    NoThread(io::Error),
}

impl Core {
    pub(crate) fn new(address: Address, reader: Reader) -> io::Result<Arc<Self>> {
        let tokens = Tokens::default();
        let hub = Arc::new(Hub::default());
        let timer = Arc::new(Timer::default());
        let channel: Arc<str> = format!("redismutex:{}", tokens.word()?).into();
        let me: Arc<OnceLock<Weak<Self>>> = Arc::default();
        let unclaimed = pass_on(me.clone());
        let led = matches!(reader, Reader::Led);
        let node =
            Node::new(address.clone(), channel.clone(), hub.clone(), unclaimed.clone(), reader);
        let watched = if led {
            node.clone()
        } else {
            // A connection of its own, which an executor that is stuck cannot keep from being read.
            Node::new(address, channel, Arc::default(), unclaimed, Reader::Led)
        };
        let alarms = if led { Alarms::Own } else { Alarms::Timer(timer.clone()) };
        let core = Arc::new(Self {
            watchdog: Watchdog::new(watched, node.clone()),
            node,
            hub,
            timer,
            tokens,
            alarms,
            origin: Origin::here(),
        });
        let _ = me.set(Arc::downgrade(&core));
        let watchdog = Arc::downgrade(&core.watchdog);
        core.hub.on_break(move || {
            if let Some(watchdog) = watchdog.upgrade() {
                watchdog.hurry();
            }
        });
        Ok(core)
    }

    fn is_of_this_process(&self) -> bool {
        self.origin.is_here()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Sees to it that what an acquisition needs is there.
    pub(crate) fn ready(&self, renews: bool) -> Result<(), Unusable> {
        if !self.is_of_this_process() {
            return Err(Unusable::Forked);
        }
        self.timer.start().map_err(Unusable::NoThread)?;
        if renews {
            self.watchdog.start().map_err(Unusable::NoThread)?;
        }
        Ok(())
    }

    /// Gives back at once, without waiting for the answer; what goes wrong is left to the background.
    pub(crate) fn give_back(self: &Arc<Self>, due: Due) {
        if !self.is_of_this_process() {
            return;
        }
        let watchdog = self.watchdog.clone();
        let later = due.clone();
        self.node.give(&due.request(), move |answer| {
            if later.again || answer.is_err_and(|fault| fault.kind.is_worth_another_try()) {
                watchdog.give_back(later);
            }
        });
        self.watchdog.drain();
    }

    /// Leaves it to the background alone.
    pub(crate) fn give_back_later(&self, due: Due) {
        if self.is_of_this_process() {
            self.watchdog.give_back(due);
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // In a forked child there are no threads to stop, and locks may be held by threads that are not there.
        if self.is_of_this_process() {
            // What was given back last may have gone into a connection that is dead: found out now or never.
            if self.node.is_led() && self.node.has_unread() {
                let ping = self.node.command(&[b"PING"]);
                block_on(&self.node, None, Alarms::Own.within(clock::now() + LAST_LOOK, ping));
            }
            self.watchdog.stop(FLUSH);
            self.timer.stop();
            self.node.close();
        }
    }
}

/// A grant came for a waiter that is not there any more: the next one gets it at once.
fn pass_on(core: Arc<OnceLock<Weak<Core>>>) -> Unclaimed {
    Arc::new(move |push: Push| {
        if push.is_hint() {
            return;
        }
        let Some(core) = core.get().and_then(Weak::upgrade) else {
            return;
        };
        if let Ok(names) = Names::of(&push.lock) {
            let until = clock::now() + push.expiry;
            let names = Arc::new(names);
            core.give_back(Due {
                names,
                token: push.token.into(),
                entry: None,
                until,
                again: false,
            });
        }
    })
}
