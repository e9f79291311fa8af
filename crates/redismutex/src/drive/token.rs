//! Owner tokens: random UUIDs, as the seed writes them.

use crate::redis::slot::lock;
use std::io;
use std::sync::{Arc, Mutex};

const LENGTH: usize = 16;
/// The system is asked for so many tokens at a time: each question costs as much as a lock held locally.
const BATCH: usize = 32;

/// A source of owner tokens. Not to be used on both sides of a fork.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Vec<u8>>);

impl Tokens {
    /// A new one, that nobody can guess.
    pub(crate) fn token(&self) -> io::Result<Arc<str>> {
        let mut bytes = self.random()?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = hex_digit(byte >> 4);
            text[at + 1] = hex_digit(byte & 15);
            at += 2;
        }
        std::str::from_utf8(&text).map(Arc::from).map_err(io::Error::other)
    }

    /// A word that no other process has.
    pub(crate) fn word(&self) -> io::Result<String> {
        Ok(self.random()?[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn random(&self) -> io::Result<[u8; LENGTH]> {
        let mut pool = lock(&self.0);
        if pool.len() < LENGTH {
            pool.resize(LENGTH * BATCH, 0);
            getrandom::fill(&mut pool).map_err(|error| io::Error::other(error.to_string()))?;
        }
        let rest = pool.len() - LENGTH;
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(&pool[rest..]);
        pool.truncate(rest);
        Ok(bytes)
    }
}

fn hex_digit(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_are_uuids_and_never_the_same() {
        let tokens = Tokens::default();
        let many: HashSet<_> = (0..1000).map(|_| tokens.token().unwrap()).collect();
        assert_eq!(many.len(), 1000);
        for token in many {
            let parts: Vec<_> = token.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{token}");
            assert!(token.as_bytes()[14] == b'4', "version 4: {token}");
        }
    }
}
