//! Between the rules' words and RESP.

use super::resp::Value;
use super::slot::Answer;
use crate::rules::protocol::{Fault, FaultKind, Item, Push, Request, Script};
use std::sync::OnceLock;

/// One command, packed for the wire.
pub(super) fn pack(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(words.iter().map(|word| word.len() + 16).sum());
    head(&mut out, b'*', words.len());
    words.iter().for_each(|word| bulk(&mut out, word));
    out
}

/// What goes before a request that wakes another process. A server that has several clients to write to begins
/// with the one whose reply it began last: with a reply of ours begun before the script runs, the next
/// holder's message leaves before our own answer, and its process has a processor before we ask for more. Worth it
/// where locks are waited for: by a process that has had to wait itself.
const AHEAD: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// The request as a call of a script that the server is believed to have, and how many commands go before it.
pub(super) fn by_digest(request: &Request, contended: bool) -> (usize, Vec<u8>) {
    let mut out = Vec::with_capacity(640);
    let ahead = contended && request.wakes_another();
    if ahead {
        out.extend_from_slice(AHEAD);
    }
    call(&mut out, b"EVALSHA", digest(request.script()).as_bytes(), request);
    (ahead.into(), out)
}

/// The request with the script in full.
pub(super) fn in_full(request: &Request) -> Vec<u8> {
    let mut out = Vec::new();
    call(&mut out, b"EVAL", request.script().source().as_bytes(), request);
    out
}

fn call(out: &mut Vec<u8>, verb: &[u8], script: &[u8], request: &Request) {
    let (keys, args) = (request.keys(), request.args());
    out.reserve(script.len() + 320);
    head(out, b'*', 3 + keys.len() + args.len());
    bulk(out, verb);
    bulk(out, script);
    bulk(out, if keys.len() == 2 { b"2" } else { b"4" });
    keys.for_each(|key| bulk(out, key));
    args.for_each(|arg| arg.pieces(|pieces| bulk_of(out, pieces)));
}

fn bulk(out: &mut Vec<u8>, word: &[u8]) {
    bulk_of(out, &[word]);
}

/// A word in pieces.
fn bulk_of(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    head(out, b'$', pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend_from_slice(b"\r\n");
}

fn head(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The digest by which a server knows a script.
fn digest(script: Script) -> &'static str {
    static DIGESTS: [OnceLock<String>; 4] = [const { OnceLock::new() }; 4];
    DIGESTS[script as usize]
        .get_or_init(|| redis::Script::new(script.source()).get_hash().to_owned())
}

/// What a reply says.
pub(super) fn answer(value: Value<'_>) -> Answer {
    Ok(match value {
        Value::Nil => Item::Nil,
        Value::Int(number) => Item::Int(number),
        Value::Text(text) => Item::Bytes(text.to_vec()),
        Value::List(values) => {
            Item::List(values.into_iter().map(answer).collect::<Result<_, _>>()?)
        }
        Value::Error(error) => {
            let error = String::from_utf8_lossy(error);
            let (code, detail) = error.split_once(' ').unwrap_or((&error, ""));
            return Err(Fault::of_server(code, detail));
        }
        Value::Push(_) => {
            return Err(Fault::new(FaultKind::Nonsense, "a push in the place of a reply"));
        }
    })
}

/// What came unasked.
pub(super) enum Unasked {
    /// We are subscribed now.
    Subscribed,
    Message(Push),
    /// Nothing for us.
    Other,
}

pub(super) fn unasked(values: &[Value<'_>]) -> Unasked {
    match values {
        [Value::Text(b"subscribe"), ..] => Unasked::Subscribed,
        [Value::Text(b"message"), _, Value::Text(message)] => {
            Push::parse(message).map_or(Unasked::Other, Unasked::Message)
        }
        _ => Unasked::Other,
    }
}
