//! Reading RESP, both versions, out of the pieces in which a socket delivers it.
//!
//! Knows the syntax. Must not know sockets, nor what a reply means. Not the client crate's parser: that is general and
//! long, and whoever waited for a lock runs it with a cold cache (decision 7).

use std::io::{self, ErrorKind};

/// One value, as it lies in the buffer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Nil,
    Int(i64),
    Text(&'a [u8]),
    /// A map is a list of keys and values in turn.
    List(Vec<Value<'a>>),
    /// A server's error: its code, a space, what it says.
    Error(&'a [u8]),
    /// Sent without having been asked for.
    Push(Vec<Value<'a>>),
}

/// Deeper than any reply that we ask for.
const DEEPEST: u32 = 16;
/// A read is offered no less room than this.
const ROOM: usize = 16 * 1024;
/// No more is kept for the next reply than this.
const MOST_ROOM: usize = 4 * ROOM;
/// Whatever may be long has a length in front of it.
const LONGEST_LINE: usize = 64 * 1024;
/// No room is set aside for more values than these before they are there.
const LIKELY: usize = 64;

/// What has been read and not been taken out yet.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where what was not taken out begins and ends.
    begin: usize,
    end: usize,
}

impl Buffer {
    /// Reads once. Gives the number of bytes and whether there was room for more.
    pub(super) fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<(usize, bool)> {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            // After something uncommonly large.
            self.bytes.truncate(MOST_ROOM);
            self.bytes.shrink_to(MOST_ROOM);
        }
        if self.bytes.len() - self.end < ROOM {
            self.bytes.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
            self.bytes.resize(self.bytes.len().max(self.end + ROOM), 0);
        }
        let count = read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok((count, self.end < self.bytes.len()))
    }

    /// The next value, where it is there in whole.
    pub(super) fn next(&mut self) -> io::Result<Option<Value<'_>>> {
        let mut cursor = Cursor { rest: &self.bytes[self.begin..self.end] };
        match cursor.value(0) {
            Ok(value) => {
                self.begin = self.end - cursor.rest.len();
                Ok(Some(value))
            }
            Err(Stop::NotYet) => Ok(None),
            Err(Stop::Nonsense(what)) => {
                let message = format!("this is no RESP: {what} (is something else on this port?)");
                Err(io::Error::new(ErrorKind::InvalidData, message))
            }
        }
    }
}

/// Why there is no value.
enum Stop {
    NotYet,
    Nonsense(String),
}

fn nonsense(what: impl Into<String>) -> Stop {
    Stop::Nonsense(what.into())
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn value(&mut self, depth: u32) -> Result<Value<'a>, Stop> {
        if depth > DEEPEST {
            return Err(nonsense(format!("lists in lists, more than {DEEPEST} deep")));
        }
        let line = self.line()?;
        let Some((&kind, line)) = line.split_first() else {
            return Err(nonsense("an empty line"));
        };
        Ok(match kind {
            b'+' | b',' | b'(' => Value::Text(line),
            b'-' => Value::Error(line),
            b':' => Value::Int(number(line)?),
            b'_' => Value::Nil,
            b'#' => Value::Int((line == b"t").into()),
            b'$' => self.text(line)?.map_or(Value::Nil, Value::Text),
            b'!' => self.text(line)?.map_or(Value::Nil, Value::Error),
            // Three letters and a colon say of what kind it is.
            b'=' => {
                self.text(line)?.map_or(Value::Nil, |text| Value::Text(&text[text.len().min(4)..]))
            }
            b'*' | b'~' => self.list(line, 1, depth)?.map_or(Value::Nil, Value::List),
            b'%' => self.list(line, 2, depth)?.map_or(Value::Nil, Value::List),
            b'>' => self.list(line, 1, depth)?.map_or(Value::Nil, Value::Push),
            b'|' => {
                // Says something about the value that follows.
                self.list(line, 2, depth)?;
                self.value(depth + 1)?
            }
            _ => {
                let line: String = String::from_utf8_lossy(line).chars().take(40).collect();
                return Err(nonsense(format!("{:?}", char::from(kind).to_string() + &line)));
            }
        })
    }

    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') else {
            let endless = self.rest.len() > LONGEST_LINE;
            return Err(if endless { nonsense("a line without end") } else { Stop::NotYet });
        };
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// A text of the length in `line`; `None` where that is -1.
    fn text(&mut self, line: &[u8]) -> Result<Option<&'a [u8]>, Stop> {
        let Some(length) = length(line)? else {
            return Ok(None);
        };
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Stop::NotYet)?;
        let (end, rest) = rest.split_at_checked(2).ok_or(Stop::NotYet)?;
        if end != b"\r\n" {
            return Err(nonsense("a text that does not end where it should"));
        }
        self.rest = rest;
        Ok(Some(text))
    }

    /// As many values as `line` says, times `each`; `None` where that is -1.
    fn list(
        &mut self,
        line: &[u8],
        each: usize,
        depth: u32,
    ) -> Result<Option<Vec<Value<'a>>>, Stop> {
        let Some(length) = length(line)? else {
            return Ok(None);
        };
        let count = length.saturating_mul(each);
        let mut values = Vec::with_capacity(count.min(LIKELY));
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(Some(values))
    }
}

fn number(line: &[u8]) -> Result<i64, Stop> {
    let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| nonsense(format!("{:?} for a number", String::from_utf8_lossy(line))))
}

fn length(line: &[u8]) -> Result<Option<usize>, Stop> {
    match number(line)? {
        -1 => Ok(None),
        length => usize::try_from(length)
            .map(Some)
            .map_err(|_| nonsense(format!("{length} for a length"))),
    }
}

#[cfg(test)]
#[path = "resp_tests.rs"]
mod tests;
