//! The fault proxy is faithful until told otherwise; its modes apply to every connection.

mod common;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{SILENCE, SURELY, client, eventually, is_silent, ok, pong, server_and_proxy, set};
use redismutex_testkit::Admin;
use redismutex_testkit::proxy::{Action, Direction, Matcher, Rule};

#[test]
fn a_proxy_without_rules_is_faithful() {
    let (server, proxy) = server_and_proxy();
    let (one, two) = (client(&proxy), client(&proxy));
    let long = "x".repeat(1_000_000);
    assert_eq!(one.cmd(&["SET", "long", &long]), ok());
    assert_eq!(two.get("long").as_deref(), Some(&long[..]));
    for number in 0..1000 {
        one.send(&["ECHO", &number.to_string()]).unwrap();
    }
    for number in 0..1000 {
        assert_eq!(one.read(SURELY).unwrap().int(), Some(number));
    }
    assert!(one.cmd(&["NO-SUCH-COMMAND"]).is_error());
    assert_eq!(server.admin().client_count(), 2);
    drop((one, two));
    eventually("the server sees both clients go", || server.admin().client_count() == 0);
    eventually("the proxy sees both clients go", || proxy.open_connections() == 0);
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn it_counts_and_logs_what_passes() {
    let (_server, proxy) = server_and_proxy();
    let client = client(&proxy);
    client.cmd(&["SET", "a", "1"]);
    client.cmd(&["set", "b", "1"]);
    client.cmd(&["EVAL", "return 'a script'", "0"]);
    assert_eq!(proxy.requests(), 3);
    assert_eq!(proxy.requests_matching(&Matcher::any()), 3);
    assert_eq!(proxy.requests_matching(&Matcher::command("SET")), 2);
    assert_eq!(proxy.requests_matching(&Matcher::containing("a script")), 1);
    let either = Matcher::containing("script").or(Matcher::command("SET"));
    assert_eq!(proxy.requests_matching(&either), 3);
    assert_eq!(proxy.log()[0], [b"SET".to_vec(), b"a".to_vec(), b"1".to_vec()]);
    assert!(proxy.wait_for(&Matcher::command("SET"), 2, SURELY));
    assert!(!proxy.wait_for(&Matcher::command("SET"), 3, SILENCE));
    proxy.clear_log();
    assert_eq!((proxy.requests(), proxy.log().len()), (0, 0));
}

#[test]
fn a_blackhole_swallows_one_direction_or_both_until_it_heals() {
    for (direction, executed) in
        [(Direction::ToServer, false), (Direction::ToClient, true), (Direction::Both, false)]
    {
        let (server, proxy) = server_and_proxy();
        let old = client(&proxy);
        old.cmd(&["PING"]);
        proxy.blackhole(direction);
        old.send(&["SET", "k", "1"]).unwrap();
        let new = client(&proxy);
        new.send(&["PING"]).unwrap();
        assert!(is_silent(&old) && is_silent(&new), "{direction:?}");
        assert_eq!(server.admin().exists("k"), executed, "{direction:?}");
        proxy.heal();
        assert_eq!(old.read(SURELY).unwrap(), ok());
        assert_eq!(new.read(SURELY).unwrap(), pong());
    }
}

#[test]
fn in_a_blackhole_not_even_the_end_of_a_connection_gets_through() {
    let (server, proxy) = server_and_proxy();
    let (quiet, other) = (client(&proxy), client(&proxy));
    quiet.cmd(&["PING"]);
    other.cmd(&["PING"]);
    proxy.blackhole(Direction::Both);
    drop(quiet);
    std::thread::sleep(SILENCE);
    assert_eq!(server.admin().client_count(), 2);
    server.kill9();
    assert!(is_silent(&other));
    proxy.heal();
    let error = other.read(SURELY).unwrap_err();
    assert_ne!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn what_is_stuck_when_connections_are_closed_is_lost() {
    let (server, proxy) = server_and_proxy();
    let client = client(&proxy);
    client.cmd(&["PING"]);
    proxy.blackhole(Direction::Both);
    client.send(&["SET", "k", "1"]).unwrap();
    assert!(is_silent(&client));
    proxy.close_all();
    proxy.heal();
    assert!(client.read(SURELY).is_err());
    eventually("the server sees the client go", || server.admin().client_count() == 0);
    assert!(!server.admin().exists("k"));
}

#[test]
fn new_connections_are_refused_or_hang_while_old_ones_go_on() {
    let (_server, proxy) = server_and_proxy();
    let old = client(&proxy);
    old.cmd(&["PING"]);
    proxy.refuse();
    let refused = Admin::connect_tcp(proxy.address()).and_then(|new| new.try_cmd(&["PING"]));
    assert_ne!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
    proxy.heal();
    proxy.accept_and_hang();
    let hanging = client(&proxy);
    hanging.send(&["PING"]).unwrap();
    assert!(is_silent(&hanging));
    assert_eq!(old.cmd(&["PING"]), pong());
    proxy.heal();
    assert_eq!(hanging.read(SURELY).unwrap(), pong());
    assert_eq!(proxy.connections(), 3);
}

#[test]
fn everything_can_be_late_or_come_byte_by_byte() {
    let (_server, proxy) = server_and_proxy();
    let client = client(&proxy);
    let delay = Duration::from_millis(40);
    proxy.delay_all(delay);
    let start = Instant::now();
    assert_eq!(client.cmd(&["PING"]), pong());
    assert!(start.elapsed() >= 2 * delay, "took {:?}", start.elapsed());
    proxy.delay_all(Duration::ZERO);
    proxy.drip(true);
    assert_eq!(client.cmd(&["ECHO", "drop by drop"]).text().as_deref(), Some("drop by drop"));
    let long = format!("*2\r\n$4\r\nECHO\r\n$500\r\n{}\r\n", "x".repeat(500));
    let mut socket = TcpStream::connect(proxy.address()).unwrap();
    socket.write_all(long.as_bytes()).unwrap();
    let first = socket.read(&mut [0; 1024]).unwrap();
    assert!(first < 500, "{first} bytes came at once");
}

#[test]
fn the_proxy_outlives_a_crash_of_the_server() {
    let (server, proxy) = server_and_proxy();
    let old = client(&proxy);
    old.cmd(&["PING"]);
    server.kill9();
    assert!(old.try_cmd(&["PING"]).is_err());
    let down = Admin::connect_tcp(proxy.address()).and_then(|new| new.try_cmd(&["PING"]));
    assert!(down.is_err());
    server.restart();
    assert_eq!(client(&proxy).cmd(&["PING"]), pong());
}

#[test]
fn dropping_the_proxy_ends_whatever_its_connections_wait_for() {
    let (_server, proxy) = server_and_proxy();
    let held = proxy.rule(Rule::when(set("held")).then(Action::HoldRequest));
    let held_reply = proxy.rule(Rule::when(set("reply")).then(Action::HoldReply));
    let late = Action::DelayRequest(Duration::from_secs(3600));
    let late = proxy.rule(Rule::when(set("late")).then(late));
    let mut clients = Vec::new();
    for (key, rule) in [("held", held), ("reply", held_reply), ("late", late)] {
        let client = client(&proxy);
        client.send(&["SET", key, "1"]).unwrap();
        assert!(rule.wait_fired(SURELY));
        clients.push(client);
    }
    let idle = client(&proxy);
    idle.cmd(&["PING"]);
    proxy.blackhole(Direction::Both);
    idle.send(&["PING"]).unwrap();
    proxy.accept_and_hang();
    clients.push(client(&proxy));
    clients.push(idle);
    let start = Instant::now();
    drop(proxy);
    assert!(start.elapsed() < SURELY);
    for client in clients {
        let error = client.read(SURELY).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::TimedOut);
    }
}
