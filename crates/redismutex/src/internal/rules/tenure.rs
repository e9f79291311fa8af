//! What the rules say of a lock once it is ours: how to let it last and how to give it back.

use super::{Answer, Call, item};
use crate::drive::claim::PAST_LEASE;
use crate::drive::lease::{Lease, Wanted};
use crate::drive::release::Extended;
use crate::internal::python::Lookout;
use crate::redis::clock;
use crate::rules::Moment;
use crate::rules::protocol::request::Ask;
use crate::rules::protocol::{Fault, Names, OwnerReply, Request};
use crate::rules::release::{Next, Release};
use crate::rules::renewal::{self, Renewal};
use crate::rules::settings::Settings;
use crate::{Error, Fence};
use std::sync::Arc;
use std::time::Duration;

/// A lock that is ours for a time.
pub struct Tenure {
    pub(super) lease: Arc<Lease>,
    pub(super) names: Arc<Names>,
    pub(super) token: Arc<str>,
    pub(super) fence: Option<Fence>,
}

/// How a renewal or an extension went.
pub enum Lasting {
    /// It lasts; to be renewed after so long.
    Yes(Duration),
    /// It is not ours any more.
    Lost,
    /// Nobody knows: ask again after so long.
    Again(Duration),
    /// The server refuses.
    Refused(Error),
}

impl Tenure {
    /// The fencing token.
    pub fn fence(&self) -> Option<Fence> {
        self.fence
    }

    /// The lease.
    pub fn lookout(&self) -> Lookout {
        Lookout::over(self.lease.clone())
    }

    /// When the first renewal is due, from now.
    pub fn first_due(&self) -> Duration {
        clock::now().until(self.lease.renewal_due())
    }

    /// What lets it last: for `expiry`, or for as long as before. `None`: it is lost, or held for long enough.
    pub fn extend(&self, expiry: Option<Duration>) -> Result<Option<(Call, Wanted)>, Error> {
        if let Some(expiry) = expiry {
            Settings { expiry, ..Settings::default() }.check(false).map_err(Error::config)?;
        }
        if !self.lease.is_valid() {
            return Ok(None);
        }
        let wanted = match expiry {
            Some(expiry) => self.lease.extension(expiry),
            None => self.lease.renewal(),
        };
        Ok(wanted.map(|wanted| {
            let ask = wanted.ask(&self.token);
            (Call::of(&Request { names: self.names.clone(), ask }), wanted)
        }))
    }

    /// What came of [`extend`](Self::extend) by `wanted`, sent at `sent`.
    pub fn extended(
        &self,
        sent: u64,
        wanted: Wanted,
        expiry: Option<Duration>,
        answer: Answer,
    ) -> Lasting {
        let answer = item(answer).and_then(|item| OwnerReply::parse(&item));
        let now = clock::now();
        self.lease.answered(wanted, !answer.as_ref().is_err_and(Fault::may_have_run));
        match (renewal::judge(now, wanted.length, &answer), answer) {
            (Renewal::Proved, _) => {
                if let Some(expiry) = expiry {
                    self.lease.set_expiry(expiry);
                }
                self.lease.proved(Moment(sent), wanted);
                let due = self.lease.due_after(wanted);
                if self.lease.is_valid() { Lasting::Yes(now.until(due)) } else { Lasting::Lost }
            }
            (Renewal::Lost, _) => {
                self.lease.lose();
                Lasting::Lost
            }
            (Renewal::AgainAt(_), Err(fault)) if !fault.may_pass() && expiry.is_some() => {
                let extended = Extended::Unknown(fault);
                match Error::of_extend(&self.names.lock, extended) {
                    Err(error) => Lasting::Refused(error),
                    Ok(()) => Lasting::Lost,
                }
            }
            (Renewal::AgainAt(when), _) => Lasting::Again(now.until(when)),
        }
    }

    /// Begins to give it back: from now on it is not ours.
    pub fn release(&self) -> Releasing {
        let deadline = self.lease.deadline();
        self.lease.end();
        let ask = Ask::Release { token: self.token.clone(), entry: None };
        Releasing {
            release: Release::new(clock::now(), deadline),
            request: Request { names: self.names.clone(), ask },
            until: deadline + PAST_LEASE + self.lease.expiry() / 10,
        }
    }

    /// Forgets it: the lease runs out by itself.
    pub fn leak(&self) {
        self.lease.end();
    }
}

/// A lock on its way back.
pub struct Releasing {
    release: Release,
    request: Request,
    until: Moment,
}

impl Releasing {
    /// What to run.
    pub fn call(&self) -> Call {
        Call::of(&self.request)
    }

    /// By [`now`]: after this the server has forgotten it by itself.
    pub fn until(&self) -> u64 {
        self.until.0
    }

    /// What came of it: done, or to be run again after so long.
    pub fn answered(&mut self, answer: Answer) -> Result<Option<Duration>, Error> {
        let answer = item(answer).and_then(|item| OwnerReply::parse(&item));
        let now = clock::now();
        match self.release.answered(now, answer) {
            Next::AgainAt(when) => Ok(Some(now.until(when))),
            Next::Done(released) => {
                Error::of_release(&self.request.names.lock, released).map(|()| None)
            }
        }
    }
}
