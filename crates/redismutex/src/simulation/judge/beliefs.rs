//! Who believes that it holds, and whether that is so.
//!
//! P1: no two at once. And more than that: while anybody believes, the server's record names it.

use super::super::mistakes::Mistake;
use super::super::time::Nanos;
use super::super::world::{Event, World};
use crate::drive::lease::Lease;
use crate::rules::release::Outcome;
use std::sync::Arc;

pub(super) struct Belief {
    process: usize,
    key: usize,
    token: Arc<str>,
    lease: Arc<Lease>,
}

impl World {
    /// An acquisition returned: from now on its process believes.
    pub(in super::super) fn believes(
        &mut self,
        process: usize,
        key: usize,
        token: &Arc<str>,
        lease: &Arc<Lease>,
        fence: Option<u64>,
    ) {
        let number = self.unique();
        let (token, lease) = (token.clone(), lease.clone());
        self.note(|_| format!("p{process} holds key{key} as {token}, fence {fence:?}"));
        let belief = Belief { process, key, token, lease };
        self.judge.beliefs.retain(|_, belief| belief.lease.is_held());
        if fence.is_some() && !self.is_valid(&belief) {
            let text = format!("{} was handed out when it was over", belief.token);
            self.accuse("P2 (a lease counts from before its request)", &text);
        }
        if self.judge.remembers && self.is_valid(&belief) {
            let other = self.judge.beliefs.values().find(|it| it.key == key && self.is_valid(it));
            if let Some(other) = other {
                let text = format!(
                    "p{} believes in {} and p{process} in {} on key{key}",
                    other.process, other.token, belief.token
                );
                self.accuse("P1 (one at a time)", &text);
            }
        }
        self.judge.beliefs.insert(number, belief);
        self.look_at(number, "begins to believe in it");
        self.audit_later(number);
    }

    fn is_valid(&self, belief: &Belief) -> bool {
        let Belief { process, lease, .. } = belief;
        let in_time =
            self.clock(*process) < lease.deadline() || self.plan.is(Mistake::IgnoresItsDeadline);
        self.processes[*process].is_alive && lease.is_held() && in_time
    }

    /// Whether the server agrees with a belief.
    fn look_at(&mut self, number: u64, when: &str) {
        let Some(belief) = self.judge.beliefs.get(&number).filter(|it| self.is_valid(it)) else {
            return;
        };
        if !self.judge.remembers {
            return;
        }
        self.server.look(self.now);
        let record = self.server.machine.peek(self.judge.keys[belief.key].lock.as_bytes());
        let holder = record.map(|(holder, _)| holder);
        if holder.as_deref() != Some(belief.token.as_bytes()) {
            let shown = holder.map(|holder| String::from_utf8_lossy(&holder).into_owned());
            let (process, token, key) = (belief.process, belief.token.clone(), belief.key);
            let text = format!(
                "p{process} {when} as {token}, but the server's record of key{key} is {shown:?}"
            );
            self.accuse("P1 (the server lets go first)", &text);
        }
    }

    /// Looks once more at the last moment of a belief.
    fn audit_later(&mut self, number: u64) {
        let Some(belief) = self.judge.beliefs.get(&number) else { return };
        let end = self.processes[belief.process].clock.when(belief.lease.deadline());
        self.at(end.saturating_sub(1), Event::Audit { belief: number });
    }

    pub(in super::super) fn audit(&mut self, number: u64) {
        let Some(belief) = self.judge.beliefs.get(&number) else { return };
        if !belief.lease.is_held() {
            self.judge.beliefs.remove(&number);
            return;
        }
        let last = self.processes[belief.process].clock.when(belief.lease.deadline());
        self.look_at(number, "believes to the last");
        if last > self.now + 1 {
            self.audit_later(number);
        }
    }

    /// The server has done something to a key.
    pub(super) fn look_at_all(&mut self, key: usize) {
        let of_key = self.judge.beliefs.iter().filter(|(_, belief)| belief.key == key);
        for number in of_key.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.look_at(number, "still believes");
        }
    }

    /// P7: a release tells the truth.
    pub(in super::super) fn released(
        &mut self,
        process: usize,
        token: &Arc<str>,
        lease: &Lease,
        outcome: &Outcome,
    ) {
        self.note(|_| format!("p{process} has released {token}: {outcome:?}"));
        let given_back = self.judge.given_back.contains(token.as_bytes());
        let early = self.clock(process) < lease.deadline();
        match outcome {
            _ if !self.judge.remembers => {}
            Outcome::Released if !given_back => {
                let text = format!("{token} is called released, and the server never took it back");
                self.accuse("P7 (a release tells the truth)", &text);
            }
            Outcome::Lost if early && !lease.is_lost() => {
                let text = format!("{token} is called lost within its lease");
                self.accuse("P7 (a release tells the truth)", &text);
            }
            _ => {}
        }
    }

    pub(in super::super) fn forget_the_dead(&mut self, process: usize) {
        let judge = &mut self.judge;
        judge.beliefs.retain(|_, belief| belief.process != process);
        judge.at_work.remove(&process);
        judge.waits.retain(|_, wait| wait.process != process);
    }
}

/// True time as people read it.
pub(super) fn shown(time: Nanos) -> String {
    format!("{:.3} s", time as f64 / 1e9)
}
