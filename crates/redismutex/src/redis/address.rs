//! Where a server is and who we are there.

use super::query;
use std::fmt;
use std::sync::Arc;

/// How to encrypt, where the URL asks for it.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "tls-rustls"), allow(dead_code))]
pub(crate) struct TlsSettings {
    /// PEM of the authorities to trust, instead of the public ones.
    pub(crate) roots: Option<Arc<[u8]>>,
    pub(crate) client: Option<Identity>,
    /// Trust whoever answers.
    pub(crate) insecure: bool,
}

/// Our certificate chain and its key, as PEM.
#[derive(Clone)]
#[cfg_attr(not(feature = "tls-rustls"), allow(dead_code))]
pub(crate) struct Identity {
    pub(crate) chain: Arc<[u8]>,
    pub(crate) key: Arc<[u8]>,
}

/// What a URL looks like.
const SHAPES: &str =
    "write redis://host:6379/0, rediss://host:6379/0 or redis+unix:///path/to/socket";

/// Gives user and password anew for each connection.
pub(crate) type Credentials =
    Arc<dyn Fn() -> Result<(Option<String>, Option<String>), String> + Send + Sync>;

/// One node, reachable.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) place: Place,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
    pub(crate) tls: TlsSettings,
    pub(crate) credentials: Option<Credentials>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp { host: String, port: u16, encrypted: bool },
    Unix(std::path::PathBuf),
}

impl Address {
    /// Reads a URL; the error is a sentence that repeats no password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let shown = without_password(url);
        let (place, query) = query::split(url)
            .map_err(|why| format!("{shown:?} is not the URL of a server: {why}"))?;
        let url = &*place;
        if redis::parse_redis_url(url).is_none() {
            return Err(format!("{shown:?} is not the URL of a server: {SHAPES}"));
        }
        let encrypted = url.starts_with("rediss:") || url.starts_with("valkeys:");
        if encrypted && !cfg!(feature = "tls-rustls") {
            return Err(format!("{shown:?} asks for encryption: turn on the feature tls-rustls"));
        }
        let (plain, insecure) = without_encryption(url);
        let info = redis::IntoConnectionInfo::into_connection_info(&*plain)
            .map_err(|_| format!("{shown:?} is not the URL of a server: {SHAPES}"))?;
        let tls = TlsSettings { insecure, ..TlsSettings::default() };
        let place = match info.addr() {
            redis::ConnectionAddr::Tcp(host, port) => {
                Place::Tcp { host: host.clone(), port: *port, encrypted }
            }
            redis::ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => {
                return Err(format!("{shown:?} names a kind of address that is not supported"));
            }
        };
        let settings = info.redis_settings();
        Ok(Self {
            place,
            user: settings.username().map(str::to_owned).or(query.user),
            password: settings.password().map(str::to_owned).or(query.password),
            database: query.database.unwrap_or(settings.db()),
            tls,
            credentials: None,
        })
    }
}

/// Never shows a password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port, encrypted } => {
                let scheme = if *encrypted { "rediss" } else { "redis" };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                write!(f, "{scheme}://{host}:{port}/{}", self.database)
            }
            Place::Unix(path) => write!(f, "redis+unix://{}?db={}", path.display(), self.database),
        }
    }
}

/// The URL as it would be without encryption, and whether it says to trust whoever answers.
///
/// The client crate reads no encrypted URLs without its own encryption, and with that it does not compile
/// beside every other of its features.
fn without_encryption(url: &str) -> (String, bool) {
    let Some((scheme, rest)) = url.split_once(':') else { return (url.to_owned(), false) };
    let scheme = match scheme {
        "rediss" => "redis",
        "valkeys" => "valkey",
        _ => return (url.to_owned(), false),
    };
    let (rest, insecure) =
        rest.strip_suffix("#insecure").map_or((rest, false), |rest| (rest, true));
    (format!("{scheme}:{rest}"), insecure)
}

/// The URL with the password starred out, for messages.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let shown = match rest.rsplit_once('@') {
        Some((who, place)) => {
            let user = who.split_once(':').map_or(who, |(user, _)| user);
            format!("{scheme}://{user}:***@{place}")
        }
        None => url.to_owned(),
    };
    ["pass=", "password="].into_iter().fold(shown, |shown, name| match shown.split_once(name) {
        Some((before, after)) => {
            let rest = after.find(['&', '#']).map_or("", |at| &after[at..]);
            format!("{before}{name}***{rest}")
        }
        None => shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_every_kind_are_read() {
        let address = Address::parse("redis://me:secret@example.org:7000/3").unwrap();
        assert_eq!(address.to_string(), "redis://example.org:7000/3");
        assert_eq!(
            (address.user.as_deref(), address.password.as_deref()),
            (Some("me"), Some("secret"))
        );
        let unix = Address::parse("redis+unix:///run/valkey.sock?db=2").unwrap();
        assert_eq!(unix.to_string(), "redis+unix:///run/valkey.sock?db=2");
        let query = Address::parse("redis://example.org?db=2&password=secret").unwrap();
        assert_eq!(query.to_string(), "redis://example.org:6379/2");
        assert_eq!(query.password.as_deref(), Some("secret"));
        assert_eq!(
            Address::parse("valkey://localhost").unwrap().to_string(),
            "redis://localhost:6379/0"
        );
        assert_eq!(
            Address::parse("redis://[::1]:6379").unwrap().to_string(),
            "redis://[::1]:6379/0"
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_value_and_the_remedy_and_no_password() {
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://:secret@h:notaport/",
            "redis://h?password=secret&x=1",
        ] {
            let Err(sentence) = Address::parse(url) else { panic!("{url} was taken") };
            assert!(!sentence.contains("secret"), "{sentence}");
            assert!(sentence.contains(&without_password(url)), "{sentence}");
        }
        let Err(sentence) = Address::parse("redis://h/zero") else { panic!() };
        assert!(sentence.contains("redis://h/zero"), "{sentence}");
    }

    #[cfg(feature = "tls-rustls")]
    #[test]
    fn encryption_is_asked_for_by_the_scheme() {
        let address = Address::parse("rediss://example.org#insecure").unwrap();
        assert!(address.tls.insecure);
        assert_eq!(address.to_string(), "rediss://example.org:6379/0");
    }
}
