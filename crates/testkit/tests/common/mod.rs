//! What the tests of the proxy share.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io;
use std::time::{Duration, Instant};

use redismutex_testkit::proxy::Matcher;
use redismutex_testkit::{Admin, Proxy, Reply, Server};

/// Long enough for what must happen, however busy the machine is.
pub(crate) const SURELY: Duration = Duration::from_secs(10);
/// How long is listened for what must not happen.
pub(crate) const SILENCE: Duration = Duration::from_millis(100);

pub(crate) fn server_and_proxy() -> (Server, Proxy) {
    let server = Server::start();
    let proxy = Proxy::start(server.address());
    (server, proxy)
}

pub(crate) fn client(proxy: &Proxy) -> Admin {
    Admin::connect_tcp(proxy.address()).expect("the proxy listens")
}

pub(crate) fn ok() -> Reply {
    Reply::Simple("OK".into())
}

pub(crate) fn pong() -> Reply {
    Reply::Simple("PONG".into())
}

pub(crate) fn is_silent(client: &Admin) -> bool {
    client.read(SILENCE).is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + SURELY;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `SET` of this one key.
pub(crate) fn set(key: &str) -> Matcher {
    let key = key.as_bytes().to_vec();
    Matcher::test(move |args| args[0].eq_ignore_ascii_case(b"SET") && args[1] == key)
}
