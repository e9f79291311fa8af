//! The reading half of a link.

use super::super::clock;
use super::super::encode::{self, Unasked};
use super::super::resp::{Buffer, Value};
use super::super::turn::Flag;
use super::{Expected, Link, is_passing};
use crate::redis::slot::{Answer, lock};
use crate::rules::Moment;
use crate::rules::protocol::Item;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// No read blocks for longer.
const WHOLE_READ: Duration = Duration::from_secs(1);
const MOST_PIECES: u32 = 16;
const SHORTEST_READ: Duration = Duration::from_micros(500);

#[derive(Default)]
pub(super) struct Incoming {
    buffer: Buffer,
    /// How long a read may block at present.
    limit: Duration,
}

/// What was read.
enum Received {
    Reply(Answer),
    Unasked(Unasked),
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
        let (count, roomy) = lock(&self.incoming).buffer.fill(|bytes| self.wire.read(bytes))?;
        if count == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed it"));
        }
        while let Some(what) = self.next()? {
            // Each has a moment of its own: which was read first decides what a message is worth.
            self.hand_out(what, clock::now())?;
        }
        // Of a decrypted piece it cannot be said whether more lies behind it.
        Ok(roomy && !self.wire.is_encrypted())
    }

    fn next(&self) -> io::Result<Option<Received>> {
        let mut incoming = lock(&self.incoming);
        Ok(incoming.buffer.next()?.map(|value| match value {
            Value::Push(values) => Received::Unasked(encode::unasked(&values)),
            reply => Received::Reply(encode::answer(reply)),
        }))
    }

    fn hand_out(&self, what: Received, received: Moment) -> io::Result<()> {
        match what {
            Received::Unasked(Unasked::Subscribed) => return self.confirm_subscription(),
            Received::Unasked(Unasked::Other) => {}
            Received::Unasked(Unasked::Message(push)) => {
                if let Some(unclaimed) = self.hub.deliver(received, push) {
                    (self.unclaimed)(unclaimed);
                }
            }
            Received::Reply(answer) => {
                let Some(Expected { sink, .. }) = lock(&self.expected).pop_front() else {
                    let what = "a reply that nobody asked for";
                    return Err(io::Error::new(ErrorKind::InvalidData, what));
                };
                sink.take(answer, received);
            }
        }
        Ok(())
    }

    fn confirm_subscription(&self) -> io::Result<()> {
        let mut expected = lock(&self.expected);
        if expected.front().is_some_and(|front| front.subscription)
            && let Some(Expected { sink, .. }) = expected.pop_front()
        {
            drop(expected);
            self.subscribed.store(true, Ordering::Release);
            sink.take(Ok(Item::Nil), clock::now());
        }
        Ok(())
    }
}
