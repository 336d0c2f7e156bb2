//! What can go wrong on the way.

use core::fmt;

/// Whether the other side may have acted on the request.
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Surely not: no connection was made.
    No,
    /// It may have: the request, or a part of it, left this machine.
    Maybe,
}

/// What kind of failure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The configuration cannot be used: certificates, proxy, address.
    Config,
    /// No connection, or it broke before the answer was complete.
    Connection,
    /// The host has no address.
    Dns,
    /// TLS failed: unknown authority, other host, expired, no TLS at all.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The answer is larger than its cap.
    TooLarge,
    /// What came back is not HTTP.
    NotHttp,
    /// Plain HTTP, which others on the way can read, to another machine.
    PlainHttp,
    /// The caller asked to stop.
    Stopped,
}

/// A failed exchange. Holds no secret: neither bodies nor headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    kind: HttpErrorKind,
    sent: Sent,
    message: String,
}

impl HttpError {
    /// An error. `message` is lower case and names the thing.
    pub(crate) fn new(kind: HttpErrorKind, sent: Sent, message: impl Into<String>) -> Self {
        Self { kind, sent, message: message.into() }
    }

    /// The configuration cannot be used.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(HttpErrorKind::Config, Sent::No, message)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &HttpErrorKind {
        &self.kind
    }

    /// Whether the other side may have acted.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for HttpError {}
