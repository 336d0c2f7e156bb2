//! Verifying a token with the keys of its issuer.

use core::time::Duration;

use modelseal_core::{Code, Error, Result, VerifiedClaims};
use modelseal_http::{Env, Hooks, SecretString};

/// Whose tokens are accepted, and how they are checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Issuer {
    /// The platform's word; `oidc` for issuers that are none of the known ones.
    pub provider: String,
    /// The issuer, compared byte for byte.
    pub url: String,
    /// The one audience.
    pub audience: String,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Longest life of a token; `None`: 10 minutes for GitHub, else an hour.
    pub max_life: Option<Duration>,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The issuer's discovery document, at its address.
    Discovery,
    /// A key set at this address.
    Address(String),
    /// The text of a key set that was fetched earlier.
    Pinned(Vec<u8>),
}

impl Issuer {
    /// An issuer whose keys are discovered at its address.
    #[must_use]
    pub fn new(provider: impl Into<String>, url: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            url: url.into(),
            audience: audience.into(),
            keys: KeySource::Discovery,
            max_life: None,
        }
    }
}

/// Verifies tokens of one issuer. Keeps the issuer's keys; can be shared between threads.
#[derive(Debug)]
pub struct TokenVerifier {}

impl TokenVerifier {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// `identity/issuer`, `identity/keys-malformed`, `usage/environment`.
    pub fn new(_issuer: Issuer, _hooks: &Hooks, _env: &dyn Env) -> Result<Self> {
        Err(Error::new(Code::PolicyNotSupported, "tokens are not verified yet"))
    }

    /// Verifies a token, fetching the issuer's keys where they are not known.
    ///
    /// # Errors
    /// `identity/*`; none quotes the token.
    pub fn verify(&self, _token: &SecretString) -> Result<VerifiedClaims> {
        Err(Error::new(Code::PolicyNotSupported, "tokens are not verified yet"))
    }
}
