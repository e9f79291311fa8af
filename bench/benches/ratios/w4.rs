//! W4: many guards taken and held at once by one process, over one connection and the watchdog's.

use crate::Run;
use redismutex::RedisMutex;
use redismutex_bench::rounds::{alternate, line};
use std::time::{Duration, Instant};

pub(crate) fn run(run: &Run) {
    let runtime = crate::runtime();
    let builder = RedisMutex::builder(run.server.url()).expiry(Duration::from_secs(20));
    let mutex = runtime.block_on(builder.connect()).expect("a mutex");
    let client = redis::Client::open(run.server.url()).expect("a client");
    let connection = runtime.block_on(client.get_multiplexed_async_connection());
    let mut connection = connection.expect("a connection");
    for count in [1000u32, 10_000] {
        let keys: Vec<_> = (0..count).map(|number| format!("bench:{number}")).collect();
        let ours = || {
            let started = Instant::now();
            let guards = runtime.block_on(taken(&mutex, &keys));
            let took = started.elapsed() / count;
            assert!(guards.iter().all(redismutex::Guard::is_valid));
            drop(guards);
            runtime.block_on(settled(&mutex));
            took
        };
        let floor = || {
            let started = Instant::now();
            let mut pipe = redis::pipe();
            for key in &keys {
                pipe.cmd("SET").arg(key).arg("value").arg("PX").arg(20_000).ignore();
            }
            let set = runtime.block_on(pipe.query_async::<()>(&mut connection));
            let took = started.elapsed() / count;
            set.expect("an answer");
            let gone =
                runtime.block_on(redis::cmd("DEL").arg(&keys).query_async::<()>(&mut connection));
            gone.expect("an answer");
            took
        };
        let compared = alternate(run.rounds.min(7), ours, floor);
        line(&format!("W4 {count} guards at once, each"), &compared, 1.0 / 0.7);
    }
    renewal(run, &runtime);
}

async fn taken(mutex: &RedisMutex, keys: &[String]) -> Vec<redismutex::Guard> {
    let waiting: Vec<_> = keys
        .iter()
        .map(|key| {
            let (mutex, key) = (mutex.clone(), key.clone());
            tokio::spawn(async move { mutex.acquire(&key).await.expect("a free lock") })
        })
        .collect();
    let mut guards = Vec::with_capacity(keys.len());
    for guard in waiting {
        guards.push(guard.await.expect("it ends well"));
    }
    guards
}

/// Everything that was dropped is gone: requests are answered in order.
async fn settled(mutex: &RedisMutex) {
    mutex.holder("bench:0").await.expect("an answer");
}

/// How much of a renewal interval the server spends on renewing 10 000 guards.
fn renewal(run: &Run, runtime: &tokio::runtime::Runtime) {
    let expiry = Duration::from_secs(6);
    let mutex = runtime.block_on(RedisMutex::builder(run.server.url()).expiry(expiry).connect());
    let mutex = mutex.expect("a mutex");
    let keys: Vec<_> = (0..10_000).map(|number| format!("held:{number}")).collect();
    let guards = runtime.block_on(taken(&mutex, &keys));
    let (admin, before) = (run.server.admin(), run.server.admin().commands_processed());
    let used = || {
        admin.info("cpu", "used_cpu_user").and_then(|used| used.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let cpu = used();
    runtime.block_on(async { tokio::time::sleep(expiry).await });
    let spent = (used() - cpu) / expiry.as_secs_f64();
    assert!(guards.iter().all(redismutex::Guard::is_valid));
    let clients = admin.client_count();
    println!(
        "W4 renewal of 10000 guards: {:.1} % of the time (< 10 %), {} commands inside the server, {clients} connections \
         of all clients",
        spent * 100.0,
        admin.commands_processed() - before,
    );
}
