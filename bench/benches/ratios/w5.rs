//! W5: a hundred waiters on a held key, then released one after another.
//!
//! The floor passes one element through a hundred lists, a thread with a connection of its own at each.

use crate::Run;
use redismutex::{Guard, RedisMutex};
use redismutex_bench::rounds::{alternate, line};
use redismutex_testkit::random_key;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const WAITERS: u32 = 100;
/// By then all of them wait.
const SETTLED: Duration = Duration::from_millis(600);

pub(crate) fn run(run: &Run) {
    let runtime = crate::runtime();
    let builder = RedisMutex::builder(run.server.url()).block_time(Duration::from_secs(120));
    let mutex = runtime.block_on(builder.connect()).expect("a mutex");
    runtime.block_on(requests(run, &mutex));
    let ours = || {
        runtime.block_on(async {
            let (guard, waiting) = crowd(&mutex).await;
            tokio::time::sleep(SETTLED).await;
            drain(guard, waiting).await
        })
    };
    let compared = alternate(run.rounds, ours, || floor(&run.server.url()));
    line("W5 100 waiters, drained, each", &compared, 2.0);
}

/// How often they ask while somebody holds the lock.
async fn requests(run: &Run, mutex: &RedisMutex) {
    let (guard, waiting) = crowd(mutex).await;
    tokio::time::sleep(SETTLED).await;
    let admin = run.server.admin();
    let calls = || calls(&admin.info("commandstats", "cmdstat_evalsha").unwrap_or_default());
    let (before, watched) = (calls(), Duration::from_secs(if run.quick { 10 } else { 30 }));
    tokio::time::sleep(watched).await;
    let rate = (calls() - before) as f64 / watched.as_secs_f64();
    drain(guard, waiting).await;
    let mark = if rate <= 5.0 { "ok" } else { "MISSED" };
    println!(
        "W5 100 waiters, the holder's renewals included: {rate:.1} requests/s in all (<= 5) {mark}"
    );
}

/// One who holds and a hundred who are about to wait.
async fn crowd(mutex: &RedisMutex) -> (Guard, Vec<JoinHandle<()>>) {
    let key = random_key();
    let guard = mutex.acquire(&key).await.expect("a free lock");
    let waiter = |_| {
        let (mutex, key) = (mutex.clone(), key.clone());
        tokio::spawn(async move {
            let guard = mutex.acquire(&key).await.expect("my turn comes");
            guard.release().await.expect("still mine");
        })
    };
    (guard, (0..WAITERS).map(waiter).collect())
}

/// How long each held it up, from the first letting go to the last.
async fn drain(guard: Guard, waiting: Vec<JoinHandle<()>>) -> Duration {
    let started = Instant::now();
    guard.release().await.expect("still ours");
    for waiter in waiting {
        waiter.await.expect("it ends well");
    }
    started.elapsed() / WAITERS
}

fn floor(url: &str) -> Duration {
    let client = redis::Client::open(url).expect("a client");
    let key = random_key();
    let push = |connection: &mut redis::Connection, to: u32| {
        let pushed = redis::cmd("RPUSH").arg(format!("{key}:{to}")).arg(1).exec(connection);
        pushed.expect("a push");
    };
    let pass = |place: u32, connection: &mut redis::Connection| {
        let popped = redis::cmd("BLPOP").arg(format!("{key}:{place}")).arg(60).exec(connection);
        popped.expect("my turn comes");
        push(connection, place + 1);
    };
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..WAITERS)
            .map(|place| {
                let mut connection = client.get_connection().expect("a connection");
                let pass = &pass;
                scope.spawn(move || pass(place, &mut connection))
            })
            .collect();
        std::thread::sleep(SETTLED);
        let mut connection = client.get_connection().expect("a connection");
        let started = Instant::now();
        push(&mut connection, 0);
        waiting.into_iter().for_each(|thread| thread.join().expect("it ends well"));
        let took = started.elapsed() / WAITERS;
        redis::cmd("DEL").arg(format!("{key}:{WAITERS}")).exec(&mut connection).expect("gone");
        took
    })
}

fn calls(stat: &str) -> u64 {
    let calls = stat.split("calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.and_then(|number| number.parse().ok()).unwrap_or(0)
}
