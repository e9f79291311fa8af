//! Acquiring: the loop around [`Acquisition`].

use super::claim::Claim;
use super::core::Core;
use super::lease::Lease;
use super::telemetry;
use super::timer::Entry;
use super::watchdog::Renewed;
use crate::redis::clock;
use crate::redis::hub::{Mail, Registered};
use crate::redis::node::Answered;
use crate::rules::Moment;
use crate::rules::acquire::{Acquisition, Asker, Failure, Granted, PATIENCE, Step};
use crate::rules::fence::Fence;
use crate::rules::protocol::{AcquireReply, Fault, FaultKind, Names, Request};
use crate::rules::settings::Settings;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no guard.
pub(crate) enum NotAcquired {
    Busy { waited: Duration },
    Unavailable(Fault),
    Hopeless(Fault),
}

/// A lock that is ours: what every face's guard holds. Dropped, it is given back.
pub(crate) struct Held {
    /// Before the claim: nothing may renew what is being given back.
    pub(crate) watch: Watch,
    pub(crate) claim: Claim,
    pub(crate) fence: Option<Fence>,
    /// The waiter's box stays open: a second copy of its grant must not be taken for one that nobody wants.
    _place: Option<Registered>,
}

impl Held {
    fn new(
        mut claim: Claim,
        place: Option<Registered>,
        settings: &Settings,
        granted: Granted,
        now: Moment,
    ) -> Self {
        claim.granted();
        let hold_until = settings.max_hold.map(|longest| now + longest);
        let lease = Arc::new(Lease::new(
            claim.core().origin(),
            claim.names().clone(),
            granted.deadline,
            settings.expiry,
            hold_until,
        ));
        let watch = Watch::begin(lease, &claim, settings.renew);
        Self { watch, claim, fence: granted.fence, _place: place }
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.watch.lease
    }

    /// The lease was given another length: look at it and renew it at other times.
    pub(super) fn reschedule(&mut self) {
        let lease = self.lease().clone();
        self.watch.stop();
        self.watch = Watch::begin(lease, &self.claim, self.watch.renewed.is_some());
    }
}

/// The eyes on a lease: the timer's on its end, the watchdog's on its renewal.
pub(crate) struct Watch {
    lease: Arc<Lease>,
    core: Arc<Core>,
    watched: Option<Entry>,
    renewed: Option<u64>,
}

impl Watch {
    fn begin(lease: Arc<Lease>, claim: &Claim, renew: bool) -> Self {
        let core = claim.core().clone();
        let watched = Some(core.timer.watch(&lease));
        let renewed =
            renew.then(|| core.watchdog.renew(Renewed::new(&lease, claim), lease.renewal_due()));
        Self { lease, core, watched, renewed }
    }

    /// Not in a forked child: timer and watchdog are empty there, and may be locked by threads that are not there.
    fn stop(&mut self) {
        if let Some(entry) = self.watched.take() {
            self.core.timer.unwatch(&self.lease, entry);
        }
        if let Some(number) = self.renewed {
            self.core.watchdog.forget(number);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.watched.is_some() && self.lease.is_of_this_process() {
            self.lease.end();
            self.stop();
        }
    }
}

/// Acquires, waiting for as long as the settings say.
///
/// The core has to be ready. Dropped at any point, it gives back what it has brought about.
pub(crate) async fn acquire(
    core: Arc<Core>,
    settings: &Settings,
    names: Arc<Names>,
    token: Arc<str>,
) -> Result<Held, NotAcquired> {
    let started = clock::now();
    let id = core.hub.number();
    let asker =
        Asker { names: names.clone(), token: token.clone(), label: settings.label.clone(), id };
    let channel = core.node.standing_channel();
    let mut acquisition = Acquisition::new(asker, settings, started, channel);
    let mut waiting = Waiting { core: &core, id, registered: None };
    let mut claim = Claim::new(core.clone(), names, token);
    loop {
        match acquisition.step(clock::now()) {
            Step::Ask(request, until) => {
                let entry = acquisition.queue_entry();
                if entry.is_some() {
                    waiting.register();
                }
                claim.sending(entry, settings.expiry);
                let Answered { sent, read, answer } = ask(&core, &request, until).await;
                let answer = answer.and_then(|item| AcquireReply::parse(&item));
                if answer.as_ref().is_err_and(Fault::may_have_run) {
                    claim.doubt();
                }
                acquisition.read(read);
                acquisition.answered(sent, clock::now(), answer);
            }
            Step::Subscribe(until) => {
                let begun = clock::now();
                match core.alarms.within(until, core.node.subscribe()).await {
                    Some(Ok(subscription)) => acquisition.subscribed(clock::now(), subscription),
                    outcome => {
                        let silent = || Fault::new(FaultKind::Unknown, "no answer to SUBSCRIBE");
                        let fault = outcome.and_then(Result::err).unwrap_or_else(silent);
                        core.node.suspect(PATIENCE);
                        acquisition.answered(begun, clock::now(), Err(fault));
                    }
                }
            }
            Step::Wait(until) => match waiting.mail(until).await {
                Some(Mail::Push(received, push)) => {
                    acquisition.pushed(received, clock::now(), &push);
                }
                Some(Mail::Disconnected) => acquisition.reconnected(clock::now()),
                None => {}
            },
            Step::Granted(granted) => {
                let now = clock::now();
                telemetry::acquired(
                    claim.names(),
                    started.until(now),
                    acquisition.tries(),
                    granted.fence,
                );
                return Ok(Held::new(claim, waiting.registered.take(), settings, granted, now));
            }
            Step::Failed(failure) => {
                telemetry::not_acquired(claim.names(), &failure);
                return Err(match failure {
                    Failure::Busy => NotAcquired::Busy { waited: started.until(clock::now()) },
                    Failure::Unavailable(fault) => NotAcquired::Unavailable(fault),
                    Failure::Hopeless(fault) => NotAcquired::Hopeless(fault),
                });
            }
        }
    }
}

/// Asks, waiting for the answer no longer than until then.
pub(super) async fn ask(core: &Core, request: &Request, until: Moment) -> Answered {
    let started = clock::now();
    match core.alarms.within(until, core.node.ask(request)).await {
        Some(answered) => answered,
        None => {
            core.node.suspect(PATIENCE);
            let (kind, what) = match core.node.is_connecting() {
                true => (FaultKind::NotSent, "no connection to"),
                false => (FaultKind::Unknown, "no answer from"),
            };
            let fault = Fault::new(kind, format!("{what} {} in time", core.node.address()));
            Answered { sent: started, read: clock::now(), answer: Err(fault) }
        }
    }
}

struct Waiting<'a> {
    core: &'a Core,
    id: u64,
    registered: Option<Registered>,
}

impl Waiting<'_> {
    fn register(&mut self) {
        if self.registered.is_none() {
            self.registered = Some(self.core.hub.open(self.id));
        }
    }

    async fn mail(&self, until: Moment) -> Option<Mail> {
        match &self.registered {
            Some(registered) => {
                self.core.alarms.within(until, poll_fn(|cx| registered.mailbox.poll(cx))).await
            }
            None => {
                self.core.alarms.sleep_until(until).await;
                None
            }
        }
    }
}
