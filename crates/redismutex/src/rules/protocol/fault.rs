//! Faults: a node gave no vote. Classified by the code that begins an error, never by its text.

use std::fmt;

/// What a fault tells about the request that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It never left: no connection could be had.
    NotSent,
    /// It may have been executed: the reply is missing.
    Unknown,
    /// The server would not execute it now, and may later.
    Refusing,
    /// The server will not execute it for this user: a matter of configuration.
    Denied,
    /// The key holds something that is not a lock.
    WrongType,
    /// The server does not have the script.
    NoScript,
    /// The server took the request for nonsense.
    Nonsense,
}

impl FaultKind {
    /// Whether the background should try again what met this, with scripts sent in full or without any.
    pub(crate) fn is_worth_another_try(self) -> bool {
        matches!(
            self,
            Self::NotSent | Self::Unknown | Self::Refusing | Self::NoScript | Self::Denied
        )
    }
}

/// A node gave no vote, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it tells about the request.
    pub kind: FaultKind,
    /// What the server or the system said.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The fault that a server's error reply stands for. `code` is its first word.
    pub(crate) fn of_server(code: &str, detail: &str) -> Self {
        let whole = format!("{code} {detail}");
        let (code, detail) = met_in_script(&whole).unwrap_or((code, detail));
        let kind = match code {
            "NOSCRIPT" => FaultKind::NoScript,
            "WRONGTYPE" => FaultKind::WrongType,
            "NOPERM" | "NOAUTH" | "WRONGPASS" | "DENIED" => FaultKind::Denied,
            "OOM" | "MISCONF" | "NOREPLICAS" | "READONLY" | "BUSY" | "LOADING" | "CLUSTERDOWN"
            | "TRYAGAIN" | "MASTERDOWN" | "MOVED" | "ASK" => FaultKind::Refusing,
            _ => FaultKind::Nonsense,
        };
        let remedy = remedy(code, detail).map(|remedy| format!(" ({remedy})")).unwrap_or_default();
        Self::new(kind, format!("{code} {detail}{remedy}"))
    }

    /// Whether the same request may meet a better answer later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.kind, FaultKind::NotSent | FaultKind::Unknown | FaultKind::Refusing)
    }

    /// Whether the server is not, or not any more, the one that grants locks.
    pub(crate) fn is_of_a_replica(&self) -> bool {
        self.kind == FaultKind::Refusing
            && (self.message.starts_with("READONLY") || self.message.starts_with("MASTERDOWN"))
    }

    /// Whether the request may have been executed all the same.
    pub(crate) fn may_have_run(&self) -> bool {
        self.kind == FaultKind::Unknown
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl std::error::Error for Fault {}

/// Code and detail of what a command in a script met: before version 7, Redis wraps it in where that was, as
/// in `@user_script: 24: -OOM command not allowed`, with or without `ERR Error running script` before it.
fn met_in_script(whole: &str) -> Option<(&str, &str)> {
    if !whole.starts_with("@user_script:") && !whole.starts_with("ERR Error running script") {
        return None;
    }
    let (_, inner) = whole.rsplit_once("@user_script: ")?;
    let (line, error) = inner.split_once(": -")?;
    line.parse::<u32>().ok()?;
    error.split_once(' ')
}

/// What the user can do about it, where the server does not say.
fn remedy(code: &str, detail: &str) -> Option<&'static str> {
    Some(match code {
        "NOPERM" if detail.contains("'scan'") => "give the user +scan: locks are found by it",
        "NOPERM" => {
            "give the user +@scripting, or +set +get with DELIFEQ or DELEX, on the lock's keys and redismutex:*"
        }
        "NOAUTH" | "WRONGPASS" => "put the right user and password into the URL",
        "OOM" => "raise the server's maxmemory: without room it can grant no lock",
        "MISCONF" => "the server cannot save to disk and refuses writes: mend its persistence",
        "NOREPLICAS" => "the server has too few replicas for min-replicas-to-write",
        "READONLY" | "MASTERDOWN" => "this is a replica: connect to the primary",
        "BUSY" => "a script of another client runs on the server and does not end: SCRIPT KILL",
        "LOADING" => "the server is still loading its data",
        "CLUSTERDOWN" => "a part of the cluster is down",
        "MOVED" | "ASK" => "this is a node of a cluster and another node has the key",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_in_a_script_is_known_by_its_own_code() {
        let met = "24: -MISCONF Redis is configured to save";
        let call =
            "Error running script (call to f_0): @user_script:9: @user_script: 9: -OOM no room";
        for (code, detail, begins) in
            [("@user_script:", met, "MISCONF Redis"), ("ERR", call, "OOM no")]
        {
            let fault = Fault::of_server(code, detail);
            assert_eq!(fault.kind, FaultKind::Refusing);
            assert!(fault.message.starts_with(begins), "{fault}");
        }
    }

    #[test]
    fn who_may_not_list_is_not_told_to_allow_scripts() {
        let detail = "this user has no permissions to run the 'scan' command";
        let fault = Fault::of_server("NOPERM", detail);
        assert!(fault.kind == FaultKind::Denied && fault.message.contains("+scan:"), "{fault}");
        assert!(!fault.message.contains("+@scripting"), "{fault}");
    }

    #[test]
    fn words_in_the_middle_of_an_error_decide_nothing() {
        for detail in ["-OOM", "Error running @user_script: 3: -OOM x", "@user_script: x: -OOM x"] {
            assert_eq!(Fault::of_server("ERR", detail).kind, FaultKind::Nonsense, "{detail}");
        }
    }
}
