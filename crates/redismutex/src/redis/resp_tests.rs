use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A value and how it is written.
#[derive(Clone, Debug)]
enum Tree {
    Nil,
    Int(i64),
    Simple(String),
    Text(Vec<u8>),
    Error(String),
    List(Vec<Tree>),
}

impl Tree {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nil => out.extend(b"_\r\n"),
            Self::Int(number) => out.extend(format!(":{number}\r\n").bytes()),
            Self::Simple(text) => out.extend(format!("+{text}\r\n").bytes()),
            Self::Error(text) => out.extend(format!("-ERR {text}\r\n").bytes()),
            Self::Text(text) => {
                out.extend(format!("${}\r\n", text.len()).bytes());
                out.extend_from_slice(text);
                out.extend(b"\r\n");
            }
            Self::List(trees) => {
                out.extend(format!("*{}\r\n", trees.len()).bytes());
                trees.iter().for_each(|tree| tree.write(out));
            }
        }
    }

    /// As the client crate understands it.
    fn of(value: redis::Value) -> Self {
        match value {
            redis::Value::Nil => Self::Nil,
            redis::Value::Int(number) => Self::Int(number),
            redis::Value::Okay => Self::Simple("OK".into()),
            redis::Value::SimpleString(text) => Self::Simple(text),
            redis::Value::BulkString(text) => Self::Text(text),
            redis::Value::ServerError(error) => {
                Self::Error(error.details().unwrap_or_default().into())
            }
            redis::Value::Array(values) => Self::List(values.into_iter().map(Self::of).collect()),
            other => panic!("nothing else was written: {other:?}"),
        }
    }
}

impl PartialEq<Value<'_>> for Tree {
    fn eq(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Nil, Value::Nil) => true,
            (Self::Int(mine), Value::Int(other)) => mine == other,
            (Self::Simple(mine), Value::Text(other)) => mine.as_bytes() == *other,
            (Self::Text(mine), Value::Text(other)) => mine == other,
            (Self::Error(mine), Value::Error(other)) => {
                Some(mine.as_bytes()) == other.strip_prefix(b"ERR ")
            }
            (Self::List(mine), Value::List(other)) => mine == other,
            _ => false,
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Nil),
        any::<i64>().prop_map(Tree::Int),
        "[a-zA-Z ]{0,12}".prop_map(Tree::Simple),
        vec(any::<u8>(), 0..40).prop_map(Tree::Text),
        "[a-z]{1,12}".prop_map(Tree::Error),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| vec(inner, 0..6).prop_map(Tree::List))
}

/// Gives the buffer some bytes.
fn feed(buffer: &mut Buffer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let read = |room: &mut [u8]| io::Read::read(&mut bytes, room);
        buffer.fill(read).expect("memory does not fail");
    }
}

/// The only value in these bytes.
fn read(bytes: &[u8]) -> io::Result<Option<String>> {
    let mut buffer = Buffer::default();
    feed(&mut buffer, bytes);
    Ok(buffer.next()?.map(|value| format!("{value:?}")))
}

proptest! {
    #[test]
    fn replies_in_any_pieces_are_read_as_the_client_crate_reads_them(
        trees in vec(trees(), 1..8), cuts in vec(1usize..60, 1..20),
    ) {
        let mut bytes = Vec::new();
        trees.iter().for_each(|tree| tree.write(&mut bytes));
        let mut theirs = &*bytes;
        let mut parser = redis::Parser::new();
        for tree in &trees {
            let value = parser.parse_value(&mut theirs).expect("sound");
            prop_assert_eq!(format!("{:?}", Tree::of(value)), format!("{tree:?}"));
        }
        let (mut buffer, mut rest, mut expected) = (Buffer::default(), &*bytes, trees.iter());
        for cut in cuts.iter().cycle() {
            let piece;
            (piece, rest) = rest.split_at((*cut).min(rest.len()));
            feed(&mut buffer, piece);
            while let Some(value) = buffer.next().expect("sound") {
                prop_assert_eq!(expected.next().expect("no more than were written"), &value);
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(expected.next().is_none(), "all of them");
    }

    #[test]
    fn nonsense_is_refused_or_waited_for(bytes in vec(any::<u8>(), 0..80)) {
        let _ = read(&bytes);
    }

    #[test]
    fn what_begins_like_a_reply_is_refused_or_waited_for(
        kind in prop::sample::select(&b"+-:_#$!=*~%>|,("[..]), line in "[-0-9]{0,20}", rest in vec(any::<u8>(), 0..40),
    ) {
        let bytes = [&[kind], line.as_bytes(), b"\r\n", &rest].concat();
        let _ = read(&bytes);
    }
}

#[test]
fn every_kind_of_value_is_known() {
    for (bytes, value) in [
        (&b"$-1\r\n"[..], Value::Nil),
        (b"*-1\r\n", Value::Nil),
        (b"#t\r\n", Value::Int(1)),
        (b"#f\r\n", Value::Int(0)),
        (b",1.5\r\n", Value::Text(b"1.5")),
        (b"(123456789012345678901\r\n", Value::Text(b"123456789012345678901")),
        (b"=7\r\ntxt:abc\r\n", Value::Text(b"abc")),
        (b"!5\r\nERR x\r\n", Value::Error(b"ERR x")),
        (b"~1\r\n:1\r\n", Value::List(vec![Value::Int(1)])),
        (b"%1\r\n+a\r\n:1\r\n", Value::List(vec![Value::Text(b"a"), Value::Int(1)])),
        (b">1\r\n+a\r\n", Value::Push(vec![Value::Text(b"a")])),
        (b"|1\r\n+a\r\n:1\r\n:7\r\n", Value::Int(7)),
    ] {
        assert_eq!(read(bytes).unwrap(), Some(format!("{value:?}")));
        assert_eq!(read(&bytes[..bytes.len() - 1]).unwrap(), None, "not yet in whole");
    }
}

#[test]
fn a_server_of_another_kind_is_found_out_by_its_first_line() {
    let error = read(b"HTTP/1.1 400 Bad Request\r\n").unwrap_err();
    assert!(error.to_string().contains("HTTP/1.1 400"), "{error}");
}

#[test]
fn a_line_without_end_is_not_kept_for_ever() {
    assert!(read(&b"+".repeat(1 << 10)).unwrap().is_none());
    assert!(read(&b"+".repeat(1 << 17)).is_err());
}

#[test]
fn lists_without_end_do_not_overflow_the_stack() {
    assert!(read(&b"*1\r\n".repeat(100_000)).is_err());
    assert!(read(&b"|0\r\n".repeat(100_000)).is_err());
}

#[test]
fn what_a_large_reply_took_is_given_back() {
    let mut buffer = Buffer::default();
    let large = vec![b'x'; 1 << 20];
    feed(&mut buffer, &[b"$1048576\r\n", &*large, b"\r\n"].concat());
    assert_eq!(buffer.next().unwrap(), Some(Value::Text(&large)));
    feed(&mut buffer, b":1\r\n");
    assert_eq!(buffer.next().unwrap(), Some(Value::Int(1)));
    assert!(buffer.bytes.capacity() <= MOST_ROOM + ROOM);
}
