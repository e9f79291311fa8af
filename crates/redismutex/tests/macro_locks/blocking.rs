//! The same on functions that are not async.

use crate::{AppError, Bench};
use redismutex::blocking::RedisMutex;
use redismutex::{Error, with_redismutex};
use redismutex_testkit::Admin;
use std::cell::Cell;
use std::fmt::Display;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[with_redismutex(mutex, key = "leaving:{how}")]
fn leave(mutex: &RedisMutex, how: &str) -> Result<i32, AppError> {
    assert!(mutex.holder(format!("leaving:{how}"))?.is_some());
    if how == "early" {
        return Ok(1);
    }
    Ok(how.parse::<i32>()?)
}

#[test]
fn the_lock_is_given_back_however_the_body_is_left() {
    let (mutex, admin, _server) = Bench::blocking();
    assert_eq!(leave(&mutex, "17").unwrap(), 17);
    assert_eq!(leave(&mutex, "early").unwrap(), 1);
    assert!(matches!(leave(&mutex, "none"), Err(AppError::Own("no number"))));
    assert_eq!(admin.keys_matching("leaving:*"), Vec::<String>::new());
}

#[with_redismutex(mutex, key = b"stolen")]
fn robbed(mutex: &RedisMutex, outcome: Result<(), &'static str>) -> Result<(), AppError> {
    mutex.release_by_force("stolen")?;
    outcome.map_err(AppError::Own)
}

#[test]
fn the_bodys_own_error_comes_before_that_of_the_release() {
    let (mutex, _admin, _server) = Bench::blocking();
    assert!(matches!(robbed(&mutex, Err("first")), Err(AppError::Own("first"))));
    assert!(matches!(robbed(&mutex, Ok(())), Err(AppError::Lock(Error::Lost { .. }))));
}

struct Counter<T> {
    mutex: RedisMutex,
    id: T,
    count: u32,
}

impl<T: Display> Counter<T> {
    #[with_redismutex(
        self.mutex,
        key = "counter:{self.id}",
        block_time = patience,
        expiry = patience
    )]
    fn add(&mut self, patience: Duration, amount: impl Into<u32>) -> Result<&u32, Error> {
        self.count += amount.into();
        Ok(&self.count)
    }

    #[with_redismutex(self.mutex, key = "counter:{self.id}")]
    fn dissolve(mut self) -> Result<(T, u32), Error> {
        self.count += 1;
        Ok((self.id, self.count))
    }
}

#[test]
fn methods_keep_their_self() {
    let (mutex, _admin, _server) = Bench::blocking();
    let mut counter = Counter { mutex, id: "c".to_owned(), count: 0 };
    assert_eq!(*counter.add(Duration::from_secs(1), 2_u8).unwrap(), 2);
    assert_eq!(*counter.add(Duration::from_secs(1), 3_u32).unwrap(), 5);
    assert_eq!(counter.dissolve().unwrap(), ("c".to_owned(), 6));
}

#[with_redismutex(mutex, key = "alone")]
fn alone(mutex: &RedisMutex, inside: &AtomicU32) -> Result<u32, Error> {
    let others = inside.fetch_add(1, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(30));
    inside.fetch_sub(1, Ordering::SeqCst);
    Ok(others)
}

#[test]
fn two_calls_at_once_run_one_after_the_other() {
    let (mutex, _admin, _server) = Bench::blocking();
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let calls = [(); 2].map(|()| scope.spawn(|| alone(&mutex, &inside)));
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap(), 0);
        }
    });
}

/// Nothing listens there: only to see which mutex a static gives.
static NOWHERE: LazyLock<RedisMutex> = LazyLock::new(|| {
    let nowhere = RedisMutex::builder("redis+unix:///nonexistent/socket");
    nowhere.block_time(Duration::ZERO).build().unwrap()
});

#[with_redismutex(NOWHERE, key = "x")]
fn of_a_static(ran: &Cell<bool>) -> Result<(), Error> {
    ran.set(true);
    Ok(())
}

#[test]
fn without_a_server_the_body_does_not_run() {
    let ran = Cell::new(false);
    let refused = of_a_static(&ran);
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(!ran.get());
}

#[with_redismutex(mutex, key = "looked at")]
fn look<'a>(mutex: &RedisMutex, admin: &'a Admin) -> Result<(Vec<String>, &'a Admin), Error> {
    Ok((admin.keys_matching("looked*"), admin))
}

#[test]
fn the_record_on_the_server_has_exactly_that_name() {
    let (mutex, admin, _server) = Bench::blocking();
    let (keys, admin) = look(&mutex, &admin).unwrap();
    assert_eq!(keys, ["looked at"]);
    assert!(!admin.exists("looked at"));
}
