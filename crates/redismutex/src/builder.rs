//! Putting a mutex together.

use crate::drive::core::Core;
use crate::drive::reader;
use crate::face::Face;
use crate::redis::address::{Address, Credentials, Identity};
use crate::redis::node::Reader;
use crate::rules::protocol::{Fault, FaultKind};
use crate::rules::settings::Settings;
use crate::{Error, RedisMutex};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a builder has been told so far.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) urls: Vec<String>,
    pub(crate) settings: Settings,
    pub(crate) roots: Option<Arc<[u8]>>,
    pub(crate) client: Option<Identity>,
    pub(crate) credentials: Option<Credentials>,
}

/// Shows no URL: there may be a password in it.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Plan {
    pub(crate) fn new(url: String) -> Self {
        let settings = Settings::default();
        Self { urls: vec![url], settings, roots: None, client: None, credentials: None }
    }

    pub(crate) fn build(self, reader: Reader) -> Result<Face, Error> {
        self.settings.check(true).map_err(Error::config)?;
        let [url] = &*self.urls else {
            return Err(Error::config(format!(
                "{} nodes were given: a quorum of several nodes is not supported yet, give one",
                self.urls.len()
            )));
        };
        let mut address = Address::parse(url).map_err(Error::config)?;
        address.tls.roots = self.roots;
        address.tls.client = self.client;
        address.credentials = self.credentials;
        let core = Core::new(address, reader).map_err(|error| {
            Error::of_fault(None, Fault::new(FaultKind::NotSent, error.to_string()))
        })?;
        Ok(Face { core, settings: Arc::new(self.settings) })
    }
}

/// What both faces' builders can be told.
macro_rules! builder_settings {
    () => {
        /// Longest time that `acquire` waits; 5 s unless set. Zero: try once.
        pub fn block_time(mut self, block_time: Duration) -> Self {
            self.0.settings.block_time = block_time;
            self
        }

        /// How often to ask where push is not to be had; 0.5 s unless set, or `block_time` if that is shorter.
        /// May not be set to more than `block_time`.
        pub fn delay(mut self, delay: Duration) -> Self {
            self.0.settings.delay = Some(delay);
            self
        }

        /// How long a grant lasts on the server; 7 s unless set. After that the lock of a holder that died
        /// goes to the next. At least 10 ms; without renewal no less than `block_time`. A renewal is waited for for
        /// a sixth of it: where an answer may take a while, choose ten times that or more.
        pub fn expiry(mut self, expiry: Duration) -> Self {
            self.0.settings.expiry = expiry;
            self
        }

        /// Whether a lease is renewed for as long as its guard lives; yes unless set.
        pub fn renew(mut self, renew: bool) -> Self {
            self.0.settings.renew = renew;
            self
        }

        /// Longest time that a lock may be held in spite of renewal; after that it is lost. No limit unless
        /// set.
        pub fn max_hold(mut self, max_hold: Duration) -> Self {
            self.0.settings.max_hold = Some(max_hold);
            self
        }

        /// Who this is, for people who look at the lock: host, process, purpose. Empty unless set.
        pub fn label(mut self, label: impl Into<String>) -> Self {
            self.0.settings.label = label.into().into();
            self
        }

        /// Another node. A quorum of several nodes is not supported yet: connecting says so.
        pub fn node(mut self, url: impl Into<String>) -> Self {
            self.0.urls.push(url.into());
            self
        }

        /// PEM of the authorities whose certificates are trusted, instead of the public ones.
        #[cfg(feature = "tls-rustls")]
        pub fn tls_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.0.roots = Some(pem.into().into());
            self
        }

        /// PEM of our own certificate chain and of its key, for servers that ask for one.
        #[cfg(feature = "tls-rustls")]
        pub fn tls_client(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
            self.0.client = Some($crate::redis::address::Identity {
                chain: chain.into().into(),
                key: key.into().into(),
            });
            self
        }

        /// User and password, asked for anew at every connection, instead of those in the URL. An error is
        /// a sentence that says why there are none.
        pub fn credentials(
            mut self,
            ask: impl Fn() -> Result<(Option<String>, Option<String>), String> + Send + Sync + 'static,
        ) -> Self {
            self.0.credentials = Some(Arc::new(ask));
            self
        }
    };
}
#[cfg(feature = "blocking")]
pub(crate) use builder_settings;

/// Settings of a [`RedisMutex`] in the making.
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder(pub(crate) Plan);

impl Builder {
    builder_settings!();

    /// Connects.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that contradict each other, a URL that is none, or a user whom the
    /// server refuses; [`Error::Unavailable`] if the server cannot be reached.
    pub async fn connect(self) -> Result<RedisMutex, Error> {
        Ok(RedisMutex(self.build()?.0.connected().await?))
    }

    /// Checks the settings without connecting yet: the first acquisition does.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that contradict each other or a URL that is none.
    pub fn build(self) -> Result<RedisMutex, Error> {
        Ok(RedisMutex(self.0.build(Reader::Driven(reader::driver()))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_can_be_shown_and_shows_no_password() {
        let builder = RedisMutex::builder("redis://me:secret@localhost").label("me");
        let shown = format!("{builder:?}");
        assert!(shown.contains("block_time") && !shown.contains("secret"), "{shown}");
    }
}
