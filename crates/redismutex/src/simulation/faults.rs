//! What goes wrong, and when.
//!
//! Knows how to break things and for how long. Must not know what comes of it.

use super::plan::Weather;
use super::process::MAIN;
use super::time::{Nanos, SECOND};
use super::world::{Event, World};
use std::time::Duration;

/// Longer than any connection stays silent before it is given up.
const PATIENCE: Nanos = 4 * SECOND;

impl World {
    pub(super) fn next_fault(&mut self) {
        let peace = self.plan.peace;
        let pause = self.dice.between(peace / 8, peace * 2);
        let when = self.now + pause.as_nanos() as Nanos;
        if self.plan.weather != Weather::Calm && when < self.plan.length {
            self.at(when, Event::Fault);
        }
    }

    fn long(&mut self, shortest_ms: u64, longest_ms: u64) -> Nanos {
        let ms = Duration::from_millis;
        self.dice.between(ms(shortest_ms), ms(longest_ms)).as_nanos() as Nanos
    }

    /// Something goes wrong. The process that has died of it, if one has.
    pub(super) fn fault(&mut self) -> Option<usize> {
        self.next_fault();
        let alive: Vec<_> =
            (0..self.processes.len()).filter(|process| self.processes[*process].is_alive).collect();
        if alive.is_empty() {
            return None;
        }
        let process = alive[self.dice.below(alive.len())];
        let weather = self.plan.weather;
        if weather == Weather::Deadly {
            return Some(self.crash(process));
        }
        match self.dice.below(if weather == Weather::Rough { 10 } else { 11 }) {
            0..=2 => self.cut_one(process),
            3 | 4 => self.stall_one(process),
            5 | 6 => self.pause(process),
            7 => return Some(self.crash(process)),
            8 => self.pause_server(),
            9 => self.restart(),
            _ if weather == Weather::Forgetful => self.lose_everything(),
            _ => self.set_clock_back(),
        }
        None
    }

    /// One of a process's connections, and whose it is.
    fn some_wire(&mut self, process: usize) -> Option<(usize, usize)> {
        let node = self.dice.below(2);
        let link = self.processes[process].nodes[node].link.as_ref();
        link.map(|link| (link.wire, node))
    }

    fn cut_one(&mut self, process: usize) {
        let Some((wire, node)) = self.some_wire(process) else { return };
        self.tally.cuts += 1;
        self.note(|_| format!("** connection {node} of p{process} dies"));
        self.cut(wire);
        if node == MAIN {
            // Until it has another.
            self.processes[process].able_since = Nanos::MAX;
        }
    }

    fn stall_one(&mut self, process: usize) {
        let Some((wire, node)) = self.some_wire(process) else { return };
        self.tally.stalls += 1;
        let until = self.now + self.long(50, 8_000);
        let (up, down) = [(true, false), (false, true), (true, true)][self.dice.below(3)];
        self.note(|_| {
            format!("** connection {node} of p{process} stalls until {until}: up {up}, down {down}")
        });
        self.stall(wire, up, down, until);
        let able = &mut self.processes[process].able_since;
        *able = (*able).max(until + PATIENCE);
    }

    fn pause(&mut self, process: usize) {
        self.tally.pauses += 1;
        let long = self.long(5, 12_000);
        let now = self.now;
        let it = &mut self.processes[process];
        let until = it.paused_until.max(now + long);
        it.paused += until - it.paused_until.max(now);
        it.paused_until = until;
        it.able_since = it.able_since.max(until + PATIENCE);
        self.note(|_| format!("** p{process} stands still until {until}"));
    }

    fn crash(&mut self, process: usize) -> usize {
        self.tally.crashes += 1;
        self.note(|_| format!("** p{process} dies"));
        self.processes[process].is_alive = false;
        // Its machine says goodbye, unless that died too.
        let decently = self.dice.chance(0.8);
        for node in 0..2 {
            let it = &mut self.processes[process].nodes[node];
            let wires = [it.link.take().map(|link| link.wire), it.opening.take()];
            for wire in wires.into_iter().flatten() {
                if decently {
                    self.close_up(wire);
                } else {
                    self.cut(wire);
                }
            }
        }
        self.forget_the_dead(process);
        let pause = self.long(50, 3_000);
        self.at(self.now + pause, Event::Birth);
        process
    }

    fn pause_server(&mut self) {
        self.tally.pauses += 1;
        let until = self.now + self.long(20, 6_000);
        self.note(|_| format!("** the server stands still until {until}"));
        self.server.paused_until = self.server.paused_until.max(until);
        self.server.able_since = self.server.able_since.max(until + PATIENCE);
    }

    /// The server ends and comes back with its data.
    fn restart(&mut self) {
        self.tally.restarts += 1;
        let until = self.now + self.long(50, 5_000);
        self.note(|_| format!("** the server is away until {until}"));
        for wire in 0..self.wires.len() {
            if self.wires[wire].is_served {
                self.end_service(wire);
                self.cut(wire);
            }
        }
        self.server.refuses_until = until;
        self.server.able_since = self.server.able_since.max(until + PATIENCE);
        for process in &mut self.processes {
            if process.nodes[MAIN].link.is_some() {
                process.able_since = Nanos::MAX;
            }
        }
    }

    fn lose_everything(&mut self) {
        self.note(|_| "** the server has lost its data".to_owned());
        self.restart();
        self.server.machine.lose_data();
    }

    fn set_clock_back(&mut self) {
        let back = self.long(10, 5_000) / 1000;
        self.note(|_| format!("** the server's clock is set back by {back} us"));
        self.server.set_back_us += back;
    }
}
