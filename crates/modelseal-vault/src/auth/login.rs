//! How a session came by its token.

use core::fmt;

use modelseal_http::SecretString;

use crate::AuthMethod;

/// How a session came by its token. The identity token that was exchanged for it, if one was, is wiped when this is
/// dropped, and is not in its `Debug`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Login {
    /// The method.
    pub method: AuthMethod,
    /// Mount of the method; `None` when nobody logged in: the token was given.
    pub mount: Option<String>,
    /// The role, as the caller spelt it.
    pub role: Option<String>,
    /// Id of the request by which the server's audit log has the login.
    pub request_id: Option<String>,
    /// The identity token that was exchanged.
    pub identity: Option<ExchangedIdentity>,
}

/// The very token that was exchanged for the session's. The server believed it; here nothing of it was verified.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExchangedIdentity {
    /// The token.
    pub token: SecretString,
    /// Who gave it, by the name of its provider; `None` for one from a file, a variable or a program.
    pub source: Option<String>,
    /// The audience that it was asked to have.
    pub audience: Option<String>,
    /// Its issuer, by its own words.
    pub claimed_issuer: Option<String>,
    /// Its audiences, by its own words.
    pub claimed_audiences: Vec<String>,
}

impl Login {
    /// A login of which nothing but the method is known.
    #[must_use]
    pub const fn new(method: AuthMethod) -> Self {
        Self { method, mount: None, role: None, request_id: None, identity: None }
    }
}

impl ExchangedIdentity {
    /// A token that was exchanged.
    #[must_use]
    pub const fn new(token: SecretString) -> Self {
        Self { token, source: None, audience: None, claimed_issuer: None, claimed_audiences: Vec::new() }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("method", &self.method)
            .field("mount", &self.mount)
            .field("role", &self.role)
            .field("request_id", &self.request_id)
            .field("identity", &self.identity)
            .finish()
    }
}

impl fmt::Debug for ExchangedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedIdentity")
            .field("source", &self.source)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_no_debug() {
        let mut login = Login::new(AuthMethod::Jwt);
        let mut identity = ExchangedIdentity::new(SecretString::from("planted"));
        identity.claimed_issuer = Some("https://ci.example".to_owned());
        login.identity = Some(identity);
        let shown = format!("{login:?} {login:#?}");
        assert!(shown.contains("Jwt") && !shown.contains("planted"), "{shown}");
    }
}
