//! The questions and disturbances that tests need often, one line each at the call.
//!
//! Knows commands and the shape of their replies. All of them panic when the server refuses:
//! a test that wants to see the refusal says [`Admin::cmd`].

use super::{Admin, shown};
use crate::resp::Reply;

impl Admin {
    /// Sends a command that must succeed.
    fn must<A: AsRef<[u8]>>(&self, args: &[A]) -> Reply {
        match self.cmd(args) {
            Reply::Error(error) => panic!("{} was refused: {error}", shown(args)),
            reply => reply,
        }
    }

    fn number<A: AsRef<[u8]>>(&self, args: &[A]) -> i64 {
        let reply = self.must(args);
        reply.int().unwrap_or_else(|| panic!("{} answered {reply:?}, no number", shown(args)))
    }

    /// The string under `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<String> {
        self.must(&["GET", key]).text()
    }

    /// Milliseconds until `key` expires; −1: it never does, −2: it does not exist.
    pub fn pttl(&self, key: &str) -> i64 {
        self.number(&["PTTL", key])
    }

    /// Whether `key` holds anything.
    pub fn exists(&self, key: &str) -> bool {
        self.number(&["EXISTS", key]) == 1
    }

    /// Deletes `key` behind everybody's back; whether there was anything to delete.
    pub fn del(&self, key: &str) -> bool {
        self.number(&["DEL", key]) == 1
    }

    /// All keys that match the glob pattern, in order.
    pub fn keys_matching(&self, pattern: &str) -> Vec<String> {
        let mut cursor = String::from("0");
        let mut keys = Vec::new();
        loop {
            let reply = self.must(&["SCAN", &cursor, "MATCH", pattern, "COUNT", "1000"]);
            let [next, found] = reply.parts() else { panic!("SCAN answered {reply:?}") };
            keys.extend(found.parts().iter().filter_map(Reply::text));
            cursor = next.text().unwrap_or_default();
            if cursor == "0" {
                break;
            }
        }
        keys.sort();
        // SCAN may give a key twice.
        keys.dedup();
        keys
    }

    /// How many connections the server has besides this one.
    pub fn client_count(&self) -> usize {
        let list = self.must(&["CLIENT", "LIST"]).text().unwrap_or_default();
        list.lines().filter(|line| line.starts_with("id=")).count().saturating_sub(1)
    }

    /// Cuts every connection but this one, subscribers too; how many there were.
    pub fn kill_clients(&self) -> usize {
        let kinds = ["normal", "pubsub"].iter();
        let killed: i64 =
            kinds.map(|kind| self.number(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])).sum();
        usize::try_from(killed).unwrap_or(0)
    }

    /// Makes the server forget every script.
    pub fn script_flush(&self) {
        self.must(&["SCRIPT", "FLUSH"]);
    }

    /// Deletes every key of every database.
    pub fn flush_all(&self) {
        self.must(&["FLUSHALL"]);
    }

    /// Changes a setting of the running server.
    pub fn config_set(&self, name: &str, value: &str) {
        self.must(&["CONFIG", "SET", name, value]);
    }

    /// Makes or changes a user: `acl_setuser("app", &["on", ">secret", "~*", "+@all"])`.
    pub fn acl_setuser(&self, user: &str, rules: &[&str]) {
        self.must(&[&["ACL", "SETUSER", user], rules].concat());
    }

    /// How many commands the server has run since it started, those inside scripts not counted.
    /// Asking counts as one, which shows at the next call.
    pub fn commands_processed(&self) -> u64 {
        self.info_number("stats", "total_commands_processed")
    }

    /// The bytes that the server holds allocated.
    pub fn used_memory(&self) -> u64 {
        self.info_number("memory", "used_memory")
    }

    /// One field of one section of `INFO`, if the server has it.
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        let text = self.must(&["INFO", section]).text().unwrap_or_default();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(name, _)| *name == field).map(|(_, value)| value.to_string()).next()
    }

    fn info_number(&self, section: &str, field: &str) -> u64 {
        let value = self.info(section, field);
        let number = value.as_deref().and_then(|value| value.parse().ok());
        number.unwrap_or_else(|| panic!("INFO {section} has no number {field}: {value:?}"))
    }
}
