//! The reading half of a link.

use super::super::turn::Flag;
use super::super::{clock, encode};
use super::{Expected, Link, is_passing};
use crate::redis::slot::lock;
use crate::rules::Moment;
use crate::rules::protocol::{Item, Push};
use redis::{Parser, PushKind, Value};
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const BUFFER: usize = 16 * 1024;
/// No read blocks for longer.
const WHOLE_READ: Duration = Duration::from_secs(1);
const MOST_PIECES: u32 = 16;
const SHORTEST_READ: Duration = Duration::from_micros(500);

pub(super) struct Incoming {
    parser: Parser,
    buffer: Box<[u8]>,
    /// How long a read may block at present.
    limit: Duration,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { parser: Parser::new(), buffer: vec![0; BUFFER].into(), limit: Duration::ZERO }
    }
}

impl Link {
    /// Reads what is there and hands it out; tells whether that was all. A link in which something went
    /// wrong is ended.
    pub(crate) fn read_ready(&self) -> io::Result<bool> {
        let outcome = self.receive();
        if let Err(error) = &outcome
            && !is_passing(error)
        {
            self.fail(&error.to_string());
        }
        outcome
    }

    /// Waits until `me` is raised, `until` is past or the link is dead; reads for everybody meanwhile, or lets
    /// another thread do it.
    pub(crate) fn wait(&self, me: &Arc<Flag>, until: Moment) {
        loop {
            if me.is_raised() || self.is_dead() {
                break;
            }
            if self.turn.take(me) {
                let over = self.read_until(me, until);
                self.turn.give_back();
                if over {
                    break;
                }
            } else {
                let left = clock::now().until(until);
                if left.is_zero() {
                    break;
                }
                std::thread::park_timeout(left);
            }
        }
        self.turn.leave(me);
    }

    /// Tells whether `until` is past.
    fn read_until(&self, me: &Arc<Flag>, until: Moment) -> bool {
        while !me.is_raised() && !self.is_dead() {
            let left = clock::now().until(until);
            if left.is_zero() {
                return true;
            }
            self.limit_read(left);
            // What goes wrong ends the link, which ends the loop.
            let _ = self.read_ready();
        }
        false
    }

    /// Waits are cut into pieces; the socket is told only where the pieces that it knows of will not do.
    fn limit_read(&self, left: Duration) {
        let mut incoming = lock(&self.incoming);
        let piece = incoming.limit;
        if piece <= left + SHORTEST_READ && left <= piece * MOST_PIECES {
            return;
        }
        let limit = left.clamp(SHORTEST_READ, WHOLE_READ);
        if limit != incoming.limit && self.wire.socket.set_read_timeout(limit).is_ok() {
            incoming.limit = limit;
        }
    }

    fn receive(&self) -> io::Result<bool> {
        let mut values = Vec::new();
        let (parsed, drained) = {
            let mut incoming = lock(&self.incoming);
            let Incoming { parser, buffer, .. } = &mut *incoming;
            let count = self.wire.read(buffer)?;
            if count == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed it"));
            }
            // Of a decrypted piece it cannot be said whether more lies behind it.
            let drained = count < buffer.len() && !self.wire.is_encrypted();
            (parse(parser, &buffer[..count], &mut values), drained)
        };
        let received = clock::now();
        for value in values {
            self.hand_out(value, received)?;
        }
        parsed.map(|()| drained)
    }

    fn hand_out(&self, value: Value, received: Moment) -> io::Result<()> {
        if let Value::Push { kind, data } = value {
            if kind == PushKind::Subscribe {
                return self.confirm_subscription();
            }
            let push = encode::message(&kind, &data).and_then(|message| Push::parse(&message));
            if let Some(unclaimed) = push.and_then(|push| self.hub.deliver(received, push)) {
                (self.unclaimed)(unclaimed);
            }
            return Ok(());
        }
        let Some(Expected { sink, .. }) = lock(&self.expected).pop_front() else {
            return Err(io::Error::new(ErrorKind::InvalidData, "a reply that nobody asked for"));
        };
        sink.take(encode::answer(value));
        Ok(())
    }

    fn confirm_subscription(&self) -> io::Result<()> {
        let mut expected = lock(&self.expected);
        if expected.front().is_some_and(|front| front.subscription)
            && let Some(Expected { sink, .. }) = expected.pop_front()
        {
            drop(expected);
            self.subscribed.store(true, Ordering::Release);
            sink.take(Ok(Item::Nil));
        }
        Ok(())
    }
}

/// Feeds the parser and takes out the values that are complete.
fn parse(parser: &mut Parser, mut bytes: &[u8], values: &mut Vec<Value>) -> io::Result<()> {
    loop {
        match parser.parse_value(Chunk(&mut bytes)) {
            Ok(value) => values.push(value),
            Err(error) if error.is_io_error() => return Ok(()),
            Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error.to_string())),
        }
    }
}

/// Bytes that end in "not yet" instead of in an end of file, so that the parser keeps its place.
struct Chunk<'a, 'b>(&'a mut &'b [u8]);

impl Read for Chunk<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}
