//! Faults at random while many contend: whatever comes, a guard that says it is valid is right.

use crate::bench::{Bench, Guard, Kind, Mutex, acquire_requests, extend_requests, ms};
use redismutex::Error;
use redismutex_testkit::proxy::{Action, Direction, Matcher, Rule};
use redismutex_testkit::{Admin, Server};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Xorshift: a seed that failed can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Looks past the proxy.
struct Eye<'a>(&'a Server, Admin);

impl Eye<'_> {
    /// A guard that says it is valid after the server has answered was valid before it was asked.
    fn assert_true(&mut self, guard: &Guard) {
        match self.1.try_cmd(&["GET", "k"]) {
            Ok(holder) if guard.is_valid() => {
                let holder = holder.text();
                assert_eq!(holder.as_deref(), Some(guard.value()), "{:?} left", guard.remaining());
            }
            Ok(_) => {}
            // Its connection is killed like any other.
            Err(_) => self.1 = self.0.admin(),
        }
    }
}

/// Takes the lock again and again, and looks at it all the while.
fn contend(mutex: &Mutex, mut eye: Eye<'_>, mut dice: Dice, over: &AtomicBool, held: &AtomicUsize) {
    let mut highest = None;
    while !over.load(Ordering::SeqCst) {
        let block = ms(1 + dice.roll(1500));
        match mutex.clone().block(block).acquire("k") {
            Ok(guard) => {
                assert!(guard.fence() > highest, "fences go up");
                highest = guard.fence();
                held.fetch_add(1, Ordering::SeqCst);
                let until = Instant::now() + ms(dice.roll(500));
                while Instant::now() < until {
                    eye.assert_true(&guard);
                    thread::sleep(ms(2));
                }
                eye.assert_true(&guard);
                match dice.roll(3) {
                    0 => drop(guard),
                    _ => drop(guard.release()),
                }
            }
            Err(error) => assert!(!matches!(error, Error::Config { .. }), "{error:?}"),
        }
    }
}

fn strike(bench: &Bench, dice: &mut Dice) {
    let proxy = &bench.proxy;
    let some = match dice.roll(4) {
        0 => acquire_requests(),
        1 => extend_requests(),
        2 => Matcher::push_containing("message"),
        _ => Matcher::any(),
    };
    let late = ms(dice.roll(500));
    let actions = [
        Action::DropRequest,
        Action::DropReply,
        Action::DelayRequest(late),
        Action::DelayReply(late),
        Action::HoldRequest,
        Action::HoldReply,
        Action::CloseBefore,
        Action::CloseAfterForward,
        Action::ResetAfterForward,
        Action::DuplicateRequest,
        Action::TruncateReply(3),
    ];
    match dice.roll(20) {
        0 => proxy.blackhole(Direction::Both),
        1 => proxy.blackhole(Direction::ToClient),
        2 => proxy.blackhole(Direction::ToServer),
        3 => proxy.refuse(),
        4 => proxy.close_all(),
        5 => drop(bench.admin.kill_clients()),
        6 => bench.admin.script_flush(),
        7 => {
            let paused = bench.server.pause();
            thread::sleep(late);
            paused.resume();
        }
        _ => {
            let action = actions[usize::try_from(dice.roll(11)).unwrap()];
            proxy.rule(
                Rule::when(some).first(1 + usize::try_from(dice.roll(3)).unwrap()).then(action),
            );
        }
    }
    thread::sleep(ms(20 + dice.roll(300)));
    proxy.let_go();
    proxy.clear_rules();
    proxy.heal();
}

#[test]
fn a_guard_that_says_it_is_valid_is_right() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let given = std::env::var("REDISMUTEX_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(u64::from(now.subsec_nanos()) | 1);
    println!("REDISMUTEX_CHAOS_SEED={seed}");
    let bench = &Bench::new(Kind::Async);
    let seconds = std::env::var("REDISMUTEX_CHAOS_SECONDS").ok().and_then(|it| it.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(10));
    let (over, held) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..4 {
            let kind = [Kind::Async, Kind::Blocking][worker % 2];
            scope.spawn(move || {
                let mutex = Mutex::new(kind, bench.proxy.url()).expiry(ms(300)).delay(ms(1));
                let dice = Dice(seed ^ (worker as u64 + 1) << 32);
                contend(&mutex, Eye(&bench.server, bench.server.admin()), dice, over, held);
            });
        }
        let mut dice = Dice(seed);
        let until = Instant::now() + length;
        while Instant::now() < until {
            strike(bench, &mut dice);
        }
        bench.proxy.heal();
        over.store(true, Ordering::SeqCst);
    });
    println!("held {} times", held.load(Ordering::SeqCst));
    assert!(held.load(Ordering::SeqCst) > 5, "somebody gets it in spite of everything");
    // When it is over nothing of it stays.
    bench.direct().block(ms(5000)).acquire("k").unwrap().release().unwrap();
    assert!(bench.gone_within("k", ms(3000)));
}
