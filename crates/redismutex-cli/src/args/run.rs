//! The options of `redismutex run`.

use super::{ServerArgs, key_parser, positive_span};
use crate::{exit, text};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::time::Duration;

/// Acquire a lock, run a command, release the lock.
///
/// The command has our standard input, output and terminal; signals are passed on to it. It finds
/// REDISMUTEX_KEY, REDISMUTEX_VALUE (the owner token), REDISMUTEX_FENCE (the fencing token: hand it to the
/// store you write to) and REDISMUTEX_EXPIRES_AT (unix time;
/// later, once renewed) in its environment.
#[derive(Args)]
#[command(
    after_help = exit::table(),
    override_usage = "redismutex run [OPTIONS] KEY [--] CMD [ARGS]...\n       redismutex run [OPTIONS] KEY -c STR"
)]
pub(crate) struct RunArgs {
    /// The name of the lock.
    #[arg(value_parser = key_parser())]
    pub(crate) key: OsString,
    /// The command and its arguments, passed on untouched.
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "shell_command"
    )]
    pub(crate) command: Vec<OsString>,
    /// Run this by /bin/sh instead.
    #[arg(short = 'c', long = "command", value_name = "STR", conflicts_with = "command")]
    pub(crate) shell_command: Option<OsString>,

    /// Do not wait: give up at once if the lock is busy.
    #[arg(short, long, visible_alias = "nb", conflicts_with = "wait")]
    pub(crate) nonblock: bool,
    /// Give up after this time [default: wait for as long as it takes]
    #[arg(short, long, visible_alias = "timeout", value_name = "SECS", value_parser = text::parse_span)]
    pub(crate) wait: Option<Duration>,
    /// Exit with this code if the lock is busy.
    #[arg(short = 'E', long, value_name = "N", default_value_t = exit::BUSY)]
    pub(crate) conflict_exit_code: u8,
    /// Exit with 0 and say nothing if the lock is busy.
    #[arg(long, conflicts_with = "conflict_exit_code")]
    pub(crate) quiet_busy: bool,

    /// How long a grant lasts unless renewed: if this machine dies, the lock is free after this time. An
    /// outage of the server that is longer loses the lock.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_span)]
    pub(crate) expiry: Duration,
    /// Keep the key for at least this time after a fast command, so that hosts whose clocks differ do not
    /// each run the same job.
    #[arg(long, value_name = "TIME", value_parser = text::parse_span)]
    pub(crate) min_hold: Option<Duration>,
    /// Take the lock for lost after this time, however well it is renewed.
    #[arg(long, value_name = "TIME", value_parser = positive_span)]
    pub(crate) max_hold: Option<Duration>,
    /// What to do to the command when the lock is lost.
    #[arg(long, value_enum, default_value_t = OnLost::Term)]
    pub(crate) on_lost: OnLost,
    /// Follow the TERM by a KILL after this time. What the command leaves behind when a signal has ended it is
    /// killed after this time, too.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = text::parse_span)]
    pub(crate) kill_after: Duration,

    /// Say nothing of waiting or of a busy lock.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say what happens as JSON objects, one per line, on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write what happens as JSON objects, one per line, to this file descriptor.
    #[arg(long, value_name = "FD")]
    pub(crate) status_fd: Option<u32>,
    /// What others see of us beside the lock, instead of host, process and the command's name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLost {
    /// TERM at once, before the server can grant the lock to another; KILL after --kill-after.
    Term,
    /// KILL at once.
    Kill,
    /// Say so and let it run; the exit code is its own.
    Warn,
}
