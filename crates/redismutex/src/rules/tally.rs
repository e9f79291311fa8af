//! Counting votes.
//!
//! One node is a quorum of one; several nodes must agree by majority. A fault is not a refusal: it may be
//! that the node did what was asked.

/// A node's answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    Granted,
    Refused,
    Fault,
}

/// What the votes so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A majority granted.
    Granted,
    /// So many refused that no majority can grant any more.
    Refused,
    /// So many failed to answer that neither can be reached.
    Unavailable,
    /// The votes still out can decide it.
    Open,
}

/// The votes of one round.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    nodes: usize,
    granted: usize,
    refused: usize,
    fault: usize,
}

impl Tally {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { nodes, granted: 0, refused: 0, fault: 0 }
    }

    pub(crate) fn count(&mut self, vote: Vote) {
        match vote {
            Vote::Granted => self.granted += 1,
            Vote::Refused => self.refused += 1,
            Vote::Fault => self.fault += 1,
        }
    }

    /// With an even number of nodes, half of them refusing already rules out a majority.
    pub(crate) fn verdict(&self) -> Verdict {
        let quorum = self.nodes / 2 + 1;
        let out = self.nodes - self.granted - self.refused - self.fault;
        if self.granted >= quorum {
            Verdict::Granted
        } else if self.granted + out >= quorum {
            Verdict::Open
        } else if self.refused > self.nodes - quorum {
            Verdict::Refused
        } else if self.refused + out > self.nodes - quorum {
            Verdict::Open
        } else {
            Verdict::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(nodes: usize, votes: &[Vote]) -> Verdict {
        let mut tally = Tally::new(nodes);
        votes.iter().for_each(|vote| tally.count(*vote));
        tally.verdict()
    }

    #[test]
    fn one_node_is_a_quorum_of_one() {
        assert_eq!(verdict(1, &[]), Verdict::Open);
        assert_eq!(verdict(1, &[Vote::Granted]), Verdict::Granted);
        assert_eq!(verdict(1, &[Vote::Refused]), Verdict::Refused);
        assert_eq!(verdict(1, &[Vote::Fault]), Verdict::Unavailable);
    }

    #[test]
    fn four_nodes_two_two_is_decided() {
        use Vote::{Granted, Refused};
        assert_eq!(verdict(4, &[Granted, Refused, Granted, Refused]), Verdict::Refused);
        assert_eq!(verdict(4, &[Refused, Refused]), Verdict::Refused);
        assert_eq!(verdict(2, &[Granted, Refused]), Verdict::Refused);
    }

    #[test]
    fn a_dead_minority_decides_nothing() {
        use Vote::{Fault, Granted};
        assert_eq!(verdict(3, &[Fault, Granted]), Verdict::Open);
        assert_eq!(verdict(3, &[Fault, Granted, Granted]), Verdict::Granted);
        assert_eq!(verdict(3, &[Fault, Fault]), Verdict::Unavailable);
    }

    /// Every vector of votes is decided once all are in, for any number of nodes.
    #[test]
    fn every_full_vote_is_decided() {
        const ALL: [Vote; 3] = [Vote::Granted, Vote::Refused, Vote::Fault];
        for nodes in 1..=6 {
            for code in 0..3usize.pow(nodes as u32) {
                let votes: Vec<_> =
                    (0..nodes).map(|i| ALL[code / 3usize.pow(i as u32) % 3]).collect();
                let of = |vote| votes.iter().filter(|v| **v == vote).count();
                let verdict = verdict(nodes, &votes);
                assert_ne!(verdict, Verdict::Open, "{votes:?}");
                assert_eq!(verdict == Verdict::Granted, of(Vote::Granted) > nodes / 2, "{votes:?}");
            }
        }
    }
}
