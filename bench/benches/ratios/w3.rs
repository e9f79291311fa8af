//! W3: sixteen clients in four processes want one key and do nothing under it: tasks of one runtime in each
//! process, then threads.
//!
//! The floor passes one element round sixteen lists, each client a thread with a connection of its own.

use crate::Run;
use redismutex::blocking::RedisMutex;
use redismutex_bench::rounds::median;
use redismutex_bench::worker::{Worker, tell, told};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PROCESSES: usize = 4;
const THREADS: usize = 4;

pub(crate) fn run(run: &Run) {
    compare(run, "tasks");
    compare(run, "threads");
}

fn compare(run: &Run, kind: &str) {
    let (url, key) = (run.server.url(), redismutex_testkit::random_key());
    let length = run.length.as_millis();
    let start = |role: &str| -> Vec<_> {
        (0..PROCESSES)
            .map(|who| Worker::start(&format!("{role} {url} {key} {length} {who}")))
            .collect()
    };
    let (mut ours, mut floor) = (start(&format!("w3{kind}")), start("w3floor"));
    let (mut ratios, mut jains, mut requests, mut rates) = (vec![], vec![], vec![], vec![]);
    for _ in 0..run.rounds.min(5) {
        let admin = run.server.admin();
        let before = admin.commands_processed();
        let counts = turns(&mut ours);
        let commands = admin.commands_processed() - before;
        let got: u64 = counts.iter().sum();
        let passed: u64 = turns(&mut floor).iter().sum();
        ratios.push(got as f64 / passed as f64);
        rates.push(got as f64 / run.length.as_secs_f64());
        requests.push(commands as f64 / got as f64);
        let squares: f64 = counts.iter().map(|count| (*count as f64).powi(2)).sum();
        jains.push((got as f64).powi(2) / (counts.len() as f64 * squares));
    }
    let (ratio, jain, requests) = (median(&mut ratios), median(&mut jains), median(&mut requests));
    let mark = |good: bool| if good { "ok" } else { "MISSED" };
    println!(
        "W3 16 {kind}, one key: {:.0} acquisitions/s; of the floor {ratio:.3} x (>= 0.85) {}; Jain {jain:.4} \
         (>= 0.99) {}; commands inside the server per acquisition {requests:.1}",
        median(&mut rates),
        mark(ratio >= 0.85),
        mark(jain >= 0.99),
    );
}

fn turns(workers: &mut [Worker]) -> Vec<u64> {
    workers.iter_mut().for_each(|worker| worker.say("go"));
    workers.iter_mut().flat_map(Worker::numbers).collect()
}

fn during(length: Duration, work: impl Fn(usize, &AtomicBool) -> u64 + Sync) {
    while told() {
        let over = AtomicBool::new(false);
        let counts: Vec<u64> = std::thread::scope(|scope| {
            let (over, work) = (&over, &work);
            let threads: Vec<_> =
                (0..THREADS).map(|who| scope.spawn(move || work(who, over))).collect();
            std::thread::sleep(length);
            over.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().expect("it ends well")).collect()
        });
        tell(counts);
    }
}

/// A process of ours: its tasks share one mutex.
pub(crate) fn tasks(words: &[String]) {
    let runtime = crate::runtime();
    let builder = redismutex::RedisMutex::builder(&words[0]).block_time(Duration::from_secs(60));
    let mutex = runtime.block_on(builder.connect()).expect("a mutex");
    while told() {
        let until = std::time::Instant::now() + length(words);
        let client = || {
            let (mutex, key) = (mutex.clone(), words[1].clone());
            runtime.spawn(async move {
                let mut count = 0;
                while std::time::Instant::now() < until {
                    let guard = mutex.acquire(&key).await.expect("my turn comes");
                    count += 1;
                    guard.release().await.expect("still mine");
                }
                count
            })
        };
        let clients: Vec<_> = (0..THREADS).map(|_| client()).collect();
        tell(clients.into_iter().map(|client| runtime.block_on(client).expect("it ends well")));
    }
}

/// A process of ours: its threads share one mutex.
pub(crate) fn threads(words: &[String]) {
    let mutex = RedisMutex::builder(&words[0]).block_time(Duration::from_secs(60)).connect();
    let mutex = Arc::new(mutex.expect("a mutex"));
    during(length(words), |_, over| {
        let mut count = 0;
        while !over.load(Ordering::Relaxed) {
            let guard = mutex.acquire(&words[1]).expect("my turn comes");
            count += 1;
            guard.release().expect("still mine");
        }
        count
    });
}

/// A process of the floor: one connection for each thread, since BLPOP blocks it.
pub(crate) fn floor_worker(words: &[String]) {
    let client = redis::Client::open(&*words[0]).expect("a client");
    let process: usize = words[3].parse().expect("a number");
    during(length(words), |thread, over| {
        let me = process * THREADS + thread;
        let list = |who: usize| format!("{}:{}", words[1], who % (PROCESSES * THREADS));
        let mut connection = client.get_connection().expect("a connection");
        let push = |connection: &mut redis::Connection, to: usize| {
            redis::cmd("RPUSH").arg(list(to)).arg(1).query::<i32>(connection).expect("a push");
        };
        if me == 0 {
            push(&mut connection, 0);
        }
        let mut count = 0;
        loop {
            let popped: Option<(String, String)> = redis::cmd("BLPOP")
                .arg(list(me))
                .arg(0.3)
                .query(&mut connection)
                .expect("an answer");
            match popped {
                Some(_) if over.load(Ordering::Relaxed) => return count,
                Some(_) => {
                    count += 1;
                    push(&mut connection, me + 1);
                }
                None if over.load(Ordering::Relaxed) => return count,
                None => {}
            }
        }
    });
}

fn length(words: &[String]) -> Duration {
    Duration::from_millis(words[2].parse().expect("a number"))
}
