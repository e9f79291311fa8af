//! Whether this user can acquire, wait for, extend and release a lock here: by doing it, on a key of its own.
//!
//! Knows the public face of the library. What the ACL says is of no interest: what
//! the server does is.

use super::Finding;
use crate::identity;
use redismutex::Error;
use redismutex::blocking::{Guard, RedisMutex};
use redismutex::internal::{Reply, command};
use std::thread;
use std::time::{Duration, Instant};

/// What is left behind if we are killed meanwhile is gone after this.
const EXPIRY: Duration = Duration::from_secs(10);
/// A hand-off takes a few round trips; a waiter that has to poll asks every half second.
const PATIENCE: Duration = Duration::from_secs(5);

/// The findings about locks, in the order of a lock's life.
pub(super) fn examine(mutex: &RedisMutex) -> Vec<Finding> {
    let random = identity::token().unwrap_or_else(|| std::process::id().to_string());
    let key = format!("redismutex:doctor:{random}");
    let mutex =
        mutex.clone().with_block_time(PATIENCE).with_expiry(EXPIRY).with_label("redismutex doctor");
    let mut guard = match mutex.try_acquire(&key) {
        Ok(Some(guard)) => guard,
        Ok(None) => {
            return vec![Finding::remedy(
                "acquire",
                format!("somebody else holds {key}: try again"),
            )];
        }
        Err(error) => return vec![Finding::remedy("acquire", refused(&error))],
    };
    let mut findings = vec![Finding::ok("acquire", "this user may")];
    findings.push(scripting(&guard));
    findings.push(match guard.extend(EXPIRY) {
        Ok(()) => Finding::ok("extend", "this user may"),
        Err(error) => Finding::remedy("extend", error.to_string()),
    });
    let (handed_on, released) = hand_on(&mutex, &key, guard);
    findings.push(handed_on);
    findings.push(released);
    findings.push(look(&mutex, &key));
    // It would be gone in ten minutes; where it may not be deleted, it goes then.
    let _ = command(&mutex, &[b"DEL", format!("redismutex:{{{key}}}:grant").as_bytes()]);
    findings
}

/// What the server said, and what the user lacks where that does not say it.
fn refused(error: &Error) -> String {
    let said = error.to_string();
    let hint = if said.contains("user executing the script") {
        "; the scripts need +@read +@write +time +publish"
    } else if said.contains("one of the keys") {
        "; every lock K needs ~K and ~redismutex:{*, and this check ~redismutex:doctor:*"
    } else {
        ""
    };
    said + hint
}

fn scripting(guard: &Guard) -> Finding {
    match guard.fence() {
        Some(_) => Finding::ok("scripting", "this user may run scripts: queue and fence are there"),
        None => Finding::warning(
            "scripting",
            "this user may run no scripts: there is no queue and no fence, waiters poll; \
             give it +@scripting on the lock's keys and redismutex:*",
        ),
    }
}

/// Lets a second one wait and releases: tells how the waiter is told, and whether the release worked.
fn hand_on(mutex: &RedisMutex, key: &str, guard: Guard) -> (Finding, Finding) {
    let fenced = guard.fence().is_some();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| mutex.acquire(key));
        let pushed = fenced.then(|| is_told(mutex, key)).flatten();
        let released = released(guard.release());
        let got_it = match waiter.join() {
            Ok(Ok(second)) => second.release().map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the waiter crashed".to_owned()),
        };
        // Nobody listens on this one.
        let publishing = command(mutex, &[b"PUBLISH", b"redismutex:doctor", b"-"]);
        (channels(pushed, got_it, publishing), released)
    })
}

fn released(outcome: Result<(), Error>) -> Finding {
    match outcome {
        Ok(()) => Finding::ok("release", "this user may"),
        Err(error) => Finding::remedy("release", error.to_string()),
    }
}

fn channels(
    pushed: Option<bool>,
    got_it: Result<(), String>,
    publishing: Result<Reply, Error>,
) -> Finding {
    match (got_it, pushed) {
        (Err(why), _) => {
            Finding::remedy("channels", format!("a waiter did not get its turn: {why}"))
        }
        (Ok(()), Some(true)) => match publishing {
            Ok(_) => Finding::ok("channels", "waiters are told at once when it is their turn"),
            Err(_) => Finding::warning(
                "channels",
                "this user may not tell waiters that it is their turn: they poll; \
                 give it +publish and &redismutex:*",
            ),
        },
        (Ok(()), Some(false)) => Finding::warning(
            "channels",
            "this user may not use the channels redismutex:*, or the server has no RESP3: waiters poll; \
             give it resetchannels &redismutex:* +subscribe +publish",
        ),
        (Ok(()), None) => Finding::warning(
            "channels",
            "a waiter got its turn; whether it was told or had to poll could not be seen",
        ),
    }
}

/// Whether the first in the queue is told by a message. `None` where the queue cannot be seen.
fn is_told(mutex: &RedisMutex, key: &str) -> Option<bool> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE / 2 {
        if let Some(first) = mutex.inspect(key).ok()?.waiters.first() {
            return Some(!first.polls);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

fn look(mutex: &RedisMutex, key: &str) -> Finding {
    let seen = mutex.inspect(key).map(drop);
    let list = || command(mutex, &[b"SCAN", b"0", b"COUNT", b"1"]).map(drop);
    match seen.and_then(|()| list()) {
        Ok(()) => Finding::ok("look", "this user may inspect and list locks"),
        Err(error) => Finding::warning("look", format!("ls, inspect and top do not work: {error}")),
    }
}
