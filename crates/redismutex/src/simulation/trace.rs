//! What happened, as lines to be read by people: only where somebody will.

use super::time::{MILLISECOND, Nanos};
use std::collections::VecDeque;

pub(super) enum Trace {
    Off,
    /// So many of the last lines.
    On(usize, VecDeque<String>),
}

impl Trace {
    pub(super) fn on(kept: usize) -> Self {
        Self::On(kept, VecDeque::new())
    }

    pub(super) fn is_on(&self) -> bool {
        matches!(self, Self::On(..))
    }

    pub(super) fn line(&mut self, now: Nanos, text: &str) {
        if let Self::On(kept, lines) = self {
            if lines.len() == *kept {
                lines.pop_front();
            }
            let (ms, ns) = (now / MILLISECOND, now % MILLISECOND);
            lines.push_back(format!("{ms:>7}.{ns:06} ms  {text}"));
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Off => String::new(),
            Self::On(_, lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}
