//! Certificates, made anew for every run.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate for these names, changed by `change`.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    pub fn server(&self, names: &[&str]) -> ServerConfig {
        self.issue(names, |_| ()).server()
    }

    pub fn client_pair(&self) -> Pair {
        self.issue(&[], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }
}

impl Pair {
    /// A server that shows it.
    pub fn server(&self) -> ServerConfig {
        self.finish(ServerConfig::builder().with_no_client_auth())
    }

    /// The same with one version of TLS only.
    pub fn server_of(&self, version: &'static rustls::SupportedProtocolVersion) -> ServerConfig {
        self.finish(ServerConfig::builder_with_protocol_versions(&[version]).with_no_client_auth())
    }

    /// A server that wants a certificate of this authority.
    pub fn server_for_clients_of(
        &self,
        authority: &Authority,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&authority.pem()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        self.finish(ServerConfig::builder_with_protocol_versions(&[version]).with_client_cert_verifier(verifier))
    }

    fn finish(&self, builder: rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>) -> ServerConfig {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        builder.with_single_cert(vec![certificate], key).unwrap()
    }
}
