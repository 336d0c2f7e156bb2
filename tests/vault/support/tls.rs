//! TLS in front of a server that has none, with any certificate.

use std::path::Path;

use super::process::Tethered;

/// A running front; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct TlsFront {
    /// `https://127.0.0.1:PORT`
    pub(crate) address: String,
    _process: Tethered,
}

impl TlsFront {
    /// Passes what arrives with TLS on to `http://HOST:PORT`, such as a [`super::FaultServer`].
    #[track_caller]
    pub(crate) fn start(certificate: &Path, key: &Path, target: &str) -> Self {
        let arguments = [certificate.as_os_str(), key.as_os_str(), target.as_ref()];
        let (process, told) = Tethered::announced("tls_front.py", arguments);
        Self { address: told["address"].as_str().unwrap().to_owned(), _process: process }
    }
}
