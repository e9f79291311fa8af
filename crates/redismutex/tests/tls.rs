//! Encrypted connections, with a server of its own authority.

#![cfg(feature = "tls-rustls")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use redismutex::{Error, RedisMutex, blocking};
use redismutex_testkit::{Flavor, Server};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

/// A server that speaks only TLS on `port`, and the certificate of its authority.
struct Encrypted {
    _server: Server,
    port: u16,
    authority: String,
    folder: PathBuf,
}

impl Encrypted {
    fn start() -> Option<Self> {
        // The other servers of the tests are built without TLS.
        Flavor::Redis70.find_or_say("encrypted connections")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("redismutex-tls-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let (authority, certificate, key) = certificates();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let server = Server::builder()
            .flavor(Flavor::Redis70)
            .arg("tls-port", port.to_string())
            .arg("tls-auth-clients", "no")
            .arg("tls-ca-cert-file", file("ca.pem", &authority))
            .arg("tls-cert-file", file("server.pem", &certificate))
            .arg("tls-key-file", file("server.key", &key))
            .start();
        Some(Self { _server: server, port, authority, folder })
    }

    fn url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An authority's certificate, and a server's certificate and key.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let server = CertificateParams::new(vec!["localhost".into()]).unwrap();
    (root.pem(), server.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_told_to() {
    let Some(server) = Encrypted::start() else { return };
    let builder = RedisMutex::builder(server.url()).tls_roots(server.authority.clone());
    let mutex = builder.expiry(Duration::from_millis(600)).connect().await.unwrap();
    let guard = mutex.acquire("key").await.unwrap();
    let waiter = tokio::spawn({
        let mutex = mutex.clone();
        async move { mutex.acquire("key").await }
    });
    // Long enough to be renewed, over the watchdog's own connection.
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert!(guard.is_valid());
    guard.release().await.unwrap();
    waiter.await.unwrap().unwrap().release().await.unwrap();
}

#[test]
fn threads_share_an_encrypted_connection() {
    let Some(server) = Encrypted::start() else { return };
    let builder = blocking::RedisMutex::builder(server.url()).tls_roots(server.authority.clone());
    let mutex = builder.connect().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    mutex.acquire("key").unwrap().release().unwrap();
                }
            });
        }
    });
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused_and_explained() {
    let Some(server) = Encrypted::start() else { return };
    let error = RedisMutex::connect(server.url()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("authority"), "{error}");
}

#[tokio::test]
async fn insecure_trusts_whoever_answers() {
    let Some(server) = Encrypted::start() else { return };
    let mutex = RedisMutex::connect(format!("{}/0#insecure", server.url())).await.unwrap();
    mutex.acquire("key").await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn ten_thousand_requests_at_once_pass_through_encryption() {
    let Some(server) = Encrypted::start() else { return };
    let builder = RedisMutex::builder(server.url()).tls_roots(server.authority.clone());
    let mutex = builder.expiry(Duration::from_secs(20)).connect().await.unwrap();
    let taking: Vec<_> = (0..10_000)
        .map(|number| {
            let mutex = mutex.clone();
            tokio::spawn(async move { mutex.acquire(format!("key:{number}")).await })
        })
        .collect();
    for guard in taking {
        guard.await.unwrap().unwrap().leak();
    }
}
