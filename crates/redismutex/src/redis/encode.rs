//! Between the rules' words and RESP.

use super::slot::Answer;
use crate::rules::protocol::{Fault, FaultKind, Item, Request, Script};
use redis::Value;
use std::sync::OnceLock;

/// One command, packed for the wire.
pub(super) fn pack(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(words.iter().map(|word| word.len() + 16).sum());
    head(&mut out, b'*', words.len());
    words.iter().for_each(|word| bulk(&mut out, word));
    out
}

/// The request as a call of a script that the server is believed to have.
pub(super) fn by_digest(request: &Request) -> Vec<u8> {
    call(b"EVALSHA", digest(request.script()).as_bytes(), request)
}

/// The request with the script in full.
pub(super) fn in_full(request: &Request) -> Vec<u8> {
    call(b"EVAL", request.script().source().as_bytes(), request)
}

fn call(verb: &[u8], script: &[u8], request: &Request) -> Vec<u8> {
    let (keys, args) = (request.keys(), request.args());
    let mut out = Vec::with_capacity(script.len() + 640);
    head(&mut out, b'*', 3 + keys.len() + args.len());
    bulk(&mut out, verb);
    bulk(&mut out, script);
    bulk(&mut out, if keys.len() == 2 { b"2" } else { b"4" });
    keys.for_each(|key| bulk(&mut out, key));
    args.iter().for_each(|arg| bulk(&mut out, arg));
    out
}

fn bulk(out: &mut Vec<u8>, word: &[u8]) {
    head(out, b'$', word.len());
    out.extend_from_slice(word);
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
pub(super) fn answer(value: Value) -> Answer {
    Ok(match value {
        Value::ServerError(error) => {
            return Err(Fault::of_server(error.code(), error.details().unwrap_or_default()));
        }
        Value::Nil => Item::Nil,
        Value::Int(number) => Item::Int(number),
        Value::Boolean(truth) => Item::Int(truth.into()),
        Value::BulkString(bytes) => Item::Bytes(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
            Item::Bytes(text.into_bytes())
        }
        Value::Okay => Item::Bytes(b"OK".to_vec()),
        Value::Double(number) => Item::Bytes(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => list(values)?,
        Value::Map(pairs) => list(pairs.into_iter().flat_map(|(key, value)| [key, value]))?,
        Value::Attribute { data, .. } => answer(*data)?,
        other => {
            return Err(Fault::new(FaultKind::Nonsense, format!("unexpected reply {other:?}")));
        }
    })
}

fn list(values: impl IntoIterator<Item = Value>) -> Answer {
    values.into_iter().map(answer).collect::<Result<_, _>>().map(Item::List)
}

/// The channel's message, where this is one.
pub(super) fn message(kind: &redis::PushKind, data: &[Value]) -> Option<Vec<u8>> {
    match (kind, data) {
        (redis::PushKind::Message, [_, Value::BulkString(message)]) => Some(message.clone()),
        _ => None,
    }
}
