//! The simulated server and a real one answer the same, command by command.

use redismutex_testkit::{Reply, Server, Simulated};

/// Bodies of scripts over KEYS k, z and n and ARGV 5, a, b, which build on each other.
const SCRIPTS: &[&str] = &[
    "return redis.call('GET', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', 60000)",
    "return redis.call('SET', KEYS[1], ARGV[3], 'NX', 'PX', 60000)",
    "return redis.call('SET', KEYS[1], ARGV[3], 'PX', 60000, 'GET')",
    "return redis.call('SET', KEYS[3], ARGV[3], 'PX', 60000, 'GET')",
    "return redis.pcall('SET', KEYS[1], 'x', 'PX', 0)",
    "return redis.pcall('SET', KEYS[1], 'x', 'PX', 'y')",
    "return redis.call('GET', KEYS[1]) == ARGV[3]",
    "local gone = redis.call('GET', 'no such key'); return {gone == false, gone == nil, type(gone)}",
    "return {redis.call('EXISTS', KEYS[1], KEYS[2]), redis.call('DEL', KEYS[3], 'no such key')}",
    "return {redis.call('PTTL', 'no such key'), redis.call('PEXPIRE', 'no such key', 5)}",
    "redis.call('SET', KEYS[3], 'x'); return redis.call('PTTL', KEYS[3])",
    "local one = redis.call('PEXPIRE', KEYS[3], 50000); return {one, redis.call('PTTL', KEYS[3])}",
    "return {redis.call('PEXPIRE', KEYS[3], 0), redis.call('EXISTS', KEYS[3])}",
    "return redis.pcall('PEXPIRE', KEYS[1], 1.5)",
    "return {redis.call('ZADD', KEYS[2], 3, 'c'), redis.call('ZADD', KEYS[2], 1, 'b')}",
    "return {redis.call('ZADD', KEYS[2], 'NX', 9, 'c'), redis.call('ZADD', KEYS[2], 1, 'a')}",
    "return {redis.call('ZADD', KEYS[2], 2, 'a'), redis.call('ZCARD', KEYS[2])}",
    "return redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')",
    "return redis.call('ZRANGE', KEYS[2], 1, 9)",
    "return redis.call('ZRANGE', KEYS[2], 5, 9)",
    "return redis.call('ZRANGE', 'no such key', 0, 0)[1] == nil",
    "return {redis.call('ZRANK', KEYS[2], 'c'), redis.call('ZRANK', KEYS[2], 'none')}",
    "return redis.call('ZRANK', 'no such key', 'none')",
    "return {redis.call('ZSCORE', KEYS[2], 'c'), 7}",
    "return redis.call('ZSCORE', KEYS[2], 'none')",
    "redis.call('ZADD', KEYS[2], '1790000000000123', 'd'); return redis.call('ZSCORE', KEYS[2], 'd')",
    "redis.call('ZADD', KEYS[2], 2.5, 'e'); return redis.call('ZSCORE', KEYS[2], 'e')",
    "return redis.pcall('ZADD', KEYS[2], 'much', 'e')",
    "return {redis.call('ZREM', KEYS[2], 'd', 'none'), redis.call('ZREM', 'no such key', 'd')}",
    "return {redis.call('ZPOPMIN', KEYS[2]), redis.call('ZPOPMIN', 'no such key')}",
    "redis.call('ZREM', KEYS[2], 'a', 'b', 'c', 'e'); return redis.call('EXISTS', KEYS[2])",
    "return redis.pcall('ZCARD', KEYS[1])",
    "return redis.pcall('ZPOPMIN', KEYS[1])",
    "redis.call('ZADD', KEYS[2], 1, 'a'); return redis.pcall('GET', KEYS[2])",
    "return redis.pcall('SET', KEYS[2], 'x', 'PX', 60000, 'GET')",
    "return redis.call('SET', KEYS[2], 'x', 'PX', 60000)",
    "return {redis.call('PUBLISH', 'nobody', 'x'), redis.call('PUBSUB', 'NUMSUB', 'nobody')}",
    "return redis.call('PUBSUB', 'NUMPAT')",
    "return redis.call('PUBSUB', 'CHANNELS', 'nobody:*')",
    "redis.call('SET', KEYS[3], 1790000000000123); return redis.call('GET', KEYS[3])",
    "redis.call('SET', KEYS[3], 2 / 3); return redis.call('GET', KEYS[3])",
    "redis.call('SET', KEYS[3], 1e20); return redis.call('GET', KEYS[3])",
    "redis.call('SET', KEYS[3], -0.1); return redis.call('GET', KEYS[3])",
    "return {2 / 3, 5 / 3, -5 / 3, ARGV[1] + 1, true, 'text', {1, {'two'}}}",
    "return {1, false, 3}",
    "return {1, nil, 3}",
    "return false",
    "return nil",
    "return {ok = 'FINE'}",
    "return {err = 'MINE of my own'}",
    "return {type(KEYS), #KEYS, #ARGV, ARGV[4] == nil, math.floor(7.5), tonumber('8')}",
    "return {string.match('12 34 x y', '^(%d+) (%d+) ()')}",
    "return {string.format('%.0f', '1790000000000123' + 1), string.sub('00000' .. 42, -6)}",
    "return #redis.call('TIME')[1] == 10",
];

