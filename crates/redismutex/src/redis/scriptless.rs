//! Doing without scripts, where the user may not run them and the server can compare and delete by itself.
//!
//! No queue and no fence: waiters poll, and [`Guard::fence`](crate::Guard::fence) is `None`. Found out by
//! asking for the commands, never by version: Valkey has DELIFEQ, Redis has DELEX, and each grows.

use super::encode::pack;
use super::link::Link;
use super::slot::Answer;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::{Fault, FaultKind, Item, Request};
use std::time::Duration;

/// No acquisition has this owner token.
const NOBODY: &str = "redismutex: nobody";

/// How a server is talked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    #[default]
    Scripts,
    /// `DELIFEQ key value`
    DelIfEq,
    /// `DELEX key IFEQ value`
    DelEx,
}

impl Dialect {
    /// The dialect without scripts that this server and user can do, if any.
    ///
    /// Proved by doing, with a token that is nobody's, so deleting by it does nothing; and a lock is never
    /// taken before it is known that it may be released. Whatever is asked: a lease may have to be renewed or
    /// given back on a connection that is newer than itself.
    pub(super) async fn native(link: &Link, request: &Request) -> Option<Self> {
        for dialect in [Self::DelIfEq, Self::DelEx] {
            if link.ask(&dialect.delete(request, NOBODY)).await.is_ok() {
                return Some(dialect);
            }
        }
        None
    }

    /// The request as one command, where one is enough and its answer needs no second look.
    pub(super) fn single(self, request: &Request) -> Option<Vec<u8>> {
        match &request.ask {
            Ask::Release { token, .. } => Some(self.delete(request, token)),
            _ => None,
        }
    }

    pub(super) async fn ask(self, link: &Link, request: &Request) -> Answer {
        let lock = request.names.lock.as_bytes();
        match &request.ask {
            Ask::Acquire { token, expiry, .. } => {
                let before = link
                    .ask(&pack(&[
                        b"SET",
                        lock,
                        token.as_bytes(),
                        b"NX",
                        b"GET",
                        b"PX",
                        &millis(*expiry),
                    ]))
                    .await?;
                let ours = before.bytes() == Some(token.as_bytes());
                if before == Item::Nil
                    || ours && extended(&extend(link, lock, token, *expiry).await?)
                {
                    return Ok(Item::Bytes(b"OK".to_vec()));
                }
                let left = link.ask(&pack(&[b"PTTL", lock])).await?;
                Ok(Item::List(vec![Item::Int(0), left, Item::Int(0), Item::Int(1)]))
            }
            Ask::Extend { token, expiry, .. } => {
                let extended = extended(&extend(link, lock, token, *expiry).await?);
                Ok(Item::Int(extended.into()))
            }
            Ask::Release { token, .. } => link.ask(&self.delete(request, token)).await,
            Ask::Inspect { .. } => {
                let (token, left) =
                    (link.ask(&pack(&[b"GET", lock])), link.ask(&pack(&[b"PTTL", lock])));
                let (token, left) = (token.await?, left.await?);
                let none = || Item::List(Vec::new());
                Ok(Item::List(vec![Item::Int(0), token, left, Item::Nil, Item::Int(0), none()]))
            }
        }
    }

    fn delete(self, request: &Request, token: &str) -> Vec<u8> {
        let (lock, token) = (request.names.lock.as_bytes(), token.as_bytes());
        match self {
            Self::DelEx => pack(&[b"DELEX", lock, b"IFEQ", token]),
            _ => pack(&[b"DELIFEQ", lock, token]),
        }
    }
}

async fn extend(link: &Link, lock: &[u8], token: &str, expiry: Duration) -> Answer {
    let token = token.as_bytes();
    let answer =
        link.ask(&pack(&[b"SET", lock, token, b"IFEQ", token, b"PX", &millis(expiry)])).await;
    answer.map_err(|fault| match fault.kind {
        FaultKind::Nonsense => Fault::new(
            FaultKind::Denied,
            format!("{fault} (without scripts, renewal needs a server that knows SET with IFEQ)"),
        ),
        _ => fault,
    })
}

fn extended(answer: &Item) -> bool {
    *answer != Item::Nil
}

fn millis(duration: Duration) -> Vec<u8> {
    duration.as_micros().div_ceil(1000).to_string().into_bytes()
}
