//! The names of a lock's keys.
//!
//! The lock record lives under the user's key verbatim. Its companions must share its Redis Cluster
//! slot, whatever braces the key has, so that one script may touch them all.

use std::fmt;
use std::sync::Arc;

/// A key goes along with every request and every message: a larger one is a mistake.
pub(crate) const LONGEST_KEY: usize = 512 * 1024;

/// The name of one lock: the bytes of the user's key, verbatim.
///
/// Displays as text (bytes that are not UTF-8 are shown as the replacement character).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<[u8]>);

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The key as it stands in Redis.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// A lock's key and its companions.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) lock: Key,
    /// The three companions, one after the other: each is the stem and a word.
    companions: Box<[u8]>,
    stem: usize,
}

const COMPANIONS: [&[u8]; 3] = [b"queue", b"seen", b"grant"];

impl Names {
    /// The names for `key`, or a sentence that says why it cannot be one.
    pub(crate) fn of(key: &[u8]) -> Result<Self, String> {
        if key.is_empty() {
            return Err("the key is empty: name the thing to be locked".into());
        }
        if key.len() > LONGEST_KEY {
            return Err(format!(
                "the key is {} bytes long, more than {LONGEST_KEY}: use a digest of it instead",
                key.len()
            ));
        }
        let stem = stem(key);
        let mut companions = Vec::with_capacity(stem.len() * 3 + 14);
        for word in COMPANIONS {
            companions.extend_from_slice(&stem);
            companions.extend_from_slice(word);
        }
        Ok(Self { lock: Key::new(key), companions: companions.into(), stem: stem.len() })
    }

    pub(crate) fn queue(&self) -> &[u8] {
        &self.companions[..self.stem + 5]
    }

    pub(crate) fn seen(&self) -> &[u8] {
        &self.companions[self.stem + 5..self.stem * 2 + 9]
    }

    pub(crate) fn grant(&self) -> &[u8] {
        &self.companions[self.stem * 2 + 9..]
    }
}

/// What a companion's name begins with. [`key_of`] is the way back.
fn stem(key: &[u8]) -> Vec<u8> {
    match hash_tag(key) {
        // The key chooses its slot by a tag: the same tag first, then the key in full.
        Some(tag) => [b"redismutex:{", tag, b"}:", key, b":"].concat(),
        // The whole key is hashed, and can stand as a tag.
        None if !key.contains(&b'}') => [b"redismutex:{", key, b"}:"].concat(),
        // The whole key is hashed, but would end a tag early: the smallest number in the same slot.
        None => [b"redismutex:{", number_in_slot(slot(key)).as_bytes(), b"}:", key, b":"].concat(),
    }
}

/// The lock's key, of the name of its grant record.
#[cfg(any(test, feature = "blocking"))]
pub(crate) fn key_of(grant: &[u8]) -> Option<Key> {
    let inner = grant.strip_prefix(b"redismutex:{")?.strip_suffix(b":grant")?;
    let end = inner.iter().position(|byte| *byte == b'}')?;
    let key = match &inner[end + 1..] {
        [] => &inner[..end],
        [b':', key @ ..] => key,
        _ => return None,
    };
    (Names::of(key).ok()?.grant() == grant).then(|| Key::new(key))
}

/// What Redis Cluster hashes instead of the whole key: what stands between the first `{` and the next `}`,
/// unless that is nothing. <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let length = key[open + 1..].iter().position(|byte| *byte == b'}')?;
    (length > 0).then(|| &key[open + 1..open + 1 + length])
}

const SLOTS: u16 = 16_384;

fn slot(hashed: &[u8]) -> u16 {
    crc16(hashed) % SLOTS
}

fn number_in_slot(wanted: u16) -> String {
    (0u32..)
        .map(|number| number.to_string())
        .find(|number| slot(number.as_bytes()) == wanted)
        .unwrap_or_default()
}

/// CRC-16/XMODEM, the one of the cluster specification.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cluster_slot(key: &[u8]) -> u16 {
        slot(hash_tag(key).unwrap_or(key))
    }

    #[test]
    fn crc16_is_the_one_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn names_read_well_for_ordinary_keys() {
        let names = Names::of(b"invoice:7").unwrap();
        assert_eq!(names.queue(), b"redismutex:{invoice:7}:queue");
        assert_eq!(
            (names.seen(), names.grant()),
            (&b"redismutex:{invoice:7}:seen"[..], &b"redismutex:{invoice:7}:grant"[..])
        );
        let tagged = Names::of(b"a:{user7}:b").unwrap();
        assert_eq!(tagged.grant(), b"redismutex:{user7}:a:{user7}:b:grant");
    }

    #[test]
    fn an_empty_or_enormous_key_is_refused_with_the_reason() {
        assert!(Names::of(b"").unwrap_err().contains("empty"));
        assert!(Names::of(&vec![b'x'; 4 << 20]).unwrap_err().contains("4194304"));
    }

    proptest! {
        #[test]
        fn companions_share_the_slot_of_any_key(key in "[{}a-c\\PC]{1,12}") {
            let names = Names::of(key.as_bytes()).unwrap();
            for companion in [names.queue(), names.seen(), names.grant()] {
                prop_assert_eq!(cluster_slot(companion), cluster_slot(key.as_bytes()));
            }
        }

        #[test]
        fn a_grant_record_tells_its_key(key in "[{}:a-c]{1,12}") {
            let names = Names::of(key.as_bytes()).unwrap();
            prop_assert_eq!(key_of(names.grant()), Some(names.lock));
        }

        #[test]
        fn two_keys_never_share_a_companion(a in "[{}:qa-b]{1,8}", b in "[{}:qa-b]{1,8}") {
            prop_assume!(a != b);
            let (a, b) = (Names::of(a.as_bytes()).unwrap(), Names::of(b.as_bytes()).unwrap());
            prop_assert_ne!(a.queue(), b.queue());
        }
    }
}
