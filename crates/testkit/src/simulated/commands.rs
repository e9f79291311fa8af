//! The commands that the scripts and their callers use, and no others.
//!
//! A further one is a line in [`run`] and a function. Knows what each does; must not know who asks.

use super::Published;
use super::keyspace::{Keyspace, Value, WrongType};
use crate::Reply;

/// An error, or what the command answers.
type Answer = Result<Reply, String>;

impl From<WrongType> for String {
    fn from(_: WrongType) -> Self {
        "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
    }
}

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

/// Runs a command; the first word is its name.
///
/// # Panics
/// Where the command, an option or the number of arguments is not known here: write it, do not guess.
pub(super) fn run(keys: &mut Keyspace, words: &[Vec<u8>]) -> Reply {
    let (name, args) = words.split_first().expect("a command has a name");
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let answer = match (&*name, &*args) {
        ("TIME", []) => Ok(time(keys)),
        ("PING", []) => Ok(Reply::Simple("PONG".to_owned())),
        ("GET", [key]) => get(keys, key),
        ("SET", [key, value, options @ ..]) => set(keys, key, value, options),
        ("DEL", [_, ..]) => Ok(count(args.iter().filter(|key| keys.remove(key)).count())),
        ("EXISTS", [_, ..]) => Ok(count(args.iter().filter(|key| keys.exists(key)).count())),
        ("PTTL", [key]) => Ok(pttl(keys, key)),
        ("PEXPIRE", [key, ms]) => pexpire(keys, key, ms),
        ("ZADD", [key, args @ ..]) => zadd(keys, key, args),
        ("ZREM", [key, members @ ..]) => zrem(keys, key, members),
        ("ZRANK", [key, member]) => zrank(keys, key, member),
        ("ZSCORE", [key, member]) => zscore(keys, key, member),
        ("ZCARD", [key]) => zcard(keys, key),
        ("ZRANGE", [key, from, to, options @ ..]) => zrange(keys, key, from, to, options),
        ("ZPOPMIN", [key]) => zpopmin(keys, key),
        ("PUBLISH", [channel, message]) => Ok(publish(keys, channel, message)),
        ("PUBSUB", [what, pattern]) if what.eq_ignore_ascii_case(b"CHANNELS") => {
            Ok(channels(keys, pattern))
        }
        // Nobody listens to patterns.
        ("PUBSUB", [what]) if what.eq_ignore_ascii_case(b"NUMPAT") => Ok(Reply::Int(0)),
        ("PUBSUB", [what, channels @ ..]) if what.eq_ignore_ascii_case(b"NUMSUB") => {
            Ok(numsub(keys, channels))
        }
        _ => panic!("the simulated server does not know {}", shown(words)),
    };
    answer.unwrap_or_else(Reply::Error)
}

fn shown(words: &[Vec<u8>]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
    format!("`{}`", words.join(" "))
}

fn count(number: usize) -> Reply {
    Reply::Int(number as i64)
}

fn integer(word: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(word).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| NOT_AN_INTEGER.to_owned())
}

/// As the server writes a score: whole numbers without a fraction.
fn score_text(score: f64) -> Reply {
    Reply::Bulk(format!("{score}").into_bytes())
}

fn time(keys: &Keyspace) -> Reply {
    let (seconds, us) = (keys.now_us / 1_000_000, keys.now_us % 1_000_000);
    Reply::Array([seconds, us].map(|part| Reply::Bulk(part.to_string().into_bytes())).into())
}

fn get(keys: &mut Keyspace, key: &[u8]) -> Answer {
    Ok(keys.text(key)?.map_or(Reply::Nil, |text| Reply::Bulk(text.to_vec())))
}

fn set(keys: &mut Keyspace, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
    let (mut only_new, mut tells, mut until) = (false, false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match &*option.to_ascii_uppercase() {
            b"NX" => only_new = true,
            b"GET" => tells = true,
            b"PX" => {
                let ms = integer(options.next().copied().unwrap_or_default())?;
                if ms <= 0 {
                    return Err("ERR invalid expire time in 'set' command".to_owned());
                }
                until = Some(keys.now_ms() + ms as u64);
            }
            other => panic!("the simulated server does not know SET {}", other.escape_ascii()),
        }
    }
    let before = if tells { Some(get(keys, key)?) } else { None };
    let refused = only_new && keys.exists(key);
    if !refused {
        keys.put(key, Value::Text(value.to_vec()), until);
    }
    Ok(match before {
        Some(before) => before,
        None if refused => Reply::Nil,
        None => Reply::Simple("OK".to_owned()),
    })
}

