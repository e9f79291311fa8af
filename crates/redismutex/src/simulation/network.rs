//! Connections: two pipes, each in order, late and sometimes broken.
//!
//! Knows letters and delays. Must not know what is in a letter.

use super::plan::Weather;
use super::time::{MILLISECOND, Nanos, SECOND};
use super::world::{Event, World};
use crate::rules::protocol::Request;
use redismutex_testkit::Reply;
use std::time::Duration;

/// From a process to the server.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Open { channel: Option<Vec<u8>> },
    Subscribe(Vec<u8>),
    Ask(Call),
    Closed,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Lock(Request),
    Ping,
    /// SET NX PX, by somebody who knows nothing of queues.
    Take {
        key: usize,
        token: String,
        expiry: Duration,
    },
    /// And how such a one gives it back: compare and delete.
    GiveUp {
        key: usize,
        token: String,
    },
}

/// From the server to a process.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Opened,
    Refused,
    Subscribed,
    Reply(Reply),
    Push(Vec<u8>),
    Closed,
}

/// One direction.
struct Pipe {
    last: Nanos,
    stalled_until: Nanos,
    /// Nothing comes out from then on.
    dead_from: Nanos,
}

impl Pipe {
    const NEW: Self = Self { last: 0, stalled_until: 0, dead_from: Nanos::MAX };

    /// When that comes out which goes in now.
    fn arrival(&mut self, sent: Nanos, delay: Nanos) -> Nanos {
        self.last = self.last.max(sent.max(self.stalled_until) + delay);
        self.last
    }
}

pub(super) struct Wire {
    pub(super) process: usize,
    pub(super) node: usize,
    up: Pipe,
    down: Pipe,
    /// The server has not seen its end.
    pub(super) is_served: bool,
    /// What the server sends there of what is published.
    pub(super) channel: Option<Vec<u8>>,
}

impl World {
    pub(super) fn latency(&mut self) -> Nanos {
        let median = self.plan.latency;
        self.dice.around(median).as_nanos() as Nanos
    }

    pub(super) fn new_wire(&mut self, process: usize, node: usize) -> usize {
        let (up, down) = (Pipe::NEW, Pipe::NEW);
        self.wires.push(Wire { process, node, up, down, is_served: true, channel: None });
        self.wires.len() - 1
    }

    /// Sends to the server; `lag` passes before the bytes leave.
    pub(super) fn send_up(&mut self, wire: usize, up: Up, lag: Nanos) {
        let delay = self.latency() + lag;
        let when = self.wires[wire].up.arrival(self.now, delay);
        self.at(when, Event::ToServer { wire, up, landed: false });
    }

    pub(super) fn send_down(&mut self, wire: usize, down: Down) {
        let delay = self.latency();
        let when = self.wires[wire].down.arrival(self.now, delay);
        self.at(when, Event::ToProcess { wire, down });
    }

    pub(super) fn is_lost_up(&self, wire: usize) -> bool {
        self.wires[wire].up.dead_from <= self.now
    }

    pub(super) fn is_lost_down(&self, wire: usize) -> bool {
        self.wires[wire].down.dead_from <= self.now
    }

    /// The connection dies: what is under way may or may not come out, and either side notices soon, late or
    /// when it next has something to say.
    pub(super) fn cut(&mut self, wire: usize) {
        for up in [true, false] {
            let spared = if self.dice.chance(0.5) { self.latency() } else { 0 };
            let now = self.now;
            let it = &mut self.wires[wire];
            let pipe = if up { &mut it.up } else { &mut it.down };
            pipe.dead_from = pipe.dead_from.min(now + spared);
        }
        let noticed = self.now + self.latency() * 2;
        if self.dice.chance(0.7) {
            self.at(noticed, Event::ToProcess { wire, down: Down::Closed });
        }
        self.server_notices(wire, 0.7);
    }

    /// The server learns of the end of a connection, by chance soon, at last in any case.
    pub(super) fn server_notices(&mut self, wire: usize, soon: f64) {
        let soon = self.dice.chance(soon);
        // Where one death follows the other, the first is noticed before the second.
        let latest = match self.plan.weather {
            Weather::Deadly => self.plan.longest_expiry,
            _ => Duration::from_secs(30),
        };
        let late = self.dice.between(Duration::from_secs(1), latest);
        let when = if soon { self.latency() * 2 } else { late.as_nanos() as Nanos };
        self.at(self.now + when, Event::ToServer { wire, up: Up::Closed, landed: true });
    }

    /// Nothing passes for a time; what was sent comes out afterwards.
    pub(super) fn stall(&mut self, wire: usize, up: bool, down: bool, until: Nanos) {
        let it = &mut self.wires[wire];
        for (pipe, stalls) in [(&mut it.up, up), (&mut it.down, down)] {
            if stalls {
                pipe.stalled_until = pipe.stalled_until.max(until);
            }
        }
    }

    /// A process closes its end.
    pub(super) fn close_up(&mut self, wire: usize) {
        self.send_up(wire, Up::Closed, 0);
        if self.is_lost_up(wire) || self.wires[wire].up.stalled_until > self.now {
            self.server_notices(wire, 0.0);
        }
    }

    /// What passes between reading the clock and writing the bytes: next to nothing, but for a thread that
    /// loses its processor just then.
    pub(super) fn lag(&mut self) -> Nanos {
        let most = if self.plan.sluggish > 0.0 && self.dice.chance(0.005) {
            SECOND
        } else {
            MILLISECOND / 10
        };
        self.dice.number() % most
    }
}
