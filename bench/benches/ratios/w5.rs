//! W5: a hundred waiters on a held key, then released one after another.

use crate::Run;
use redismutex::RedisMutex;
use redismutex_testkit::random_key;
use std::time::{Duration, Instant};

const WAITERS: u32 = 100;

pub(crate) fn run(run: &Run) {
    let runtime = crate::runtime();
    runtime.block_on(async {
        let builder = RedisMutex::builder(run.server.url()).block_time(Duration::from_secs(120));
        let mutex = builder.connect().await.expect("a mutex");
        let key = random_key();
        let guard = mutex.acquire(&key).await.expect("a free lock");
        let waiting: Vec<_> = (0..WAITERS)
            .map(|_| {
                let (mutex, key) = (mutex.clone(), key.clone());
                tokio::spawn(async move {
                    let guard = mutex.acquire(&key).await.expect("my turn comes");
                    guard.release().await.expect("still mine");
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let admin = run.server.admin();
        let calls = || calls(&admin.info("commandstats", "cmdstat_evalsha").unwrap_or_default());
        let (before, watched) = (calls(), Duration::from_secs(if run.quick { 10 } else { 30 }));
        tokio::time::sleep(watched).await;
        let rate = (calls() - before) as f64 / watched.as_secs_f64();
        let started = Instant::now();
        guard.release().await.expect("still ours");
        for waiter in waiting {
            waiter.await.expect("it ends well");
        }
        let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(WAITERS);
        let mark = if rate <= 5.0 { "ok" } else { "MISSED" };
        println!(
            "W5 100 waiters on a held key: {rate:.1} requests/s in all (<= 5), the holder's renewals included {mark}; \
             drained in {each:.1} us each"
        );
    });
}

fn calls(stat: &str) -> u64 {
    let calls = stat.split("calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.and_then(|number| number.parse().ok()).unwrap_or(0)
}
