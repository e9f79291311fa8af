//! What the server does: to whom it gives a lock, in which order and with which fence.
//!
//! P8: every fence is greater than all before. P11: nobody who waits and is alive is passed over.

use super::super::network::Call;
use super::super::world::World;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::waiter::Waiter;
use crate::rules::protocol::{Names, Push};
use redismutex_testkit::{Published, Reply};
use std::sync::Arc;

/// How things stood before a request ran.
pub(in super::super) struct Before {
    key: usize,
    holder: Option<Vec<u8>>,
    /// Those who waited, and whether each was alive.
    queue: Vec<(Waiter, bool)>,
}

impl World {
    pub(in super::super) fn before(&mut self, call: &Call) -> Option<Before> {
        let key = match call {
            Call::Ping => return None,
            Call::Take { key, .. } | Call::GiveUp { key, .. } => *key,
            Call::Lock(request) => {
                self.judge.keys.iter().position(|names| names.lock == request.names.lock)?
            }
        };
        let names = self.judge.keys[key].clone();
        let holder = self.holder(&names);
        self.free_if_over(key, holder.is_none());
        let queue = self.queue(&names);
        self.judge.longest_queue = self.judge.longest_queue.max(queue.len() + 1);
        Some(Before { key, holder, queue })
    }

    pub(super) fn holder(&self, names: &Names) -> Option<Vec<u8>> {
        self.server.machine.peek(names.lock.as_bytes()).map(|(holder, _)| holder)
    }

    pub(super) fn queue(&self, names: &Names) -> Vec<(Waiter, bool)> {
        let now_ms = self.server.us(self.now) / 1000;
        let seen = self.server.machine.members(names.seen());
        let is_alive = |entry: &[u8], waiter: &Waiter| match &waiter.channel {
            Some(channel) => self.server.machine.listeners(channel.as_bytes()) > 0,
            None => seen.iter().any(|(other, until)| other == entry && *until > now_ms as f64),
        };
        let read = |(entry, _): (Vec<u8>, f64)| {
            let waiter = Waiter::parse(&entry)?;
            let alive = is_alive(&entry, &waiter);
            Some((waiter, alive))
        };
        self.server.machine.members(names.queue()).into_iter().filter_map(read).collect()
    }

    pub(in super::super) fn after(
        &mut self,
        wire: usize,
        call: &Call,
        before: Option<Before>,
        reply: &Reply,
        published: &[Published],
    ) {
        let Some(before) = before else { return };
        let key = before.key;
        self.note(|world| world.told(wire, call, reply, published));
        self.fences(key, call, reply, published);
        if let (Call::Lock(request), Reply::Int(1)) = (call, reply)
            && let Ask::Release { token, .. } = &request.ask
        {
            self.judge.given_back.insert(token.as_bytes().to_vec());
        }
        self.note_late(call);
        if let (Call::Lock(request), [_, _, rank, _]) = (call, reply.parts())
            && let Ask::Acquire { token, .. } = &request.ask
        {
            self.placed(token, rank.int().unwrap_or(-1));
        }
        let names = self.judge.keys[key].clone();
        let holder = self.holder(&names);
        if before.holder.is_none() && holder.is_some() {
            let first = before.queue.iter().find(|(_, alive)| *alive);
            self.watched_over(key, first.map(|(waiter, _)| &*waiter.token));
        }
        if holder != before.holder {
            if let (Some(holder), Call::Lock(request)) = (&holder, call) {
                self.in_order(&before, holder, &request.ask);
            }
            self.record(key, &names);
        } else if holder.is_some() {
            self.record(key, &names);
        }
        self.look_at_all(key);
    }

    /// A request that comes when its process has stopped to look after it may take a lease or a place in the
    /// queue: nobody can undo what still is under way.
    fn note_late(&mut self, call: &Call) {
        if let Call::Lock(request) = call
            && let Ask::Acquire { token, .. } = &request.ask
            && self.judge.looked_after.get(token).is_some_and(|(_, until)| *until < self.now)
        {
            self.judge.late.insert(token.clone());
        }
    }

    fn fences(&mut self, key: usize, call: &Call, reply: &Reply, published: &[Published]) {
        let pushes = published.iter().filter_map(|it| Push::parse(&it.message));
        let mut fences: Vec<_> = pushes.filter(|it| !it.is_hint()).map(|it| it.fence.0).collect();
        if let Call::Lock(request) = call
            && matches!(request.ask, Ask::Acquire { .. })
        {
            // A busy reply is the server's time, negative.
            fences.extend(reply.int().and_then(|fence| u64::try_from(fence).ok()));
        }
        for fence in fences {
            let last = self.judge.records[key].fence;
            if fence <= last {
                self.accuse("P8 (fences grow)", &format!("{fence} follows {last} on key{key}"));
            }
            self.judge.records[key].fence = fence;
        }
    }

    /// Whoever waited before the new holder was dead, or has just given up.
    fn in_order(&mut self, before: &Before, holder: &[u8], ask: &Ask) {
        let leaving: Option<&Arc<str>> = match ask {
            Ask::Release { token, .. } => Some(token),
            _ => None,
        };
        let ahead = before.queue.iter().take_while(|(waiter, _)| waiter.token.as_bytes() != holder);
        let mut ahead =
            ahead.filter(|(waiter, _)| leaving.is_none_or(|token| **token != *waiter.token));
        if let Some((passed, _)) = ahead.find(|(_, alive)| *alive) {
            let holder = String::from_utf8_lossy(holder);
            let text = format!("{holder} got key{} before {}", before.key, passed.token);
            self.accuse("P11 (first come, first served)", &text);
        }
    }

    fn told(&self, wire: usize, call: &Call, reply: &Reply, published: &[Published]) -> String {
        let process = self.wires[wire].process;
        let asked = match call {
            Call::Lock(request) => {
                let key = &request.names.lock;
                match &request.ask {
                    Ask::Acquire { token, expiry, entry, .. } => {
                        format!("acquire {key} {token} for {expiry:?}, queues {}", entry.is_some())
                    }
                    Ask::Extend { token, expiry, exact } => {
                        format!("extend {key} {token} to {expiry:?}, exact {exact}")
                    }
                    Ask::Release { token, entry } => {
                        format!("release {key} {token}, queued {}", entry.is_some())
                    }
                    Ask::Inspect { .. } => format!("inspect {key}"),
                }
            }
            other => format!("{other:?}"),
        };
        let pushes: String = published
            .iter()
            .map(|it| format!(", publishes {:?}", String::from_utf8_lossy(&it.message)))
            .collect();
        format!("   server, for p{process}: {asked}: {reply:?}{pushes}")
    }
}
