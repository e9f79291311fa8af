//! Each rule of the fault proxy strikes what it is aimed at, and does what its action says.

mod common;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{SILENCE, SURELY, client, eventually, is_silent, ok, pong, server_and_proxy, set};
use redismutex_testkit::Reply;
use redismutex_testkit::proxy::{Action, Matcher, Rule};

#[test]
fn a_rule_strikes_only_in_its_turn() {
    let (server, proxy) = server_and_proxy();
    let second = proxy.rule(Rule::when(Matcher::command("SET")).nth(2).then(Action::CloseBefore));
    client(&proxy).cmd(&["SET", "a", "1"]);
    assert_eq!((second.matched(), second.fired()), (1, 0));
    assert!(client(&proxy).try_cmd(&["SET", "b", "1"]).is_err());
    client(&proxy).cmd(&["SET", "c", "1"]);
    assert_eq!((second.matched(), second.fired()), (3, 1));
    assert_eq!(server.admin().keys_matching("*"), ["a", "c"]);

    let first_two = Rule::when(Matcher::command("GET")).first(2).then(Action::CloseBefore);
    let first_two = proxy.rule(first_two);
    for fails in [true, true, false] {
        assert_eq!(client(&proxy).try_cmd(&["GET", "a"]).is_err(), fails);
    }
    assert_eq!(first_two.fired(), 2);

    let always = proxy.rule(Rule::when(Matcher::any()).then(Action::CloseBefore));
    assert!(client(&proxy).try_cmd(&["PING"]).is_err());
    assert!(client(&proxy).try_cmd(&["PING"]).is_err());
    always.remove();
    assert_eq!(client(&proxy).cmd(&["PING"]), pong());
}

#[test]
fn a_lost_request_takes_all_later_ones_with_it() {
    let (server, proxy) = server_and_proxy();
    let lost = proxy.rule(Rule::when(set("lost")).then(Action::DropRequest));
    let client_of_it = client(&proxy);
    client_of_it.send(&["SET", "before", "1"]).unwrap();
    client_of_it.send(&["SET", "lost", "1"]).unwrap();
    client_of_it.send(&["SET", "after", "1"]).unwrap();
    assert_eq!(client_of_it.read(SURELY).unwrap(), ok());
    assert!(lost.wait_fired(SURELY));
    assert!(is_silent(&client_of_it));
    assert_eq!(client(&proxy).cmd(&["SET", "elsewhere", "1"]), ok());
    assert_eq!(server.admin().keys_matching("*"), ["before", "elsewhere"]);
    drop(client_of_it);
    eventually("the server sees the client go", || server.admin().client_count() == 0);
}

#[test]
fn a_lost_reply_leaves_the_request_done() {
    let (server, proxy) = server_and_proxy();
    let lost = proxy.rule(Rule::when(set("k")).then(Action::DropReply));
    let client = client(&proxy);
    client.send(&["PING"]).unwrap();
    client.send(&["SET", "k", "1"]).unwrap();
    client.send(&["SET", "later", "1"]).unwrap();
    assert_eq!(client.read(SURELY).unwrap(), pong());
    assert!(lost.wait_fired(SURELY));
    assert!(is_silent(&client));
    assert_eq!(server.admin().keys_matching("*"), ["k", "later"]);
}

#[test]
fn delays_last_as_long_as_they_were_asked_to() {
    let (_server, proxy) = server_and_proxy();
    let delay = Duration::from_millis(80);
    for action in [Action::DelayRequest(delay), Action::DelayReply(delay)] {
        proxy.clear_rules();
        let rule = proxy.rule(Rule::when(Matcher::command("PING")).nth(1).then(action));
        let client = client(&proxy);
        let start = Instant::now();
        assert_eq!(client.cmd(&["PING"]), pong());
        assert!(start.elapsed() >= delay, "{action:?} took {:?}", start.elapsed());
        assert_eq!(rule.fired(), 1);
    }
}

#[test]
fn a_held_request_is_done_when_let_go_even_if_its_client_is_gone() {
    let (server, proxy) = server_and_proxy();
    let held = proxy.rule(Rule::when(set("k")).then(Action::HoldRequest));
    let client = client(&proxy);
    client.send(&["SET", "k", "late"]).unwrap();
    assert!(held.wait_fired(SURELY));
    drop(client);
    std::thread::sleep(SILENCE);
    assert_eq!(server.admin().get("k"), None);
    proxy.let_go();
    eventually("the late request is carried out", || server.admin().exists("k"));
}

#[test]
fn a_held_reply_comes_when_let_go() {
    let (server, proxy) = server_and_proxy();
    let held = proxy.rule(Rule::when(set("k")).then(Action::HoldReply));
    let client = client(&proxy);
    client.send(&["SET", "k", "1"]).unwrap();
    client.send(&["PING"]).unwrap();
    assert!(held.wait_fired(SURELY));
    assert!(server.admin().exists("k"));
    assert!(is_silent(&client));
    proxy.let_go();
    assert_eq!(client.read(SURELY).unwrap(), ok());
    assert_eq!(client.read(SURELY).unwrap(), pong());
    // Letting go is no licence for the next one.
    client.send(&["SET", "k", "2"]).unwrap();
    assert!(is_silent(&client));
}

#[test]
fn a_connection_closes_before_or_after_the_request_is_done() {
    let (server, proxy) = server_and_proxy();
    let cases = [
        (Action::CloseBefore, "before", false),
        (Action::CloseAfterForward, "after", true),
        (Action::ResetAfterForward, "reset", true),
    ];
    for (action, key, done) in cases {
        let rule = proxy.rule(Rule::when(set(key)).then(action));
        let client = client(&proxy);
        client.cmd(&["PING"]);
        let error = client.try_cmd(&["SET", key, "1"]).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::TimedOut, "{action:?}");
        let was_reset = error.kind() == io::ErrorKind::ConnectionReset;
        assert_eq!(was_reset, action == Action::ResetAfterForward, "{action:?}: {error}");
        assert!(rule.wait_fired(SURELY));
        assert_eq!(server.admin().exists(key), done, "{action:?}");
    }
}

#[test]
fn a_duplicated_request_is_done_twice_and_answered_once() {
    let (server, proxy) = server_and_proxy();
    proxy.rule(Rule::when(Matcher::command("INCR")).then(Action::DuplicateRequest));
    let client = client(&proxy);
    assert_eq!(client.cmd(&["INCR", "n"]), Reply::Int(1));
    assert_eq!(client.cmd(&["PING"]), pong());
    assert_eq!(server.admin().get("n").as_deref(), Some("2"));
}

#[test]
fn a_truncated_reply_ends_in_the_middle() {
    let (_server, proxy) = server_and_proxy();
    proxy.rule(Rule::when(Matcher::command("ECHO")).then(Action::TruncateReply(7)));
    let mut socket = TcpStream::connect(proxy.address()).unwrap();
    socket.set_read_timeout(Some(SURELY)).unwrap();
    socket.write_all(b"PING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n").unwrap();
    let mut all = Vec::new();
    socket.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"+PONG\r\n$5\r\nhel");
}
