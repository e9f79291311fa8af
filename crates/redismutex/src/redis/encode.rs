//! Between the rules' words and RESP.

use super::slot::Answer;
use crate::rules::protocol::{Fault, FaultKind, Item, Request, Script};
use redis::{Value, cmd};
use std::sync::OnceLock;

/// Commands, packed for the wire.
pub(super) fn pack(words: &[&[u8]]) -> Vec<u8> {
    let mut command =
        redis::Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
    for word in words {
        command.arg(*word);
    }
    command.get_packed_command()
}

/// The request as a call of a script that the server is believed to have.
pub(super) fn by_digest(request: &Request) -> Vec<u8> {
    call("EVALSHA", digest(request.script()).as_bytes(), request)
}

/// The request with the script in full.
pub(super) fn in_full(request: &Request) -> Vec<u8> {
    call("EVAL", request.script().source().as_bytes(), request)
}

fn call(verb: &str, script: &[u8], request: &Request) -> Vec<u8> {
    let (keys, args) = (request.keys(), request.args());
    let mut command = cmd(verb);
    command.arg(script).arg(keys.len());
    for key in keys {
        command.arg(key);
    }
    for arg in &args {
        command.arg(&**arg);
    }
    command.get_packed_command()
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
