//! W2: hand-off from a release call in one process to the return of acquire in another that waits.
//!
//! Two workers pass one lock to and fro; the floor's pass a list element to and fro by RPUSH and BLPOP. Each
//! notes when it let go and when it got it. Cold: both sleep before each turn. Warm: the holder is busy for a
//! moment, in which the other one has surely come to wait.

use crate::Run;
use redismutex::blocking::RedisMutex;
use redismutex_bench::rounds::{alternate, line, median};
use redismutex_bench::worker::{Pause, Worker, now, tell, told};
use std::cell::RefCell;
use std::time::Duration;

const WARM: Pause = Pause::Busy(Duration::from_micros(300));
const COLD: Pause = Pause::Asleep(Duration::from_millis(10));
const PATIENCE: Duration = Duration::from_secs(60);
/// Who has let go comes back after this: asking at once, it would compete with who gets it for the processors, of
/// which there may be two for the three processes.
const APART: Duration = Duration::from_micros(50);
/// The worker that has the first turn.
const FIRST: &str = "1";

pub(crate) fn run(run: &Run) {
    for (how, pause, turns) in [("warm", WARM, 500), ("cold", COLD, 60)] {
        for (what, role, floor, limit) in [
            ("blocking", "w2", "w2floor", 1.15),
            ("async", "w2async", "w2floor", 1.15),
            ("(the least script there is)", "w2least", "w2floor", f64::INFINITY),
            ("blocking, of that least", "w2", "w2least", 1.25),
        ] {
            let mut ours = pair(run, role, pause, turns);
            let mut floor = pair(run, floor, pause, turns);
            let compared = alternate(run.rounds, || handed(&mut ours), || handed(&mut floor));
            line(&format!("W2 hand-off p50, {how}, {what}"), &compared, limit);
        }
    }
}

fn pair(run: &Run, role: &str, pause: Pause, turns: u32) -> [Worker; 2] {
    let (url, key) = (run.server.url(), redismutex_testkit::random_key());
    let start = |who| Worker::start(&format!("{role} {url} {key} {pause} {turns} {who}"));
    let mut workers = [0, 1].map(start);
    // Both listen before one of them begins.
    workers.iter_mut().for_each(|worker| drop(worker.numbers()));
    workers
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
    let mutex = RedisMutex::builder(&words[0]).block_time(PATIENCE).connect().expect("a mutex");
    in_turns(
        words,
        |_| mutex.acquire(&words[1]).expect("my turn comes"),
        |guard| {
            guard.release().expect("still mine");
        },
    );
}

/// A worker of ours, async.
pub(crate) fn async_worker(words: &[String]) {
    let runtime = crate::runtime();
    let builder = redismutex::RedisMutex::builder(&words[0]).block_time(PATIENCE);
    let mutex = runtime.block_on(builder.connect()).expect("a mutex");
    let get = |_| runtime.block_on(mutex.acquire(&words[1])).expect("my turn comes");
    in_turns(words, get, |guard| runtime.block_on(guard.release()).expect("still mine"));
}

/// A worker of the floor: the lists of both are named after them.
pub(crate) fn floor_worker(words: &[String]) {
    let client = redis::Client::open(&*words[0]).expect("a client");
    let connection = RefCell::new(client.get_connection().expect("a connection"));
    let [mine, other] = both(words);
    let get = |mine_already: bool| {
        if !mine_already {
            let mut blpop = redis::cmd("BLPOP");
            let popped =
                blpop.arg(&mine).arg(60).query::<(String, String)>(&mut connection.borrow_mut());
            popped.expect("my turn comes");
        }
    };
    in_turns(words, get, |()| {
        let mut rpush = redis::cmd("RPUSH");
        rpush.arg(&other).arg(1).query::<i32>(&mut connection.borrow_mut()).expect("a push");
    });
}

/// What no hand-off by a script can do without: compare, find the next, give it the record, tell it. Nothing is
/// queued, fenced, parsed or checked.
const LEAST: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    local next = redis.call('LRANGE', KEYS[2], '0', '0')[1] \
    redis.call('SET', KEYS[1], next, 'PX', '7000') \
    return redis.call('PUBLISH', next, 'yours')";

/// As the floor, through that script and a channel for each of both.
pub(crate) fn least_worker(words: &[String]) {
    let client = redis::Client::open(&*words[0]).expect("a client");
    let connection = RefCell::new(client.get_connection().expect("a connection"));
    let mut listening = client.get_connection().expect("a connection");
    let mut listening = listening.as_pubsub();
    let [mine, other] = both(words);
    listening.subscribe(&mine).expect("a subscription");
    let listening = RefCell::new(listening);
    let (record, next) = (format!("{}:record", words[1]), format!("{mine}:next"));
    let script = redis::Script::new(LEAST);
    let prepare = |connection: &mut redis::Connection| {
        redis::cmd("RPUSH").arg(&next).arg(&other).exec(connection)?;
        redis::cmd("SET")
            .arg(&record)
            .arg(FIRST.to_owned() + &words[1])
            .arg("NX")
            .exec(connection)?;
        script.prepare_invoke().load(connection)
    };
    prepare(&mut connection.borrow_mut()).expect("answers");
    let get = |mine_already: bool| {
        if !mine_already {
            listening.borrow_mut().get_message().expect("my turn comes");
        }
    };
    in_turns(words, get, |()| {
        let mut ahead = redis::pipe();
        ahead.cmd("PING").ignore().cmd("EVALSHA").arg(script.get_hash()).arg(2);
        ahead.arg(&record).arg(&next).arg(&mine);
        let told = ahead.query::<(i32,)>(&mut connection.borrow_mut());
        assert_eq!(told.expect("an answer"), (1,));
    });
}

/// Gets and gives back in turn with the other one, as often as is asked for. `get` is told whether this is the first
/// turn of all, for which nobody gives.
fn in_turns<T>(words: &[String], get: impl Fn(bool) -> T, give: impl Fn(T)) {
    let pause = Pause::parse(&words[2]);
    let turns: usize = words[3].parse().expect("a number");
    let mut first = words[4] == FIRST;
    tell([]);
    while told() {
        let mut times = Vec::with_capacity(turns * 2);
        for _ in 0..turns {
            let got = get(std::mem::take(&mut first));
            times.push(now());
            pause.pass();
            times.push(now());
            give(got);
            std::thread::sleep(APART);
        }
        tell(times);
    }
}

/// Names for this worker and the other one.
fn both(words: &[String]) -> [String; 2] {
    let name = |who: &str| format!("{who}{}", words[1]);
    if words[4] == FIRST { [name(FIRST), name("0")] } else { [name("0"), name(FIRST)] }
}
