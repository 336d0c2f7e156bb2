//! Logins with a signed identity: the jwt and the kubernetes method.

use modelseal_core::{Result, VaultKeyName, VaultPath};
use modelseal_http::ExposeSecret as _;
use serde::Serialize;

use super::claims;
use super::desk::Desk;
use super::source::{Kind, Source};
use super::{ExchangedIdentity, Granted};
use crate::connection::Repeat;
use crate::refusal::Refusal;

/// What a login needs.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) mount: VaultPath,
    pub(super) role: String,
    pub(super) token: Source,
    pub(super) audience: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    role: &'a str,
    jwt: &'a str,
}

impl Identity {
    /// Reads the token anew, looks at it, and exchanges it.
    ///
    /// # Errors
    /// `identity/*`, `vault/login-refused`, others of `vault/*`.
    pub(super) fn log_in(&self, desk: Desk<'_>) -> Result<Granted> {
        let token = desk.read(&self.token)?;
        let claimed = claims::check(&token, &self.token, self.audience.as_deref())?;
        let body = Body { role: &self.role, jwt: token.expose_secret() };
        // Servers keep no memory of the tokens they saw: the same one may log in again.
        let granted = desk.log_in(&self.mount, &body, Repeat::Safe).map_err(|failure| {
            let message = format!("the login at `{}` as role `{}` was refused", self.mount, self.role);
            failure.named(&message, |refusal| match self.token.kind() {
                Kind::ServiceAccountToken => self.hint_of_kubernetes(refusal),
                _ => self.hint_of_jwt(refusal),
            })
        })?;
        let mut identity = ExchangedIdentity::new(token);
        identity.source = self.token.provider().map(str::to_owned);
        identity.audience.clone_from(&self.audience);
        (identity.claimed_issuer, identity.claimed_audiences) = (claimed.issuer, claimed.audiences);
        Ok(Granted { identity: Some(identity), ..granted })
    }

    fn hint_of_jwt(&self, refusal: &Refusal) -> String {
        let Self { mount, role, .. } = self;
        if refusal.status == Some(403) {
            return format!(
                "either nothing is mounted at auth/{mount} in this namespace (--auth-path, --auth-namespace), \
                 or token_bound_cidrs of the role `{role}` exclude this machine"
            );
        }
        let words = refusal.words.join(" ").to_lowercase();
        if words.contains("audience") {
            "ask for the token with one of the role's bound_audiences, and give the same one with --audience".to_owned()
        } else if words.contains("(iss)") {
            format!("the token is of another issuer than bound_issuer of auth/{mount}/config")
        } else if words.contains("(exp)") || words.contains("(nbf)") || words.contains("(iat)") {
            "ask for the token right before signing, and compare the clocks of this machine, the issuer and the server"
                .to_owned()
        } else if words.contains("claim") {
            format!("compare bound_claims and user_claim of the role `{role}` with the claims of the token")
        } else if words.contains("signature") {
            format!(
                "the keys of auth/{mount}/config are not those that signed the token: check the issuer's address there"
            )
        } else if words.contains("role") {
            format!("check --role, and that an operator made it{}", self.command())
        } else {
            modelseal_core::Code::VaultLoginRefused.hint().to_owned()
        }
    }

    fn hint_of_kubernetes(&self, refusal: &Refusal) -> String {
        let mount = &self.mount;
        if refusal.status == Some(400) {
            return format!("check --role, and that an operator made it{}", self.command());
        }
        format!(
            "compare the role's bound_service_account_names, bound_service_account_namespaces and audience with the \
             token; the same answer comes when the server cannot reach the cluster's API, or when nothing is mounted \
             at auth/{mount}: see auth/{mount}/config and the role{}",
            self.command()
        )
    }

    /// The command that shows the role, unless its name has characters that mean something to a shell.
    fn command(&self) -> String {
        let Self { mount, role, .. } = self;
        match role.parse::<VaultKeyName>() {
            Ok(role) => format!(": `vault read auth/{mount}/role/{role}`"),
            Err(_) => String::new(),
        }
    }
}
