//! Which server, and how to reach it.
//!
//! Knows where a URL may come from and in which order. Must not know what it is for.

use crate::args::ServerArgs;
use crate::exit::{Failure, OTHER};
use crate::local;
use redismutex::blocking::{Builder, RedisMutex};
use std::path::Path;

/// The variable that is ours alone: the command that we run finds it only where no password is in it.
/// REDIS_URL is the command's own as much as ours, and stays.
pub(crate) const VARIABLE: &str = "REDISMUTEX_URL";
const VARIABLES: [&str; 2] = [VARIABLE, "REDIS_URL"];

const NO_SERVER: &str = "which server? Choose one:
  --url redis://HOST:6379/0              for this command
  export REDISMUTEX_URL=redis://HOST/0   for all (REDIS_URL is read, too)
  --local                                a private server on this machine, started if need be";

const PASSWORD_SHOWN: &str = "everybody could read the password in --url with ps: put the URL into the variable \
                              REDISMUTEX_URL, which ps does not show and which is kept from the command, or the \
                              password into a file: --password-file";

/// The URL of the server to use. What is configured is used or fails: there is no falling back to another.
pub(crate) fn url(args: &ServerArgs) -> Result<String, Failure> {
    if let Some(url) = &args.url {
        if has_password(url) {
            return Err(Failure::usage(PASSWORD_SHOWN));
        }
        return Ok(url.clone());
    }
    for name in VARIABLES {
        match std::env::var(name) {
            Ok(url) if !url.is_empty() => return Ok(url),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format!("{name} is not a URL")));
            }
            _ => {}
        }
    }
    if args.local {
        return local::ensure();
    }
    Err(Failure::usage(NO_SERVER))
}

/// A mutex in the making, with everything that the options say about the server.
pub(crate) fn builder(args: &ServerArgs) -> Result<Builder, Failure> {
    let url = url(args)?;
    let mut builder = RedisMutex::builder(url.clone());
    if let Some(file) = args.password_file.clone() {
        let user = user_of(&url).map(str::to_owned);
        builder = builder.credentials(move || {
            let read = std::fs::read_to_string(&file);
            let password = read.map_err(|error| format!("{}: {error}", file.display()))?;
            Ok((user.clone(), Some(password.trim_end_matches(['\r', '\n']).to_owned())))
        });
    }
    if let Some(file) = &args.ca_file {
        builder = builder.tls_roots(read(file)?);
    }
    if let (Some(chain), Some(key)) = (&args.cert_file, &args.key_file) {
        builder = builder.tls_client(read(chain)?, read(key)?);
    }
    Ok(builder)
}

/// A mutex that is connected, for commands that only look.
pub(crate) fn connect(args: &ServerArgs) -> Result<RedisMutex, Failure> {
    Ok(builder(args)?.connect()?)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::new(OTHER, format!("{}: {error}", file.display())))
}

/// Whether the variable that is ours alone has to be kept from others.
pub(crate) fn variable_holds_a_password() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|url| url.to_str().is_none_or(has_password))
}

/// Whether there is a password in the URL, be it one that nobody can parse.
fn has_password(url: &str) -> bool {
    let who = who(url).and_then(|who| who.split_once(':'));
    who.is_some_and(|(_, password)| !password.is_empty())
        || url.contains("pass=")
        || url.contains("password=")
}

fn user_of(url: &str) -> Option<&str> {
    who(url)?.split(':').next().filter(|user| !user.is_empty())
}

/// What stands before the last `@`: a password may hold any of the signs that end a host. The path of a socket
/// may, too, but nobody logs in there by URL.
fn who(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (who, _) = rest.rsplit_once('@')?;
    (!scheme.contains("unix")).then_some(who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        for url in [
            "redis://:pw@h",
            "redis://u:pw@h:1/2",
            "redis+unix:///s?pass=pw",
            "x:y@h",
            "redis://:p/w?@h",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in ["redis://h:6379/0", "redis://u@h", "redis://u:@h", "redis+unix:///a:b@c?db=1"] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn the_user_stands_before_the_password() {
        assert_eq!((user_of("redis://me:pw@h"), user_of("redis://me@h")), (Some("me"), Some("me")));
        assert_eq!((user_of("redis://:pw@h"), user_of("redis://h")), (None, None));
    }
}
