//! Holding, extending and giving back. Re-tells `drive::claim`, `drive::release` and the guard's eyes of
//! `drive::acquire`, around the real lease.
//!
//! Knows the order in which things are let go. Must not decide anything.

use super::me::Me;
use super::mistakes::Mistake;
use super::network::Call;
use super::waiting::Wish;
use crate::drive::claim::{Due, PAST_LEASE};
use crate::drive::lease::Lease;
use crate::drive::watchdog::jobs::Renewed;
use crate::redis::clock;
use crate::redis::hub::Registered;
use crate::redis::node::Answered;
use crate::redis::origin::Origin;
use crate::rules::Moment;
use crate::rules::acquire::{Granted, PATIENCE};
use crate::rules::fence::Fence;
use crate::rules::protocol::{Fault, Names, OwnerReply, Request};
use crate::rules::release::{Next, Outcome, Release};
use crate::rules::renewal::{self, Renewal};
use std::sync::Arc;
use std::time::Duration;

/// Gives everything back when dropped, unless disarmed.
pub(super) struct Claim {
    me: Me,
    due: Due,
    lasts: Duration,
    armed: bool,
}

impl Claim {
    pub(super) fn new(me: Me, names: Arc<Names>, token: Arc<str>) -> Self {
        let due = Due { names, token, entry: None, until: Moment(0), again: false };
        Self { me, due, lasts: Duration::ZERO, armed: false }
    }

    fn due(&self) -> Due {
        Due { until: clock::now() + self.lasts + PAST_LEASE, ..self.due.clone() }
    }

    pub(super) fn sending(&mut self, entry: Option<Arc<[u8]>>, expiry: Duration) {
        self.armed = true;
        self.lasts = self.lasts.max(expiry);
        self.due.entry = entry.or(self.due.entry.take());
    }

    pub(super) fn doubt(&mut self) {
        self.due.again = true;
    }

    fn granted(&mut self) {
        if !self.due.again {
            self.due.entry = None;
        }
    }

    fn settled(mut self) {
        if self.due.again {
            let due = self.due();
            self.me.sim.with(|world| world.give_back_later(self.me.process, due));
        }
        self.armed = false;
    }

    fn leak(mut self) {
        self.armed = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A dead process gives nothing back.
        if self.armed && self.me.is_alive() && !self.me.makes(Mistake::GivesNothingBack) {
            let due = self.due();
            self.me.sim.with(|world| world.give_back(self.me.process, due));
        }
    }
}

/// A lock that is ours. Dropped, it is given back.
pub(super) struct Held {
    watch: Watch,
    claim: Claim,
    _place: Option<Registered>,
}

/// Ends the lease and its renewal when dropped, before anything is given back.
struct Watch {
    me: Me,
    lease: Arc<Lease>,
    renewed: Option<u64>,
    is_on: bool,
}

impl Watch {
    fn begin(me: &Me, claim: &Claim, lease: Arc<Lease>, renew: bool) -> Self {
        let (names, token) = (claim.due.names.clone(), claim.due.token.clone());
        let renewed = renew.then(|| {
            let job = Renewed { lease: lease.clone(), names, token };
            let due = lease.renewal_due();
            me.sim.with(|world| world.renew(me.process, job, due))
        });
        if !me.makes(Mistake::IgnoresItsDeadline) {
            me.spawn(end_in_time(me.clone(), lease.clone()));
        }
        Self { me: me.clone(), lease, renewed, is_on: true }
    }

