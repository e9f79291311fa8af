//! Tasks: an executor that takes its turns when the world says so.
//!
//! Knows futures and whose they are. Must not know what they do.

use super::time::{Nanos, at};
use super::world::{Event, Sim};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    process: usize,
    future: Option<Boxed>,
    waker: Waker,
    is_scheduled: bool,
}

/// Those who were woken, in order.
type Woken = Arc<Mutex<Vec<u64>>>;

struct Bell {
    task: u64,
    woken: Woken,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
    }
}

#[derive(Clone, Default)]
pub(super) struct Tasks {
    tasks: Rc<RefCell<BTreeMap<u64, Task>>>,
    woken: Woken,
}

impl Tasks {
    pub(super) fn spawn(
        &self,
        sim: &Sim,
        process: usize,
        future: impl Future<Output = ()> + 'static,
    ) {
        let task = sim.with(|world| {
            let task = world.unique();
            world.at(world.now, Event::Turn { task });
            task
        });
        let waker = Waker::from(Arc::new(Bell { task, woken: self.woken.clone() }));
        let future: Option<Boxed> = Some(Box::pin(future));
        self.tasks.borrow_mut().insert(task, Task { process, future, waker, is_scheduled: true });
    }

    /// Gives those who were woken a turn each, at once or, where the executor is sluggish, later.
    pub(super) fn schedule(&self, sim: &Sim) {
        loop {
            let woken =
                std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
            if woken.is_empty() {
                return;
            }
            for task in woken {
                let mut tasks = self.tasks.borrow_mut();
                let Some(it) = tasks.get_mut(&task).filter(|task| !task.is_scheduled) else {
                    continue;
                };
                it.is_scheduled = true;
                sim.with(|world| {
                    let late = world.dice.chance(world.plan.sluggish);
                    let shortest = Duration::from_micros(100);
                    let pause = if late {
                        world.dice.between(shortest, Duration::from_secs(1)).as_nanos() as Nanos
                    } else {
                        0
                    };
                    world.at(world.now + pause, Event::Turn { task });
                });
            }
        }
    }

    /// A task's turn.
    pub(super) fn turn(&self, sim: &Sim, task: u64) {
        let Some((process, future, waker)) = self.begin(sim, task) else { return };
        let (alive, now) =
            sim.with(|world| (world.processes[process].is_alive, world.clock(process)));
        let Some(mut future) = future else { return };
        let mut context = Context::from_waker(&waker);
        let over = !alive || at(now, || future.as_mut().poll(&mut context)) == Poll::Ready(());
        if over {
            at(now, || drop(future));
            self.tasks.borrow_mut().remove(&task);
        } else if let Some(it) = self.tasks.borrow_mut().get_mut(&task) {
            it.future = Some(future);
        }
    }

    /// Takes the task out for its turn, unless its process stands still.
    fn begin(&self, sim: &Sim, task: u64) -> Option<(usize, Option<Boxed>, Waker)> {
        let mut tasks = self.tasks.borrow_mut();
        let it = tasks.get_mut(&task)?;
        let process = it.process;
        let put_off = sim.with(|world| {
            let (is_alive, until) =
                (world.processes[process].is_alive, world.processes[process].paused_until);
            let waits = is_alive && world.now < until;
            if waits {
                world.put_off(until, Event::Turn { task });
            }
            waits
        });
        if put_off {
            return None;
        }
        it.is_scheduled = false;
        Some((process, it.future.take(), it.waker.clone()))
    }

    /// Drops what a dead process has left, without a trace in the world.
    pub(super) fn bury(&self, process: usize, sim: &Sim) {
        let dead: Vec<u64> = {
            let tasks = self.tasks.borrow();
            tasks.iter().filter(|(_, task)| task.process == process).map(|(id, _)| *id).collect()
        };
        let now = sim.with(|world| world.clock(process));
        for task in dead {
            let buried = self.tasks.borrow_mut().remove(&task);
            at(now, || drop(buried));
        }
    }

    /// Ends everything, so that nothing refers to itself any more.
    pub(super) fn end(&self, sim: &Sim) {
        let processes = sim.with(|world| {
            world.processes.iter_mut().for_each(|process| process.is_alive = false);
            world.processes.len()
        });
        (0..processes).for_each(|process| self.bury(process, sim));
    }
}
