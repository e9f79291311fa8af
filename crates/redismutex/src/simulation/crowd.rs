//! Those who want locks, and what they do with them.
//!
//! Knows habits. Must not know whether anything went right: the judge does.

use super::dice::Dice;
use super::holding::{Held, extend, release};
use super::me::Me;
use super::network::Call;
use super::plan::{Plan, Weather};
use super::waiting::{Wish, acquire};
use crate::drive::lease::{Lease, Loss};
use crate::redis::clock;
use crate::redis::node::Answered;
use crate::redis::origin::Origin;
use crate::rules::lease;
use crate::rules::protocol::{Item, Names};
use crate::rules::settings::Settings;
use std::sync::Arc;
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Me {
    fn dice<T>(&self, throw: impl FnOnce(&mut Dice, &Plan) -> T) -> T {
        self.sim.with(|world| throw(&mut world.dice, &world.plan))
    }

    async fn sleep(&self, pause: Duration) {
        self.sleep_until(clock::now() + pause).await;
    }

    fn goes_on(&self) -> bool {
        self.sim.with(|world| world.goes_on())
    }

    fn some_key(&self) -> (usize, Arc<Names>) {
        self.sim.with(|world| {
            let key = world.dice.below(world.judge.keys.len());
            (key, world.judge.keys[key].clone())
        })
    }
}

/// Wants one lock after the other, until the run is over.
pub(super) async fn work(me: Me) {
    loop {
        me.sleep(me.dice(|dice, plan| dice.between(ms(1), plan.think))).await;
        if !me.goes_on() {
            return me.sim.with(|world| world.judge.goes_home(me.process));
        }
        one(&me).await;
    }
}

/// One wish, from its beginning to its end.
async fn one(me: &Me) {
    let settings = me.dice(settings);
    let waits = !settings.block_time.is_zero();
    assert_eq!(settings.check(waits), Ok(()), "{settings:?}");
    let (key, names) = me.some_key();
    let token: Arc<str> = format!("t{}", me.number()).into();
    let wait = me.sim.with(|world| world.begins_to_wait(me.process, key, &token, &settings));
    let wish = Wish { key, names, token, settings };
    let cancelled = me.dice(|dice, _| dice.chance(0.1).then(|| dice.between(ms(1), ms(3_000))));
    let acquiring = acquire(me.clone(), &wish);
    let outcome = match cancelled {
        None => Some(acquiring.await),
        Some(after) => me.within(clock::now() + after, acquiring).await,
    };
    me.sim.with(|world| world.ends_to_wait(wait, outcome.is_some()));
    match outcome {
        Some(Ok(held)) => hold(me, held).await,
        Some(Err(failure)) => {
            me.note(|| format!("{} gives up: {failure:?}", wish.token));
            me.sim.with(|world| world.tally.given_up += 1);
        }
        None => me.sim.with(|world| world.tally.cancelled += 1),
    }
}

fn settings(dice: &mut Dice, plan: &Plan) -> Settings {
    let calm = plan.weather == Weather::Calm;
    // Nobody is told of a lease that becomes shorter.
    let deadly = plan.weather == Weather::Deadly;
    // Where nothing goes wrong no lease may run out.
    let expiry = dice.between(ms(if calm { 2_000 } else { 20 }), plan.longest_expiry);
    let renew = calm || dice.chance(0.8);
    let mut block_time = match dice.below(7) {
        0 => Duration::ZERO,
        _ => dice.between(ms(50), ms(20_000)),
    };
    if !renew {
        block_time = block_time.min(expiry);
    }
    let delay = dice.between(ms(20), ms(1_000)).min(block_time).max(ms(1));
    let longer = expiry.mul_f64(3.0);
    let max_hold = (!calm && !deadly && dice.chance(0.1)).then(|| dice.between(expiry, longer));
    let label = ["", "somebody"][dice.below(2)].into();
    Settings { block_time, delay: Some(delay), expiry, renew, max_hold, label }
}

async fn hold(me: &Me, mut held: Held) {
    let expiry = held.lease().expiry();
    for _ in 0..me.dice(|dice, _| 1 + dice.below(3)) {
        let pause = me.dice(|dice, _| dice.between(ms(1), expiry.mul_f64(1.2)));
        let lost = Loss::of(held.lease());
        if me.within(clock::now() + pause, lost).await.is_some() {
            me.note(|| "hears that its lock is lost".to_owned());
            me.sim.with(|world| world.tally.losses += 1);
            break;
        }
        let shortest = me.dice(|_, plan| if plan.weather == Weather::Calm { 2_000 } else { 20 });
        let (wants, to) = me.dice(|dice, plan| {
            (
                dice.chance(0.2) && plan.weather != Weather::Deadly,
                dice.between(ms(shortest), plan.longest_expiry),
            )
        });
        if wants {
            me.note(|| format!("extends to {to:?}"));
            extend(&mut held, to).await;
        }
    }
    let (how, brief) = me.dice(|dice, _| (dice.below(20), dice.between(ms(1) / 20, ms(50))));
    let leaks = match me.dice(|_, plan| plan.weather) {
        Weather::Calm => 0,
        Weather::Deadly => 7,
        _ => 1,
    };
    match how {
        _ if how < leaks => held.leak(),
        7..11 => drop(held),
        11 | 12 => drop(me.within(clock::now() + brief, release(held)).await),
        _ => drop(release(held).await),
    }
}

/// Takes the same locks by plain commands and knows nothing of queues.
pub(super) async fn be_foreign(me: Me) {
    loop {
        me.sleep(me.dice(|dice, plan| dice.between(ms(5), plan.think))).await;
        if !me.goes_on() {
            return me.sim.with(|world| world.judge.goes_home(me.process));
        }
        let (key, names) = me.some_key();
        let expiry = me.dice(|dice, plan| dice.between(ms(20), plan.longest_expiry));
        let expiry = ms(expiry.as_millis() as u64);
        let token = format!("foreign{}", me.number());
        let take = Call::Take { key, token: token.clone(), expiry };
        let Answered { sent, answer, .. } = me.ask(take, clock::now() + ms(1_000)).await;
        if !matches!(answer, Ok(Item::Bytes(_))) {
            continue;
        }
        let deadline = lease::deadline(sent, expiry);
        let lease = Arc::new(Lease::new(Origin::here(), names, deadline, expiry, None));
        let shared: Arc<str> = (&*token).into();
        me.sim.with(|world| world.believes(me.process, key, &shared, &lease, None));
        me.sleep(me.dice(|dice, _| dice.between(ms(1), expiry))).await;
        lease.end();
        me.ask(Call::GiveUp { key, token }, clock::now() + ms(1_000)).await;
    }
}