    fn stop(&mut self) {
        self.is_on = false;
        if let Some(number) = self.renewed.take() {
            self.me.sim.with(|world| world.forget(self.me.process, number));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_on {
            self.lease.end();
            self.stop();
        }
    }
}

impl Held {
    pub(super) fn new(
        mut claim: Claim,
        place: Option<Registered>,
        wish: &Wish,
        granted: Granted,
    ) -> Self {
        claim.granted();
        let me = claim.me.clone();
        let settings = &wish.settings;
        let hold_until = settings.max_hold.map(|longest| clock::now() + longest);
        let names = wish.names.clone();
        let lease = Arc::new(Lease::new(
            Origin::here(),
            names,
            granted.deadline,
            settings.expiry,
            hold_until,
        ));
        let watch = Watch::begin(&me, &claim, lease.clone(), settings.renew);
        let fence = granted.fence.map(|Fence(fence)| fence);
        me.sim.with(|world| {
            world.tally.acquisitions += 1;
            world.believes(me.process, wish.key, &wish.token, &lease, fence);
        });
        Self { watch, claim, _place: place }
    }

    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.watch.lease
    }

    fn reschedule(&mut self) {
        let lease = self.watch.lease.clone();
        let renews = self.watch.renewed.is_some();
        self.watch.stop();
        self.watch = Watch::begin(&self.claim.me, &self.claim, lease, renews);
    }

    /// Forgets the guard: the lease runs out by itself.
    pub(super) fn leak(self) {
        let Self { watch, claim, .. } = self;
        drop(watch);
        claim.leak();
    }
}

/// As `drive::timer`: signals the loss at the deadline. A lease that is made shorter gets another look.
async fn end_in_time(me: Me, lease: Arc<Lease>) {
    while lease.is_held() {
        let deadline = lease.deadline();
        if clock::now() >= deadline {
            lease.lose();
        }
        me.sleep_until(deadline).await;
    }
}

/// Releases. Dropped at any point, it goes on in the background.
pub(super) async fn release(held: Held) -> Outcome {
    let lease = held.lease().clone();
    let Held { watch, claim, _place } = held;
    drop(watch);
    let me = claim.me.clone();
    let mut release = Release::new(clock::now(), lease.deadline());
    let request = claim.due().request();
    let released = loop {
        let call = Call::Lock(request.clone());
        let Answered { answer, .. } = me.ask(call, release.give_up()).await;
        let answer = answer.and_then(|item| OwnerReply::parse(&item));
        match release.answered(clock::now(), answer) {
            Next::Done(released) => break released,
            Next::AgainAt(when) => me.sleep_until(when).await,
        }
    };
    let token = claim.due.token.clone();
    me.sim.with(|world| world.released(me.process, &token, &lease, &released));
    match &released {
        Outcome::Released | Outcome::Lost => claim.settled(),
        Outcome::Unknown(_) | Outcome::Denied(_) => drop(claim),
    }
    released
}

/// Lets the lease last for `expiry` from now. Tells whether it does.
pub(super) async fn extend(held: &mut Held, expiry: Duration) -> bool {
    let (me, lease) = (held.claim.me.clone(), held.lease().clone());
    loop {
        let before = lease.deadline();
        let wanted = if lease.is_valid() { lease.extension(expiry) } else { None };
        let Some(wanted) = wanted else { return false };
        let ask = wanted.ask(&held.claim.due.token);
        let request = Request { names: held.claim.due.names.clone(), ask };
        held.claim.sending(None, expiry);
        if lease.deadline() < before {
            held.reschedule();
        }
        let until = lease.deadline().min(clock::now() + PATIENCE);
        let Answered { sent, answer, .. } = me.ask(Call::Lock(request), until).await;
        let answer = answer.and_then(|item| OwnerReply::parse(&item));
        lease.answered(wanted, !answer.as_ref().is_err_and(Fault::may_have_run));
        match (renewal::judge(clock::now(), wanted.length, &answer), answer) {
            (Renewal::Proved, _) => {
                lease.set_expiry(expiry);
                lease.proved(sent, wanted);
                held.reschedule();
                return lease.is_valid();
            }
            (Renewal::Lost, _) => {
                lease.lose();
                return false;
            }
            (Renewal::AgainAt(_), Err(fault)) if !fault.may_pass() => return false,
            (Renewal::AgainAt(when), _) => me.sleep_until(when).await,
        }
    }
}
