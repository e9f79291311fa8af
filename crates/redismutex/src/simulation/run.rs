//! One run: from its seed to its verdict.
//!
//! Knows how a run begins, goes on and ends. The same plan gives the same run, to the last event.

use super::background;
use super::crowd;
use super::me::Me;
use super::plan::Plan;
use super::tasks::Tasks;
use super::time::SECOND;
use super::trace::Trace;
use super::world::{Event, Sim, Tally, World};

/// By then everybody has gone home: the longest wait, lease and retry after the end of the run, and more.
const REST: u64 = 200 * SECOND;

/// How a run ended.
pub(super) struct Outcome {
    /// The first broken promise.
    pub(super) verdict: Option<String>,
    pub(super) tally: Tally,
    pub(super) trace: String,
}

/// Says the seed where a run panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: again with cargo xtask simulate --seed {}", self.0, self.0);
        }
    }
}

/// Runs it without a trace.
pub(super) fn run(plan: &Plan) -> Outcome {
    Run::new(plan.clone(), Trace::Off).to_the_end()
}

/// Runs it and keeps so many of the last lines of what happened.
pub(super) fn traced(plan: &Plan, lines: usize) -> Outcome {
    Run::new(plan.clone(), Trace::on(lines)).to_the_end()
}

struct Run {
    sim: Sim,
    tasks: Tasks,
}

impl Run {
    fn new(plan: Plan, trace: Trace) -> Self {
        let (processes, foreigners) = (plan.processes, plan.foreigners);
        let mut world = World::new(plan, trace);
        world.note(|world| format!("{:?}", world.plan));
        world.next_fault();
        let run = Self { sim: Sim::new(world), tasks: Tasks::default() };
        (0..processes).for_each(|_| run.birth());
        for _ in 0..foreigners {
            let me = run.process();
            run.sim.with(|world| world.judge.comes_to_work(me.process));
            me.spawn(crowd::be_foreign(me.clone()));
        }
        run
    }

    fn process(&self) -> Me {
        let process = self.sim.with(World::be_born);
        Me { sim: self.sim.clone(), tasks: self.tasks.clone(), process }
    }

    /// A process with its background and those in it who want locks.
    fn birth(&self) {
        let me = self.process();
        me.spawn(background::watch(me.clone()));
        for _ in 0..self.sim.with(|world| world.plan.workers) {
            self.sim.with(|world| world.judge.comes_to_work(me.process));
            me.spawn(crowd::work(me.clone()));
        }
    }

    fn to_the_end(&self) -> Outcome {
        let seed = self.sim.with(|world| world.plan.seed);
        let _named = Named(seed);
        while let Some(event) = self.sim.with(World::next) {
            self.happen(event);
            self.tasks.schedule(&self.sim);
            let over = self.sim.with(|world| {
                let late = world.now > world.plan.length + REST;
                if late {
                    world.accuse("P5 (every wait ends)", "something goes on for ever");
                }
                late || world.judge.verdict().is_some()
            });
            if over {
                break;
            }
        }
        let outcome = self.sim.with(|world| {
            if world.judge.verdict().is_none() {
                world.search();
            }
            let verdict = world.judge.verdict().map(str::to_owned);
            Outcome { verdict, tally: world.tally, trace: world.trace.text() }
        });
        self.tasks.end(&self.sim);
        outcome
    }

    fn happen(&self, event: Event) {
        match event {
            Event::ToServer { wire, up, landed } => {
                self.sim.with(|world| world.at_server(wire, up, landed));
            }
            Event::ToProcess { wire, down } => self.sim.with(|world| world.at_process(wire, down)),
            Event::OpeningEnds { wire } => self.sim.with(|world| world.opened(wire, false)),
            Event::Alarm { process, waker } => {
                let waits = self.sim.with(|world| {
                    let until = world.processes[process].paused_until;
                    let waits = world.now < until && world.processes[process].is_alive;
                    if waits {
                        let waker = waker.clone();
                        world.put_off(until, Event::Alarm { process, waker });
                    }
                    waits
                });
                if !waits {
                    waker.wake();
                }
            }
            Event::Turn { task } => self.tasks.turn(&self.sim, task),
            Event::Fault => {
                if let Some(dead) = self.sim.with(World::fault) {
                    self.tasks.bury(dead, &self.sim);
                }
            }
            Event::Birth if self.sim.with(|world| world.goes_on()) => self.birth(),
            Event::Birth => {}
            Event::Audit { belief } => self.sim.with(|world| world.audit(belief)),
        }
    }
}
