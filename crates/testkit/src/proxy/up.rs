//! The pump from client to server: requests.
//!
//! Knows what each action means for a request; what it means for the reply is left in
//! [`Pending`](super::pending::Pending) for the other pump.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use super::link::{self, Link};
use super::pending::Plan;
use super::rule::{Action, Armed};
use super::shared::{Closed, Direction};
use crate::resp;

/// Why no further request is sent on.
enum Stop {
    /// The client has ended its side.
    ClientGone,
    /// The connection is closed.
    Closed,
    /// From here on all is lost on the way.
    Silent,
    /// The reply to the last request ends the connection.
    LastRequest,
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Stop::Closed
    }
}

/// Carries requests until one side ends.
pub(super) fn run(link: &Link) {
    let Some(server) = link.server() else { return };
    let mut pump = Pump {
        link,
        server,
        buf: Vec::new(),
        out: Vec::new(),
        sending: Vec::new(),
        arrived: Instant::now(),
    };
    let stop = loop {
        if let Err(stop) = pump.step() {
            break stop;
        }
    };
    match stop {
        Stop::Closed => return,
        Stop::LastRequest => {
            let _ = link.shared.pause(link, None, |_| false);
            return;
        }
        Stop::Silent => discard(&link.client),
        Stop::ClientGone => {}
    }
    // The goodbye travels like everything else.
    if link.pass(Direction::ToServer, Instant::now()).is_ok() {
        let _ = server.shutdown(Shutdown::Write);
    }
}

fn discard(client: &TcpStream) {
    let mut chunk = [0; 4096];
    while link::read(client, &mut chunk) > 0 {}
}

struct Pump<'a> {
    link: &'a Link,
    server: &'a TcpStream,
    /// Read and not yet understood.
    buf: Vec<u8>,
    /// Bytes to write with the next flush, and the requests that they are.
    out: Vec<u8>,
    sending: Vec<Vec<Vec<u8>>>,
    /// When the bytes in hand were read.
    arrived: Instant,
}

impl Pump<'_> {
    /// Reads once and handles every request that is complete.
    fn step(&mut self) -> Result<(), Stop> {
        let mut chunk = [0; 16 * 1024];
        let taken = link::read(&self.link.client, &mut chunk);
        self.arrived = Instant::now();
        if taken == 0 {
            // Half a request goes on as it is.
            self.out.append(&mut self.buf);
            self.flush()?;
            return Err(Stop::ClientGone);
        }
        self.buf.extend_from_slice(&chunk[..taken]);
        let mut at = 0;
        loop {
            match resp::request(&self.buf[at..]) {
                Ok(None) => break,
                Ok(Some((args, taken))) => {
                    let raw = self.buf[at..at + taken].to_vec();
                    at += taken;
                    self.request(args, &raw)?;
                }
                Err(error) => {
                    eprintln!("fault proxy: the client's bytes are {error}");
                    self.link.close();
                    return Err(Stop::Closed);
                }
            }
        }
        self.buf.drain(..at);
        self.flush()
    }

    fn request(&mut self, args: Vec<Vec<u8>>, raw: &[u8]) -> Result<(), Stop> {
        let shared = &self.link.shared;
        shared.update(|state| state.requests += 1);
        match shared.verdict(|rule| rule.strikes_request(&args)) {
            None => self.forward(args, raw, Plan::Pass),
            Some(rule) => {
                // What came before is not struck.
                self.flush()?;
                self.act(&rule, args, raw)?;
            }
        }
        Ok(())
    }

    fn act(&mut self, rule: &Arc<Armed>, args: Vec<Vec<u8>>, raw: &[u8]) -> Result<(), Stop> {
        match rule.action() {
            Action::DropRequest => {
                self.link.shared.fired(rule);
                return Err(Stop::Silent);
            }
            Action::CloseBefore => {
                self.link.shared.fired(rule);
                self.link.close();
                return Err(Stop::Closed);
            }
            Action::DelayRequest(delay) => {
                self.link.delay(rule, delay)?;
                self.forward(args, raw, Plan::Pass);
            }
            Action::HoldRequest => {
                self.link.hold(rule)?;
                self.forward(args, raw, Plan::Pass);
            }
            Action::DuplicateRequest => {
                self.forward(args.clone(), raw, Plan::Pass);
                self.forward(args, raw, Plan::Swallow);
                self.link.shared.fired(rule);
            }
            Action::CloseAfterForward | Action::ResetAfterForward => {
                self.forward(args, raw, Plan::Act(Arc::clone(rule)));
                self.flush()?;
                return Err(Stop::LastRequest);
            }
            Action::DropReply
            | Action::DelayReply(_)
            | Action::HoldReply
            | Action::TruncateReply(_) => self.forward(args, raw, Plan::Act(Arc::clone(rule))),
        }
        Ok(())
    }

    fn forward(&mut self, args: Vec<Vec<u8>>, raw: &[u8], plan: Plan) {
        self.link.pending().expect(&args, plan);
        self.out.extend_from_slice(raw);
        self.sending.push(args);
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.link.pass(Direction::ToServer, self.arrived)?;
        // Before they are written: whoever has a reply must find its request in the log.
        self.link.shared.log_all(std::mem::take(&mut self.sending));
        // A server that is gone will be noticed by the other pump, which may still have its last
        // words to deliver.
        self.link.write(self.server, &self.out).map_err(|_| Stop::Silent)?;
        self.out.clear();
        Ok(())
    }
}
