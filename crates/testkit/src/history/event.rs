//! One event, and the line of text that it is kept as.
//!
//! Knows nothing of files. A line has seven fields between single spaces:
//! `t_ns pid kind key owner fence deadline_ns`, with `-` where there is no number.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Begins to ask for the lock.
    Wait,
    /// Believes from now on, until the deadline, that it holds the lock.
    Acquired,
    /// Believes it until another deadline, sooner or later than the last.
    Renewed,
    /// Has been told that the lock is lost.
    Lost,
    /// Is about to give the lock back. Recorded *before* the release is called.
    Released,
    /// Has given up asking.
    Failed,
    /// The process is dead, and with it every belief. Recorded by whoever killed it, afterwards.
    Killed,
}

impl Kind {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Wait, "wait"),
        (Self::Acquired, "acquired"),
        (Self::Renewed, "renewed"),
        (Self::Lost, "lost"),
        (Self::Released, "released"),
        (Self::Failed, "failed"),
        (Self::Killed, "killed"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// Something that happened to one attempt at one lock, in one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds of the monotonic clock.
    pub t_ns: u64,
    /// In which process.
    pub pid: u32,
    /// What.
    pub kind: Kind,
    /// Which lock.
    pub key: String,
    /// Which attempt: a name that no other attempt of the process has, such as a worker's number
    /// and a count. The lock's owner token would do but for [`Kind::Wait`], when there is none yet.
    pub owner: String,
    /// The grant's fencing token, if it has one.
    pub fence: Option<u64>,
    /// When the belief ends by itself, in nanoseconds of the monotonic clock; `None`: never.
    pub deadline_ns: Option<u64>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u64>| number.map_or("-".into(), |number| number.to_string());
        write!(
            f,
            "{} {} {} {} {} {} {}",
            self.t_ns,
            self.pid,
            self.kind.name(),
            escaped(&self.key),
            escaped(&self.owner),
            number(self.fence),
            number(self.deadline_ns)
        )
    }
}

/// A line that is no event, shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine(String);

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no event: {:?}", self.0)
    }
}

impl std::error::Error for BadLine {}

impl FromStr for Event {
    type Err = BadLine;

    fn from_str(line: &str) -> Result<Self, BadLine> {
        parse(line).ok_or_else(|| BadLine(line.to_string()))
    }
}

fn parse(line: &str) -> Option<Event> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [t_ns, pid, kind, key, owner, fence, deadline_ns] = fields[..] else {
        return None;
    };
    let number = |field: &str| match field {
        "-" => Some(None),
        digits => digits.parse().ok().map(Some),
    };
    Some(Event {
        t_ns: t_ns.parse().ok()?,
        pid: pid.parse().ok()?,
        kind: Kind::NAMES.iter().find(|(_, name)| *name == kind)?.0,
        key: unescaped(key)?,
        owner: unescaped(owner)?,
        fence: number(fence)?,
        deadline_ns: number(deadline_ns)?,
    })
}

/// The text without spaces, control characters or anything beyond ASCII.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, plain) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_as_a_line() {
        for (kind, _) in Kind::NAMES {
            let key = "a b%c\nü".to_string();
            let (fence, deadline_ns) = (Some(u64::MAX), None);
            let event =
                Event { t_ns: 1, pid: 2, kind, key, owner: String::new(), fence, deadline_ns };
            let line = event.to_string();
            assert_eq!(line.lines().count(), 1);
            assert_eq!(line.parse(), Ok(event), "{line}");
        }
    }

    #[test]
    fn half_a_line_is_no_event() {
        let whole = "10 20 acquired key owner 7 99";
        assert!(whole.parse::<Event>().is_ok());
        for bad in ["", "10 20 acquired key owner 7", "10 20 stolen key owner 7 99", "x", "%"] {
            assert!(bad.parse::<Event>().is_err(), "{bad}");
        }
        assert!(whole.replace("key", "%4").parse::<Event>().is_err());
    }
}
