//! The background: renews and gives back. Re-tells the loops of `drive::watchdog` and the giving back of `drive::core`; what is
//! due when is the watchdog's own.
//!
//! Knows when something is due and whom to ask. Must not decide what an answer means: the rules do.

mod jobs;

pub(super) use jobs::Background;

use super::me::Me;
use super::mistakes::Mistake;
use super::network::Call;
use super::process::{MAIN, Sink};
use super::world::Event;
use crate::drive::lease::Wanted;
use crate::drive::watchdog::jobs::{Asked, Job, Renewed, SILENCE, UNREAD, give_back_pause};
use crate::redis::clock;
use crate::redis::slot::{Answer, Reply, Slot};
use crate::rules::Moment;
use crate::rules::protocol::{Fault, FaultKind, OwnerReply, Request};
use crate::rules::renewal::{self, Renewal};
use std::future::poll_fn;
use std::task::Poll;

/// The thread of its own that every process has.
pub(super) async fn watch(me: Me) {
    loop {
        let jobs = next(&me).await;
        work(&me, jobs).await;
    }
}

async fn next(me: &Me) -> Vec<(u64, Job)> {
    poll_fn(|cx| {
        me.sim.with(|world| {
            let process = me.process;
            let jobs = world.background(process).state.take_due(clock::now());
            if !jobs.is_empty() {
                return Poll::Ready(jobs);
            }
            let waker = cx.waker().clone();
            let background = world.background(process);
            background.waker = Some(waker.clone());
            let first = background.state.jobs.first_key_value().map(|(&(due, _), _)| due);
            if let Some(due) = first.filter(|due| background.rings_at != Some(*due)) {
                background.rings_at = first;
                let when = world.processes[process].clock.when(due);
                world.at(when, Event::Alarm { process, waker });
            }
            Poll::Pending
        })
    })
    .await
}

async fn work(me: &Me, jobs: Vec<(u64, Job)>) {
    let mut asked = Vec::new();
    for (number, job) in jobs {
        let (request, wanted) = match &job {
            Job::GiveBack(due, _) => (due.request(), None),
            Job::Renew(Renewed { lease, names, token }) => {
                let wanted = if lease.is_held() { lease.renewal() } else { None };
                let Some(wanted) = wanted else {
                    me.sim.with(|world| world.background(me.process).state.due.remove(&number));
                    continue;
                };
                (Request { names: names.clone(), ask: wanted.ask(token) }, Some(wanted))
            }
            Job::Drain => {
                drain(me).await;
                continue;
            }
        };
        asked.push(Asked { number, job, request, wanted });
    }
    let patience = asked.iter().map(|asked| asked.job.patience()).min().unwrap_or(UNREAD);
    let sent = clock::now();
    let answers = ask(me, &asked, sent + patience).await;
    if answers.iter().any(|answer| answer.as_ref().is_err_and(Fault::may_have_run)) {
        me.sim.with(|world| {
            let node = world.processes[me.process].watchdogs;
            world.suspect(me.process, node, patience * 2);
        });
    }
    for (asked, answer) in asked.into_iter().zip(answers) {
        settle(me, asked, sent, answer);
    }
}

async fn drain(me: &Me) {
    let reads_itself = me.sim.with(|world| {
        world.background(me.process).state.draining = false;
        world.processes[me.process].watchdogs == MAIN && world.has_unread(me.process)
    });
    if reads_itself {
        me.within(clock::now() + SILENCE, me.ask_node(MAIN, Call::Ping)).await;
    }
    me.sim.with(|world| {
        world.suspect(me.process, MAIN, SILENCE);
        if world.has_unread(me.process) {
            world.drain_in(me.process, SILENCE);
        }
    });
}

/// The answers, in order; what is missing by then is a fault.
async fn ask(me: &Me, batch: &[Asked], until: Moment) -> Vec<Answer> {
    let silence = || Err(Fault::new(FaultKind::Unknown, "no answer in time"));
    if batch.is_empty() {
        return Vec::new();
    }
    let node = me.sim.with(|world| world.processes[me.process].watchdogs);
    match me.within(until, me.link(node)).await {
        Some(Ok(())) => {}
        Some(Err(fault)) => return vec![Err(fault); batch.len()],
        None => return vec![silence(); batch.len()],
    }
    let put = |asked: &Asked| {
        let (slot, call) = (Slot::new(), Call::Lock(asked.request.clone()));
        me.sim.with(|world| world.put(me.process, node, call, Sink::Slot(slot.clone())));
        Reply(slot)
    };
    let replies: Vec<_> = batch.iter().map(put).collect();
    let mut answers = Vec::new();
    for reply in replies {
        answers.push(me.within(until, reply).await.unwrap_or_else(silence));
    }
    answers
}

fn settle(me: &Me, asked: Asked, sent: Moment, answer: Answer) {
    let Asked { number, job, wanted, .. } = asked;
    let mut answer = answer.and_then(|item| OwnerReply::parse(&item));
    match (job, wanted) {
        (Job::Renew(renewed), Some(wanted)) => {
            if me.makes(Mistake::TakesSilenceForSuccess)
                && answer.as_ref().is_err_and(Fault::may_have_run)
            {
                answer = Ok(OwnerReply::Done);
            }
            judge(me, number, renewed, wanted, sent, &answer);
        }
        (Job::GiveBack(due, tries), _) => {
            let over = match &answer {
                Ok(_) => !due.again,
                Err(fault) => !fault.kind.is_worth_another_try(),
            };
            let late = clock::now() >= due.until;
            me.sim.with(|world| {
                let background = world.background(me.process);
                background.gave_up |= late && answer.is_err();
                if !over && !late {
                    let pause = give_back_pause(tries, answer.is_ok());
                    background.insert(clock::now() + pause, number, Job::GiveBack(due, tries + 1));
                }
            });
        }
        _ => {}
    }
}

fn judge(
    me: &Me,
    number: u64,
    renewed: Renewed,
    wanted: Wanted,
    sent: Moment,
    answer: &Result<OwnerReply, Fault>,
) {
    let lease = renewed.lease.clone();
    lease.answered(wanted, !answer.as_ref().is_err_and(Fault::may_have_run));
    let again = match renewal::judge(clock::now(), wanted.length, answer) {
        Renewal::Proved => {
            lease.proved(sent, wanted);
            Some(lease.due_after(wanted))
        }
        Renewal::Lost => {
            lease.lose();
            None
        }
        Renewal::AgainAt(when) => (when < lease.deadline()).then_some(when),
    };
    me.sim.with(|world| {
        world.tally.renewals += u64::from(matches!(answer, Ok(OwnerReply::Done)));
        let background = world.background(me.process);
        // Forgotten in the meantime: the guard is gone.
        if let (Some(when), Some(due)) = (again, background.state.due.get_mut(&number)) {
            *due = when;
            background.insert(when, number, Job::Renew(renewed));
        }
    });
}
