//! How a server is brought into each state that passes, and out of it.

use crate::bench::{Bench, Kind, ms, within};
use redismutex_testkit::{Admin, Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    OutOfMemory,
    NoReplicas,
    CannotSave,
    Replica,
    MasterDown,
    Busy,
}

impl State {
    /// What an error has to name.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::OutOfMemory => "maxmemory",
            Self::NoReplicas => "min-replicas-to-write",
            Self::CannotSave => "persistence",
            Self::Replica | Self::MasterDown => "primary",
            Self::Busy => "SCRIPT KILL",
        }
    }

    /// A bench whose server can be brought into this state.
    pub(crate) fn bench(self, kind: Kind) -> Bench {
        let mut builder = Server::builder();
        if self == Self::CannotSave {
            builder = builder.arg("dbfilename", "taken.rdb");
        }
        let bench = Bench::on(kind, builder.start());
        if self == Self::CannotSave {
            // A directory stands where the file is to be put.
            std::fs::create_dir_all(bench.server.dir().join("taken.rdb/in-the-way")).unwrap();
        }
        bench
    }

    pub(crate) fn enter(self, bench: &Bench) -> Entered<'_> {
        let admin = &bench.admin;
        let mut busy = None;
        match self {
            Self::OutOfMemory => admin.config_set("maxmemory", "1"),
            Self::NoReplicas => admin.config_set("min-replicas-to-write", "1"),
            Self::CannotSave => {
                admin.config_set("save", "3600 1");
                admin.cmd(&["BGSAVE"]);
                let status = || admin.info("persistence", "rdb_last_bgsave_status");
                assert!(within(ms(5000), || status().as_deref() == Some("err")), "{:?}", status());
            }
            Self::Replica => follow_nobody(admin),
            Self::MasterDown => {
                admin.config_set("replica-serve-stale-data", "no");
                follow_nobody(admin);
            }
            Self::Busy => {
                admin.config_set("lua-time-limit", "1");
                let spinning = bench.server.admin();
                spinning.send(&["EVAL", "while true do end", "0"]).unwrap();
                let is_busy = || admin.cmd(&["GET", "k"]).is_error();
                assert!(within(ms(5000), is_busy));
                busy = Some(spinning);
            }
        }
        Entered { state: self, admin, _busy: busy }
    }
}

fn follow_nobody(admin: &Admin) {
    assert!(!admin.cmd(&["REPLICAOF", "127.0.0.1", "1"]).is_error());
}

/// A server in a state.
pub(crate) struct Entered<'a> {
    state: State,
    admin: &'a Admin,
    _busy: Option<Admin>,
}

impl Entered<'_> {
    pub(crate) fn leave(self) {
        let admin = self.admin;
        match self.state {
            State::OutOfMemory => admin.config_set("maxmemory", "0"),
            State::NoReplicas => admin.config_set("min-replicas-to-write", "0"),
            State::CannotSave => admin.config_set("save", ""),
            State::Replica | State::MasterDown => {
                assert!(!admin.cmd(&["REPLICAOF", "NO", "ONE"]).is_error());
            }
            State::Busy => {
                // Refused in the moments between, when the server looks after its clients.
                let killed = || {
                    admin.cmd(&["SCRIPT", "KILL"]);
                    !admin.cmd(&["GET", "nothing"]).is_error()
                };
                assert!(within(ms(5000), killed));
            }
        }
    }
}
