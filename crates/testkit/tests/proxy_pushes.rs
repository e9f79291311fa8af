//! The proxy tells pushes from replies, in both protocols, and can aim at either.

mod common;

use std::time::{Duration, Instant};

use common::{SILENCE, SURELY};
use redismutex_testkit::proxy::{Action, Matcher, Rule};
use redismutex_testkit::{Admin, Proxy, Reply, Server};

struct Stage {
    server: Server,
    proxy: Proxy,
    subscriber: Admin,
}

impl Stage {
    /// A server, and a RESP3 client that has subscribed through a proxy.
    fn set() -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.address());
        let subscriber = Admin::connect_tcp(proxy.address()).expect("the proxy listens");
        subscriber.cmd(&["HELLO", "3"]);
        subscriber.cmd(&["SUBSCRIBE", "channel"]);
        Self { server, proxy, subscriber }
    }

    fn publish(&self, text: &str) {
        assert_eq!(self.server.admin().cmd(&["PUBLISH", "channel", text]), Reply::Int(1));
    }

    fn next(&self) -> Option<String> {
        self.subscriber.push(SURELY)?.parts()[2].text()
    }

    fn is_silent(&self) -> bool {
        self.subscriber.push(SILENCE).is_none()
    }
}

#[test]
fn pushes_match_no_request() {
    let stage = Stage::set();
    let held = Rule::when(Matcher::containing("wanted")).then(Action::HoldReply);
    let held = stage.proxy.rule(held);
    stage.publish("one");
    stage.subscriber.send(&["ECHO", "free"]).unwrap();
    stage.subscriber.send(&["ECHO", "wanted"]).unwrap();
    assert!(held.wait_fired(SURELY));
    assert_eq!(stage.next().as_deref(), Some("one"));
    assert_eq!(stage.subscriber.read(SURELY).unwrap().text().as_deref(), Some("free"));
    assert!(stage.is_silent());
    stage.proxy.let_go();
    assert_eq!(stage.subscriber.read(SURELY).unwrap().text().as_deref(), Some("wanted"));
}

#[test]
fn a_subscription_is_answered_once_for_each_channel() {
    let stage = Stage::set();
    let rule = Rule::when(Matcher::command("ECHO")).then(Action::DuplicateRequest);
    stage.proxy.rule(rule);
    for request in [&["SUBSCRIBE", "a", "b", "c"][..], &["ECHO", "x"], &["UNSUBSCRIBE"]] {
        stage.subscriber.send(request).unwrap();
    }
    stage.subscriber.send(&["ECHO", "y"]).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..9 {
        let message = stage.subscriber.read(SURELY).unwrap();
        let first = message.parts().first().and_then(Reply::text);
        kinds.push(first.or_else(|| message.text()).unwrap());
    }
    let expected = "subscribe subscribe subscribe x unsubscribe unsubscribe unsubscribe \
                    unsubscribe y";
    assert_eq!(kinds.join(" "), expected);
    assert!(stage.is_silent());
}

#[test]
fn a_refused_subscription_is_answered_by_the_error() {
    let stage = Stage::set();
    let admin = stage.server.admin();
    admin.acl_setuser("deaf", &["on", "nopass", "~*", "+@all", "resetchannels"]);
    stage.proxy.rule(Rule::when(Matcher::command("PING")).then(Action::DuplicateRequest));
    stage.subscriber.cmd(&["AUTH", "deaf", "x"]);
    let deaf = Admin::connect_tcp(stage.proxy.address()).unwrap();
    deaf.cmd(&["HELLO", "3", "AUTH", "deaf", "x"]);
    assert!(deaf.cmd(&["SUBSCRIBE", "a", "b"]).is_error());
    assert_eq!(deaf.cmd(&["PING"]), Reply::Simple("PONG".into()));
    assert_eq!(deaf.cmd(&["ECHO", "x"]).text().as_deref(), Some("x"));
}

#[test]
fn pushes_are_lost_by_mode_and_by_rule() {
    let stage = Stage::set();
    stage.proxy.drop_pushes(true);
    stage.publish("lost");
    assert!(stage.is_silent());
    stage.proxy.drop_pushes(false);
    let lost = Rule::when(Matcher::push_containing("bad")).then(Action::DropReply);
    let lost = stage.proxy.rule(lost);
    for text in ["bad", "good"] {
        stage.publish(text);
    }
    assert_eq!(stage.next().as_deref(), Some("good"));
    assert_eq!(lost.fired(), 1);
    assert_eq!(stage.subscriber.cmd(&["ECHO", "x"]).text().as_deref(), Some("x"));
}

#[test]
fn where_pushes_are_lost_subscriptions_are_still_answered() {
    let stage = Stage::set();
    stage.proxy.drop_pushes(true);
    stage.subscriber.send(&["SUBSCRIBE", "a", "b"]).unwrap();
    for channel in ["a", "b"] {
        let answer = stage.subscriber.push(SURELY).unwrap();
        assert_eq!(answer.parts()[1].text().as_deref(), Some(channel));
    }
}

#[test]
fn pushes_are_delayed_held_repeated_and_cut() {
    let stage = Stage::set();
    let delay = Duration::from_millis(80);
    let rules = [
        ("late", Action::DelayReply(delay)),
        ("held", Action::HoldReply),
        ("twice", Action::DuplicateRequest),
        ("cut", Action::TruncateReply(5)),
    ];
    for (text, action) in rules {
        stage.proxy.rule(Rule::when(Matcher::push_containing(text)).then(action));
    }
    let start = Instant::now();
    stage.publish("late");
    assert_eq!(stage.next().as_deref(), Some("late"));
    assert!(start.elapsed() >= delay);
    stage.publish("held");
    assert!(stage.is_silent());
    stage.proxy.let_go();
    assert_eq!(stage.next().as_deref(), Some("held"));
    stage.publish("twice");
    assert_eq!(stage.next().as_deref(), Some("twice"));
    assert_eq!(stage.next().as_deref(), Some("twice"));
    stage.publish("cut");
    let error = stage.subscriber.read(SURELY).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn messages_of_resp2_count_as_pushes() {
    let stage = Stage::set();
    let old = Admin::connect_tcp(stage.proxy.address()).unwrap();
    old.cmd(&["SUBSCRIBE", "channel", "other"]);
    assert_eq!(old.read(SURELY).unwrap().parts()[1].text().as_deref(), Some("other"));
    let lost = Rule::when(Matcher::push_containing("bad")).then(Action::DropReply);
    stage.proxy.rule(lost);
    let admin = stage.server.admin();
    for text in ["bad", "good"] {
        assert_eq!(admin.cmd(&["PUBLISH", "channel", text]), Reply::Int(2));
    }
    assert_eq!(old.read(SURELY).unwrap().parts()[2].text().as_deref(), Some("good"));
    stage.proxy.rule(Rule::when(Matcher::command("PING")).then(Action::DuplicateRequest));
    assert_eq!(old.cmd(&["PING"]).parts()[0].text().as_deref(), Some("pong"));
    assert_eq!(old.cmd(&["PING", "x"]).parts()[1].text().as_deref(), Some("x"));
}
