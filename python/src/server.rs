//! Where the server is, who we are there and how a mutex behaves, as Python says it.

use crate::convert::Seconds;
use pyo3::prelude::*;
use std::sync::Arc;

type Who = (Option<String>, Option<String>);
type Ask = dyn Fn() -> Result<Who, String> + Send + Sync;
/// A certificate chain and its key, PEM.
type Client = (Vec<u8>, Vec<u8>);

/// How to reach one server.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Server {
    url: String,
    username: Option<String>,
    password: Option<String>,
    /// Called for user and password at every connection.
    credentials: Option<Py<PyAny>>,
    tls_roots: Option<Vec<u8>>,
    tls_client: Option<Client>,
}

/// Tells a builder of either face.
macro_rules! told {
    ($server:expr, $builder:path) => {{
        let server: $crate::server::Server = $server;
        let mut builder = $builder(server.url());
        if let Some(who) = server.who() {
            builder = builder.credentials(move || who());
        }
        let (roots, client) = server.tls();
        if let Some(roots) = roots {
            builder = builder.tls_roots(roots);
        }
        if let Some((chain, key)) = client {
            builder = builder.tls_client(chain, key);
        }
        builder
    }};
}
pub(crate) use told;

/// How a mutex behaves.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    pub(crate) block_time: Seconds,
    pub(crate) delay: Seconds,
    pub(crate) expiry: Seconds,
    pub(crate) renew: bool,
    pub(crate) max_hold: Option<Seconds>,
    pub(crate) label: String,
}

/// A mutex of either face with these settings.
macro_rules! set {
    ($mutex:expr, $settings:expr) => {{
        let $crate::server::Settings { block_time, delay, expiry, renew, max_hold, label } =
            $settings;
        $mutex
            .with_block_time(block_time.0)
            .with_delay(delay.0)
            .with_expiry(expiry.0)
            .with_renew(renew)
            .with_max_hold(max_hold.map(|longest| longest.0))
            .with_label(label)
    }};
}
pub(crate) use set;

impl Server {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn tls(self) -> (Option<Vec<u8>>, Option<Client>) {
        (self.tls_roots, self.tls_client)
    }

    pub(crate) fn who(&self) -> Option<Arc<Ask>> {
        if let Some(credentials) = &self.credentials {
            // A second owner of the callable, so that the closure is free of the lifetime of this one.
            let credentials = Python::attach(|py| Arc::new(credentials.clone_ref(py)));
            return Some(Arc::new(move || ask(&credentials)));
        }
        let who = (self.username.clone(), self.password.clone());
        (who != (None, None)).then(|| -> Arc<Ask> { Arc::new(move || Ok(who.clone())) })
    }
}

fn ask(credentials: &Py<PyAny>) -> Result<Who, String> {
    Python::attach(|py| credentials.call0(py)?.extract(py))
        .map_err(|error: PyErr| format!("the credential provider failed: {error}"))
}
