//! `redismutex doctor`: whether locks work here.
//!
//! Knows the order of the checks and how findings are shown. Must not know what is looked at.

mod lock;
mod server;

use super::output::Output;
use super::words::table;
use crate::args::DoctorArgs;
use crate::exit::{BUSY, Failure};
use crate::server as connection;
use crate::text::clean;
use redismutex::internal::address;
use serde_json::json;
use std::io::Write as _;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Locks work, and there is something to know.
    Warning,
    /// Something has to be done before locks can be trusted; the text says what.
    Remedy,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    level: Level,
    check: &'static str,
    text: String,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, text: text.into() }
    }

    fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Warning, check, text: text.into() }
    }

    fn remedy(check: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Remedy, check, text: text.into() }
    }

    fn word(&self) -> &'static str {
        match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Remedy => "remedy",
        }
    }
}

/// Examines user and server; the answer is no if anything needs a remedy.
pub(crate) fn run(args: &DoctorArgs) -> Result<u8, Failure> {
    let mutex = connection::connect(&args.server)?;
    let mut findings = vec![Finding::ok("server", format!("{} answers", address(&mutex)))];
    findings.extend(lock::examine(&mutex));
    findings.extend(server::examine(&mutex));

    // Only now that no lock is held any more: the output may end the process.
    let mut out = Output::new();
    if args.json {
        for finding in &findings {
            let line =
                json!({ "check": finding.check, "level": finding.word(), "text": finding.text });
            writeln!(out, "{line}")?;
        }
    } else {
        let row = |it: &Finding| vec![it.word().into(), it.check.into(), clean(&it.text)];
        table(&mut out, &findings.iter().map(row).collect::<Vec<_>>())?;
    }
    let ill = findings.iter().any(|finding| finding.level == Level::Remedy);
    Ok(if ill { BUSY } else { 0 })
}
