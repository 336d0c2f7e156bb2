//! Proxies. The caller decides whether one is used; environment variables are not looked at here.

use core::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{HttpError, address};

/// Which proxy requests go through.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// None, whatever the environment says.
    #[default]
    None,
    /// This one.
    Url(ProxyUrl),
}

impl Proxy {
    /// The proxy at this URL, see [`ProxyUrl::parse`].
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config).
    pub fn url(text: &str) -> Result<Self, HttpError> {
        ProxyUrl::parse(text).map(Self::Url)
    }
}

/// The URL of a proxy. `Debug` and `Display` show scheme, host and port only: the rest may be secret.
#[derive(Clone)]
pub struct ProxyUrl {
    whole: SecretString,
    shown: Url,
}

impl ProxyUrl {
    /// Reads `http://[USER:PASSWORD@]HOST[:PORT]` or `https://…`; without a scheme it is `http`, as in `HTTPS_PROXY`
    /// variables. User name and password are percent-encoded, and sent as Basic authentication. An `https` proxy must
    /// have a certificate that the roots of [`TlsConfig`](crate::TlsConfig) vouch for.
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config), without a byte of the text.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let wrong = |why: &str| HttpError::config(format!("the address of the proxy {why}"));
        if text.len() > 2048 || text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(wrong("must be short ASCII without spaces, control characters and backslashes"));
        }
        let mut shown = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) }
            .map_err(|_| wrong("is not a URL"))?;
        if !matches!(shown.scheme(), "http" | "https") {
            return Err(wrong("must begin with http:// or https://"));
        }
        if shown.path() != "/" || shown.query().is_some() || shown.fragment().is_some() {
            return Err(wrong("must not hold a path, query or fragment"));
        }
        // A proxy that the layers below cannot read they would leave out, and connect directly.
        if shown.as_str().parse::<hyper::Uri>().is_err() {
            return Err(wrong("has characters that must be percent-encoded"));
        }
        let whole = SecretString::from(shown.as_str());
        if shown.set_username("").is_err() || shown.set_password(None).is_err() {
            return Err(wrong("has no host"));
        }
        Ok(Self { whole, shown })
    }

    /// Whether it runs on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        address::is_loopback(&self.shown)
    }

    /// Host and port.
    pub(crate) fn endpoint(&self) -> String {
        address::endpoint(&self.shown)
    }

    pub(crate) fn build(&self) -> Result<reqwest::Proxy, HttpError> {
        // The error would show the URL.
        reqwest::Proxy::all(self.whole.expose_secret()).map_err(|_| HttpError::config("the proxy cannot be used"))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let proxy = Proxy::url("http://planted-user:planted-pass@proxy.example:3128").unwrap();
        assert_eq!(format!("{proxy:?}"), "Url(http://proxy.example:3128)");
        assert_eq!(ProxyUrl::parse("u:p@[::1]:3128").unwrap().to_string(), "http://[::1]:3128");
        for bad in [
            "socks5://planted:planted@h",
            "http://planted@h/path",
            "http://planted@h?q",
            "http://planted@h#f",
            "http://planted@",
            "http://planted@h:99999",
            "ftp://h",
            "http://planted h",
            "http://h\n",
            "",
            "http://h\\x",
            "http://planted@h{}",
            "http://planted@h`",
            "http://planted@h\"",
        ] {
            let error = ProxyUrl::parse(bad).unwrap_err();
            assert_eq!(error.kind(), &crate::HttpErrorKind::Config, "{bad}");
            assert!(!format!("{error} {error:?}").contains("planted"), "{bad}");
        }
    }
}
