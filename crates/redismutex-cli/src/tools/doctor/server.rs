//! What the server may do to locks: evict them, forget them, lose them to a replica; and its clock.
//!
//! Knows INFO and CONFIG. A user who may not ask gets a warning: most are not allowed to, and rightly.

use super::Finding;
use crate::text::span;
use redismutex::Error;
use redismutex::blocking::RedisMutex;
use redismutex::internal::{Reply, command};
use std::time::{Duration, SystemTime};

/// Two clocks that differ by less agree, for what the wall clock is used here.
const NOTABLE: Duration = Duration::from_millis(500);

/// The findings about the server.
pub(super) fn examine(mutex: &RedisMutex) -> Vec<Finding> {
    vec![eviction(mutex), replication(mutex), persistence(mutex), clock(mutex)]
}

fn eviction(mutex: &RedisMutex) -> Finding {
    const CHECK: &str = "eviction";
    let memory = match Info::section(mutex, "memory") {
        Ok(memory) => memory,
        Err(why) => return why.finding(CHECK),
    };
    let policy = memory.field("maxmemory_policy").map(str::to_owned).or_else(|| configured(mutex));
    let limited = memory.field("maxmemory") != Some("0");
    match (policy.as_deref(), limited) {
        (None, _) => Finding::warning(CHECK, "the server does not say its maxmemory-policy"),
        (Some("noeviction"), _) => Finding::ok(CHECK, "noeviction: no lock is dropped"),
        (Some(policy), false) => Finding::warning(
            CHECK,
            format!("{policy}, without a memory limit: once there is one, locks may be dropped"),
        ),
        (Some(policy), true) => Finding::remedy(
            CHECK,
            format!(
                "{policy}: when memory is short the server drops locks that are held; \
                 CONFIG SET maxmemory-policy noeviction, or use a server of its own for locks"
            ),
        ),
    }
}

fn configured(mutex: &RedisMutex) -> Option<String> {
    let reply = command(mutex, &[b"CONFIG", b"GET", b"maxmemory-policy"]).ok()?;
    let Reply::List(pair) = reply else { return None };
    match pair.get(1)? {
        Reply::Bytes(policy) => Some(String::from_utf8_lossy(policy).into_owned()),
        _ => None,
    }
}

fn replication(mutex: &RedisMutex) -> Finding {
    const CHECK: &str = "replication";
    let info = match Info::section(mutex, "replication") {
        Ok(info) => info,
        Err(why) => return why.finding(CHECK),
    };
    match (info.field("role"), info.field("connected_slaves")) {
        (Some("slave"), _) => Finding::remedy(CHECK, "this is a replica: connect to the primary"),
        (_, Some("0")) => Finding::ok(CHECK, "no replicas: no failover can forget a lock"),
        (_, Some(replicas)) => Finding::warning(
            CHECK,
            format!(
                "{replicas} replicas, written to after the answer: a failover may forget a lock that was just \
                 granted; have the store check the fence"
            ),
        ),
        (_, None) => Finding::warning(CHECK, "the server does not say whether it has replicas"),
    }
}

fn persistence(mutex: &RedisMutex) -> Finding {
    const CHECK: &str = "persistence";
    let info = match Info::section(mutex, "persistence") {
        Ok(info) => info,
        Err(why) => return why.finding(CHECK),
    };
    match info.field("aof_enabled") {
        Some("1") => Finding::ok(
            CHECK,
            "append-only file: a restart forgets at most what was not yet synced to disk",
        ),
        Some(_) => Finding::warning(
            CHECK,
            "no append-only file: a restart of the server forgets locks that are held; \
             CONFIG SET appendonly yes",
        ),
        None => {
            Finding::warning(CHECK, "the server does not say whether it has an append-only file")
        }
    }
}

fn clock(mutex: &RedisMutex) -> Finding {
    const CHECK: &str = "clock";
    let before = SystemTime::now();
    let time = command(mutex, &[b"TIME"]);
    let after = SystemTime::now();
    let server = match time {
        Ok(reply) => moment(&reply),
        Err(error) => return Refused::of("TIME", &error).finding(CHECK),
    };
    let Some(server) = server else {
        return Finding::warning(CHECK, "the server does not tell its time");
    };
    // Anywhere between question and answer is right.
    let behind = before.duration_since(server).unwrap_or_default();
    let ahead = server.duration_since(after).unwrap_or_default();
    let (off, word) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    if off < NOTABLE {
        return Finding::ok(CHECK, "the server's agrees with ours");
    }
    Finding::warning(
        CHECK,
        format!(
            "the server's is {} {word} ours: leases do not depend on it, but times shown and \
             REDISMUTEX_EXPIRES_AT do; run NTP on both",
            span(off)
        ),
    )
}

fn moment(reply: &Reply) -> Option<SystemTime> {
    let Reply::List(parts) = reply else { return None };
    let number = |part: Option<&Reply>| match part {
        Some(Reply::Bytes(digits)) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let (seconds, micros) = (number(parts.first())?, number(parts.get(1))?);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// The server would not tell.
struct Refused(String);

impl Refused {
    fn of(asked: &str, error: &Error) -> Self {
        let said = error.to_string();
        // What the library says about missing permissions is meant for locks; this is no more than a look.
        if said.contains("NOPERM") {
            return Self(format!("this user may not run {asked}"));
        }
        Self(said)
    }

    fn finding(self, check: &'static str) -> Finding {
        Finding::warning(check, format!("could not be looked at: {}", self.0))
    }
}

/// One section of INFO.
struct Info(String);

impl Info {
    fn section(mutex: &RedisMutex, name: &str) -> Result<Self, Refused> {
        match command(mutex, &[b"INFO", name.as_bytes()]) {
            Ok(Reply::Bytes(text)) => Ok(Self(String::from_utf8_lossy(&text).into_owned())),
            Ok(_) => Err(Refused("the server's answer is no text".to_owned())),
            Err(error) => Err(Refused::of("INFO", &error)),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let lines = self.0.lines();
        lines
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .map(|it| it.1.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let info = Info("# Memory\r\nmaxmemory_policy:noeviction\r\nmaxmemory:0\r\n".into());
        assert_eq!(info.field("maxmemory"), Some("0"));
        assert_eq!(info.field("max"), None);
    }

    #[test]
    fn time_is_read_to_the_microsecond() {
        let reply = Reply::List(vec![Reply::Bytes(b"5".to_vec()), Reply::Bytes(b"7".to_vec())]);
        let past = moment(&reply).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(past, Duration::from_micros(5_000_007));
    }
}
