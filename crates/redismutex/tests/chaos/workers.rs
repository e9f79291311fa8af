//! What each process does: takes a lock, believes in it, gives it back, over and over.
//!
//! Knows the lock and the recorder. Must not know the other processes, nor what is done to them.

use crate::dice::Dice;
use crate::{BLOCK_TIME, EXPIRY};
use redismutex::{Error, RedisMutex, blocking};
use redismutex_testkit::child;
use redismutex_testkit::history::{Recorder, deadline_ns, now_ns};
use std::time::Duration;

/// Two in each process, so that a lock also changes hands within one.
const TASKS: usize = 2;

/// What a process is told by its parent.
struct Orders {
    url: String,
    keys: Vec<String>,
    history: String,
    end_ns: u64,
    manner: String,
}

impl Orders {
    fn read() -> Self {
        let told = |name: &str| std::env::var(name).unwrap();
        Self {
            url: told("URL"),
            keys: told("KEYS").split(',').map(str::to_owned).collect(),
            history: told("HISTORY"),
            end_ns: told("END_NS").parse().unwrap(),
            manner: told("MANNER"),
        }
    }

    fn are_over(&self) -> bool {
        now_ns() >= self.end_ns
    }
}

/// Runs in a child process; does nothing elsewhere.
pub(crate) fn work() {
    let Some(face) = child::role() else { return };
    let orders = Orders::read();
    match (&*orders.manner, &*face) {
        ("honest", "async") => in_tasks(&orders),
        ("honest", _) => in_threads(&orders),
        (cheat, _) => cheats(&orders, cheat),
    }
}

fn label() -> String {
    std::process::id().to_string()
}

fn blocking_mutex(orders: &Orders) -> blocking::RedisMutex {
    let builder = blocking::RedisMutex::builder(&orders.url).expiry(EXPIRY);
    // Connecting is left to the first acquire, which tries again: the connection may be cut under it.
    builder.block_time(BLOCK_TIME).label(label()).build().unwrap()
}

/// Looks and pauses while holding; writes down what is believed at each look.
macro_rules! believe {
    ($note:expr, $dice:expr, $guard:expr, $sleep:expr) => {
        for _ in 0..=$dice.below(6) {
            if !$guard.is_valid() {
                $note.lost();
                break;
            }
            $note.believes(|| $guard.remaining());
            $sleep
        }
    };
}

fn in_threads(orders: &Orders) {
    let mutex = blocking_mutex(orders);
    child::say("ready");
    std::thread::scope(|scope| {
        for task in 0..TASKS {
            let mutex = &mutex;
            scope.spawn(move || {
                let (recorder, mut dice) =
                    (Recorder::append(&orders.history).unwrap(), Dice::new());
                for round in 0.. {
                    if orders.are_over() {
                        break;
                    }
                    let key: &String = dice.pick(&orders.keys);
                    let note = Note::new(&recorder, key, task, round);
                    let Some(guard) = note.outcome(mutex.acquire(key)) else { continue };
                    note.acquired(guard.fence(), || guard.remaining());
                    believe!(note, dice, guard, std::thread::sleep(Duration::from_millis(2)));
                    note.released();
                    note.ended(guard.release());
                    std::thread::sleep(Duration::from_millis(dice.below(5)));
                }
            });
        }
    });
}

fn in_tasks(orders: &Orders) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = RedisMutex::builder(&orders.url).expiry(EXPIRY).block_time(BLOCK_TIME);
        let mutex = builder.label(label()).build().unwrap();
        child::say("ready");
        tokio::join!(one_task(orders, &mutex, 0), one_task(orders, &mutex, 1));
    });
}

async fn one_task(orders: &Orders, mutex: &RedisMutex, task: usize) {
    let (recorder, mut dice) = (Recorder::append(&orders.history).unwrap(), Dice::new());
    for round in 0.. {
        if orders.are_over() {
            break;
        }
        let key: &String = dice.pick(&orders.keys);
        let note = Note::new(&recorder, key, task, round);
        let Some(guard) = note.outcome(mutex.acquire(key).await) else { continue };
        note.acquired(guard.fence(), || guard.remaining());
        believe!(note, dice, guard, tokio::time::sleep(Duration::from_millis(2)).await);
        note.released();
        note.ended(guard.release().await);
        tokio::time::sleep(Duration::from_millis(dice.below(5))).await;
    }
}

/// The controls. `deaf` believes for longer than the lease and does not look at the clock; `greedy` holds
/// for longer than others should have to wait.
fn cheats(orders: &Orders, manner: &str) {
    let mutex = blocking_mutex(orders);
    let deaf = manner == "deaf";
    let mutex = if deaf { mutex.with_renew(false).with_block_time(EXPIRY) } else { mutex };
    child::say("ready");
    let recorder = Recorder::append(&orders.history).unwrap();
    for round in 0.. {
        if orders.are_over() {
            break;
        }
        let note = Note::new(&recorder, &orders.keys[0], 0, round);
        let Ok(guard) = mutex.acquire(note.key) else {
            note.recorder.failed(note.key, &note.owner);
            continue;
        };
        let forever = || Duration::from_secs(3600);
        if deaf {
            note.acquired(guard.fence(), forever);
            std::thread::sleep(EXPIRY * 3 / 2);
        } else {
            note.acquired(guard.fence(), || guard.remaining());
            std::thread::sleep((EXPIRY + crate::GRACE) * 2 / 3);
            note.believes(|| guard.remaining());
        }
        note.released();
        let _ = guard.release();
    }
}

/// Notes about one attempt.
struct Note<'a> {
    recorder: &'a Recorder,
    key: &'a str,
    owner: String,
}

impl<'a> Note<'a> {
    fn new(recorder: &'a Recorder, key: &'a str, task: usize, round: usize) -> Self {
        let owner = format!("{task}-{round}");
        recorder.wait(key, &owner);
        Self { recorder, key, owner }
    }

    /// No disturbance is a reason for an acquisition to fail: all of them pass.
    fn outcome<G>(&self, outcome: Result<G, Error>) -> Option<G> {
        outcome
            .inspect_err(|error| {
                self.recorder.failed(self.key, &self.owner);
                child::say(&format!("failed: {error}"));
            })
            .ok()
    }

    fn acquired(&self, fence: Option<redismutex::Fence>, remaining: impl Fn() -> Duration) {
        let fence = fence.map(u64::from);
        self.recorder.acquired(self.key, &self.owner, fence, Some(deadline_ns(remaining)));
    }

    fn believes(&self, remaining: impl Fn() -> Duration) {
        self.recorder.renewed(self.key, &self.owner, deadline_ns(remaining));
    }

    fn lost(&self) {
        self.recorder.lost(self.key, &self.owner);
    }

    fn released(&self) {
        self.recorder.released(self.key, &self.owner);
    }

    /// Lost is fair, after having been stopped; unknown is fair, after having been cut off.
    fn ended(&self, outcome: Result<(), Error>) {
        if let Err(error @ (Error::Config { .. } | Error::BlockTimeExceeded { .. })) = outcome {
            panic!("{}: a release cannot end like this: {error}", self.key);
        }
    }
}
