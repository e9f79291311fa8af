//! Acquiring: the loop around the rules' `Acquisition`. Re-tells `drive::acquire` and `drive::claim`.
//!
//! Knows what the rules say and does it. Must not decide anything.

use super::holding::{Claim, Held};
use super::me::Me;
use super::mistakes::Mistake;
use super::network::Call;
use crate::redis::clock;
use crate::redis::hub::{Mail, Registered};
use crate::redis::node::Answered;
use crate::rules::acquire::{Acquisition, Asker, Failure, Granted, PATIENCE, Step};
use crate::rules::protocol::{AcquireReply, Fault, FaultKind, Names};
use crate::rules::settings::Settings;
use crate::rules::{Moment, lease};
use std::future::poll_fn;
use std::sync::Arc;

/// Somebody who wants a lock.
pub(super) struct Wish {
    pub(super) key: usize,
    pub(super) names: Arc<Names>,
    pub(super) token: Arc<str>,
    pub(super) settings: Settings,
}

/// Acquires, waiting for as long as the settings say. Dropped at any point, it gives back.
pub(super) async fn acquire(me: Me, wish: &Wish) -> Result<Held, Failure> {
    let Wish { names, token, settings, .. } = wish;
    let (id, give_up) = (me.number(), clock::now() + settings.block_time);
    let label = settings.label.clone();
    let asker = Asker { names: names.clone(), token: token.clone(), label, id };
    let channel = me.standing_channel();
    let mut acquisition = Acquisition::new(asker, settings, clock::now(), channel);
    let mut place: Option<Registered> = None;
    let mut claim = Claim::new(me.clone(), names.clone(), token.clone());
    let mut read = None;
    loop {
        match acquisition.step(clock::now()) {
            Step::Ask(request, until) => {
                let entry = acquisition.queue_entry();
                if entry.is_some() {
                    place.get_or_insert_with(|| me.open(id));
                }
                claim.sending(entry, settings.expiry);
                let Answered { mut sent, read: answered_at, answer } =
                    me.ask(Call::Lock(request), until).await;
                let answer = answer.and_then(|item| AcquireReply::parse(&item));
                if answer.as_ref().is_err_and(Fault::may_have_run) {
                    claim.doubt();
                }
                if me.makes(Mistake::CountsFromTheReply) {
                    sent = clock::now();
                }
                read = None;
                me.note(|| format!("{token} hears {answer:?}"));
                acquisition.read(answered_at);
                acquisition.answered(sent, clock::now(), answer);
            }
            Step::Subscribe(until) => {
                let begun = clock::now();
                match me.within(until, me.subscribe()).await {
                    Some(Ok(subscription)) => acquisition.subscribed(clock::now(), subscription),
                    outcome => {
                        let silent = || Fault::new(FaultKind::Unknown, "no answer to SUBSCRIBE");
                        let fault = outcome.and_then(Result::err).unwrap_or_else(silent);
                        me.sim.with(|it| it.suspect(me.process, super::process::MAIN, PATIENCE));
                        acquisition.answered(begun, clock::now(), Err(fault));
                    }
                }
            }
            Step::Wait(until) => {
                match mail(&me, place.as_ref(), slept(&me, until, give_up)).await {
                    Some(Mail::Push(_, hint))
                        if hint.is_hint() && me.makes(Mistake::DeafToHints) => {}
                    Some(Mail::Push(received, push)) => {
                        me.note(|| format!("{token} is told {push:?}"));
                        read = Some(received);
                        acquisition.pushed(received, clock::now(), &push);
                    }
                    Some(Mail::Disconnected) => acquisition.reconnected(clock::now()),
                    None => {}
                }
            }
            Step::Granted(granted) => {
                let granted = mistaken(&me, granted, read, settings);
                me.sim.with(|world| world.tally.by_push += u64::from(read.is_some()));
                return Ok(Held::new(claim, place.take(), wish, granted));
            }
            Step::Failed(failure) => return Err(failure),
        }
    }
}

async fn mail(me: &Me, place: Option<&Registered>, until: Moment) -> Option<Mail> {
    match place {
        Some(place) => me.within(until, poll_fn(|cx| place.mailbox.poll(cx))).await,
        None => {
            me.sleep_until(until).await;
            None
        }
    }
}

/// Until when one sleeps who is to sleep until then.
fn slept(me: &Me, until: Moment, give_up: Moment) -> Moment {
    if me.makes(Mistake::OnlyListens) { until.max(give_up) } else { until }
}

/// The grant as one would take it who makes the plan's mistake; `read`: when the message that brought it was.
fn mistaken(me: &Me, granted: Granted, read: Option<Moment>, settings: &Settings) -> Granted {
    match read {
        Some(read) if me.makes(Mistake::CountsFromTheMessage) => {
            Granted { deadline: lease::deadline(read, settings.expiry), ..granted }
        }
        _ if me.makes(Mistake::TrustsItsClock) => {
            Granted { deadline: granted.deadline + settings.expiry / 100, ..granted }
        }
        _ => granted,
    }
}
