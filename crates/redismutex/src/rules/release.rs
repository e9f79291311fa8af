//! How a release goes: once, or again until the answer is known or does not matter any more.

use super::Moment;
use super::protocol::{Fault, FaultKind, OwnerReply};
use std::time::Duration;

/// How long a caller is kept waiting; after that the background goes on.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was ours to the end.
    Released,
    /// It was not ours any more.
    Lost,
    /// Nobody knows yet: the background goes on until the lease has surely ended.
    Unknown(Fault),
    /// The server does not let this user release.
    Denied(Fault),
}

impl Outcome {
    /// Whether work that ended while the lease was valid was done under the lock, for all that an answer at `now` tells.
    ///
    /// That the lock could not be given back is the others' trouble, and a short one. A key that is gone after `deadline`,
    /// the end of the lease, may have run out while nobody answered.
    pub(crate) fn leaves_work_done(&self, now: Moment, deadline: Moment) -> bool {
        match self {
            Self::Released | Self::Unknown(_) | Self::Denied(_) => true,
            Self::Lost => now >= deadline,
        }
    }
}

/// What to do after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Done(Outcome),
    AgainAt(Moment),
}

/// One release.
#[derive(Debug)]
pub(crate) struct Release {
    deadline: Moment,
    give_up: Moment,
    may_have_run: bool,
}

impl Release {
    /// `deadline` is the end of the lease.
    pub(crate) fn new(now: Moment, deadline: Moment) -> Self {
        Self { deadline, give_up: now + PATIENCE, may_have_run: false }
    }

    /// Until when an answer is waited for.
    pub(crate) fn give_up(&self) -> Moment {
        self.give_up
    }

    pub(crate) fn answered(&mut self, now: Moment, answer: Result<OwnerReply, Fault>) -> Next {
        match answer {
            Ok(OwnerReply::Done) => Next::Done(Outcome::Released),
            // Within the lease nobody but our own earlier attempt can have taken it away.
            Ok(OwnerReply::NotOurs) if self.may_have_run && now < self.deadline => {
                Next::Done(Outcome::Released)
            }
            Ok(OwnerReply::NotOurs) => Next::Done(Outcome::Lost),
            Err(fault) if fault.kind == FaultKind::WrongType => Next::Done(Outcome::Lost),
            Err(fault) if !fault.may_pass() => Next::Done(Outcome::Denied(fault)),
            Err(fault) => {
                self.may_have_run |= fault.may_have_run();
                let again = now + PAUSE;
                if again < self.give_up {
                    Next::AgainAt(again)
                } else {
                    Next::Done(Outcome::Unknown(fault))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000_000);

    fn release() -> Release {
        Release::new(NOW, NOW + Duration::from_secs(7))
    }

    fn reset() -> Fault {
        Fault::new(FaultKind::Unknown, "connection reset")
    }

    #[test]
    fn a_retried_release_whose_reply_was_lost_is_a_release() {
        let mut release = release();
        assert!(matches!(release.answered(NOW, Err(reset())), Next::AgainAt(_)));
        assert_eq!(release.answered(NOW, Ok(OwnerReply::NotOurs)), Next::Done(Outcome::Released));
    }

    #[test]
    fn a_release_of_what_is_not_ours_is_a_loss() {
        assert_eq!(release().answered(NOW, Ok(OwnerReply::NotOurs)), Next::Done(Outcome::Lost));
    }

    #[test]
    fn after_the_lease_a_missing_key_is_a_loss_whatever_was_tried() {
        let mut release = release();
        release.answered(NOW, Err(reset()));
        let late = NOW + Duration::from_secs(8);
        assert_eq!(release.answered(late, Ok(OwnerReply::NotOurs)), Next::Done(Outcome::Lost));
    }

    #[test]
    fn work_counts_unless_the_lock_was_taken_away_within_the_lease() {
        let deadline = NOW + Duration::from_secs(7);
        let (unknown, denied) = (Outcome::Unknown(reset()), Outcome::Denied(reset()));
        for outcome in [Outcome::Released, unknown, denied] {
            assert!(outcome.leaves_work_done(NOW, deadline), "{outcome:?}");
        }
        assert!(!Outcome::Lost.leaves_work_done(NOW, deadline));
        assert!(Outcome::Lost.leaves_work_done(deadline, deadline));
    }

    #[test]
    fn a_server_that_stays_away_leaves_it_to_the_background() {
        let mut release = release();
        let next = release.answered(NOW + PATIENCE, Err(reset()));
        assert_eq!(next, Next::Done(Outcome::Unknown(reset())));
    }
}
