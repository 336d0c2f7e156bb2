//! A token, and what can be seen of it without the keys of its issuer.

use core::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::compact::Compact;
use crate::issuer::Issuers;

/// A token must live this much longer, in seconds, to be worth sending.
const MARGIN: i64 = 10;

/// An identity token. It is wiped when dropped and cannot be printed; its `Debug` shows issuer, audience and expiry.
///
/// Nothing in it is verified: its claims are what its source says.
pub struct IdentityToken {
    secret: SecretString,
    claims: Map<String, Value>,
    issuer: Option<String>,
    audiences: Vec<String>,
    expires: Timestamp,
}

/// What a token must be.
pub(crate) struct Expected<'a> {
    /// What it is called in messages.
    pub(crate) name: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) issuers: &'a Issuers,
    /// Added to the refusal of an audience.
    pub(crate) audience_hint: Option<String>,
}

impl IdentityToken {
    /// Reads a token: form, issuer, audience, expiry.
    ///
    /// # Errors
    /// `identity/malformed`, `identity/audience`, `identity/expired`; none quotes the token.
    pub(crate) fn read(secret: SecretString, expected: &Expected<'_>) -> Result<Self> {
        let name = expected.name;
        let malformed = |why: &str| Error::new(Code::IdentityMalformed, format!("{name} {why}"));
        let claims = Compact::read(secret.expose_secret()).map_err(malformed)?.claims;
        let issuer = match claims.get("iss") {
            None => None,
            Some(Value::String(issuer)) => Some(issuer.clone()),
            Some(_) => return Err(malformed("has a claim `iss` of the wrong type")),
        };
        if !expected.issuers.accept(issuer.as_deref()) {
            let found = issuer.map_or_else(|| "nobody".to_owned(), |issuer| format!("`{issuer}`"));
            let message = format!("{name} is issued by {found}, not by {}", expected.issuers.shown());
            return Err(Error::new(Code::IdentityMalformed, message)
                .with_hint("if that issuer is the right one, name it with --identity-issuer"));
        }
        let audiences = audiences(&claims).ok_or_else(|| malformed("has a claim `aud` of the wrong type"))?;
        if let Some(audience) = expected.audience.filter(|audience| !audiences.iter().any(|found| found == audience)) {
            let found =
                if audiences.is_empty() { "nobody".to_owned() } else { format!("`{}`", audiences.join("`, `")) };
            let error = Error::new(Code::IdentityAudience, format!("{name} is for {found}, not for `{audience}`"));
            return Err(match &expected.audience_hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            });
        }
        let expires = expiry(&claims).map_err(malformed)?;
        let left = expires.as_second().saturating_sub(now());
        if left <= MARGIN {
            let clock = Timestamp::from_second(now()).map(|time| time.to_string()).unwrap_or_default();
            let message = if left < 0 {
                format!("{name} expired {} s ago, by this machine's clock ({clock})", left.unsigned_abs())
            } else {
                format!("{name} expires within {MARGIN} s, by this machine's clock ({clock})")
            };
            return Err(Error::new(Code::IdentityExpired, message));
        }
        Ok(Self { secret, claims, issuer, audiences, expires })
    }

    /// The token itself, for whom it is meant.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The token itself, for whom it is meant.
    #[must_use]
    pub fn into_secret(self) -> SecretString {
        self.secret
    }

    /// All that it says. Free text, and nothing of it verified: escape before printing.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Who issued it, by its own words.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// For whom it is.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// When it ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A string or an array of strings.
fn audiences(claims: &Map<String, Value>) -> Option<Vec<String>> {
    match claims.get("aud") {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(all)) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}

fn expiry(claims: &Map<String, Value>) -> Result<Timestamp, &'static str> {
    let value = claims.get("exp").ok_or("has no claim `exp`: it would be good forever")?;
    let wrong = "has a claim `exp` that is no time";
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite()).ok_or(wrong)?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is refused then")]
    Timestamp::from_second(seconds as i64).map_err(|_| wrong)
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed())
}

#[cfg(test)]
mod tests;
