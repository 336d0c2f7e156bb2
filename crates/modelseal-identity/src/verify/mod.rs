//! Verifying a token with the keys of its issuer.
//!
//! The order is part of the promise: form and algorithm, then the issuer, so that a stranger's token costs no request;
//! then the key and the signature; and only of a token whose signature fits is anything else believed, or said.

mod algorithm;
mod cache;
mod claims;
mod download;
mod file;
mod found;
mod issuer;
mod key_set;
mod replay;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use modelseal_core::{Code, Digest, Error, Result, VerifiedClaims};
use modelseal_http::{Env, ExposeSecret as _, Hooks, SecretString};
use serde_json::{Map, Value};

use crate::compact::Compact;
use algorithm::Algorithm;
use cache::Keys;
pub use cache::KeysStatus;
pub use file::read_jwks;
pub use issuer::{Issuer, KeySource, provider_of_issuer};
pub use replay::{ReplayMemory, ReplayStore};

/// Verifies tokens of one issuer. Keeps the issuer's keys; can be shared between threads.
///
/// A token that was used may be used again unless [`with_replay`](Self::with_replay) says otherwise.
pub struct TokenVerifier {
    issuer: Issuer,
    keys: Keys,
    replay: Option<Arc<dyn ReplayStore>>,
}

impl TokenVerifier {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// `identity/issuer`, `identity/audience`, `identity/keys-malformed`, `usage/environment`.
    pub fn new(issuer: Issuer, hooks: &Hooks, env: &dyn Env) -> Result<Self> {
        issuer.check()?;
        let keys = Keys::new(&issuer, hooks, env)?;
        Ok(Self { issuer, keys, replay: None })
    }

    /// The same, accepting each token once. Several verifiers may share the memory.
    #[must_use]
    pub fn with_replay(mut self, replay: Arc<dyn ReplayStore>) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Verifies a token by the clock of this machine, fetching the issuer's keys where they are not known.
    ///
    /// # Errors
    /// `identity/*`; none quotes the token. `usage/interrupted`.
    pub fn verify(&self, token: &SecretString) -> Result<VerifiedClaims> {
        self.verify_at(token, Timestamp::now())
    }

    /// The same by the caller's clock, which also says how old the keys are.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_at(&self, token: &SecretString, now: Timestamp) -> Result<VerifiedClaims> {
        let text = token.expose_secret();
        let Compact { header, claims, signed, signature } = Compact::read(text).map_err(malformed)?;
        let (algorithm, kid) = self.header(&header)?;
        claims::check_issuer(&claims, &self.issuer)?;
        match self.keys.find(kid, now)?.verify(algorithm, signed.as_bytes(), &signature) {
            Some(true) => {}
            Some(false) => {
                let message = format!("the signature of the identity token is not one of the key `{}`", cut(kid));
                return Err(Error::new(Code::IdentitySignature, message));
            }
            None => {
                let message =
                    format!("the identity token is signed with {algorithm}, which the key `{}` is not for", cut(kid));
                return Err(Error::new(Code::IdentityAlgorithm, message));
            }
        }
        let checked = claims::check(&claims, &self.issuer, self.replay.is_some(), now)?;
        if let (Some(replay), Some(jti)) = (&self.replay, &checked.jti) {
            let until = checked.expires_at.saturating_add(SignedDuration::from_secs(claims::LEEWAY + REMEMBERED));
            replay.remember(&self.issuer.url, jti, until.unwrap_or(Timestamp::MAX), now)?;
        }
        Ok(VerifiedClaims::assert_verified(
            self.issuer.platform(),
            &self.issuer.url,
            &self.issuer.audience,
            checked.jti,
            checked.issued_at,
            checked.expires_at,
            Digest::sha256(text.as_bytes()),
            claims,
        ))
    }

    /// Fetches the issuer's keys before the first token comes.
    ///
    /// # Errors
    /// `identity/keys-unavailable`, `identity/keys-malformed`, `usage/interrupted`, `usage/environment`.
    pub fn warm_up(&self) -> Result<()> {
        self.keys.warm_up(Timestamp::now())
    }

    /// How long no further request for keys will be sent: what a service says in `Retry-After` when it has no keys.
    #[must_use]
    pub fn cooldown(&self) -> Duration {
        self.cooldown_at(Timestamp::now())
    }

    /// The same by the caller's clock.
    #[must_use]
    pub fn cooldown_at(&self, now: Timestamp) -> Duration {
        self.keys.cooldown(now)
    }

    /// What is known of the issuer's keys.
    #[must_use]
    pub fn keys_status(&self) -> KeysStatus {
        self.keys.status()
    }

    /// Whose tokens it accepts.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Algorithm and name of the key. Nothing else in the header is looked at: keys and addresses of keys in it are
    /// the sender's own.
    fn header<'a>(&self, header: &'a Map<String, Value>) -> Result<(Algorithm, &'a str)> {
        let text = |name: &str| header.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name = text("alg").ok_or_else(|| malformed("does not name the algorithm of its signature"))?;
        let allowed = self.issuer.algorithms();
        let Some(algorithm) = Algorithm::named(name).filter(|algorithm| allowed.contains(algorithm)) else {
            let names: Vec<&str> = allowed.iter().map(|algorithm| algorithm.name()).collect();
            let message = format!("the identity token is signed with `{}`, not with {}", cut(name), names.join(" or "));
            return Err(Error::new(Code::IdentityAlgorithm, message));
        };
        if header.contains_key("crit") {
            return Err(malformed("demands extensions that are not supported (`crit`)"));
        }
        let kid = text("kid").filter(|kid| kid.len() <= key_set::MOST_KID);
        Ok((algorithm, kid.ok_or_else(|| malformed("does not name the key of its signature (`kid`)"))?))
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.issuer.url)
            .field("audience", &self.issuer.audience)
            .finish_non_exhaustive()
    }
}

/// How long a token is remembered after nobody could use it any more, in seconds.
const REMEMBERED: i64 = 5;

fn malformed(why: &str) -> Error {
    Error::new(Code::IdentityMalformed, format!("the identity token {why}"))
}

/// At most a hundred characters of untrusted text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
