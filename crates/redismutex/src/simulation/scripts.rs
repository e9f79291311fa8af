//! What the scripts do, step by step: where the time is ours to set, and everything that is published is seen.

use super::delivery::item;
use super::server::arguments;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::{AcquireReply, Names, Push, Request, waiter};
use redismutex_testkit::Simulated;
use std::sync::Arc;
use std::time::Duration;

const SECOND: u64 = 1_000_000;

struct Bench {
    machine: Simulated,
    names: Arc<Names>,
}

impl Bench {
    fn new() -> Self {
        let (machine, names) = (Simulated::new(), Names::of(b"key").expect("a good name"));
        machine.set_time(1_790_000_000 * SECOND);
        Self { machine, names: names.into() }
    }

    /// A waiter of the process `channel` asks.
    fn asks(&mut self, token: &str, channel: &str, again: bool) -> AcquireReply {
        let (expiry, id) = (Duration::from_secs(1), 1);
        let ask = Ask::Acquire {
            token: token.into(),
            expiry,
            label: "".into(),
            entry: Some(waiter::entry(expiry, Some(channel), id, token, "").into()),
            window: Duration::ZERO,
            again,
        };
        let request = Request { names: self.names.clone(), ask };
        let script = self.machine.load(request.script().source());
        let keys: Vec<_> = request.keys().map(<[u8]>::to_vec).collect();
        let args = arguments(&request);
        let reply = item(self.machine.run(script, &keys, &args)).expect("no error");
        AcquireReply::parse(&reply).expect("an answer to acquire")
    }

    /// Those who were told something since this was last asked.
    fn told(&self) -> Vec<String> {
        let pushes = self.machine.published();
        let pushes = pushes.iter().filter_map(|it| Push::parse(&it.message));
        pushes.map(|push| push.token).collect()
    }
}

/// Each came so long ago that it sleeps by what it saw then.
#[test]
fn a_takeover_from_the_dead_tells_two_others() {
    let mut bench = Bench::new();
    let waiters = [("dead", "p1"), ("first", "p2"), ("second", "p3"), ("third", "p4")];
    for ((token, channel), us) in waiters.into_iter().zip(1..) {
        bench.machine.set_time(1_790_000_000 * SECOND + us);
        bench.machine.subscribe(channel.as_bytes());
        bench.asks(token, channel, false);
    }
    assert!(bench.told().is_empty());
    bench.machine.set_time(1_790_000_002 * SECOND);
    assert!(matches!(bench.asks("first", "p2", true), AcquireReply::Granted(_)));
    assert_eq!(bench.told(), ["second", "third"]);
}
