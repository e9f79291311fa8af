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

/// What cannot be promised: the first holder's own clock says that its lease goes on.
#[test]
fn a_server_clock_that_jumps_forward_may_grant_twice() {
    let mut bench = Bench::new();
    assert!(matches!(bench.asks("first", "p1", false), AcquireReply::Granted(_)));
    assert!(matches!(bench.asks("second", "p2", false), AcquireReply::Busy(_)));
    bench.machine.set_time(1_790_000_002 * SECOND);
    assert!(matches!(bench.asks("second", "p2", true), AcquireReply::Granted(_)));
}

/// What cannot be promised: the lease of one second is over, by every clock but the server's.
#[test]
fn a_server_clock_that_is_set_back_keeps_the_lock_of_the_dead() {
    let mut bench = Bench::new();
    bench.asks("dead", "p1", false);
    bench.machine.set_time(1_789_999_000 * SECOND);
    bench.asks("next", "p2", false);
    bench.machine.set_time(1_789_999_002 * SECOND);
    assert!(matches!(bench.asks("next", "p2", true), AcquireReply::Busy(_)));
}

/// What cannot be promised, and holds only because owner tokens are random.
#[test]
fn equal_owner_tokens_make_two_owners() {
    let mut bench = Bench::new();
    assert!(matches!(bench.asks("same", "p1", false), AcquireReply::Granted(_)));
    assert!(matches!(bench.asks("same", "p2", false), AcquireReply::Granted(_)));
}
