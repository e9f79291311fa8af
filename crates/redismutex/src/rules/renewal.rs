//! How a lease is kept alive.

use super::Moment;
use super::lease;
use super::protocol::{Fault, FaultKind, OwnerReply};
use std::time::Duration;

/// A lease is renewed after this part of it.
const AFTER: u32 = 3;

/// When a lease of `expiry`, last proved by a request sent at `sent`, is to be renewed.
pub(crate) fn due(sent: Moment, expiry: Duration) -> Moment {
    sent + expiry / AFTER
}

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
    /// The lease lasts until then.
    Until(Moment),
    /// It is not ours any more.
    Lost,
    /// Nobody knows: the deadline stands, and it is tried again then.
    AgainAt(Moment),
}

/// Judges the answer to a renewal by `expiry` that was first sent at `sent`.
///
/// Only a reply that proves the lease moves the deadline; only one that disproves it is a loss.
pub(crate) fn judge(
    sent: Moment,
    now: Moment,
    expiry: Duration,
    answer: &Result<OwnerReply, Fault>,
) -> Renewal {
    match answer {
        Ok(OwnerReply::Done) => Renewal::Until(lease::deadline(sent, expiry)),
        Ok(OwnerReply::NotOurs) => Renewal::Lost,
        Err(fault) if fault.kind == FaultKind::WrongType => Renewal::Lost,
        Err(_) => Renewal::AgainAt(now + pause(expiry)),
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
            let renewal = judge(SENT, SENT, EXPIRY, &Err(Fault::new(kind, "?")));
            assert!(matches!(renewal, Renewal::AgainAt(_)), "{kind:?}");
        }
    }

    #[test]
    fn a_renewed_lease_counts_from_the_sending() {
        let late = SENT + Duration::from_secs(5);
        let renewal = judge(SENT, late, EXPIRY, &Ok(OwnerReply::Done));
        assert_eq!(renewal, Renewal::Until(lease::deadline(SENT, EXPIRY)));
    }

    #[test]
    fn a_key_that_is_gone_or_foreign_is_a_loss() {
        assert_eq!(judge(SENT, SENT, EXPIRY, &Ok(OwnerReply::NotOurs)), Renewal::Lost);
        let list = Err(Fault::new(FaultKind::WrongType, "a list"));
        assert_eq!(judge(SENT, SENT, EXPIRY, &list), Renewal::Lost);
    }

    #[test]
    fn renewal_never_reaches_past_max_hold() {
        let hold_until = Some(SENT + Duration::from_secs(2));
        assert_eq!(wanted(EXPIRY, hold_until, SENT), Some(Duration::from_secs(2)));
        assert_eq!(wanted(EXPIRY, hold_until, SENT + Duration::from_secs(2)), None);
        assert_eq!(wanted(EXPIRY, None, SENT), Some(EXPIRY));
    }
}
