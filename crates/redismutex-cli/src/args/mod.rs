//! The command line as its users type it.
//!
//! Knows names, values and help texts. Must not know what the commands do.

mod run;
mod server;

pub(crate) use run::{OnLost, RunArgs};
pub(crate) use server::ServerArgs;

use crate::{exit, text};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Run any program under a lock on Redis or Valkey, and see who holds what.
///
/// The lock is a lease that is renewed for as long as the program runs; those who wait get it in the order
/// in which they came. If it is lost, the program is stopped before anybody else can get it.
#[derive(Parser)]
#[command(name = "redismutex", version, after_help = exit::table(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Ls(LsArgs),
    Inspect(InspectArgs),
    Wait(WaitArgs),
    Release(ReleaseArgs),
    Doctor(DoctorArgs),
    #[cfg(feature = "top")]
    Top(TopArgs),
    Local(LocalArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    #[cfg(feature = "pictures")]
    #[command(name = "__pictures", hide = true)]
    Pictures(PicturesArgs),
}

/// List the locks: who holds what, since when, for how long yet, and how many wait.
#[derive(Args)]
pub(crate) struct LsArgs {
    /// List the keys that match this pattern (`*`, `?`, `[a-z]`), locks of other programs included: every
    /// string among them may be a lock. Without it: the locks that redismutex granted.
    pub(crate) pattern: Option<OsString>,
    /// One JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// List again every so many seconds.
    #[arg(long, value_name = "SECS", num_args = 0..=1, default_missing_value = "1", require_equals = true, value_parser = positive_span)]
    pub(crate) watch: Option<Duration>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Show one lock: its holder, and those who wait, in order.
#[derive(Args)]
pub(crate) struct InspectArgs {
    #[arg(value_parser = key_parser())]
    pub(crate) key: OsString,
    /// As one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Wait until nobody holds the lock, without taking it.
#[derive(Args)]
pub(crate) struct WaitArgs {
    #[arg(value_parser = key_parser())]
    pub(crate) key: OsString,
    /// Give up after this time [default: wait for as long as it takes]
    #[arg(short, long, visible_alias = "timeout", value_name = "SECS", value_parser = text::parse_span)]
    pub(crate) wait: Option<Duration>,
    /// Exit with this code if it is still held then.
    #[arg(short = 'E', long, value_name = "N", default_value_t = exit::BUSY)]
    pub(crate) conflict_exit_code: u8,
    /// Show nothing while waiting.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Take a lock away from whoever holds it; the next in line gets it. For emergencies.
///
/// The holder learns of it at its next renewal only: see to it that it has stopped before.
#[derive(Args)]
pub(crate) struct ReleaseArgs {
    #[arg(value_parser = key_parser())]
    pub(crate) key: OsString,
    /// Say that this is meant: only the holder releases its lock otherwise.
    #[arg(long, required = true)]
    pub(crate) force: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Find out whether locks work here: permissions, messages, and what the server may do to them.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// One JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Watch the locks live. Keys: `q` quit, arrows move, `s` sort, `/` filter, `space` pause, `?` help.
#[cfg(feature = "top")]
#[derive(Args)]
pub(crate) struct TopArgs {
    /// As for `ls`.
    pub(crate) pattern: Option<OsString>,
    /// Look again after this time.
    #[arg(short, long, value_name = "SECS", default_value = "0.5", value_parser = positive_span)]
    pub(crate) delay: Duration,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Start, stop or find the private server of `--local`.
#[derive(Args)]
pub(crate) struct LocalArgs {
    #[arg(value_enum)]
    pub(crate) action: LocalAction,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum LocalAction {
    /// Start it, unless it runs, and print its URL.
    Start,
    /// Stop it; its locks are gone.
    Stop,
    /// Print its URL if it runs; exit code 1 if it does not.
    Status,
}

/// Print the completions for a shell.
#[derive(Args)]
pub(crate) struct CompletionsArgs {
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Print the man page, of the whole or of one command.
#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command whose page to print.
    pub(crate) command: Option<String>,
    /// Write all pages into this directory instead.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

/// Draw the pictures of the documentation.
#[cfg(feature = "pictures")]
#[derive(Args)]
pub(crate) struct PicturesArgs {
    pub(crate) dir: PathBuf,
}

fn key_parser() -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new()
        .try_map(|key| if key.is_empty() { Err("name the thing to be locked") } else { Ok(key) })
}

fn positive_span(text: &str) -> Result<Duration, String> {
    text::parse_span(text).and_then(|span| {
        let long_enough = span >= Duration::from_millis(10);
        long_enough.then_some(span).ok_or_else(|| "at least 10ms".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_parser_agrees_with_itself() {
        Cli::command().debug_assert();
    }
}
