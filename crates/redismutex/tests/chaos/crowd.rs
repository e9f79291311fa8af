//! The processes that contend, and what is done to them.
//!
//! Knows processes and who says that it holds. Must not decide whether that is right: the judge does.

use crate::EXPIRY;
use crate::dice::Dice;
use crate::judge::{Stop, Verdict};
use redismutex::blocking::RedisMutex;
use redismutex_testkit::child::{self, Process};
use redismutex_testkit::history::{Recorder, now_ns, read};
use redismutex_testkit::{Admin, Server};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const SURELY: Duration = Duration::from_secs(40);
/// By then everybody who waited has had a turn.
const DRAINED: Duration = Duration::from_millis(400);

/// What happens to them. All of it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// The process that holds a key dies; another takes its place.
    KillHolder,
    /// Any process stands still for up to one and a half leases, holding or waiting.
    Stop,
    /// The server closes every connection.
    CutAll,
    /// The server forgets its scripts.
    FlushScripts,
}

impl Disturbance {
    pub(crate) const ALL: [Self; 4] =
        [Self::KillHolder, Self::Stop, Self::CutAll, Self::FlushScripts];
}

pub(crate) struct Crowd {
    server: Server,
    admin: Admin,
    history: PathBuf,
    recorder: Recorder,
    size: usize,
    keys: Vec<String>,
    manner: &'static str,
}

impl Crowd {
    pub(crate) fn new(size: usize, keys: &[&str], manner: &'static str) -> Self {
        let server = Server::start();
        let history = server.dir().join("history");
        let recorder = Recorder::create(&history).unwrap();
        let keys = keys.iter().map(|key| key.to_string()).collect();
        Self { admin: server.admin(), server, history, recorder, size, keys, manner }
    }

    /// Lets them contend for so long, and judges.
    pub(crate) fn run(self, length: Duration, disturbances: &[Disturbance]) -> Verdict {
        let end_ns = now_ns() + u64::try_from(length.as_nanos()).unwrap();
        let mut members: Vec<_> =
            (0..self.size).map(|number| self.member(number, end_ns)).collect();
        let watch = RedisMutex::connect(self.server.url()).unwrap();
        let (mut dice, mut stops, mut done) = (Dice::new(), Vec::new(), 0);
        let end = Instant::now() + length;
        while Instant::now() + EXPIRY < end {
            if !disturbances.is_empty() {
                let disturbance = *dice.pick(disturbances);
                let struck = self.disturb(disturbance, &watch, &mut members, &mut dice, end_ns);
                done += usize::from(struck.is_some());
                stops.extend(struck.flatten());
            }
            // Its consequences shall be over before the next one, so that a wait bears one at most.
            self.until_it_goes_on(&watch, &members, end_ns);
            std::thread::sleep(DRAINED + Duration::from_millis(dice.below(200)));
        }
        for member in &members {
            let end = member.wait(SURELY).expect("it ends by itself");
            assert!(end.success(), "a process failed: {:?}", member.said());
        }
        drop(watch);
        let complaints = complaints(&members);
        self.assert_clean();
        Verdict::of(&read(&self.history).unwrap(), &stops, done, complaints)
    }

    fn member(&self, number: usize, end_ns: u64) -> Process {
        let face = if number.is_multiple_of(2) { "async" } else { "blocking" };
        let told = [
            ("URL", self.server.url()),
            ("KEYS", self.keys.join(",")),
            ("HISTORY", self.history.to_str().unwrap().to_owned()),
            ("END_NS", end_ns.to_string()),
            ("MANNER", self.manner.to_owned()),
        ];
        let told: Vec<_> = told.iter().map(|(name, value)| (*name, &**value)).collect();
        child::spawn("worker", face, &told)
    }

    /// `None` where there was nobody to be disturbed.
    fn disturb(
        &self,
        disturbance: Disturbance,
        watch: &RedisMutex,
        members: &mut [Process],
        dice: &mut Dice,
        end_ns: u64,
    ) -> Option<Option<Stop>> {
        match disturbance {
            Disturbance::KillHolder => {
                let at = self.holder(watch, members, dice.pick::<String>(&self.keys))?;
                members[at].kill9();
                self.recorder.killed(members[at].pid());
                members[at] = self.member(at, end_ns);
            }
            Disturbance::Stop => {
                let member = dice.pick(members);
                let from_ns = now_ns();
                let pause = member.pause();
                let most = u64::try_from(EXPIRY.as_millis()).unwrap() * 3 / 2;
                std::thread::sleep(Duration::from_millis(50 + dice.below(most)));
                pause.resume();
                return Some(Some(Stop { pid: member.pid(), from_ns, until_ns: now_ns() }));
            }
            Disturbance::CutAll => drop(self.admin.kill_clients()),
            Disturbance::FlushScripts => self.admin.script_flush(),
        }
        Some(None)
    }

    /// Who holds this key just now: its label is its process.
    fn holder(&self, watch: &RedisMutex, members: &[Process], key: &str) -> Option<usize> {
        let until = Instant::now() + EXPIRY;
        while Instant::now() < until {
            let label = watch.holder(key).ok().flatten().and_then(|holder| holder.label);
            let pid = label.and_then(|label| label.parse().ok());
            if let Some(at) = members.iter().position(|member| Some(member.pid()) == pid) {
                return Some(at);
            }
        }
        None
    }

    /// Every key is held by one that lives. That it takes no longer than it may is the judge's to say.
    fn until_it_goes_on(&self, watch: &RedisMutex, members: &[Process], end_ns: u64) {
        let until = Instant::now() + SURELY;
        // A disturbance may have taken until all had ended by themselves.
        let goes_on = || self.manner == "honest" && now_ns() < end_ns;
        for key in &self.keys {
            while goes_on() && self.holder(watch, members, key).is_none() {
                assert!(Instant::now() < until, "nobody gets {key:?} any more");
            }
        }
    }

    /// When all is over, nothing is left that does not go away by itself.
    fn assert_clean(&self) {
        let deadline = Instant::now() + EXPIRY + Duration::from_secs(5);
        while self.keys.iter().any(|key| self.admin.exists(key)) {
            assert!(Instant::now() < deadline, "a lock is left over");
            std::thread::sleep(Duration::from_millis(10));
        }
        for key in self.admin.keys_matching("*") {
            assert!(self.admin.pttl(&key) > 0, "{key} would live for ever");
        }
    }
}

fn complaints(members: &[Process]) -> Vec<String> {
    let said = members.iter().flat_map(Process::said);
    said.filter(|line| line.starts_with("failed")).collect()
}
