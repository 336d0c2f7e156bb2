//! The life of a token.

use core::time::Duration;

use modelseal_http::SecretString;

/// What is known of a token, nothing secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenSummary {
    /// `service`, `batch`, or what else the server calls it.
    pub kind: String,
    /// How long it lives from now; `None`: without end.
    pub ttl: Option<Duration>,
    /// Its policies.
    pub policies: Vec<String>,
    /// How many requests it is good for; `None`: any number.
    pub uses: Option<u64>,
    /// Its accessor, which finds it in the audit log; absent for batch tokens.
    pub accessor: Option<String>,
    /// Whether it was obtained here, and is therefore revoked here.
    pub obtained: bool,
}

/// A token in use. Dropping it revokes nothing: the session does.
pub(crate) struct Token {
    /// `None`: an agent adds its own.
    pub(crate) secret: Option<SecretString>,
    pub(crate) summary: TokenSummary,
}
