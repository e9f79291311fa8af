//! What a task can do: read its process's clock, wait, ask. Re-tells the loops of `drive` that need sockets
//! and threads there.
//!
//! Knows how to ask and how long to wait for an answer. Must not know what the answer means.

use super::mistakes::Mistake;
use super::network::Call;
use super::process::{COOL, MAIN, Sink};
use super::tasks::Tasks;
use super::world::{Event, Sim};
use crate::redis::clock;
use crate::redis::hub::Registered;
use crate::redis::node::Answered;
use crate::redis::slot::{Reply, Slot};
use crate::rules::Moment;
use crate::rules::acquire::{PATIENCE, Subscription};
use crate::rules::protocol::{Fault, FaultKind};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A task's handle on its process.
#[derive(Clone)]
pub(super) struct Me {
    pub(super) sim: Sim,
    pub(super) tasks: Tasks,
    pub(super) process: usize,
}

impl Me {
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(&self.sim, self.process, future);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.sim.with(|world| world.processes[self.process].is_alive)
    }

    pub(super) fn makes(&self, mistake: Mistake) -> bool {
        self.sim.with(|world| world.plan.is(mistake))
    }

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        self.sim.with(|world| world.note(|_| format!("p{} {}", self.process, line())));
    }

    fn alarm(&self, until: Moment, cx: &Context<'_>) {
        let (process, waker) = (self.process, cx.waker().clone());
        self.sim.with(|world| {
            let when = world.processes[process].clock.when(until);
            world.at(when, Event::Alarm { process, waker });
        });
    }

    pub(super) async fn sleep_until(&self, until: Moment) {
        let mut set = false;
        poll_fn(|cx| {
            if clock::now() >= until {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut set, true) {
                self.alarm(until, cx);
            }
            Poll::Pending
        })
        .await;
    }

    /// `None` where it takes longer.
    pub(super) async fn within<F: Future>(&self, until: Moment, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut limit = pin!(self.sleep_until(until));
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            limit.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// As `redis::node` does it: the connection, opened where there is none.
    pub(super) async fn link(&self, node: usize) -> Result<(), Fault> {
        let not_sent = |why| Fault::new(FaultKind::NotSent, why);
        poll_fn(|cx| {
            self.sim.with(|world| {
                let it = &mut world.processes[self.process].nodes[node];
                if it.link.is_some() {
                    return Poll::Ready(Ok(()));
                }
                if it.opening.is_none() {
                    if it.failed_at.is_some_and(|when| clock::now() < when + COOL) {
                        return Poll::Ready(Err(not_sent("refused")));
                    }
                    world.open(self.process, node);
                }
                world.processes[self.process].nodes[node].waiting.push(cx.waker().clone());
                Poll::Pending
            })
        })
        .await
    }

    /// As `redis::node` does it.
    pub(super) async fn ask_node(&self, node: usize, call: Call) -> Answered {
        if let Err(fault) = self.link(node).await {
            return Answered { sent: clock::now(), read: clock::now(), answer: Err(fault) };
        }
        let (sent, slot) = (clock::now(), Slot::new());
        self.sim.with(|world| world.put(self.process, node, call, Sink::Slot(slot.clone())));
        let answer = Reply(slot.clone()).await;
        Answered { sent, read: slot.read_at(), answer }
    }

    /// As `drive::acquire` does it: asks, waiting for the answer no longer than until then.
    pub(super) async fn ask(&self, call: Call, until: Moment) -> Answered {
        let started = clock::now();
        if let Some(answered) = self.within(until, self.ask_node(MAIN, call)).await {
            return answered;
        }
        let kind = self.sim.with(|world| {
            world.suspect(self.process, MAIN, PATIENCE);
            let connecting = world.processes[self.process].nodes[MAIN].opening.is_some();
            if connecting { FaultKind::NotSent } else { FaultKind::Unknown }
        });
        let fault = Fault::new(kind, "no answer in time");
        Answered { sent: started, read: clock::now(), answer: Err(fault) }
    }

    /// As `redis::node` does it: sees to it that messages come in.
    pub(super) async fn subscribe(&self) -> Result<Subscription, Fault> {
        self.link(MAIN).await?;
        let (slot, channel, hears, stands) = self.sim.with(|world| {
            let it = &world.processes[self.process];
            let stands = it.nodes[MAIN].link.as_ref().is_some_and(|link| link.is_subscribed);
            (Slot::new(), it.channel.clone(), it.hears, stands)
        });
        if stands {
            return Ok(Subscription::Stands(channel));
        }
        if !hears {
            return Ok(Subscription::Impossible);
        }
        self.sim.with(|world| world.put_subscription(self.process, MAIN, Sink::Slot(slot.clone())));
        Reply(slot).await?;
        self.sim.with(|world| world.processes[self.process].nodes[MAIN].wants_pushes = true);
        Ok(Subscription::Stands(channel))
    }

    /// The channel, where the subscription stands.
    pub(super) fn standing_channel(&self) -> Option<Arc<str>> {
        self.sim.with(|world| {
            let it = &world.processes[self.process];
            let link = it.nodes[MAIN].link.as_ref();
            link.is_some_and(|link| link.is_subscribed).then(|| it.channel.clone())
        })
    }

    /// A number that no other waiter of this process has.
    pub(super) fn number(&self) -> u64 {
        self.sim.with(|world| world.unique())
    }

    /// A waiter's box, gone when dropped.
    pub(super) fn open(&self, id: u64) -> Registered {
        self.sim.with(|world| world.processes[self.process].hub.clone()).open(id)
    }
}
