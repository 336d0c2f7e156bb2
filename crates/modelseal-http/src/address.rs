//! Addresses of servers.

use core::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::{HttpError, HttpErrorKind, Sent};

/// Where a server is: an `http` or `https` URL, perhaps with a path prefix, or a Unix socket.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Url(Url),
    Socket(PathBuf),
}

impl Address {
    /// Reads `https://HOST[:PORT][/PREFIX]`, `http://…` or `unix:///PATH`.
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`] for anything else, also for user names, queries and fragments. The text itself is never
    /// in the message.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let wrong = |why: &str| HttpError::new(HttpErrorKind::Config, Sent::No, format!("the address {why}"));
        if text.len() > MAX_LEN {
            return Err(wrong("is too long"));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            let path = Path::new(path);
            return if path.is_absolute() {
                Ok(Self(Kind::Socket(path.to_owned())))
            } else {
                Err(wrong("of a socket is unix:// and an absolute path"))
            };
        }
        // The parser would drop or turn them silently, and the address would not be the one that was written.
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(wrong("must be ASCII without spaces, control characters and backslashes"));
        }
        let url = Url::parse(text).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with https://, http:// or unix://"));
        }
        // The parser takes `https:host` and `https:///host`, too, and what stands there for a host.
        let rest = text.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//"));
        let Some(rest) = rest.filter(|rest| !rest.starts_with('/')) else {
            return Err(wrong("must have a host after https:// or http://"));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must not hold a query or fragment"));
        }
        if rest.find('/').is_some_and(|at| rest.get(at..) != Some(url.path())) {
            return Err(wrong("has a path with `.`, `..` or characters that need encoding"));
        }
        Ok(Self(Kind::Url(url)))
    }

    /// Whether requests stay on this machine: a loopback address, `localhost`, or a socket.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.0 {
            Kind::Socket(_) => true,
            Kind::Url(url) => is_loopback(url),
        }
    }

    /// Whether the connection has TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(&self.0, Kind::Url(url) if url.scheme() == "https")
    }

    /// The path of the socket, when it is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Socket(path) => Some(path),
            Kind::Url(_) => None,
        }
    }

    /// Host and port, or the path of the socket: what a failed connection is called by.
    pub(crate) fn endpoint(&self) -> String {
        match &self.0 {
            Kind::Socket(path) => format!("the socket {}", path.display()),
            Kind::Url(url) => endpoint(url),
        }
    }

    /// The host of the URL.
    pub(crate) fn host(&self) -> Option<Host<String>> {
        match &self.0 {
            Kind::Socket(_) => None,
            Kind::Url(url) => url.host().map(|host| host.to_owned()),
        }
    }

    /// The value of `Host`, when the host is not that of the URL.
    pub(crate) fn authority(&self) -> Option<String> {
        let Kind::Url(url) = &self.0 else { return None };
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// The URL of `path` (canonical, without leading `/`) below the prefix.
    pub(crate) fn url(&self, path: &str) -> Url {
        match &self.0 {
            Kind::Socket(_) => joined(&fallback(), path),
            Kind::Url(url) => joined(url, path),
        }
    }

    /// Its own URL.
    pub(crate) fn whole(&self) -> Url {
        match &self.0 {
            Kind::Socket(_) => fallback(),
            Kind::Url(url) => url.clone(),
        }
    }

    /// Scheme, host and port (unless it is the usual one), as in `https://vault.example.com`; `None` for a socket.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        match &self.0 {
            Kind::Socket(_) => None,
            Kind::Url(url) => Some(url.origin().ascii_serialization()),
        }
    }
}

/// Longest address.
const MAX_LEN: usize = 2048;

/// Whether the host is this machine. `localhost` is: the name is never asked for, see `resolve`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Host and port.
pub(crate) fn endpoint(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The name in requests over a socket, as Vault's own client writes it.
fn fallback() -> Url {
    #[expect(clippy::unwrap_used, reason = "a literal")]
    Url::parse("http://localhost").unwrap()
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let prefix = base.path().trim_end_matches('/');
    url.set_path(&format!("{prefix}/{path}"));
    url
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Socket(path) => write!(f, "unix://{}", path.display()),
            Kind::Url(url) => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}
