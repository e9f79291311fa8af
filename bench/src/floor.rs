//! The floors: the least that any lock can send, through the same client crate that everybody uses.

use redis::{Connection, Script};
use std::time::{Duration, Instant};

/// Deletes the key if it holds our value.
pub fn compare_and_delete() -> Script {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
}

/// `count` times SET NX PX and EVALSHA, one after the other; the mean of one pair.
pub fn pairs(connection: &mut Connection, script: &Script, count: u32) -> Duration {
    let started = Instant::now();
    for _ in 0..count {
        let set = redis::cmd("SET")
            .arg("floor")
            .arg("value")
            .arg("NX")
            .arg("PX")
            .arg(7000)
            .query::<String>(connection);
        assert!(set.is_ok(), "{set:?}");
        let deleted = script.key("floor").arg("value").invoke::<i32>(connection);
        assert_eq!(deleted.ok(), Some(1));
    }
    started.elapsed() / count
}

/// The same through the multiplexed connection.
pub async fn async_pairs(
    connection: &mut redis::aio::MultiplexedConnection,
    script: &Script,
    count: u32,
) -> Duration {
    let started = Instant::now();
    for _ in 0..count {
        let set: redis::RedisResult<String> = redis::cmd("SET")
            .arg("floor")
            .arg("value")
            .arg("NX")
            .arg("PX")
            .arg(7000)
            .query_async(connection)
            .await;
        assert!(set.is_ok(), "{set:?}");
        let deleted = script.key("floor").arg("value").invoke_async::<i32>(connection).await;
        assert_eq!(deleted.ok(), Some(1));
    }
    started.elapsed() / count
}
