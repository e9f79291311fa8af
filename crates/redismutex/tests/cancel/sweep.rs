//! Every operation dropped after every poll, at every moment in between, over a slow connection.
//!
//! A poll is where a future can be dropped; what is on the wire by then depends on how long after it.
//! So each case is a number of polls and a pause, and all cases run at once, each on a key of its own.

use crate::{EXPIRY, SOON, left_over, ms, soon};
use redismutex::{Error, Guard, RedisMutex};
use redismutex_testkit::{Proxy, Server};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinSet;

/// What every message takes, each way.
const SLOWNESS: Duration = Duration::from_millis(4);
/// More polls than any operation needs here.
const POLLS: usize = 7;
/// In steps that fall before, between and after the messages of a round trip.
const PAUSES: [u64; 8] = [0, 1, 3, 5, 7, 9, 12, 17];

/// Polls so many times, pauses, and drops. What it gives, should it end before.
async fn cut<T>(future: impl Future<Output = T>, polls: usize, pause: Duration) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    let output = poll_fn(|cx| {
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if output.is_none() {
        tokio::time::sleep(pause).await;
    }
    output
}

/// A server, and a slow way to it.
struct Bench {
    proxy: Proxy,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.address());
        proxy.delay_all(SLOWNESS);
        Self { proxy, server }
    }

    /// Not connected yet.
    fn slow(&self) -> RedisMutex {
        RedisMutex::builder(self.proxy.url()).expiry(EXPIRY).block_time(EXPIRY).build().unwrap()
    }

    fn fast(&self) -> RedisMutex {
        RedisMutex::builder(self.server.url()).expiry(EXPIRY).block_time(SOON).build().unwrap()
    }

    /// Runs all cases at once; then nothing is left, and every key can be had.
    async fn sweep<F>(self, case: impl Fn(String, usize, Duration) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut cases = JoinSet::new();
        for polls in 1..=POLLS {
            for pause in PAUSES {
                cases.spawn(case(format!("{polls}-{pause}"), polls, ms(pause)));
            }
        }
        while let Some(outcome) = cases.join_next().await {
            outcome.unwrap();
        }
        drop(case);
        let admin = self.server.admin();
        assert!(soon(|| left_over(&admin).is_empty()), "left over: {:?}", left_over(&admin));
        let fast = self.fast();
        for polls in 1..=POLLS {
            let key = format!("{polls}-17");
            assert!(fast.try_acquire(&key).await.unwrap().is_some(), "{key} cannot be had");
        }
        drop(fast);
        let channels = || admin.cmd(&["PUBSUB", "CHANNELS"]).parts().len();
        assert!(soon(|| channels() == 0), "{} channels are left", channels());
        assert!(
            soon(|| admin.client_count() == 0),
            "{} connections are left",
            admin.client_count()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquire_dropped_at_every_poll_leaves_nothing() {
    let bench = Bench::new();
    let mutex = bench.slow();
    bench
        .sweep(move |key, polls, pause| {
            let mutex = mutex.clone();
            async move { drop(cut(mutex.acquire(&key), polls, pause).await) }
        })
        .await;
}

/// Each on a connection that is yet to be made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquire_dropped_while_it_connects_leaves_nothing() {
    let bench = Bench::new();
    let mutexes: Vec<_> = (0..POLLS * PAUSES.len()).map(|_| bench.slow()).collect();
    let mutexes = std::sync::Mutex::new(mutexes);
    bench
        .sweep(move |key, polls, pause| {
            let mutex = mutexes.lock().unwrap().pop().unwrap();
            async move { drop(cut(mutex.acquire(&key), polls, pause).await) }
        })
        .await;
}

/// Dropped while it waits, while it is granted the lock, and after: the next in line gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquire_dropped_while_it_waits_is_passed_over() {
    let bench = Bench::new();
    let (mutex, others) = (bench.slow(), bench.fast());
    bench
        .sweep(move |key, polls, pause| {
            let (mutex, others) = (mutex.clone(), others.clone());
            async move {
                let guard = others.acquire(&key).await.unwrap();
                let (before, value) = (guard.fence(), guard.value().to_owned());
                let holder = tokio::spawn(async move {
                    tokio::time::sleep(ms(30)).await;
                    assert!(guard.is_valid(), "nobody overlapped");
                    assert_eq!(guard.value(), value);
                    guard.release().await.unwrap();
                });
                let waiter = cut(mutex.acquire(&key), polls, pause * 4).await;
                let next = others.acquire(&key);
                if let Some(guard) = waiter {
                    let guard = guard.unwrap();
                    assert!(guard.fence() > before);
                    guard.release().await.unwrap();
                }
                let next = next.await.expect("it is this one's turn long before block_time");
                assert!(next.fence() > before);
                next.release().await.unwrap();
                holder.await.unwrap();
            }
        })
        .await;
}

async fn held(mutex: &RedisMutex, key: &str) -> Guard {
    mutex.acquire(key).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release_dropped_at_every_poll_is_done_all_the_same() {
    let bench = Bench::new();
    let mutex = bench.slow();
    bench
        .sweep(move |key, polls, pause| {
            let mutex = mutex.clone();
            async move { drop(cut(held(&mutex, &key).await.release(), polls, pause).await) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extend_dropped_at_every_poll_promises_no_more_than_the_shorter() {
    let bench = Bench::new();
    let (mutex, server) = (bench.slow().with_renew(false), bench.server.url());
    bench
        .sweep(move |key, polls, pause| {
            let (mutex, server) = (mutex.clone(), server.clone());
            async move {
                let mut guard = held(&mutex, &key).await;
                for expiry in [EXPIRY * 2, EXPIRY / 2] {
                    let extended = cut(guard.extend(expiry), polls, pause).await;
                    assert!(!matches!(extended, Some(Err(_))), "{extended:?}");
                    let remaining = guard.remaining();
                    let holder = RedisMutex::connect(&server).await.unwrap().holder(&key).await;
                    let left = holder.unwrap().and_then(|holder| holder.remaining).unwrap();
                    assert!(guard.is_valid() && !remaining.is_zero());
                    // What is on its way may still shorten it on the server, never below what is promised.
                    let bound = if extended.is_some() { left } else { left.min(expiry) };
                    assert!(remaining <= bound.max(ms(1)) + ms(1), "{remaining:?} of {bound:?}");
                }
                guard.release().await.unwrap();
            }
        })
        .await;
}

/// `with` drops its work before it gives the lock back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_dropped_at_every_poll_leaves_nothing() {
    let bench = Bench::new();
    let mutex = bench.slow();
    bench
        .sweep(move |key, polls, pause| {
            let mutex = mutex.clone();
            async move {
                let work = async || tokio::time::sleep(ms(3)).await;
                let done: Option<Result<(), Error>> =
                    cut(mutex.with(&key, work), polls, pause).await;
                assert!(!matches!(done, Some(Err(_))), "{done:?}");
            }
        })
        .await;
}

/// The control: what is left over is seen.
#[tokio::test]
async fn a_guard_that_is_never_dropped_is_found() {
    let bench = Bench::new();
    std::mem::forget(bench.slow().acquire("k").await.unwrap());
    assert_eq!(left_over(&bench.server.admin()), ["k"]);
}
