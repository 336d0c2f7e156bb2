//! Addresses of servers.

use core::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::{HttpError, HttpErrorKind, Sent};

/// Where a server is: an `http` or `https` URL, perhaps with a path prefix, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Url(Url),
    Socket(PathBuf),
}

impl Address {
    /// Reads `https://HOST[:PORT][/PREFIX]`, `http://…` or `unix:///PATH`.
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`] for anything else, also for user names, queries and fragments.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let wrong = |why: &str| HttpError::new(HttpErrorKind::Config, Sent::No, format!("the address {why}"));
        if let Some(path) = text.strip_prefix("unix://") {
            let path = Path::new(path);
            return if path.is_absolute() {
                Ok(Self(Kind::Socket(path.to_owned())))
            } else {
                Err(wrong("of a socket is unix:// and an absolute path"))
            };
        }
        let url = Url::parse(text).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with https://, http:// or unix://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must not hold a query or fragment"));
        }
        Ok(Self(Kind::Url(url)))
    }

    /// Whether requests stay on this machine: a loopback address, `localhost`, or a socket.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.0 {
            Kind::Socket(_) => true,
            Kind::Url(url) => match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
                None => false,
            },
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

    /// The URL of `path` (canonical, without leading `/`) below the prefix.
    pub(crate) fn url(&self, path: &str) -> Url {
        match &self.0 {
            Kind::Socket(_) => joined(&fallback(), path),
            Kind::Url(url) => joined(url, path),
        }
    }
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Socket(path) => write!(f, "unix://{}", path.display()),
            Kind::Url(url) => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}
