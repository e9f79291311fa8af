//! W2: hand-off from a release call in one process to the return of acquire in another that waits.
//!
//! Two workers pass one lock to and fro; the floor's pass a list element to and fro by RPUSH and BLPOP. Each
//! notes when it let go and when it got it. Cold: both rest before each turn. Warm: they do not.

use crate::Run;
use redismutex::blocking::RedisMutex;
use redismutex_bench::rounds::{alternate, line, median};
use redismutex_bench::worker::{Worker, now, rest, tell, told};
use std::time::Duration;

const COLD: Duration = Duration::from_millis(10);

pub(crate) fn run(run: &Run) {
    for (how, pause, turns) in [("warm", Duration::ZERO, 500), ("cold", COLD, 60)] {
        let mut ours = pair(run, "w2", pause, turns);
        let mut floor = pair(run, "w2floor", pause, turns);
        let compared = alternate(run.rounds, || handed(&mut ours), || handed(&mut floor));
        line(&format!("W2 hand-off p50, {how}"), &compared, 1.15);
    }
}

fn pair(run: &Run, role: &str, pause: Duration, turns: u32) -> [Worker; 2] {
    let (url, key) = (run.server.url(), redismutex_testkit::random_key());
    [0, 1].map(|who| {
        Worker::start(&format!("{role} {url} {key} {} {turns} {who}", pause.as_micros()))
    })
}

/// The median time from a letting go to the next getting.
fn handed(pair: &mut [Worker; 2]) -> Duration {
    pair.iter_mut().for_each(|worker| worker.say("go"));
    let mut events = Vec::new();
    for worker in pair {
        // got, let go, got, let go, ...
        let times = worker.numbers();
        let id = worker.id();
        events.extend(times.chunks_exact(2).map(|turn| (turn[0], turn[1], id)));
    }
    events.sort_unstable();
    let handed = events.windows(2).filter(|two| two[0].2 != two[1].2);
    let mut times: Vec<_> = handed.map(|two| two[1].0.saturating_sub(two[0].1) as f64).collect();
    assert!(times.len() * 4 > events.len(), "they took turns: {} of {}", times.len(), events.len());
    Duration::from_nanos(median(&mut times) as u64)
}

/// A worker of ours.
pub(crate) fn worker(words: &[String]) {
    let mutex = RedisMutex::builder(&words[0]).block_time(Duration::from_secs(60)).connect();
    let mutex = mutex.expect("a mutex");
    let (pause, turns) = parse(words);
    while told() {
        let mut times = Vec::with_capacity(turns * 2);
        for _ in 0..turns {
            let guard = mutex.acquire(&words[1]).expect("my turn comes");
            times.push(now());
            rest(pause);
            times.push(now());
            guard.release().expect("still mine");
        }
        tell(times);
    }
}

/// A worker of the floor: the lists of both are named after them.
pub(crate) fn floor_worker(words: &[String]) {
    let client = redis::Client::open(&*words[0]).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    let (pause, turns) = parse(words);
    let me = words[4] == "1";
    let (mine, other) = (format!("{}:{me}", words[1]), format!("{}:{}", words[1], !me));
    let mut first = me;
    while told() {
        let mut times = Vec::with_capacity(turns * 2);
        for _ in 0..turns {
            if !std::mem::take(&mut first) {
                let popped = redis::cmd("BLPOP")
                    .arg(&mine)
                    .arg(60)
                    .query::<(String, String)>(&mut connection);
                popped.expect("my turn comes");
            }
            times.push(now());
            rest(pause);
            times.push(now());
            redis::cmd("RPUSH").arg(&other).arg(1).query::<i32>(&mut connection).expect("a push");
        }
        tell(times);
    }
}

fn parse(words: &[String]) -> (Duration, usize) {
    let number = |word: &String| word.parse().expect("a number");
    (Duration::from_micros(number(&words[2])), number(&words[3]) as usize)
}
