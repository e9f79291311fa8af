//! A process: its clock, its connections, the boxes of those who wait. Re-tells `redis::node`, `redis::link`
//! and `redis::hub` without sockets.
//!
//! Knows what a process has and how it writes; how it reads stands in `delivery`.

use super::background::Background;
use super::network::{Call, Up};
use super::time::{Drifting, Nanos, WORST_RATE};
use super::world::{Event, World};
use crate::drive::claim::Due;
use crate::redis::hub::Hub;
use crate::redis::slot::Slot;
use crate::rules::Moment;
use crate::rules::protocol::{Fault, FaultKind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// As in `redis::node`: after a failed attempt to connect everybody is told of it for so long.
pub(super) const COOL: Duration = Duration::from_millis(100);
/// As in `redis::handshake`: how long opening may take.
const OPENING: Duration = Duration::from_secs(3);

/// What is done with a reply.
pub(super) enum Sink {
    Slot(Arc<Slot>),
    /// Nobody waits, but it is given back again if need be.
    GivenBack(Due),
}

pub(super) struct Expected {
    pub(super) sink: Sink,
    pub(super) since: Moment,
}

pub(super) struct Link {
    pub(super) wire: usize,
    pub(super) expected: VecDeque<Expected>,
    pub(super) is_subscribed: bool,
}

#[derive(Default)]
pub(super) struct Node {
    pub(super) link: Option<Link>,
    pub(super) opening: Option<usize>,
    pub(super) failed_at: Option<Moment>,
    pub(super) waiting: Vec<Waker>,
    pub(super) wants_pushes: bool,
}

/// Whose connection everybody but the watchdog talks over.
pub(super) const MAIN: usize = 0;

pub(super) struct Process {
    pub(super) is_alive: bool,
    pub(super) clock: Drifting,
    pub(super) channel: Arc<str>,
    /// Whether messages can be pushed to it.
    pub(super) hears: bool,
    pub(super) nodes: [Node; 2],
    /// Which of them is the watchdog's.
    pub(super) watchdogs: usize,
    pub(super) hub: Arc<Hub>,
    pub(super) background: Background,
    pub(super) paused_until: Nanos,
    /// For how long it has stood still in all.
    pub(super) paused: Nanos,
    /// Since when it can expect answers again.
    pub(super) able_since: Nanos,
}

impl World {
    /// A process begins; its number.
    pub(super) fn be_born(&mut self) -> usize {
        let dice = &mut self.dice;
        let start = dice.number() % (1 << 50);
        let clock = Drifting { start, ppm: dice.rate(WORST_RATE) };
        let hears = !dice.chance(self.plan.pollers);
        let watchdogs = dice.below(2);
        let number = self.processes.len();
        self.processes.push(Process {
            is_alive: true,
            clock,
            channel: format!("redismutex:{number:016x}").into(),
            hears,
            nodes: Default::default(),
            watchdogs,
            hub: Arc::default(),
            background: Background::default(),
            paused_until: 0,
            paused: 0,
            able_since: self.now,
        });
        self.note(|_| format!("p{number} begins: {clock:?}, hears {hears}"));
        number
    }

    /// What a process's clock shows.
    pub(super) fn clock(&self, process: usize) -> Moment {
        self.processes[process].clock.shows(self.now)
    }

    pub(super) fn open(&mut self, process: usize, node: usize) {
        let wire = self.new_wire(process, node);
        let it = &mut self.processes[process];
        it.nodes[node].opening = Some(wire);
        let channel = it.nodes[node].wants_pushes.then(|| it.channel.as_bytes().to_vec());
        // A connection takes a round trip before it takes anything else.
        let lag = self.latency() * 2;
        self.send_up(wire, Up::Open { channel }, lag);
        self.at(self.now + OPENING.as_nanos() as Nanos, Event::OpeningEnds { wire });
    }

    /// Writes a request; the reply goes to `sink`.
    pub(super) fn put(&mut self, process: usize, node: usize, call: Call, sink: Sink) {
        let (since, lag) = (self.clock(process), self.lag());
        match &mut self.processes[process].nodes[node].link {
            None => {
                let closed = Fault::new(FaultKind::NotSent, "the connection is closed");
                self.take(process, sink, Err(closed));
            }
            Some(link) => {
                link.expected.push_back(Expected { sink, since });
                let wire = link.wire;
                self.send_up(wire, Up::Ask(call), lag);
            }
        }
    }

    pub(super) fn put_subscription(&mut self, process: usize, node: usize, sink: Sink) {
        let since = self.clock(process);
        let channel = self.processes[process].channel.as_bytes().to_vec();
        if let Some(link) = &mut self.processes[process].nodes[node].link {
            link.expected.push_back(Expected { sink, since });
            let wire = link.wire;
            self.send_up(wire, Up::Subscribe(channel), 0);
        }
    }
}
