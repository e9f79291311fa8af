//! What comes to a process: replies to those who asked, messages to those who wait, and the end of a
//! connection to everybody. Re-tells `redis::link` and `redis::hub`.
//!
//! Knows for whom something is. Must not know what it means.

use super::network::Down;
use super::process::{Expected, Link, MAIN, Sink};
use super::time::{Nanos, SECOND};
use super::world::{Event, World};
use crate::drive::claim::Due;
use crate::rules::protocol::{Fault, FaultKind, Item, Names, Push};
use redismutex_testkit::Reply;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

impl World {
    pub(super) fn take(&mut self, process: usize, sink: Sink, answer: Result<Item, Fault>) {
        match sink {
            Sink::Slot(slot) => slot.fill(answer, self.clock(process)),
            Sink::GivenBack(due) => {
                let again = answer.is_err_and(|fault| fault.kind.is_worth_another_try());
                if due.again || again {
                    self.give_back_later(process, due);
                }
            }
        }
    }

    /// Bytes came to a process.
    pub(super) fn at_process(&mut self, wire: usize, down: Down) {
        let (process, node) = (self.wires[wire].process, self.wires[wire].node);
        let it = &self.processes[process];
        if !it.is_alive || (self.is_lost_down(wire) && !matches!(down, Down::Closed)) {
            return;
        }
        if self.now < it.paused_until {
            let until = it.paused_until;
            return self.put_off(until, Event::ToProcess { wire, down });
        }
        if it.nodes[node].opening == Some(wire) {
            return self.opened(wire, matches!(down, Down::Opened));
        }
        if it.nodes[node].link.as_ref().is_none_or(|link| link.wire != wire) {
            return;
        }
        match down {
            Down::Opened | Down::Refused => {}
            Down::Closed => self.fail(process, node),
            Down::Push(message) => self.pushed(process, &message),
            Down::Subscribed => {
                if let Some(link) = &mut self.processes[process].nodes[node].link {
                    link.is_subscribed = true;
                }
                self.reply(process, node, Reply::Nil);
            }
            Down::Reply(reply) => self.reply(process, node, reply),
        }
    }

    fn reply(&mut self, process: usize, node: usize, reply: Reply) {
        let link = self.processes[process].nodes[node].link.as_mut();
        if let Some(Expected { sink, .. }) = link.and_then(|link| link.expected.pop_front()) {
            self.take(process, sink, item(reply));
        }
    }

    fn pushed(&mut self, process: usize, message: &[u8]) {
        let received = self.clock(process);
        let Some(push) = Push::parse(message) else { return };
        let hub = self.processes[process].hub.clone();
        if let Some(unclaimed) = hub.deliver(received, push) {
            self.pass_on(process, unclaimed);
        }
    }

    /// As in `drive::core`: a grant for a waiter that is not there any more goes to the next one.
    fn pass_on(&mut self, process: usize, push: Push) {
        if push.is_hint() {
            return;
        }
        self.note(|_| format!("p{process} passes on what came for {}", push.token));
        let until = self.clock(process) + push.expiry;
        let names = Arc::new(Names::of(&push.lock).expect("it was one when it was asked for"));
        let due = Due { names, token: push.token.into(), entry: None, until, again: false };
        self.give_back(process, due);
    }

    /// Opening ended, one way or the other.
    pub(super) fn opened(&mut self, wire: usize, well: bool) {
        let (process, number) = (self.wires[wire].process, self.wires[wire].node);
        let now = self.clock(process);
        let it = &mut self.processes[process];
        if it.nodes[number].opening != Some(wire) || !it.is_alive {
            return;
        }
        if self.now < it.paused_until {
            let until = it.paused_until;
            return self.put_off(until, Event::OpeningEnds { wire });
        }
        let node = &mut it.nodes[number];
        node.opening = None;
        node.failed_at = (!well).then_some(now);
        if well {
            let is_subscribed = node.wants_pushes;
            node.link = Some(Link { wire, expected: VecDeque::new(), is_subscribed });
            if number == MAIN {
                // Everybody asks within the longest pause between attempts, and a little.
                let before = if it.able_since == Nanos::MAX { 0 } else { it.able_since };
                it.able_since = before.max(self.now + SECOND);
            }
        } else {
            self.close_up(wire);
        }
        for waker in std::mem::take(&mut self.processes[process].nodes[number].waiting) {
            waker.wake();
        }
    }

    /// A connection is given up, by either side.
    pub(super) fn fail(&mut self, process: usize, node: usize) {
        let it = &mut self.processes[process];
        let Some(link) = it.nodes[node].link.take() else { return };
        self.note(|_| format!("p{process} gives up connection {node}"));
        self.close_up(link.wire);
        for Expected { sink, .. } in link.expected {
            self.take(process, sink, Err(Fault::new(FaultKind::Unknown, "the connection broke")));
        }
        if node == MAIN {
            // Until it has another.
            self.processes[process].able_since = Nanos::MAX;
            self.processes[process].hub.disconnected();
            self.hurry(process);
        }
    }

    /// A reply has been missing for `patience`: then the connection is given up.
    pub(super) fn suspect(&mut self, process: usize, node: usize, patience: Duration) {
        let now = self.clock(process);
        let link = self.processes[process].nodes[node].link.as_ref();
        let oldest = link.and_then(|link| link.expected.front());
        if oldest.is_some_and(|oldest| oldest.since + patience <= now) {
            self.fail(process, node);
        }
    }

    pub(super) fn has_unread(&self, process: usize) -> bool {
        let link = self.processes[process].nodes[MAIN].link.as_ref();
        link.is_some_and(|link| !link.expected.is_empty())
    }
}

/// A reply as the rules see it.
pub(super) fn item(reply: Reply) -> Result<Item, Fault> {
    Ok(match reply {
        Reply::Nil => Item::Nil,
        Reply::Int(number) => Item::Int(number),
        Reply::Bulk(bytes) => Item::Bytes(bytes),
        Reply::Simple(text) => Item::Bytes(text.into_bytes()),
        Reply::Error(text) => {
            let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
            return Err(Fault::of_server(code, detail));
        }
        Reply::Array(parts) | Reply::Push(parts) => {
            Item::List(parts.into_iter().map(item).collect::<Result<_, _>>()?)
        }
    })
}
