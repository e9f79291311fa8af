//! The background: one thread that renews every lease and gives back what could not be given back at once.
//!
//! Its requests leave in batches, over a connection that it reads itself, so a blocked executor does not
//! stall it. It decides nothing: [`renewal`] says when and what a reply means. It never signals the end of
//! a lease; that is the timer's, which waits for nobody.

pub(crate) mod jobs;

pub(crate) use jobs::Renewed;
use jobs::{Asked, Job, SILENCE, State, UNREAD, give_back_pause};

use super::block_on::block_on;
use super::claim::Due;
use super::lease::Wanted;
use super::telemetry;
use super::timer::{Alarms, LONGEST_NAP};
use crate::redis::clock;
use crate::redis::node::Node;
use crate::redis::slot::{Answer, lock};
use crate::redis::turn::Flag;
use crate::rules::Moment;
use crate::rules::protocol::{Fault, FaultKind, OwnerReply, Request};
use crate::rules::renewal::{self, Renewal};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Wake;
use std::time::Duration;

pub(crate) struct Watchdog {
    node: Arc<Node>,
    /// The node that everybody else talks to: the same where it is read by those who wait.
    main: Arc<Node>,
    state: Mutex<State>,
    settled: Condvar,
}

/// Most requests in one batch.
const BATCH: usize = 1000;

impl Watchdog {
    /// `node` has to be one whose connection is read by those who wait.
    pub(crate) fn new(node: Arc<Node>, main: Arc<Node>) -> Arc<Self> {
        Arc::new(Self { node, main, state: Mutex::default(), settled: Condvar::new() })
    }

