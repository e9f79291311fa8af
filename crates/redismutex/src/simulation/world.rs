//! The world of one run: true time, what will happen, and everything that it happens to.
//!
//! Knows in which order things happen. Must not know what a lock is.

use super::dice::Dice;
use super::judge::Judge;
use super::network::{Down, Up, Wire};
use super::plan::Plan;
use super::process::Process;
use super::server::Server;
use super::time::Nanos;
use super::trace::Trace;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::task::Waker;

/// What will happen.
pub(super) enum Event {
    /// Bytes come to the server; `landed`: they have been there while it stood still.
    ToServer { wire: usize, up: Up, landed: bool },
    /// Bytes come to a process.
    ToProcess { wire: usize, down: Down },
    /// A process opens connections for no longer than this.
    OpeningEnds { wire: usize },
    /// Somebody's alarm rings.
    Alarm { process: usize, waker: Waker },
    /// A task gets its turn.
    Turn { task: u64 },
    /// Something goes wrong.
    Fault,
    /// A process begins in the place of one that is dead.
    Birth,
    /// The judge looks at a belief that is about to end.
    Audit { belief: u64 },
}

/// What has been seen, for people.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) simulated: Nanos,
    pub(super) events: u64,
    pub(super) scripts: u64,
    pub(super) acquisitions: u64,
    pub(super) by_push: u64,
    pub(super) given_up: u64,
    pub(super) cancelled: u64,
    pub(super) renewals: u64,
    pub(super) losses: u64,
    pub(super) crashes: u64,
    pub(super) pauses: u64,
    pub(super) cuts: u64,
    pub(super) stalls: u64,
    pub(super) restarts: u64,
    /// The longest that a free lock was left to somebody who waited.
    pub(super) longest_free: Nanos,
    /// The longest that a wait went on after its block time.
    pub(super) longest_over: Nanos,
}

pub(super) struct World {
    pub(super) now: Nanos,
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) processes: Vec<Process>,
    pub(super) wires: Vec<Wire>,
    pub(super) server: Server,
    pub(super) judge: Judge,
    pub(super) trace: Trace,
    pub(super) tally: Tally,
    events: BTreeMap<(Nanos, u64), Event>,
    number: u64,
    /// The event at work, to be put off in its place.
    current: u64,
}

impl World {
    pub(super) fn new(plan: Plan, trace: Trace) -> Self {
        let mut dice = Dice::new(plan.seed ^ 0xd1ce);
        let server = Server::new(&plan, &mut dice);
        Self {
            now: 0,
            dice,
            processes: Vec::new(),
            wires: Vec::new(),
            server,
            judge: Judge::new(&plan),
            trace,
            tally: Tally::default(),
            events: BTreeMap::new(),
            number: 0,
            current: 0,
            plan,
        }
    }

    pub(super) fn unique(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(super) fn at(&mut self, when: Nanos, event: Event) {
        let number = self.unique();
        self.events.insert((when.max(self.now), number), event);
    }

    /// Puts the event at work off: what came before others still does.
    pub(super) fn put_off(&mut self, until: Nanos, event: Event) {
        self.events.insert((until.max(self.now), self.current), event);
    }

    /// The next event, at its time.
    pub(super) fn next(&mut self) -> Option<Event> {
        let ((when, number), event) = self.events.pop_first()?;
        (self.now, self.current) = (when, number);
        self.tally.events += 1;
        self.tally.simulated = when;
        Some(event)
    }

    /// Whether new work and new faults begin.
    pub(super) fn goes_on(&self) -> bool {
        self.now < self.plan.length
    }

    /// Writes a line into the trace, if there is one.
    pub(super) fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_on() {
            let text = line(self);
            self.trace.line(self.now, &text);
        }
    }

    /// A promise is broken.
    pub(super) fn accuse(&mut self, promise: &'static str, text: &str) {
        self.note(|_| format!("!! {promise}: {text}"));
        self.judge.accuse(self.now, promise, text);
    }
}

/// A handle on the world, for whoever is in it.
#[derive(Clone)]
pub(super) struct Sim(Rc<RefCell<World>>);

impl Sim {
    pub(super) fn new(world: World) -> Self {
        Self(Rc::new(RefCell::new(world)))
    }

    /// Does something with the world; nothing in there may poll or drop a task.
    pub(super) fn with<T>(&self, what: impl FnOnce(&mut World) -> T) -> T {
        what(&mut self.0.borrow_mut())
    }
}

impl Tally {
    pub(super) fn seconds(&self) -> f64 {
        self.simulated as f64 / 1e9
    }

    pub(super) fn add(&mut self, other: &Self) {
        let sums: [(&mut u64, u64); 14] = [
            (&mut self.simulated, other.simulated),
            (&mut self.events, other.events),
            (&mut self.scripts, other.scripts),
            (&mut self.acquisitions, other.acquisitions),
            (&mut self.by_push, other.by_push),
            (&mut self.given_up, other.given_up),
            (&mut self.cancelled, other.cancelled),
            (&mut self.renewals, other.renewals),
            (&mut self.losses, other.losses),
            (&mut self.crashes, other.crashes),
            (&mut self.pauses, other.pauses),
            (&mut self.cuts, other.cuts),
            (&mut self.stalls, other.stalls),
            (&mut self.restarts, other.restarts),
        ];
        sums.into_iter().for_each(|(sum, part)| *sum += part);
        self.longest_free = self.longest_free.max(other.longest_free);
        self.longest_over = self.longest_over.max(other.longest_over);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acquisitions, by_push, given_up, cancelled, renewals, losses, .. } = self;
        let Self { crashes, pauses, cuts, stalls, restarts, scripts, events, .. } = self;
        writeln!(
            f,
            "{:.1} hours, {events} events, {scripts} scripts run",
            self.seconds() / 3600.0
        )?;
        writeln!(
            f,
            "{acquisitions} acquisitions ({by_push} by push), {given_up} given up, {cancelled} \
             cancelled, {renewals} renewals, {losses} losses"
        )?;
        writeln!(
            f,
            "{} faults: {cuts} connections cut, {stalls} stalled, {pauses} standstills, \
             {crashes} crashes, {restarts} restarts",
            crashes + pauses + cuts + stalls + restarts
        )?;
        let ms = |time: Nanos| time / 1_000_000;
        write!(
            f,
            "a free lock was left for {} ms at most, a wait went on for {} ms after its block time",
            ms(self.longest_free),
            ms(self.longest_over)
        )
    }
}
