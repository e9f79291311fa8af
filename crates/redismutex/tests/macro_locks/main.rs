//! `#[with_redismutex]` against a real server.

#![cfg(all(feature = "macros", feature = "blocking", feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod blocking;
mod keys;
mod leaving;
mod settings;
mod shapes;

use redismutex::{Error, RedisMutex};
use redismutex_testkit::{Admin, Server};

/// A server, a mutex on it, and a look into it from outside.
struct Bench {
    mutex: RedisMutex,
    admin: Admin,
    server: Server,
}

impl Bench {
    async fn new() -> Self {
        let server = Server::start();
        let mutex = RedisMutex::connect(server.url()).await.unwrap();
        Self { mutex, admin: server.admin(), server }
    }

    fn blocking() -> (redismutex::blocking::RedisMutex, Admin, Server) {
        let server = Server::start();
        let mutex = redismutex::blocking::RedisMutex::connect(server.url()).unwrap();
        (mutex, server.admin(), server)
    }
}

/// The error of an application that uses the macro.
#[derive(Debug)]
enum AppError {
    Lock(Error),
    Own(&'static str),
}

impl From<Error> for AppError {
    fn from(error: Error) -> Self {
        Self::Lock(error)
    }
}

impl From<std::num::ParseIntError> for AppError {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::Own("no number")
    }
}