fn pttl(keys: &mut Keyspace, key: &[u8]) -> Reply {
    let now = keys.now_ms();
    Reply::Int(match keys.until_ms(key) {
        None => -2,
        Some(None) => -1,
        Some(Some(until)) => until.saturating_sub(now) as i64,
    })
}

fn pexpire(keys: &mut Keyspace, key: &[u8], ms: &[u8]) -> Answer {
    let ms = integer(ms)?;
    if !keys.exists(key) {
        return Ok(Reply::Int(0));
    }
    if ms <= 0 {
        keys.remove(key);
    } else {
        let until = keys.now_ms() + ms as u64;
        keys.expire_at(key, Some(until));
    }
    Ok(Reply::Int(1))
}

fn zadd(keys: &mut Keyspace, key: &[u8], args: &[&[u8]]) -> Answer {
    let (only_new, pairs) = match args {
        [option, pairs @ ..] if option.eq_ignore_ascii_case(b"NX") => (true, pairs),
        pairs => (false, pairs),
    };
    let [score, member] = pairs else {
        panic!("the simulated server knows ZADD of one member only");
    };
    let score = std::str::from_utf8(score).ok().and_then(|score| score.parse::<f64>().ok());
    let score = score.ok_or("ERR value is not a valid float")?;
    let set = keys.sorted_or_new(key)?;
    let known = set.score(member).is_some();
    if !known || !only_new {
        set.remove(member);
        set.insert(score, member);
    }
    Ok(Reply::Int(i64::from(!known)))
}

fn zrem(keys: &mut Keyspace, key: &[u8], members: &[&[u8]]) -> Answer {
    let removed = match keys.sorted(key)? {
        Some(set) => members.iter().filter(|member| set.remove(member)).count(),
        None => 0,
    };
    keys.remove_if_empty(key);
    Ok(count(removed))
}

fn zrank(keys: &mut Keyspace, key: &[u8], member: &[u8]) -> Answer {
    Ok(keys.sorted(key)?.and_then(|set| set.rank(member)).map_or(Reply::Nil, count))
}

fn zscore(keys: &mut Keyspace, key: &[u8], member: &[u8]) -> Answer {
    Ok(keys.sorted(key)?.and_then(|set| set.score(member)).map_or(Reply::Nil, score_text))
}

fn zcard(keys: &mut Keyspace, key: &[u8]) -> Answer {
    Ok(count(keys.sorted(key)?.map_or(0, |set| set.len())))
}

fn zrange(keys: &mut Keyspace, key: &[u8], from: &[u8], to: &[u8], options: &[&[u8]]) -> Answer {
    let with_scores = match options {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"WITHSCORES") => true,
        _ => panic!("the simulated server does not know these options of ZRANGE"),
    };
    let (from, to) = (integer(from)?, integer(to)?);
    let mut parts = Vec::new();
    for (score, member) in keys.sorted(key)?.map_or(&[][..], |set| set.range(from, to)) {
        parts.push(Reply::Bulk(member.clone()));
        parts.extend(with_scores.then(|| score_text(*score)));
    }
    Ok(Reply::Array(parts))
}

fn zpopmin(keys: &mut Keyspace, key: &[u8]) -> Answer {
    let first = keys.sorted(key)?.and_then(|set| set.pop_first());
    keys.remove_if_empty(key);
    let parts = first.map(|(score, member)| vec![Reply::Bulk(member), score_text(score)]);
    Ok(Reply::Array(parts.unwrap_or_default()))
}

fn publish(keys: &mut Keyspace, channel: &[u8], message: &[u8]) -> Reply {
    keys.published.push(Published { channel: channel.to_vec(), message: message.to_vec() });
    count(keys.listeners(channel))
}

/// Of patterns, only a word and a star.
fn channels(keys: &Keyspace, pattern: &[u8]) -> Reply {
    let Some(word) = pattern.strip_suffix(b"*") else { panic!("a pattern that is not known") };
    let channels = keys.channels().filter(|channel| channel.starts_with(word));
    Reply::Array(channels.map(|channel| Reply::Bulk(channel.to_vec())).collect())
}

fn numsub(keys: &Keyspace, channels: &[&[u8]]) -> Reply {
    let of = |channel: &&[u8]| [Reply::Bulk(channel.to_vec()), count(keys.listeners(channel))];
    Reply::Array(channels.iter().flat_map(of).collect())
}
