//! Who we are, for those who look at a lock.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

/// Host, process and the name of the program: `web-3:4121 deploy.sh`. Arguments stay out of it, they may
/// hold secrets.
pub(crate) fn label(program: &OsStr) -> String {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = host.to_string_lossy();
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy();
    format!("{host}:{} {name}", std::process::id())
}

/// An owner token of our own making, so that we find ourselves in the queue; `None` where the system gives
/// no randomness: the library has words for that.
pub(crate) fn token() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let mut token = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(token, "{byte:02x}");
    }
    Some(token)
}
