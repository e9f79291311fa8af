//! The process in which something was made: a forked child has copies of its parent's things that it must leave alone.

/// The process in which this was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u32);

impl Origin {
    pub(crate) fn here() -> Self {
        Self(std::process::id())
    }

    /// Whether this is that process. Asks the system.
    pub(crate) fn is_here(self) -> bool {
        self == Self::here()
    }
}
