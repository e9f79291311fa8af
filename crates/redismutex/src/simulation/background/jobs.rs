//! What the background has to do, and when.

use super::super::network::Call;
use super::super::process::{MAIN, Sink};
use super::super::world::World;
use crate::drive::claim::Due;
use crate::drive::watchdog::jobs::{Job, Renewed, State, UNREAD};
use crate::rules::Moment;
use std::task::Waker;
use std::time::Duration;

#[derive(Default)]
pub(in super::super) struct Background {
    /// As the watchdog keeps it.
    pub(super) state: State,
    /// For which moment the alarm is set.
    pub(super) rings_at: Option<Moment>,
    pub(super) waker: Option<Waker>,
    /// Something was not given back before the server had forgotten it by itself.
    pub(in super::super) gave_up: bool,
}

impl Background {
    pub(super) fn insert(&mut self, when: Moment, number: u64, job: Job) {
        self.state.jobs.insert((when, number), job);
        self.ring();
    }

    fn ring(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(in super::super) fn is_idle(&self) -> bool {
        self.state.jobs.is_empty()
    }
}

impl World {
    pub(super) fn background(&mut self, process: usize) -> &mut Background {
        &mut self.processes[process].background
    }

    /// Keeps a lease alive from `due` on; the number is for [`World::forget`].
    pub(in super::super) fn renew(&mut self, process: usize, renewed: Renewed, due: Moment) -> u64 {
        let number = self.unique();
        self.background(process).state.due.insert(number, due);
        self.background(process).insert(due, number, Job::Renew(renewed));
        number
    }

    pub(in super::super) fn forget(&mut self, process: usize, number: u64) {
        self.background(process).state.forget(number);
    }

    /// Gives back at once, without waiting for the answer.
    pub(in super::super) fn give_back(&mut self, process: usize, due: Due) {
        self.note(|_| format!("p{process} gives back {}", due.token));
        if self.processes[process].nodes[MAIN].link.is_some() {
            self.put(process, MAIN, Call::Lock(due.request()), Sink::GivenBack(due));
        } else {
            self.give_back_later(process, due);
        }
        self.drain_in(process, UNREAD);
    }

    pub(in super::super) fn give_back_later(&mut self, process: usize, due: Due) {
        let (now, number) = (self.clock(process), self.unique());
        self.background(process).insert(now, number, Job::GiveBack(due, 0));
    }

    pub(super) fn drain_in(&mut self, process: usize, pause: Duration) {
        let (now, number) = (self.clock(process), self.unique());
        let background = self.background(process);
        if !std::mem::replace(&mut background.state.draining, true) {
            background.insert(now + pause, number, Job::Drain);
        }
    }

    /// The connection broke: everything is due at once.
    pub(in super::super) fn hurry(&mut self, process: usize) {
        let now = self.clock(process);
        let background = self.background(process);
        background.state.hurry(now);
        background.ring();
    }
}
