//! Everything that a command has started, found by who is whose parent.
//!
//! On a terminal the command shares our process group, and a signal to the group would hit its neighbours in
//! the pipeline and ourselves. So what is to end when a lock is lost is looked up one by one. A process that
//! has cut itself off from its parents, as daemons do, is not found, and not meant.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;

/// A process, and when it began: numbers are used again, the pair is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    pid: i32,
    began: u64,
}

/// What the command had started when it was looked up. Empty where the system does not tell.
#[derive(Debug, Default)]
pub(super) struct Family(Vec<Member>);

impl Family {
    /// Adds the descendants that `head` and those known have now, `head` itself not among them.
    pub(super) fn join(&mut self, head: Option<Pid>) {
        let known = self.alive().map(|member| member.pid);
        for member in descendants(known.chain(head.map(Pid::as_raw)).collect()) {
            if !self.0.contains(&member) {
                self.0.push(member);
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        for member in self.alive() {
            // What has ended meanwhile needs no signal.
            let _ = kill(Pid::from_raw(member.pid), signal);
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive().next().is_some()
    }

    fn alive(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().filter(|member| look(member.pid).is_some_and(|(_, now)| now == **member))
    }
}

/// Whether anything of a process group is still at work. One that has ended and that nobody has asked about,
/// as there are below a first process of a container that asks about none, is not.
pub(super) fn group_is_alive(group: Pid) -> bool {
    let is_member = |pid: i32| {
        look(pid).is_some() && nix::unistd::getpgid(Some(Pid::from_raw(pid))) == Ok(group)
    };
    // Where the system does not tell, the numbers have to do.
    let tells = look(std::process::id().cast_signed()).is_some();
    killpg(group, None).is_ok() && (!tells || numbers().any(is_member))
}

fn descendants(mut heads: Vec<i32>) -> Vec<Member> {
    let mut children: HashMap<i32, Vec<Member>> = HashMap::new();
    for (parent, member) in processes() {
        children.entry(parent).or_default().push(member);
    }
    let mut found = Vec::new();
    while let Some(parent) = heads.pop() {
        let members = children.remove(&parent).unwrap_or_default();
        heads.extend(members.iter().map(|member| member.pid));
        found.extend(members);
    }
    found
}

/// Every running process, with its parent.
fn processes() -> impl Iterator<Item = (i32, Member)> {
    numbers().filter_map(look)
}

fn numbers() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The parent of a process and what it is; `None` where it has ended.
fn look(pid: i32) -> Option<(i32, Member)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &stat)
}

/// The name of the program stands in brackets and may hold anything, brackets included.
fn parse(pid: i32, stat: &str) -> Option<(i32, Member)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let words: Vec<_> = rest.split(' ').collect();
    let (state, parent, began) = (words.first()?, words.get(1)?, words.get(19)?);
    let has_ended = matches!(*state, "Z" | "X");
    (!has_ended).then_some((parent.parse().ok()?, Member { pid, began: began.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "7 (a) b) S 3 7 7 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 987 0 0\n";

    #[test]
    fn a_name_with_brackets_confuses_nobody() {
        assert_eq!(parse(7, STAT), Some((3, Member { pid: 7, began: 987 })));
        assert_eq!(parse(7, &STAT.replace(" S ", " Z ")), None);
        assert_eq!(parse(7, ""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_of_a_child_is_family_and_gone_when_it_has_ended() {
        use std::process::{Command, Stdio};
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo up; wait"]).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut up).unwrap();
        let mut family = Family::default();
        family.join(Some(Pid::from_raw(shell.id() as i32)));
        assert_eq!(family.0.len(), 1, "{family:?}");
        assert!(family.is_alive());
        family.signal(Signal::SIGKILL);
        shell.wait().unwrap();
        assert!(!family.is_alive());
    }
}
