//! What the gate runs, and what `cargo xtask simulate` does.

use super::mistakes::Mistake;
use super::plan::{Plan, Weather};
use super::run::{Outcome, run, traced};
use super::world::Tally;
use std::time::Instant;

/// Panics with everything there is to know where a promise is broken.
fn sound(plan: &Plan) -> Tally {
    let Outcome { verdict, tally, .. } = run(plan);
    if verdict.is_some() {
        let Outcome { verdict, trace, .. } = traced(plan, 300);
        let verdict = verdict.unwrap_or_else(|| "a run that is not repeatable".to_owned());
        let seed = plan.seed;
        panic!("{trace}\nseed {seed}: {verdict}\nagain: cargo xtask simulate --seed {seed}");
    }
    tally
}

#[test]
fn simulated_processes_keep_every_promise() {
    let mut all = Tally::default();
    (0..12).for_each(|seed| all.add(&sound(&Plan::of(seed))));
    assert!(all.acquisitions > 2000 && all.by_push > 200 && all.crashes > 10, "{all:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..2 {
        let (first, second) = (traced(&Plan::of(seed), 1_000), traced(&Plan::of(seed), 1_000));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.tally.events, run(&Plan::of(seed)).tally.events, "seed {seed}, untraced");
    }
}

/// In how many seeds at most each mistake is to be found.
const ENOUGH: u64 = 60;

fn found(mistake: Mistake, weather: Weather, promises: &[&str]) {
    found_from(0, mistake, weather, promises);
}

fn found_from(first: u64, mistake: Mistake, weather: Weather, promises: &[&str]) {
    for seed in first..first + ENOUGH {
        let plan = Plan::of(seed).with(mistake, weather);
        if let Some(verdict) = run(&plan).verdict {
            println!("{mistake:?}: seed {seed}: {verdict}");
            let right = promises.iter().any(|promise| verdict.starts_with(promise));
            assert!(right, "{mistake:?}, seed {seed}: {verdict}");
            return;
        }
    }
    panic!("{mistake:?} was not found out in {ENOUGH} seeds");
}

#[test]
fn a_lease_that_counts_from_the_reply_is_found_out() {
    found(Mistake::CountsFromTheReply, Weather::Rough, &["P1"]);
}

#[test]
fn a_pushed_lease_that_counts_from_its_message_is_found_out() {
    found(Mistake::CountsFromTheMessage, Weather::Rough, &["P1"]);
}

#[test]
fn a_lease_that_is_trusted_to_its_last_moment_is_found_out() {
    found(Mistake::TrustsItsClock, Weather::Rough, &["P1"]);
}

#[test]
fn a_holder_that_ignores_its_deadline_is_found_out() {
    found(Mistake::IgnoresItsDeadline, Weather::Rough, &["P1"]);
}

#[test]
fn silence_that_is_taken_for_success_is_found_out() {
    found(Mistake::TakesSilenceForSuccess, Weather::Rough, &["P1", "P7"]);
}

#[test]
fn a_release_that_compares_nothing_is_found_out() {
    found(Mistake::ReleasesAnybodys, Weather::Rough, &["P1"]);
}

#[test]
fn a_release_that_wakes_nobody_is_found_out() {
    found(Mistake::WakesNobody, Weather::Calm, &["P10"]);
}

#[test]
fn a_waiter_that_only_listens_is_found_out() {
    found(Mistake::OnlyListens, Weather::Deadly, &["P10"]);
}

#[test]
fn a_waiter_that_is_deaf_to_hints_is_found_out() {
    // Others who look make up for it in most seeds.
    found_from(60, Mistake::DeafToHints, Weather::Deadly, &["P10"]);
}

#[test]
fn a_lock_that_whoever_asks_can_have_is_found_out() {
    found(Mistake::Overtakes, Weather::Rough, &["P11"]);
}

#[test]
fn a_fence_that_forgets_the_last_one_is_found_out() {
    found(Mistake::ForgetsTheFence, Weather::SetBack, &["P8"]);
}

#[test]
fn an_acquisition_that_is_not_undone_is_found_out() {
    found(Mistake::GivesNothingBack, Weather::Calm, &["P10", "P12"]);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

#[test]
#[ignore = "runs SIMULATE_SEEDS seeds, or shows SIMULATE_SEED: cargo xtask simulate"]
fn many_seeds() {
    if let Some(seed) = number("SIMULATE_SEED") {
        let Outcome { verdict, tally, trace } = traced(&Plan::of(seed), usize::MAX);
        println!("{trace}\n{tally}");
        assert_eq!(verdict, None, "seed {seed}");
        return;
    }
    let (seeds, begin) = (number("SIMULATE_SEEDS").unwrap_or(2_000), Instant::now());
    let first = number("SIMULATE_FROM").unwrap_or(0);
    let mut all = Tally::default();
    for seed in first..first + seeds {
        all.add(&sound(&Plan::of(seed)));
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{seeds} seeds from {first} in {seconds:.1} s: every promise kept\n{all}");
    println!("{:.0} times as fast as in life", all.seconds() / seconds);
}