    /// Starts the thread where it does not run yet.
    pub(crate) fn start(self: &Arc<Self>) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.thread.is_none() {
            let this = self.clone();
            let handle = std::thread::Builder::new()
                .name("redismutex-watchdog".into())
                .spawn(move || this.run())?;
            state.thread = Some(Flag::of(handle.thread().clone()));
        }
        Ok(())
    }

    /// Keeps a lease alive from `due` on; the number is for [`Watchdog::forget`].
    pub(crate) fn renew(&self, renewed: Renewed, due: Moment) -> u64 {
        let mut state = lock(&self.state);
        state.number += 1;
        let number = state.number;
        state.due.insert(number, due);
        self.insert(&mut state, due, number, Job::Renew(renewed));
        number
    }

    pub(crate) fn forget(&self, number: u64) {
        // Dropped when the state is not locked any more.
        let job = lock(&self.state).forget(number);
        drop(job);
    }

    /// Gives something back, again and again until it is done or the server has forgotten it by itself.
    pub(crate) fn give_back(self: &Arc<Self>, due: Due) {
        if self.start().is_err() {
            return;
        }
        let mut state = lock(&self.state);
        state.owed += 1;
        state.number += 1;
        let number = state.number;
        self.insert(&mut state, clock::now(), number, Job::GiveBack(due, 0));
    }

    /// Sees to it that replies which nobody waits for are read before long.
    pub(crate) fn drain(self: &Arc<Self>) {
        if self.drain_in(UNREAD) {
            let _ = self.start();
        }
    }

    fn drain_in(&self, pause: Duration) -> bool {
        let mut state = lock(&self.state);
        let first = !std::mem::replace(&mut state.draining, true);
        if first {
            state.number += 1;
            let number = state.number;
            self.insert(&mut state, clock::now() + pause, number, Job::Drain);
        }
        first
    }

    /// The connection broke: every lease is renewed at once, so that a loss is found out at once.
    pub(crate) fn hurry(&self) {
        let mut state = lock(&self.state);
        let now = clock::now();
        state.hurry(now);
        self.nudge(&mut state, now);
    }

    /// Ends the thread. What is still owed is tried for a moment longer.
    pub(crate) fn stop(&self, patience: Duration) {
        let mut state = lock(&self.state);
        state.stopped = true;
        self.nudge(&mut state, Moment(0));
        if state.owed > 0 {
            let _ = self.settled.wait_timeout_while(state, patience, |state| state.owed > 0);
        }
    }

    fn insert(&self, state: &mut State, due: Moment, number: u64, job: Job) {
        state.jobs.insert((due, number), job);
        self.nudge(state, due);
    }

    fn nudge(&self, state: &mut State, due: Moment) {
        if state.sleeps_until.is_some_and(|until| due < until) {
            state.sleeps_until = None;
            if let Some(thread) = &state.thread {
                thread.wake_by_ref();
            }
        }
    }

    fn run(&self) {
        while let Some(jobs) = self.next() {
            self.work(jobs);
        }
    }

    /// Waits until something is due; `None` ends the thread.
    fn next(&self) -> Option<Vec<(u64, Job)>> {
        loop {
            if self.main.is_led() {
                // Nobody may have read it for long.
                self.main.notice_end();
            }
            let mut state = lock(&self.state);
            if state.stopped && state.owed == 0 {
                return None;
            }
            let now = clock::now();
            let jobs = state.take_due(now);
            if !jobs.is_empty() {
                return Some(jobs);
            }
            let until = state.jobs.first_key_value().map_or(Moment::NEVER, |(&(due, _), _)| due);
            state.sleeps_until = Some(until);
            drop(state);
            let nap = if until == Moment::NEVER { Duration::MAX } else { LONGEST_NAP };
            std::thread::park_timeout(now.until(until).min(nap));
            lock(&self.state).sleeps_until = None;
        }
    }

    fn work(&self, jobs: Vec<(u64, Job)>) {
        let mut asked = Vec::new();
        for (number, job) in jobs {
            match self.request(&job) {
                Some((request, wanted)) => asked.push(Asked { number, job, request, wanted }),
                None => self.done(number, &job),
            }
        }
        let patience = asked.iter().map(|asked| asked.job.patience()).min().unwrap_or(UNREAD);
        for batch in asked.chunks(BATCH) {
            let sent = clock::now();
            let answers = self.ask(batch, sent + patience);
            if answers.iter().any(|answer| answer.as_ref().is_err_and(Fault::may_have_run)) {
                self.node.suspect(patience * 2);
            }
            for (asked, answer) in batch.iter().zip(answers) {
                self.settle(asked, sent, answer);
            }
        }
    }

    fn request(&self, job: &Job) -> Option<(Request, Option<Wanted>)> {
        match job {
            Job::GiveBack(due, _) => Some((due.request(), None)),
            Job::Renew(Renewed { lease, names, token }) => {
                let wanted = if lease.is_held() { lease.renewal()? } else { return None };
                Some((Request { names: names.clone(), ask: wanted.ask(token) }, Some(wanted)))
            }
            Job::Drain => {
                self.read_the_unread();
                None
            }
        }
    }

    /// Sees to it that replies for which nobody waits are read, or their connection given up.
    fn read_the_unread(&self) {
        lock(&self.state).draining = false;
        if self.main.is_led() && self.main.has_unread() {
            let ping = self.main.command(&[b"PING"]);
            block_on(&self.main, None, Alarms::Own.within(clock::now() + SILENCE, ping));
        }
        self.main.suspect(SILENCE);
        if self.main.has_unread() {
            self.drain_in(SILENCE);
        }
    }

    /// The answers, in order; what is missing by then is a fault.
    fn ask(&self, batch: &[Asked], until: Moment) -> Vec<Answer> {
        let requests = || batch.iter().map(|asked| &asked.request);
        let answers = block_on(&self.node, None, async {
            let link = match Alarms::Own.within(until, self.node.link()).await {
                Some(Ok(link)) => link,
                Some(Err(fault)) => return vec![Err(fault); batch.len()],
                None => return vec![silence(); batch.len()],
            };
            let mut answers = vec![no_script(); batch.len()];
            if self.node.has_scripts() {
                // A server that has forgotten a script gets it in full, at once: there may be no time for more.
                for in_full in [false, true] {
                    let asked = || answers.iter().zip(batch).filter(|(it, _)| is_no_script(it));
                    let requests = asked().map(|(_, asked)| &asked.request);
                    let replies = Node::ask_all(&link, requests, in_full);
                    let open = answers.iter_mut().filter(|answer| is_no_script(answer));
                    for (answer, reply) in open.zip(replies) {
                        *answer = Alarms::Own.within(until, reply).await.unwrap_or_else(silence);
                    }
                }
            }
            // What cannot be asked in a batch is asked one by one.
            for (answer, request) in answers.iter_mut().zip(requests()) {
                if wants_another_way(answer) {
                    let answered = Alarms::Own.within(until, self.node.ask(request)).await;
                    *answer = answered.map_or_else(silence, |answered| answered.answer);
                }
            }
            answers
        });
        answers.unwrap_or_default()
    }

    fn settle(&self, asked: &Asked, sent: Moment, answer: Answer) {
        let Asked { number, job, wanted, .. } = asked;
        let answer = answer.and_then(|item| OwnerReply::parse(&item));
        match (job, wanted) {
            (Job::Renew(renewed), Some(wanted)) => {
                self.judge(*number, renewed, *wanted, sent, &answer);
            }
            (Job::GiveBack(due, tries), _) => {
                let over = match &answer {
                    Ok(_) => !due.again,
                    Err(fault) => !fault.kind.is_worth_another_try(),
                };
                if over || clock::now() >= due.until {
                    if answer.is_ok() {
                        telemetry::released_late(&due.names);
                    }
                    self.done(*number, job);
                } else {
                    let pause = give_back_pause(*tries, answer.is_ok());
                    let job = Job::GiveBack(due.clone(), tries + 1);
                    self.again(*number, job, clock::now() + pause);
                }
            }
            _ => self.done(*number, job),
        }
    }

    fn judge(
        &self,
        number: u64,
        renewed: &Renewed,
        wanted: Wanted,
        sent: Moment,
        answer: &Result<OwnerReply, Fault>,
    ) {
        let Renewed { lease, names, .. } = renewed;
        lease.answered(wanted, !answer.as_ref().is_err_and(Fault::may_have_run));
        match renewal::judge(clock::now(), wanted.length, answer) {
            Renewal::Proved => {
                lease.proved(sent, wanted);
                telemetry::renewed(names);
                self.again(number, Job::Renew(renewed.clone()), lease.due_after(wanted));
            }
            Renewal::Lost => lease.lose(),
            Renewal::AgainAt(when) if when < lease.deadline() => {
                self.again(number, Job::Renew(renewed.clone()), when);
            }
            _ => {}
        }
    }

    fn again(&self, number: u64, job: Job, when: Moment) {
        let mut state = lock(&self.state);
        if let Job::Renew(_) = job {
            // Forgotten in the meantime: the guard is gone.
            let Some(due) = state.due.get_mut(&number) else {
                return;
            };
            *due = when;
        }
        self.insert(&mut state, when, number, job);
    }

    fn done(&self, number: u64, job: &Job) {
        let mut state = lock(&self.state);
        match job {
            Job::Renew(_) => drop(state.due.remove(&number)),
            Job::GiveBack(..) => {
                state.owed -= 1;
                self.settled.notify_all();
            }
            Job::Drain => {}
        }
    }
}

fn silence() -> Answer {
    Err(Fault::new(FaultKind::Unknown, "no answer in time"))
}

fn no_script() -> Answer {
    Err(Fault::new(FaultKind::NoScript, "not asked in a batch"))
}

fn is_no_script(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|fault| fault.kind == FaultKind::NoScript)
}

/// A server that denies scripts may do it without.
fn wants_another_way(answer: &Answer) -> bool {
    let kind = answer.as_ref().err().map(|fault| fault.kind);
    matches!(kind, Some(FaultKind::NoScript | FaultKind::Denied))
}
