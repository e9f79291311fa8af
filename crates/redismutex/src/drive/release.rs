//! Giving back and extending: the loops around [`Release`] and [`renewal`].

use super::acquire::{Held, ask};
use super::telemetry;
use crate::redis::clock;
use crate::redis::node::Answered;
use crate::rules::acquire::PATIENCE;
use crate::rules::protocol::{Fault, OwnerReply, Request};
use crate::rules::release::{Next, Outcome, Release};
use crate::rules::renewal::{self, Renewal};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Releases. Dropped at any point, it goes on in the background.
pub(crate) async fn release(held: Held) -> Outcome {
    let lease = held.lease().clone();
    let Held { watch, claim, .. } = held;
    if !lease.is_of_this_process() {
        claim.leak();
        return Outcome::Lost;
    }
    // From here on it is neither renewed nor lost; the books of that are done while the answer is on its way.
    lease.end();
    let mut watch = Some(watch);
    let core = claim.core().clone();
    let mut release = Release::new(clock::now(), lease.deadline());
    let request = claim.due().request();
    let released = loop {
        let asked = ask(&core, &request, release.give_up());
        let Answered { answer, .. } = after_first_poll(asked, || drop(watch.take())).await;
        let answer = answer.and_then(|item| OwnerReply::parse(&item));
        match release.answered(clock::now(), answer) {
            Next::Done(released) => break released,
            Next::AgainAt(when) => core.alarms.sleep_until(when).await,
        }
    };
    telemetry::released(claim.names(), &released);
    match &released {
        Outcome::Released | Outcome::Lost => claim.settled(),
        // Dropping the claim hands it to the background.
        Outcome::Unknown(_) | Outcome::Denied(_) => drop(claim),
    }
    released
}

/// Awaits the future, and calls `then` when it has been polled once.
async fn after_first_poll<T>(future: impl Future<Output = T>, mut then: impl FnMut()) -> T {
    let mut future = pin!(future);
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    then();
    match first {
        Poll::Ready(value) => value,
        Poll::Pending => future.await,
    }
}

/// How an extension ended.
pub(crate) enum Extended {
    Done,
    Lost,
    Unknown(Fault),
}

/// Lets the lease last for `expiry` from now. Dropped at any point, the lease may or may not be longer.
pub(crate) async fn extend(held: &mut Held, expiry: Duration) -> Extended {
    let core = held.claim.core().clone();
    let lease = held.lease().clone();
    loop {
        if !lease.is_valid() {
            return Extended::Lost;
        }
        let before = lease.deadline();
        let Some(wanted) = lease.extension(expiry) else {
            return Extended::Lost;
        };
        let ask_for = wanted.ask(held.claim.token());
        let request = Request { names: held.claim.names().clone(), ask: ask_for };
        held.claim.sending(None, expiry);
        if lease.deadline() < before {
            held.reschedule();
        }
        let until = lease.deadline().min(clock::now() + PATIENCE);
        let Answered { sent, answer, .. } = ask(&core, &request, until).await;
        let answer = answer.and_then(|item| OwnerReply::parse(&item));
        lease.answered(wanted, !answer.as_ref().is_err_and(Fault::may_have_run));
        match (renewal::judge(clock::now(), wanted.length, &answer), answer) {
            (Renewal::Proved, _) => {
                lease.set_expiry(expiry);
                lease.proved(sent, wanted);
                held.reschedule();
                return if lease.is_valid() { Extended::Done } else { Extended::Lost };
            }
            (Renewal::Lost, _) => {
                lease.lose();
                return Extended::Lost;
            }
            (Renewal::AgainAt(_), Err(fault)) if !fault.may_pass() => {
                return Extended::Unknown(fault);
            }
            (Renewal::AgainAt(when), _) => core.alarms.sleep_until(when).await,
        }
    }
}
