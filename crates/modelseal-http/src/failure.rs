//! Failures of the layers below, in words.

use core::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::{HttpError, HttpErrorKind, Sent};

/// Whom the client talks to, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// What connections go to: the server, or the proxy.
    pub(crate) endpoint: String,
    /// The server.
    pub(crate) server: String,
    /// The host name that the server's certificate must have.
    pub(crate) name: String,
}

impl Peer {
    /// The proxy, as the one that a connection failed with.
    fn proxy(&self) -> Self {
        let name = host(&self.endpoint).rsplit(' ').next().unwrap_or_default().to_owned();
        Self { endpoint: self.endpoint.clone(), server: self.endpoint.clone(), name }
    }
}

/// Without the port.
fn host(endpoint: &str) -> &str {
    endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host)
}

/// What is known of a failure.
enum Cause<'a> {
    Tls(&'a rustls::Error),
    Http(&'a hyper::Error),
    Io(&'a io::Error),
    Tunnel(String),
}

/// A failed exchange. Where the connection did not stand, the request surely was not sent.
pub(crate) fn exchange(error: &reqwest::Error, peer: &Peer) -> HttpError {
    let proxy = at_proxy(error).then(|| peer.proxy());
    let peer = proxy.as_ref().unwrap_or(peer);
    let Peer { endpoint, server, .. } = peer;
    let connecting = error.is_connect();
    let sent = if connecting { Sent::No } else { Sent::Maybe };
    if error.is_builder() {
        return HttpError::config("the request cannot be made");
    }
    if error.is_dns() {
        return HttpError::new(HttpErrorKind::Dns, Sent::No, format!("no address is known for {}", host(endpoint)));
    }
    if error.is_timeout() {
        let message = if connecting { format!("no connection to {endpoint} in time") } else { no_answer(peer) };
        return HttpError::new(HttpErrorKind::Timeout, sent, message);
    }
    let (kind, message) = match cause(error) {
        Some(Cause::Tls(error)) => (HttpErrorKind::Tls, tls(error, peer)),
        // There is no question for it in the client's part of hyper.
        Some(Cause::Http(error)) if error.is_parse() && error.to_string().contains("too large") => {
            (HttpErrorKind::TooLarge, format!("the headers of {server}'s answer are too many or too large"))
        }
        Some(Cause::Http(error)) if error.is_parse() => {
            (HttpErrorKind::NotHttp, format!("the answer of {server} is not HTTP"))
        }
        Some(Cause::Io(error)) if connecting => (HttpErrorKind::Connection, unconnected(error, endpoint)),
        // How a broken chunk shows; all other failures of reading and writing come from the system.
        Some(Cause::Io(error)) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            (HttpErrorKind::NotHttp, format!("the answer of {server} is not HTTP"))
        }
        Some(Cause::Tunnel(text)) => (HttpErrorKind::Connection, tunnel(&text, peer)),
        _ if connecting => (HttpErrorKind::Connection, format!("no connection to {endpoint}")),
        _ => (HttpErrorKind::Connection, format!("{server} closed the connection before its answer was complete")),
    };
    HttpError::new(kind, sent, message)
}

/// The message of a passed deadline.
pub(crate) fn no_answer(peer: &Peer) -> String {
    format!("no answer from {} in time", peer.server)
}

/// A client that cannot be made.
pub(crate) fn client(error: &reqwest::Error) -> HttpError {
    use rustls::{Error, InconsistentKeys};
    let message = match cause(error) {
        Some(Cause::Tls(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))) => {
            "the client key does not belong to the client certificate"
        }
        Some(Cause::Tls(Error::InvalidCertificate(_))) => "the client certificate cannot be read",
        Some(Cause::Tls(Error::General(text))) if text.contains("No CA certificates") => {
            "this system has no certificate authorities: install them or name a file of them"
        }
        Some(Cause::Tls(Error::General(text))) if text.contains("private key") => "the client key cannot be used",
        _ => "the TLS settings cannot be used",
    };
    HttpError::config(message)
}

/// Whether the way to the proxy itself failed.
fn at_proxy(error: &(dyn Error + 'static)) -> bool {
    core::iter::successors(Some(error), |&error| error.source())
        .take(32)
        .any(|error| error.to_string() == "tunnel error: failed to create underlying connection")
}

/// The first error down the chain whose meaning is known.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<Cause<'a>> {
    let mut next = Some(error);
    let mut found = None;
    // Chains are short; the bound keeps a strange one from holding us.
    for _ in 0..32 {
        let Some(error) = next else { break };
        next = error.source();
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Cause::Tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // `source` would step over what is inside.
            match error.get_ref() {
                Some(inner) => next = Some(inner),
                None => return Some(Cause::Io(error)),
            }
            found = Some(Cause::Io(error));
        } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
            found = Some(Cause::Http(error));
        } else {
            // The type cannot be named.
            let text = error.to_string();
            if text.starts_with("tunnel error: ") {
                found = Some(Cause::Tunnel(text));
            }
        }
    }
    found
}

fn unconnected(error: &io::Error, endpoint: &str) -> String {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => format!("{endpoint} refused the connection"),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => format!("there is no way to {endpoint}"),
        ErrorKind::NotFound => format!("{endpoint} is not there"),
        ErrorKind::PermissionDenied => format!("the system does not permit to connect to {endpoint}"),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => format!("{endpoint} closed the connection before it stood"),
        kind => format!("no connection to {endpoint}: {kind}"),
    }
}

fn tunnel(text: &str, peer: &Peer) -> String {
    let Peer { endpoint, server, .. } = peer;
    if text.ends_with("proxy authorization required") {
        format!("{endpoint} wants a user name and a password, or others than those given")
    } else if text.ends_with("unsuccessful") {
        format!("{endpoint} did not open a way to {server}")
    } else {
        format!("{endpoint} broke off before the way to {server} stood")
    }
}

fn tls(error: &rustls::Error, peer: &Peer) -> String {
    use rustls::Error;
    let Peer { server, name, .. } = peer;
    match error {
        Error::InvalidCertificate(error) => certificate(error, peer),
        Error::AlertReceived(alert) => match *alert {
            AlertDescription::CertificateRequired => format!("{server} wants a client certificate"),
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate => format!("{server} refuses the client certificate"),
            AlertDescription::ProtocolVersion => format!("{server} speaks neither TLS 1.2 nor 1.3"),
            AlertDescription::UnrecognisedName => format!("{server} does not know the name {name}"),
            alert => format!("{server} refuses TLS with alert {}", u8::from(alert)),
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("{server} does not speak TLS: is its address http://?")
        }
        Error::PeerIncompatible(_) => format!("{server} speaks neither TLS 1.2 nor 1.3 with methods that are safe"),
        Error::NoApplicationProtocol => format!("{server} does not offer HTTP/1.1"),
        _ => format!("{server} does not keep to the rules of TLS"),
    }
}

fn certificate(error: &CertificateError, Peer { server, name, .. }: &Peer) -> String {
    match error {
        CertificateError::UnknownIssuer => format!("the certificate of {server} is not from a trusted authority"),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of {server} is not for the name {name}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {server} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {server} is not valid yet: is the clock right?")
        }
        CertificateError::Revoked => format!("the certificate of {server} is revoked"),
        CertificateError::BadSignature => format!("the certificate of {server} has a wrong signature"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("the certificate of {server} is not for servers")
        }
        // What `openssl req -x509` makes unless told otherwise.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            format!("the certificate of {server} is that of an authority, not of a server")
        }
        _ => format!("the certificate of {server} cannot be used"),
    }
}
