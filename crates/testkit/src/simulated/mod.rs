//! A simulated server: real scripts over a keyspace in memory, at whatever time it is told.
//!
//! It runs Lua 5.1, as the servers do, over the few commands that the scripts call, in the caller's thread
//! and without a clock of its own: the same calls give the same replies. What it does not know it
//! refuses with a panic, so that a script which begins to use another command is not tested against a
//! guess. `tests/simulated.rs` asks it and a real server the same things.
//!
//! Knows Redis from the outside: commands, values, expiry, channels. No sockets, no locks.

mod commands;
mod keyspace;
mod lua;

use std::cell::RefCell;
use std::rc::Rc;

use crate::Reply;
use keyspace::Keyspace;
use lua::Scripts;

/// A message as it leaves for everybody who listens to its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where.
    pub channel: Vec<u8>,
    /// What.
    pub message: Vec<u8>,
}

/// A script that the server has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded(usize);

/// The server.
pub struct Simulated {
    state: Rc<RefCell<Keyspace>>,
    scripts: Scripts,
}

impl Default for Simulated {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulated {
    /// One that holds nothing, at the time 0.
    #[must_use]
    pub fn new() -> Self {
        let state = Rc::<RefCell<Keyspace>>::default();
        Self { scripts: Scripts::new(state.clone()), state }
    }

    /// Forgets everything but its scripts, as if it were new.
    pub fn renew(&self) {
        *self.state.borrow_mut() = Keyspace::default();
    }

    /// Makes it this late by its clock, in microseconds. Nothing else moves its time.
    pub fn set_time(&self, us: u64) {
        self.state.borrow_mut().now_us = us;
    }

    /// Compiles a script.
    pub fn load(&mut self, source: &str) -> Loaded {
        Loaded(self.scripts.load(source))
    }

    /// Runs a script, during which the time stands still.
    #[must_use]
    pub fn run(&self, script: Loaded, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
        self.scripts.run(script.0, keys, args)
    }

    /// Runs a plain command.
    #[must_use]
    pub fn command(&self, words: &[&[u8]]) -> Reply {
        let words: Vec<_> = words.iter().map(|word| word.to_vec()).collect();
        commands::run(&mut self.state.borrow_mut(), &words)
    }

    /// The messages published since this was last asked.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        std::mem::take(&mut self.state.borrow_mut().published)
    }

    /// One more listens to a channel.
    pub fn subscribe(&self, channel: &[u8]) {
        *self.state.borrow_mut().subscribers.entry(channel.to_vec()).or_default() += 1;
    }

    /// One fewer does.
    pub fn unsubscribe(&self, channel: &[u8]) {
        if let Some(count) = self.state.borrow_mut().subscribers.get_mut(channel) {
            *count = count.saturating_sub(1);
        }
    }

    /// How many listen to a channel.
    #[must_use]
    pub fn listeners(&self, channel: &[u8]) -> usize {
        self.state.borrow().listeners(channel)
    }

    /// Loses all data, as a restart without a disk does. Channels are its connections' matter.
    pub fn lose_data(&self) {
        self.state.borrow_mut().clear();
    }

    /// All keys that have not expired.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.state.borrow_mut().live_keys()
    }

    /// The text under a key, if there is one, and when it expires by the server's clock in milliseconds.
    /// Asking changes nothing.
    #[must_use]
    pub fn peek(&self, key: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
        self.state.borrow().peek(key)
    }

    /// The members of a sorted set in order, each with its score. Asking changes nothing.
    #[must_use]
    pub fn members(&self, key: &[u8]) -> Vec<(Vec<u8>, f64)> {
        self.state.borrow().members(key)
    }
}
