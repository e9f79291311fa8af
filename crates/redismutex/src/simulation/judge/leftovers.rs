//! What is left when all have gone home.
//!
//! P12: nothing of the living. P13: at last nothing at all.

use super::super::time::{MILLISECOND, Nanos, SECOND};
use super::super::world::World;

/// The queue is kept for two minutes, the last fence for ten after the lease.
const KEPT: Nanos = 12 * 60 * SECOND;

impl World {
    /// All have gone home, and everything that was under way has ended.
    pub(in super::super) fn search(&mut self) {
        let at_work: usize = self.judge.at_work.values().sum();
        if at_work > 0 {
            let text = format!("{at_work} never went home");
            self.accuse("P5 (every wait ends)", &text);
        }
        for (number, process) in self.processes.iter().enumerate() {
            let idle = process.hub.is_empty() && process.background.is_idle();
            if process.is_alive && !idle {
                let text = format!("p{number} has not finished");
                return self.accuse("P12 (nothing is left over)", &text);
            }
        }
        self.now += self.server.set_back_us * 1000;
        self.now += self.plan.longest_expiry.as_nanos() as Nanos * 102 / 100 + 10 * MILLISECOND;
        self.server.look(self.now);
        if self.judge.remembers {
            self.search_the_queues();
        }
        self.now += KEPT + KEPT / 50;
        self.server.look(self.now);
        if let Some(key) = self.server.machine.keys().first() {
            let text = format!("{:?} is still there", String::from_utf8_lossy(key));
            self.accuse("P13 (nothing lives for ever)", &text);
        }
    }

    /// Entries of the dead stay for as long as the queue does; the living take theirs out.
    fn search_the_queues(&mut self) {
        for names in self.judge.keys.clone() {
            if let Some(holder) = self.holder(&names) {
                let holder = String::from_utf8_lossy(&holder).into_owned();
                self.accuse(
                    "P13 (nothing lives for ever)",
                    &format!("{holder} still holds {}", names.lock),
                );
            }
            let queue = self.queue(&names);
            if let Some((waiter, _)) = queue.iter().find(|(waiter, _)| self.is_leak(&waiter.token))
            {
                let text = format!("{} is still in the queue of {}", waiter.token, names.lock);
                self.accuse("P12 (nothing is left over)", &text);
            }
        }
    }

    /// Whether a living process should have taken this one's entry out.
    fn is_leak(&self, token: &str) -> bool {
        let owner =
            self.judge.looked_after.get(token).map(|(process, _)| &self.processes[*process]);
        let tidy = owner.is_some_and(|it| it.is_alive && !it.background.gave_up);
        tidy && !self.judge.late.contains(token)
    }
}
