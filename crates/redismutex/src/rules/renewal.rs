//! How a lease is kept alive.

use super::Moment;
use super::protocol::{Fault, FaultKind, OwnerReply};
use std::time::Duration;

/// A lease is renewed after this part of it.
const AFTER: u32 = 3;

/// When a lease of `expiry` that ends at `deadline` is to be renewed, whatever way it came.
pub(crate) fn first_due(deadline: Moment, expiry: Duration) -> Moment {
    deadline.earlier(expiry - expiry / AFTER)
}

/// What to ask for: the expiry, but never past the longest time it may be held. `None`: let it run out.
pub(crate) fn wanted(
    expiry: Duration,
    hold_until: Option<Moment>,
    now: Moment,
) -> Option<Duration> {
    let Some(hold_until) = hold_until else {
        return Some(expiry);
    };
    let left = now.until(hold_until);
    (left >= Duration::from_millis(1)).then(|| expiry.min(left))
}

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The lease lasts for what was asked, from the sending on.
    Proved,
    /// It is not ours any more.
    Lost,
    /// Nobody knows: the deadline stands, and it is tried again then.
    AgainAt(Moment),
}

/// Judges the answer to a renewal by `expiry`.
///
/// Only a reply that proves the lease moves the deadline; only one that disproves it is a loss.
pub(crate) fn judge(now: Moment, expiry: Duration, answer: &Result<OwnerReply, Fault>) -> Renewal {
    match answer {
        Ok(OwnerReply::Done) => Renewal::Proved,
        Ok(OwnerReply::NotOurs) => Renewal::Lost,
        Err(fault) if fault.kind == FaultKind::WrongType => Renewal::Lost,
        Err(_) => Renewal::AgainAt(now + pause(expiry)),
    }
}

/// What replacing extensions may still do to a lease.
///
/// One whose answer is missing may run at any time, late from a broken connection or after a renewal that was
/// sent later on another, and then leaves no more than its own length. So until it is answered, and for good
/// where it never is, a reply proves no more than that.
#[derive(Debug)]
pub(crate) struct Replacing {
    least: Duration,
    /// What was sent from then on is past all of them.
    over: Option<Moment>,
    doubtful: bool,
}

impl Default for Replacing {
    fn default() -> Self {
        Self { least: Duration::MAX, over: Some(Moment(0)), doubtful: false }
    }
}

impl Replacing {
    /// One to `length` is about to be sent.
    pub(crate) fn begins(&mut self, length: Duration) {
        self.least = self.least.min(length);
        self.over = None;
    }

    /// The one under way was answered; `surely` where it cannot run any more.
    pub(crate) fn ends(&mut self, now: Moment, surely: bool) {
        self.doubtful |= !surely;
        if !self.doubtful {
            self.over = Some(now);
        }
    }

    /// What is proved by a reply that the lease lasts for `length` from `sent` on.
    pub(crate) fn proved(&self, sent: Moment, length: Duration) -> Duration {
        match self.over {
            Some(over) if sent >= over => length,
            _ => length.min(self.least),
        }
    }
}

/// Often enough for several attempts in what is left, seldom enough not to hammer a server in trouble.
fn pause(expiry: Duration) -> Duration {
    (expiry / 20).clamp(Duration::from_millis(5), Duration::from_millis(500))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Moment = Moment(1_000_000_000);
    const EXPIRY: Duration = Duration::from_secs(6);

    #[test]
    fn extend_fault_is_not_loss() {
        for kind in [FaultKind::Unknown, FaultKind::NotSent, FaultKind::Refusing, FaultKind::Denied]
        {
            let renewal = judge(SENT, EXPIRY, &Err(Fault::new(kind, "?")));
            assert!(matches!(renewal, Renewal::AgainAt(_)), "{kind:?}");
        }
    }

    #[test]
    fn nothing_proves_more_than_an_extension_that_may_still_run() {
        let (short, later) = (Duration::from_secs(1), SENT + Duration::from_secs(1));
        let mut replacing = Replacing::default();
        assert_eq!(replacing.proved(SENT, EXPIRY), EXPIRY);
        replacing.begins(short);
        assert_eq!(replacing.proved(later, EXPIRY), short);
        replacing.ends(later, true);
        assert_eq!(replacing.proved(SENT, EXPIRY), short, "sent before it ran");
        assert_eq!(replacing.proved(later, EXPIRY), EXPIRY, "sent after it ran");
        replacing.begins(short);
        replacing.ends(later, false);
        replacing.begins(EXPIRY);
        replacing.ends(later, true);
        assert_eq!(replacing.proved(later + EXPIRY, EXPIRY), short, "never answered");
    }

    #[test]
    fn a_key_that_is_gone_or_foreign_is_a_loss() {
        assert_eq!(judge(SENT, EXPIRY, &Ok(OwnerReply::NotOurs)), Renewal::Lost);
        let list = Err(Fault::new(FaultKind::WrongType, "a list"));
        assert_eq!(judge(SENT, EXPIRY, &list), Renewal::Lost);
    }

    #[test]
    fn renewal_never_reaches_past_max_hold() {
        let hold_until = Some(SENT + Duration::from_secs(2));
        assert_eq!(wanted(EXPIRY, hold_until, SENT), Some(Duration::from_secs(2)));
        assert_eq!(wanted(EXPIRY, hold_until, SENT + Duration::from_secs(2)), None);
        assert_eq!(wanted(EXPIRY, None, SENT), Some(EXPIRY));
    }
}
