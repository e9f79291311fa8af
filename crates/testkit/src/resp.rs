//! The wire protocol of Redis, RESP2 and RESP3: replies and requests from bytes.
//!
//! Knows framing only: no sockets, no meaning of any command. Everything here may be called with
//! half a message and then answers `None`: come back with more bytes.

use std::fmt;

/// A reply of the server.
///
/// RESP3 has more types than are told apart here: a map or set comes as an [`Array`](Self::Array)
/// of its parts, a boolean as 0 or 1, a double, big number or verbatim string as
/// [`Bulk`](Self::Bulk).
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// No value.
    Nil,
    /// A whole number.
    Int(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// A status such as `OK`.
    Simple(String),
    /// An error, code first: `NOSCRIPT No matching script.`
    Error(String),
    /// Several replies in one.
    Array(Vec<Reply>),
    /// A RESP3 push: a message that answers no request.
    Push(Vec<Reply>),
}

impl Reply {
    /// The text of a string or status; `None` for anything else.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Reply::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Reply::Simple(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The number, also when it was sent as text; `None` for anything else.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Reply::Int(number) => Some(*number),
            other => other.text()?.parse().ok(),
        }
    }

    /// The parts of an array or push; none for anything else.
    #[must_use]
    pub fn parts(&self) -> &[Reply] {
        match self {
            Reply::Array(parts) | Reply::Push(parts) => parts,
            _ => &[],
        }
    }

    /// Whether the server refused.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Nil => f.write_str("nil"),
            Reply::Int(number) => write!(f, "{number}"),
            Reply::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Reply::Simple(text) => f.write_str(text),
            Reply::Error(text) => write!(f, "-{text}"),
            Reply::Array(parts) => f.debug_list().entries(parts).finish(),
            Reply::Push(parts) => {
                f.write_str(">")?;
                f.debug_list().entries(parts).finish()
            }
        }
    }
}

/// Bytes that are not the protocol: the byte that was found where a type was due.
#[derive(Debug)]
pub(crate) struct NotResp(u8);

impl fmt::Display for NotResp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the Redis protocol: found {:?}", char::from(self.0))
    }
}

type Parsed<T> = Result<Option<(T, usize)>, NotResp>;

/// Writes a request in the form that every server takes: an array of bulk strings.
pub(crate) fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Reads one request from the front of `buf`: its arguments and how many bytes it took.
pub(crate) fn request(buf: &[u8]) -> Parsed<Vec<Vec<u8>>> {
    if buf.first().is_some_and(|&byte| byte != b'*') {
        return Ok(inline_request(buf));
    }
    let Some((reply, taken)) = reply(buf)? else {
        return Ok(None);
    };
    let args = reply
        .parts()
        .iter()
        .map(|part| if let Reply::Bulk(arg) = part { arg.clone() } else { Vec::new() })
        .collect();
    Ok(Some((args, taken)))
}

/// A request as typed by hand: words up to the end of the line.
fn inline_request(buf: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let end = buf.iter().position(|&byte| byte == b'\n')?;
    let words = buf[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some((words.map(<[u8]>::to_vec).collect(), end + 1))
}

/// Reads one whole reply or push from the front of `buf`, and how many bytes it took.
pub(crate) fn reply(buf: &[u8]) -> Parsed<Reply> {
    let Some((line, start)) = line(buf) else {
        return Ok(None);
    };
    let Some((&kind, rest)) = line.split_first() else {
        return Err(NotResp(b'\r'));
    };
    let text = || String::from_utf8_lossy(rest).into_owned();
    let simple = |reply| Ok(Some((reply, start)));
    match kind {
        b'+' => simple(Reply::Simple(text())),
        b'-' => simple(Reply::Error(text())),
        b':' => simple(Reply::Int(number(rest)?)),
        b'_' => simple(Reply::Nil),
        b'#' => simple(Reply::Int(i64::from(rest == b"t"))),
        b',' | b'(' => simple(Reply::Bulk(rest.to_vec())),
        b'$' | b'=' => bulk(buf, start, number(rest)?, Reply::Bulk),
        b'!' => bulk(buf, start, number(rest)?, |bytes| {
            Reply::Error(String::from_utf8_lossy(&bytes).into_owned())
        }),
        b'*' | b'~' => parts(buf, start, number(rest)?, Reply::Array),
        b'>' => parts(buf, start, number(rest)?, Reply::Push),
        b'%' => parts(buf, start, number(rest)? * 2, Reply::Array),
        b'|' => attributed(buf, start, number(rest)? * 2),
        other => Err(NotResp(other)),
    }
}

/// The first line without its end, and where the next begins.
fn line(buf: &[u8]) -> Option<(&[u8], usize)> {
    let end = buf.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&buf[..end], end + 2))
}

