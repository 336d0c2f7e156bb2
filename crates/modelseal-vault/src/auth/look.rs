//! What would log in, looked at without logging in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use modelseal_core::{Result, VaultPath, parse_json};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::desk::Desk;
use super::source::Kind;
use super::{Plan, Watch, Way};
use crate::connection::Connection;

/// Longest token, in bytes.
const MOST: usize = 16 * 1024;

/// A login with a signed identity.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IdentityLogin {
    /// Mount of the method.
    pub mount: VaultPath,
    /// The role.
    pub role: String,
    /// The audience that the token must have, when that is said.
    pub audience: Option<String>,
}

impl Plan {
    /// Where an identity logs in; `None` for other methods.
    pub(crate) fn identity(&self) -> Option<IdentityLogin> {
        let Way::Identity(identity) = &self.way else { return None };
        let (mount, role) = (identity.mount.clone(), identity.role.clone());
        Some(IdentityLogin { mount, role, audience: identity.audience.clone() })
    }

    /// Gets the identity token and gives its claims, which nobody verified; `None` for other methods.
    ///
    /// # Errors
    /// `identity/*`, `usage/interrupted`; none quotes the token.
    pub(crate) fn claims(&self, connection: &Connection, watch: &Watch) -> Result<Option<Map<String, Value>>> {
        let Way::Identity(identity) = &self.way else { return Ok(None) };
        let token = Desk { connection, watch }.read(&identity.token)?;
        let malformed = || {
            let kind: Kind = identity.token.kind();
            kind.unusable(format!("{} is not a JSON web token", identity.token.name()))
        };
        payload(&token).ok_or_else(malformed).map(Some)
    }
}

fn payload(token: &SecretString) -> Option<Map<String, Value>> {
    let text = token.expose_secret();
    let mut parts = text.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else { return None };
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok().filter(|_| text.len() <= MOST).map(Zeroizing::new)?;
    parse_json(&bytes, "").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_between_two_dots_is_shown() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let claims = payload(&token(r#"{"aud":"a"}"#).into()).unwrap();
        assert_eq!(claims["aud"], "a");
        for bad in [
            token("[]"),
            token(r#"{"a":1,"a":2}"#),
            token("{}") + ".x",
            "planted".to_owned(),
            token(&format!("{{\"a\":\"{}\"}}", "a".repeat(MOST))),
        ] {
            assert!(payload(&bad.into()).is_none());
        }
    }
}
