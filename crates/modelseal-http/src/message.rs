//! Requests and answers.

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::{HttpError, Query};

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Reads.
    Get,
    /// Writes, or asks with a body.
    Post,
    /// Removes.
    Delete,
}

impl Method {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// The value of a header.
#[derive(Clone)]
#[non_exhaustive]
pub enum HeaderValue {
    /// Anyone may see it.
    Plain(String),
    /// Never printed, and marked as sensitive on the way.
    Secret(SecretString),
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => fmt::Debug::fmt(value, f),
            Self::Secret(_) => f.write_str("[secret]"),
        }
    }
}

/// One header of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header {
    /// Lower-case name. Those that frame the message (`host`, `content-length`, …) are refused with
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config).
    pub name: &'static str,
    /// Value: printable ASCII, else the request fails with
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config) before anything is sent.
    pub value: HeaderValue,
}

impl Header {
    /// A header that anyone may see.
    pub fn plain(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: HeaderValue::Plain(value.into()) }
    }

    /// A header that nobody may see.
    #[must_use]
    pub const fn secret(name: &'static str, value: SecretString) -> Self {
        Self { name, value: HeaderValue::Secret(value) }
    }
}

/// A request. Its `Debug` shows no secret.
#[non_exhaustive]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Canonical path below the address' prefix, without leading `/`: `v1/transit/keys/k`. Only ASCII letters,
    /// digits and `/ . _ - ~`, no empty, `.` or `..` part: else
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config).
    pub path: &'a str,
    /// What stands behind the path.
    pub query: Query,
    /// Headers besides those that HTTP needs.
    pub headers: Vec<Header>,
    /// A JSON body. Wiped after the exchange; what the HTTP and TLS layers copied of it is not.
    pub body: Option<SecretSlice<u8>>,
    /// Most bytes of the answer's body.
    pub max_answer: usize,
    /// When to give up: name lookup, connection, TLS, headers and body together.
    pub deadline: Instant,
    /// Whether [`Hooks::stop`](crate::Hooks::stop) may end it. A revocation must not be given up because the work was.
    pub stoppable: bool,
    /// To the address itself.
    pub(crate) bare: bool,
}

impl<'a> Request<'a> {
    /// A request without headers and body: 1 MiB of answer, 60 s, stoppable.
    #[must_use]
    pub fn new(method: Method, path: &'a str) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        Self {
            method,
            path,
            query: Query::default(),
            headers: Vec::new(),
            body: None,
            max_answer: 1024 * 1024,
            deadline,
            stoppable: true,
            bare: false,
        }
    }
}

impl Request<'static> {
    /// The same, to the address itself instead of a path below it.
    #[must_use]
    pub fn to_address(method: Method) -> Self {
        Self { bare: true, ..Self::new(method, "") }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// An answer, of any status. Its `Debug` shows no body.
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `Content-Type`, when it is printable ASCII.
    pub content_type: Option<String>,
    /// `Retry-After`, in seconds or until its date; at most an hour, zero when the date has passed.
    pub retry_after: Option<Duration>,
    /// `Location`, when it is printable ASCII. Never followed.
    pub location: Option<String>,
    /// `Date`: the other side's clock, to the second.
    pub date: Option<Timestamp>,
    /// The whole body. It may hold a token: wiped when dropped; what the HTTP and TLS layers copied of it is not.
    pub body: SecretSlice<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.expose_secret().len())
    }
}

/// Longest path.
const MAX_PATH: usize = 4096;

/// Whether a path may hold it.
pub(crate) fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~')
}

/// What [`Request::path`] promises.
pub(crate) fn check_path(path: &str) -> Result<(), HttpError> {
    let wrong = |why| Err(HttpError::config(format!("the path of the request {why}")));
    if path.len() > MAX_PATH {
        return wrong("is too long");
    }
    if !path.chars().all(is_path_char) {
        return wrong("may only hold ASCII letters, digits and / . _ - ~");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong("has an empty, . or .. part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_paths_only() {
        for good in ["v1/transit/keys/k", "v1", "v1/a.b/..c/c../~x_-9", "v1/.well-known"] {
            check_path(good).unwrap();
        }
        let long = "a".repeat(MAX_PATH + 1);
        for bad in [
            "",
            "/v1",
            "v1/",
            "v1//x",
            ".",
            "..",
            "v1/../sys",
            "v1/./x",
            "v1/x?a=b",
            "v1/x#y",
            "v1/%2e%2e/x",
            "v1/a b",
            "v1/ä",
            "v1/x\n",
            "v1/x\r\nhost: y",
            "v1\\x",
            "v1/x;y",
            "http://other/v1",
            "@other/v1",
            "v1/\0",
            &long,
        ] {
            let error = check_path(bad).unwrap_err();
            assert_eq!(error.kind(), &crate::HttpErrorKind::Config, "{bad:?}");
            assert_eq!(error.sent(), crate::Sent::No);
        }
    }
}
