//! What the async and the blocking face have in common: checking what comes in, and naming what goes out.

use crate::drive::acquire::{Held, acquire};
use crate::drive::core::Core;
use crate::drive::release::{extend, release};
use crate::redis::clock;
use crate::redis::node::Answered;
use crate::rules::acquire::PATIENCE;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::{
    Fault, FaultKind, Inspection as Reply, Key, Names, OwnerReply, Request,
};
use crate::rules::settings::Settings;
use crate::{Error, Inspection};
use std::sync::Arc;
use std::time::Duration;

/// A service object: a connection and settings, no lock's state.
#[derive(Clone)]
pub(crate) struct Face {
    pub(crate) core: Arc<Core>,
    pub(crate) settings: Arc<Settings>,
}

/// How many waiters an inspection lists.
const LISTED: usize = 100;

impl Face {
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Opens the connection now, so that what is wrong with it is known now.
    pub(crate) async fn connected(self) -> Result<Self, Error> {
        self.core.node.link().await.map_err(|fault| Error::of_fault(None, fault))?;
        Ok(self)
    }

    /// `token`: the owner token to use instead of a new random one.
    pub(crate) async fn acquire(&self, key: &[u8], token: Option<&str>) -> Result<Held, Error> {
        self.settings.check(true).map_err(Error::config)?;
        self.acquire_unchecked(key, token).await
    }

    /// For a caller that has rules of its own about which settings go together.
    pub(crate) async fn acquire_unchecked(
        &self,
        key: &[u8],
        token: Option<&str>,
    ) -> Result<Held, Error> {
        let names = names(key)?;
        // Before anything is touched that a forked child must not touch.
        self.core.ready(self.settings.renew).map_err(Error::of_unusable)?;
        let token = match token {
            Some(token) => token.into(),
            None => self.core.tokens.token().map_err(no_random_bytes)?,
        };
        let lock = names.lock.clone();
        acquire(self.core.clone(), &self.settings, names, token)
            .await
            .map_err(|failure| Error::of_acquire(&lock, failure))
    }

    pub(crate) async fn try_acquire(
        &self,
        key: &[u8],
        token: Option<&str>,
    ) -> Result<Option<Held>, Error> {
        let once = self.clone().changed(|settings| settings.block_time = Duration::ZERO);
        once.settings.check(false).map_err(Error::config)?;
        match once.acquire(key, token).await {
            Ok(held) => Ok(Some(held)),
            Err(Error::BlockTimeExceeded { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn inspect(&self, key: &[u8]) -> Result<Inspection, Error> {
        let names = names(key)?;
        self.core.ready(false).map_err(Error::of_unusable)?;
        let request = Request { names, ask: Ask::Inspect { most: LISTED } };
        let reply = self.ask(&request).await.and_then(|item| Reply::parse(&item));
        reply.map(Inspection::of).map_err(|fault| Error::of_fault(Some(&request.names.lock), fault))
    }

    /// Releases whoever holds it; the next waiter gets it. Tells whether anybody held it.
    pub(crate) async fn release_by_force(&self, key: &[u8]) -> Result<bool, Error> {
        let names = names(key)?;
        self.core.ready(false).map_err(Error::of_unusable)?;
        let fault = |fault| Error::of_fault(Some(&names.lock), fault);
        loop {
            let look = Request { names: names.clone(), ask: Ask::Inspect { most: 0 } };
            let reply =
                self.ask(&look).await.and_then(|item| Reply::parse(&item)).map_err(fault)?;
            let Some(token) = reply.token else {
                return Ok(false);
            };
            let token = String::from_utf8(token).map_err(|_| {
                Error::config(
                    "the key holds bytes that are no text, hence no lock: delete it with DEL",
                )
            })?;
            if self.release_of(key, &token).await? {
                return Ok(true);
            }
        }
    }

    /// Releases what is held by this owner token. Tells whether it was.
    pub(crate) async fn release_of(&self, key: &[u8], token: &str) -> Result<bool, Error> {
        let names = names(key)?;
        self.core.ready(false).map_err(Error::of_unusable)?;
        let ask = Ask::Release { token: token.into(), entry: None };
        let release = Request { names: names.clone(), ask };
        let answer = self.ask(&release).await.and_then(|item| OwnerReply::parse(&item));
        let answer = answer.map_err(|fault| Error::of_fault(Some(&names.lock), fault))?;
        Ok(answer == OwnerReply::Done)
    }

    async fn ask(&self, request: &Request) -> Result<crate::rules::protocol::Item, Fault> {
        let core = &self.core;
        for last in [false, true] {
            let answered =
                core.alarms.within(clock::now() + PATIENCE, core.node.ask(request)).await;
            match answered {
                Some(Answered { answer: Err(fault), .. }) if fault.may_pass() && !last => {}
                Some(Answered { answer, .. }) => return answer,
                None => core.node.suspect(PATIENCE),
            }
        }
        Err(Fault::new(FaultKind::Unknown, format!("no answer from {}", core.node.address())))
    }
}

pub(crate) async fn give_back(held: Held) -> Result<(), Error> {
    let key = held.claim.names().lock.clone();
    Error::of_release(&key, release(held).await)
}

/// Gives back after work under the lock: the work counts unless it outlived the lock.
pub(crate) async fn give_back_after_work(held: Held) -> Result<(), Error> {
    let key = held.claim.names().lock.clone();
    let (was_valid, deadline) = (held.lease().is_valid(), held.lease().deadline());
    let released = release(held).await;
    if was_valid && released.leaves_work_done(clock::now(), deadline) {
        return Ok(());
    }
    Error::of_release(&key, released)
}

pub(crate) async fn prolong(held: &mut Held, expiry: Duration) -> Result<(), Error> {
    let settings = Settings { expiry, ..Settings::default() };
    settings.check(false).map_err(Error::config)?;
    let key = held.claim.names().lock.clone();
    Error::of_extend(&key, extend(held, expiry).await)
}

/// Forgets the guard; the lease runs out by itself.
pub(crate) fn leak(held: Held) {
    let Held { watch, claim, .. } = held;
    drop(watch);
    claim.leak();
}

fn names(key: &[u8]) -> Result<Arc<Names>, Error> {
    Names::of(key).map(Arc::new).map_err(|message| Error::Config { key: shown(key), message })
}

/// The key, where it is short enough to be shown.
fn shown(key: &[u8]) -> Option<Key> {
    (1..=200).contains(&key.len()).then(|| Key::new(key))
}

fn no_random_bytes(error: std::io::Error) -> Error {
    let message = format!("the system gives no random bytes: {error}");
    Error::of_fault(None, Fault::new(FaultKind::NotSent, message))
}