fn number(digits: &[u8]) -> Result<i64, NotResp> {
    let bad = NotResp(digits.first().copied().unwrap_or(b'\r'));
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(bad)
}

fn bulk(buf: &[u8], start: usize, len: i64, wrap: impl Fn(Vec<u8>) -> Reply) -> Parsed<Reply> {
    let Ok(len) = usize::try_from(len) else {
        return Ok(Some((Reply::Nil, start)));
    };
    let whole = buf.get(start..start + len + 2);
    Ok(whole.map(|bytes| (wrap(bytes[..len].to_vec()), start + len + 2)))
}

fn parts(buf: &[u8], start: usize, len: i64, wrap: impl Fn(Vec<Reply>) -> Reply) -> Parsed<Reply> {
    if len < 0 {
        return Ok(Some((Reply::Nil, start)));
    }
    let mut at = start;
    let mut found = Vec::new();
    for _ in 0..len {
        let Some((part, taken)) = reply(&buf[at..])? else {
            return Ok(None);
        };
        found.push(part);
        at += taken;
    }
    Ok(Some((wrap(found), at)))
}

/// An attribute is a remark in front of a reply; the two make one message.
fn attributed(buf: &[u8], start: usize, len: i64) -> Parsed<Reply> {
    let Some((_, at)) = parts(buf, start, len, Reply::Array)? else {
        return Ok(None);
    };
    Ok(reply(&buf[at..])?.map(|(reply, taken)| (reply, at + taken)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Reply {
        for cut in 0..bytes.len() {
            assert!(reply(&bytes[..cut]).unwrap().is_none(), "complete after {cut} bytes");
        }
        let longer = [bytes, b"+next\r\n"].concat();
        let (reply, taken) = reply(&longer).unwrap().unwrap();
        assert_eq!(taken, bytes.len());
        reply
    }

    #[test]
    fn replies_of_both_protocols_are_read_whole_or_not_at_all() {
        assert_eq!(whole(b"+OK\r\n"), Reply::Simple("OK".into()));
        assert_eq!(whole(b"-ERR no\r\n"), Reply::Error("ERR no".into()));
        assert_eq!(whole(b":-7\r\n"), Reply::Int(-7));
        assert_eq!(whole(b"$4\r\na\r\nb\r\n"), Reply::Bulk(b"a\r\nb".to_vec()));
        assert_eq!(whole(b"$0\r\n\r\n"), Reply::Bulk(Vec::new()));
        assert_eq!(whole(b"$-1\r\n"), Reply::Nil);
        assert_eq!(whole(b"*-1\r\n"), Reply::Nil);
        assert_eq!(whole(b"_\r\n"), Reply::Nil);
        assert_eq!(whole(b"#t\r\n"), Reply::Int(1));
        assert_eq!(whole(b",1.5\r\n"), Reply::Bulk(b"1.5".to_vec()));
        assert_eq!(whole(b"!5\r\nERR x\r\n"), Reply::Error("ERR x".into()));
        let pair = vec![Reply::Bulk(b"k".to_vec()), Reply::Array(vec![Reply::Int(1)])];
        assert_eq!(whole(b"%1\r\n$1\r\nk\r\n*1\r\n:1\r\n"), Reply::Array(pair.clone()));
        assert_eq!(whole(b">2\r\n$1\r\nk\r\n*1\r\n:1\r\n"), Reply::Push(pair));
        assert_eq!(whole(b"|1\r\n+a\r\n:1\r\n:5\r\n"), Reply::Int(5));
    }

    #[test]
    fn requests_come_back_as_they_were_written() {
        let args = [&b"SET"[..], b"k\r\n", b""];
        let bytes = encode(&args);
        assert!(request(&bytes[..bytes.len() - 1]).unwrap().is_none());
        let (read, taken) = request(&bytes).unwrap().unwrap();
        assert_eq!(read, args);
        assert_eq!(taken, bytes.len());
        assert_eq!(request(b"PING  x\r\n").unwrap().unwrap().0, [&b"PING"[..], b"x"]);
    }

    #[test]
    fn what_is_not_the_protocol_is_an_error() {
        assert!(reply(b"HTTP/1.1 200 OK\r\n").is_err());
        assert!(reply(b":seven\r\n").is_err());
    }
}
