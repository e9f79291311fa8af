//! The functions that it works on: mostly, that they compile and mean what they meant before.

use crate::{AppError, Bench};
use redismutex::{Error, RedisMutex, with_redismutex};
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

struct Ledger<K> {
    mutex: RedisMutex,
    entries: HashMap<K, u64>,
}

impl<K: Hash + Eq + Display + Clone + Send + Sync> Ledger<K> {
    /// Counts.
    ///
    /// The mutex is read before the body borrows all of `self`.
    #[with_redismutex(self.mutex, key = "ledger:{entry}")]
    #[inline(never)]
    pub(crate) async fn count(&mut self, entry: K) -> Result<u64, Error> {
        let this = &mut *self;
        let count = this.entries.entry(entry).or_default();
        *count += 1;
        Ok(*count)
    }

    #[with_redismutex(self.mutex, key = "ledger")]
    async fn get<'a, 'b: 'a>(&'a self, entry: &'b K) -> Result<Option<&'a u64>, Error>
    where
        K: Debug,
    {
        Ok(self.entries.get(entry))
    }

    #[with_redismutex(self.mutex, key = "ledger")]
    async fn dissolve(self) -> Result<HashMap<K, u64>, Error> {
        Ok(self.entries)
    }

    #[with_redismutex(self.mutex, key = "ledger")]
    async fn shared(self: Arc<Self>) -> Result<usize, Error> {
        Ok(Arc::strong_count(&self))
    }
}

#[tokio::test]
async fn methods_keep_their_self() {
    let Bench { mutex, server: _server, .. } = Bench::new().await;
    let mut ledger = Ledger { mutex, entries: HashMap::new() };
    assert_eq!(ledger.count("a").await.unwrap(), 1);
    assert_eq!(ledger.count("a").await.unwrap(), 2);
    assert_eq!(ledger.get(&"a").await.unwrap(), Some(&2));
    let again = Arc::new(Ledger { mutex: ledger.mutex.clone(), entries: ledger.entries.clone() });
    assert_eq!(again.shared().await.unwrap(), 1);
    assert_eq!(ledger.dissolve().await.unwrap(), HashMap::from([("a", 2)]));
}

static SHARED: OnceLock<RedisMutex> = OnceLock::new();

fn shared() -> &'static RedisMutex {
    SHARED.get().unwrap()
}

/// Patterns, `mut`, `impl Trait`, const and type parameters, a mutex from a function, any error.
#[with_redismutex(shared(), key = "sum:{label}")]
async fn sum<T, const N: usize>(
    (label, mut total): (&str, u64),
    numbers: [T; N],
    each: impl Fn(u64) -> u64,
    _unused: Vec<u8>,
) -> Result<u64, Box<dyn std::error::Error + Send + Sync>>
where
    T: Into<u64> + Copy,
{
    #![allow(clippy::unused_async)]
    for number in numbers {
        total += each(number.into());
    }
    if label.is_empty() {
        // Needs the returned type to be known where it stands.
        Err("no label")?;
    }
    Ok(total)
}

#[with_redismutex(mutex, key = "evens")]
async fn evens(mutex: Arc<RedisMutex>, limit: u32) -> Result<impl Iterator<Item = u32>, AppError> {
    drop(mutex);
    Ok((0..limit).filter(|number| number % 2 == 0))
}

/// A body that never returns has no type of its own.
#[with_redismutex(mutex, key = "todo")]
async fn panicking(mutex: &RedisMutex) -> Result<u32, Error> {
    panic!("not written yet")
}

#[tokio::test]
async fn functions_keep_their_arguments_and_types() {
    let Bench { mutex, admin, server: _server } = Bench::new().await;
    let mutex = SHARED.get_or_init(|| mutex);
    assert_eq!(sum(("x", 1), [1_u8, 2], |n| n * 10, vec![]).await.unwrap(), 31);
    assert_eq!(sum(("", 1), [1_u8], |n| n, vec![]).await.unwrap_err().to_string(), "no label");
    let evens: Vec<_> = evens(Arc::new(mutex.clone()), 5).await.unwrap().collect();
    assert_eq!(evens, [0, 2, 4]);
    let panicked = tokio::spawn(panicking(mutex)).await;
    assert!(panicked.unwrap_err().is_panic());
    let next = mutex.acquire("todo").await.unwrap();
    assert!(admin.exists("todo"));
    next.release().await.unwrap();
}

#[test]
fn futures_can_be_sent() {
    fn sendable<F: Future + Send>(_: impl FnOnce(&'static mut Ledger<String>) -> F) {}
    sendable(|ledger| ledger.count(String::new()));
}

mod renamed {
    pub(crate) mod lock {
        pub(crate) use redismutex::*;
    }
}

trait Job {
    fn mutex(&self) -> &RedisMutex;

    #[with_redismutex(self.mutex(), key = "job", crate = crate::shapes::renamed::lock)]
    async fn run(&self) -> Result<bool, Error> {
        Ok(self.mutex().holder("job").await?.is_some())
    }
}

impl Job for Ledger<u8> {
    fn mutex(&self) -> &RedisMutex {
        &self.mutex
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a trait with async methods looks like once it has been made usable as `dyn`.
trait Task {
    fn run<'a>(
        &'a self,
        job: String,
    ) -> Pin<Box<dyn Future<Output = Result<String, AppError>> + Send + 'a>>
    where
        Self: 'a;
}

impl Task for Ledger<u8> {
    #[with_redismutex(self.mutex, key = "task:{job}")]
    fn run<'a>(&'a self, job: String) -> Boxed<'a, Result<String, AppError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let job = job;
            let name = format!("task:{job}");
            if self.mutex.holder(&name).await?.is_none() {
                return Err(AppError::Own("not held"));
            }
            Ok(job)
        })
    }
}

#[tokio::test]
async fn traits_and_boxed_futures() {
    let Bench { mutex, admin, server: _server } = Bench::new().await;
    let ledger = Ledger { mutex, entries: HashMap::<u8, u64>::new() };
    assert!(Job::run(&ledger).await.unwrap());
    let task: &dyn Task = &ledger;
    assert_eq!(task.run("7".into()).await.unwrap(), "7");
    assert!(!admin.exists("task:7"));
}
