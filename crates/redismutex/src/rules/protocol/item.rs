//! A reply as the rules see it, whatever client read it.

/// One value of a server's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// No value.
    Nil,
    /// An integer.
    Int(i64),
    /// A string, bulk or simple.
    Bytes(Vec<u8>),
    /// An array.
    List(Vec<Item>),
}

impl Item {
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn count(&self) -> Option<u64> {
        self.int()?.try_into().ok()
    }

    pub(crate) fn list(&self) -> Option<&[Item]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(text) => Some(text),
            _ => None,
        }
    }
}