fn words(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn simulated_and_real_servers_answer_the_same() {
    let (keys, args) = (["k", "z", "n"], ["5", "a", "b"]);
    let server = Server::start();
    let admin = server.admin();
    let mut simulated = Simulated::new();
    simulated.set_time(1_790_000_000_000_000);
    for source in SCRIPTS {
        let mut eval = vec!["EVAL", source, "3"];
        eval.extend(keys.iter().chain(&args));
        let real = admin.cmd(&eval);
        let script = simulated.load(source);
        let ours = simulated.run(script, &words(&keys), &words(&args));
        assert!(same(&real, &ours), "{source}\nreal: {real:?}\nsimulated: {ours:?}");
    }
}

/// Times to live are read a moment apart; of errors only the code is anybody's business.
fn same(real: &Reply, ours: &Reply) -> bool {
    match (real, ours) {
        (Reply::Int(a), Reply::Int(b)) if *a > 10_000 => (a - b).abs() < 5_000,
        (Reply::Error(a), Reply::Error(b)) => a.split(' ').next() == b.split(' ').next(),
        (Reply::Array(a), Reply::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => real == ours,
    }
}

#[test]
fn time_stands_still_and_keys_end_by_it() {
    let mut simulated = Simulated::new();
    let set = simulated.load("return redis.call('SET', 'k', 'v', 'PX', 10)");
    simulated.set_time(5_000_999);
    assert_eq!(simulated.run(set, &[], &[]), Reply::Simple("OK".into()));
    simulated.set_time(5_010_999);
    assert_eq!(simulated.command(&[b"PTTL", b"k"]), Reply::Int(0), "the last millisecond");
    simulated.set_time(5_011_000);
    assert_eq!(simulated.command(&[b"GET", b"k"]), Reply::Nil);
    assert!(simulated.keys().is_empty());
}

#[test]
fn who_listens_is_counted_and_gets_what_was_published() {
    let simulated = Simulated::new();
    simulated.subscribe(b"c");
    assert_eq!(simulated.command(&[b"PUBLISH", b"c", b"hello"]), Reply::Int(1));
    simulated.unsubscribe(b"c");
    assert_eq!(simulated.command(&[b"PUBLISH", b"c", b"hello"]), Reply::Int(0));
    assert_eq!(simulated.published().len(), 2, "whoever asked decides to whom it goes");
    assert!(simulated.published().is_empty());
}

#[test]
#[should_panic(expected = "does not know `FLUSHALL`")]
fn an_unknown_command_is_no_guess() {
    let _ = Simulated::new().command(&[b"FLUSHALL"]);
}

#[test]
#[should_panic(expected = "nonexistent global")]
fn a_script_that_reads_a_global_by_mistake_is_found_out() {
    let mut simulated = Simulated::new();
    let script = simulated.load("return KEYZ[1]");
    let _ = simulated.run(script, &[], &[]);
}
