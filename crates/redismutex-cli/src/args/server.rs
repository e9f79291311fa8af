//! Which server: the options that every command has.

use clap::Args;
use std::path::PathBuf;

#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The server; else the variable REDISMUTEX_URL, else REDIS_URL. redis://, rediss:// (TLS), redis+unix://.
    /// One with a password is refused here, where anybody could read it with ps: put it into the variable.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Where no URL is configured: a private server, shared by all programs of this user on this machine,
    /// started if need be.
    #[arg(long)]
    pub(crate) local: bool,
    /// Read the password from this file at every connection.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Trust the authorities in this PEM file instead of the public ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Our own certificate chain, for servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub(crate) cert_file: Option<PathBuf>,
    /// The key of our own certificate.
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub(crate) key_file: Option<PathBuf>,
}
