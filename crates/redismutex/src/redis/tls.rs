//! Encryption by rustls.

use super::address::{Identity, TlsSettings};
use super::slot::lock;
use super::wire::Socket;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

/// One encrypted connection. Held only for as long as the arithmetic takes, never while a socket blocks
/// in reading.
pub(super) struct Session(Mutex<ClientConnection>);

impl Session {
    pub(super) fn new(host: &str, settings: &TlsSettings) -> Result<Self, String> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
        let mut connection = ClientConnection::new(Arc::new(config(settings)?), name)
            .map_err(|error| format!("TLS to {host}: {error}"))?;
        // What does not fit the socket is kept here; the default limit would cut a large pipeline.
        connection.set_buffer_limit(None);
        Ok(Self(Mutex::new(connection)))
    }

    pub(super) fn read(&self, mut socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        // What is decrypted but not fetched yet has a limit of 16 KiB, and beyond it no more is taken: a piece that
        // goes in at once cannot fail half way.
        let mut sealed = [0; 4 * 1024];
        loop {
            match lock(&self.0).reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            let count = socket.read(&mut sealed)?;
            let mut session = lock(&self.0);
            let mut rest = &sealed[..count];
            loop {
                session.read_tls(&mut rest)?;
                session.process_new_packets().map_err(explain)?;
                if rest.is_empty() {
                    break;
                }
            }
            if session.wants_write() {
                // A handshake answers what it reads.
                let _ = write_sealed(&mut session, socket);
            }
        }
    }

    pub(super) fn write(&self, socket: &Socket, pending: &mut Vec<u8>) -> io::Result<()> {
        let mut session = lock(&self.0);
        session.writer().write_all(pending)?;
        pending.clear();
        write_sealed(&mut session, socket)
    }

    pub(super) fn has_backlog(&self) -> bool {
        lock(&self.0).wants_write()
    }
}

fn write_sealed(session: &mut ClientConnection, mut socket: &Socket) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(&mut socket)?;
    }
    Ok(())
}

fn explain(error: rustls::Error) -> io::Error {
    let hint = match &error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            " (is it signed by a private authority? give its certificate to the builder)"
        }
        rustls::Error::InvalidCertificate(_) => {
            " (a certificate authority's own certificate cannot serve as a server's)"
        }
        _ => "",
    };
    io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {error}{hint}"))
}

fn config(settings: &TlsSettings) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if settings.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(insecure::Trusting(provider)))
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    match &settings.client {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => {
            let chain = certificates(chain)?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|error| format!("client key: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("client certificate: {error}"))
        }
    }
}

fn roots(settings: &TlsSettings) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match &settings.roots {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in certificates(pem)? {
                roots.add(certificate).map_err(|error| format!("root certificate: {error}"))?;
            }
        }
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err("no certificate in the PEM that was given".into()),
        Err(error) => Err(format!("certificate: {error}")),
    }
}

/// For those who asked for it: trust whoever answers.
mod insecure {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use std::sync::Arc;

    #[derive(Debug)]
    pub(super) struct Trusting(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Trusting {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(
                message,
                certificate,
                signed,
                &self.0.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                certificate,
                signed,
                &self.0.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
