//! The pump from server to client: replies and pushes.
//!
//! Knows what each action means for a reply and for a push. Which reply is meant was decided when
//! its request passed.

use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::link::{self, Link};
use super::pending::{Meaning, Plan};
use super::rule::{Action, Armed};
use super::shared::{Closed, Direction};
use crate::resp::{self, Reply};

/// Carries replies until the server ends its side.
pub(super) fn run(link: &Link) {
    let Some(server) = link.server() else { return };
    let (buf, out, arrived) = (Vec::new(), Vec::new(), Instant::now());
    let mut pump = Pump { link, server, buf, out, arrived, silent: false };
    while let Ok(ControlFlow::Continue(())) = pump.step() {}
    // The goodbye travels like everything else.
    if link.pass(Direction::ToClient, Instant::now()).is_ok() {
        link.close();
    }
}

struct Pump<'a> {
    link: &'a Link,
    server: &'a TcpStream,
    /// Read and not yet understood.
    buf: Vec<u8>,
    /// To write with the next flush.
    out: Vec<u8>,
    /// When the bytes in hand were read.
    arrived: Instant,
    /// From here on all is lost on the way, or the client is gone.
    silent: bool,
}

impl Pump<'_> {
    /// Reads once and handles every message that is complete. Breaks at the server's end.
    fn step(&mut self) -> Result<ControlFlow<()>, Closed> {
        let mut chunk = [0; 16 * 1024];
        let taken = link::read(self.server, &mut chunk);
        self.arrived = Instant::now();
        if taken == 0 {
            // Half a reply goes on as it is.
            self.out.append(&mut self.buf);
            self.flush()?;
            return Ok(ControlFlow::Break(()));
        }
        self.buf.extend_from_slice(&chunk[..taken]);
        let mut at = 0;
        loop {
            match resp::reply(&self.buf[at..]) {
                Ok(None) => break,
                Ok(Some((message, taken))) => {
                    let raw = self.buf[at..at + taken].to_vec();
                    at += taken;
                    self.message(&message, &raw)?;
                }
                Err(error) => {
                    eprintln!("fault proxy: the server's bytes are {error}");
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.buf.drain(..at);
        self.flush()?;
        Ok(ControlFlow::Continue(()))
    }

    fn message(&mut self, message: &Reply, raw: &[u8]) -> Result<(), Closed> {
        // Not held while waiting: the other pump needs it for every request.
        let meaning = self.link.pending().meaning(message);
        match meaning {
            Meaning::Answer(Plan::Act(rule)) => self.answer(&rule, raw),
            Meaning::Answer(Plan::Swallow) => Ok(()),
            Meaning::Answer(Plan::Pass) | Meaning::Unasked => {
                self.out.extend_from_slice(raw);
                Ok(())
            }
            Meaning::Push => self.push(raw),
        }
    }

    fn answer(&mut self, rule: &Arc<Armed>, raw: &[u8]) -> Result<(), Closed> {
        // What came before is not struck.
        self.flush()?;
        if rule.action() == Action::DropReply {
            self.silent = true;
            self.link.shared.fired(rule);
            return Ok(());
        }
        self.act(rule, raw)
    }

    fn push(&mut self, raw: &[u8]) -> Result<(), Closed> {
        if self.link.shared.look(|state| state.modes.drop_pushes) {
            return Ok(());
        }
        let Some(rule) = self.link.shared.verdict(|rule| rule.strikes_push(raw)) else {
            self.out.extend_from_slice(raw);
            return Ok(());
        };
        self.flush()?;
        match rule.action() {
            Action::DropRequest | Action::DropReply => {}
            Action::DuplicateRequest => {
                self.out.extend_from_slice(raw);
                self.out.extend_from_slice(raw);
            }
            _ => return self.act(&rule, raw),
        }
        self.link.shared.fired(&rule);
        Ok(())
    }

    /// What means the same for replies and pushes.
    fn act(&mut self, rule: &Arc<Armed>, raw: &[u8]) -> Result<(), Closed> {
        match rule.action() {
            Action::DelayRequest(delay) | Action::DelayReply(delay) => {
                self.link.delay(rule, delay)?;
            }
            Action::HoldRequest | Action::HoldReply => self.link.hold(rule)?,
            Action::CloseBefore | Action::CloseAfterForward => return self.end(rule, Link::close),
            Action::ResetAfterForward => return self.end(rule, Link::reset),
            Action::TruncateReply(len) => {
                self.out.extend_from_slice(&raw[..len.min(raw.len())]);
                self.flush()?;
                return self.end(rule, Link::close);
            }
            // Handled where replies and pushes differ.
            Action::DropRequest | Action::DropReply | Action::DuplicateRequest => {}
        }
        self.out.extend_from_slice(raw);
        Ok(())
    }

    fn end(&self, rule: &Armed, how: fn(&Link)) -> Result<(), Closed> {
        // First, so that whoever sees the connection end sees the reason too.
        self.link.shared.fired(rule);
        how(self.link);
        Err(Closed)
    }

    fn flush(&mut self) -> Result<(), Closed> {
        if !self.out.is_empty() && !self.silent {
            self.link.pass(Direction::ToClient, self.arrived)?;
            // The client's end reaches the server through the other pump, in its own time.
            self.silent = self.link.write(&self.link.client, &self.out).is_err();
        }
        self.out.clear();
        Ok(())
    }
}
