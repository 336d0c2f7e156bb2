//! Verifying the token of a source.

use modelseal_core::{Code, Error, Result, VerifiedClaims};
use modelseal_http::{Env, ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Issuer, KeySource, TokenVerifier};
use crate::Found;
use crate::compact::Compact;

impl Found {
    /// Verifies a token of this source with the keys of its issuer: those of `jwks`, a key set that was fetched
    /// earlier, else those that the issuer publishes now. The issuer must be one that the source may have, and the
    /// audience the one that is asked for.
    ///
    /// Where the source does not know its issuer (a file, a variable, a program) the token names it: then
    /// [`VerifiedClaims::issuer`] is what a reader must look at.
    ///
    /// # Errors
    /// `usage/arguments` when it is not said for whom the token is; else as [`TokenVerifier::verify`].
    pub fn verify(&self, token: &SecretString, jwks: Option<&[u8]>, env: &dyn Env) -> Result<VerifiedClaims> {
        let Some(audience) = self.audience() else {
            return Err(Error::new(Code::UsageArguments, "for whom the identity token shall be is not said")
                .with_hint("give --audience: a token for somebody else proves nothing"));
        };
        let issuer = self.issuer_of(token)?;
        let mut issuer = Issuer::new(self.provider().as_str(), issuer, audience);
        if let Some(jwks) = jwks {
            issuer.keys = KeySource::Pinned(jwks.to_vec());
        }
        TokenVerifier::new(issuer, self.hooks(), env)?.verify(token)
    }

    /// The issuer that the token names, if the source may have it.
    fn issuer_of(&self, token: &SecretString) -> Result<String> {
        let malformed = |why| Error::new(Code::IdentityMalformed, format!("the identity token {why}"));
        let claims = Compact::read(token.expose_secret()).map_err(malformed)?.claims;
        match claims.get("iss") {
            Some(Value::String(issuer)) if self.issuers().accept(Some(issuer)) => Ok(issuer.clone()),
            Some(Value::String(issuer)) => {
                let message = format!(
                    "the identity token is issued by `{}`, not by {}",
                    super::cut(issuer),
                    self.issuers().shown()
                );
                Err(Error::new(Code::IdentityIssuer, message))
            }
            _ => Err(Error::new(Code::IdentityIssuer, "the identity token does not say who issued it")),
        }
    }
}
