//! Questions that change nothing: for whoever looks for the cause of a failure.

use modelseal_core::{Result, VaultKeyRef, VaultPath};
use modelseal_http::{Env, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::auth::{IdentityLogin, Watch};
use crate::connection::{Call, Connection, Contact};
use crate::environment::Resolved;
use crate::refusal::Refusal;
use crate::{Session, Settings, Vault};

/// Most characters of a text of the server's.
const MOST_CHARACTERS: usize = 300;
/// Most entries of a list or table of the server's.
const MOST_ENTRIES: usize = 64;

/// A server that is asked without anything to log in with.
#[derive(Debug)]
pub struct Reach {
    connection: Connection,
}

impl Reach {
    /// Settings, then the environment, then defaults, for the server alone; sends nothing.
    ///
    /// # Errors
    /// `usage/environment`, `usage/arguments`, `vault/address`, `vault/plain-http`, `input/*`.
    pub fn configure(settings: &Settings, env: &dyn Env) -> Result<Self> {
        let watch = Watch::new(settings.hooks.clone());
        let settings = Settings { hooks: watch.hooks(), ..settings.clone() };
        Ok(Self { connection: Connection::new(Resolved::new(&settings, env)?)? })
    }

    /// The address, without anything secret.
    #[must_use]
    pub fn address(&self) -> String {
        self.connection.resolved.client.address.to_string()
    }

    /// Whether the address is `https`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.connection.resolved.client.address.is_tls()
    }

    /// The proxy, without user name and password.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        match &self.connection.resolved.client.proxy {
            modelseal_http::Proxy::Url(url) => Some(url.to_string()),
            _ => None,
        }
    }

    /// What was decided and which source won, one line each.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.connection.resolved.notices
    }

    /// Sends one request without a token.
    #[must_use]
    pub fn contact(&self) -> Contact {
        self.connection.contact()
    }
}

/// What a role says, as far as it is judged. Texts are without secrets and bounded, not escaped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleFacts {
    /// `jwt` or `oidc`.
    pub role_type: Option<String>,
    /// Any one of these must be in `aud`.
    pub bound_audiences: Option<Vec<String>>,
    /// Claims and the values that they may have.
    pub bound_claims: Option<Map<String, Value>>,
    /// `string` or `glob`.
    pub bound_claims_type: Option<String>,
    /// What `sub` must be.
    pub bound_subject: Option<String>,
    /// The claim that names the user.
    pub user_claim: Option<String>,
    /// Life of a token, in seconds; 0: the server's default.
    pub token_ttl: Option<u64>,
    /// Longest life with renewals, in seconds; 0: the server's default.
    pub token_max_ttl: Option<u64>,
    /// The same, which nothing lengthens.
    pub token_explicit_max_ttl: Option<u64>,
    /// Policies of its tokens.
    pub token_policies: Option<Vec<String>>,
    /// Whether `default` is left out.
    pub token_no_default_policy: Option<bool>,
    /// `service`, `batch`, `default`.
    pub token_type: Option<String>,
    /// How far clocks may differ, in seconds; 0: 60, negative: not at all.
    pub clock_skew_leeway: Option<i64>,
    /// The audience of a kubernetes role.
    pub audience: Option<String>,
    /// Names of service accounts of a kubernetes role.
    pub bound_service_account_names: Option<Vec<String>>,
    /// Their namespaces.
    pub bound_service_account_namespaces: Option<Vec<String>>,
}

/// What weakens a key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyFlags {
    /// Whether the private key can be read.
    pub exportable: bool,
    /// Whether a backup, which holds the private key, can be made.
    pub allow_plaintext_backup: bool,
    /// Whether the key can be deleted.
    pub deletion_allowed: bool,
    /// Whether the private key was made elsewhere.
    pub imported_key: bool,
}

impl Vault {
    /// Where an identity token would log in; `None` for other methods.
    #[must_use]
    pub fn identity_login(&self) -> Option<IdentityLogin> {
        self.plan.identity()
    }

    /// Gets the identity token that would log in, and gives its claims, which nobody verified. `None` for other
    /// methods.
    ///
    /// # Errors
    /// `identity/*`, `usage/interrupted`; none quotes the token.
    pub fn identity_claims(&self) -> Result<Option<Map<String, Value>>> {
        self.plan.claims(&self.connection, &Watch::new(self.connection.resolved.client.hooks.clone()))
    }

    /// Reads a role of a login method with a token of the caller's, which is neither checked nor revoked.
    ///
    /// # Errors
    /// `vault/*`.
    pub fn read_role(&self, token: &SecretString, mount: &VaultPath, role: &str) -> Result<Option<RoleFacts>> {
        let Some(path) = role_path(mount, role) else { return Ok(None) };
        let namespace = self.connection.resolved.auth_namespace.as_ref();
        let answer = self.connection.ask(Call::get(&path).within(namespace).with_token(Some(token)));
        self.role_of(answer)
    }

    fn role_of(&self, answer: Result<Answer<Value>, Refusal>) -> Result<Option<RoleFacts>> {
        let data = self.without_secrets(answer?.data.unwrap_or_default(), 0);
        Ok(serde_json::from_value(data).ok())
    }

    /// The value with every text hidden as far as it is a secret, and bounded.
    fn without_secrets(&self, value: Value, depth: usize) -> Value {
        let shown =
            |text: &str| -> String { self.connection.discretion.hide(text).chars().take(MOST_CHARACTERS).collect() };
        match value {
            Value::String(text) => Value::String(shown(&text)),
            Value::Array(_) | Value::Object(_) if depth == 4 => Value::Null,
            Value::Array(all) => {
                all.into_iter().take(MOST_ENTRIES).map(|one| self.without_secrets(one, depth + 1)).collect()
            }
            Value::Object(all) => {
                // The fields of a role are many, the claims that it binds are few.
                let one = |(name, value): (String, Value)| (shown(&name), self.without_secrets(value, depth + 1));
                Value::Object(all.into_iter().take(4 * MOST_ENTRIES).map(one).collect())
            }
            other => other,
        }
    }
}

impl Session<'_> {
    /// Reads a role of a login method with the session's own token.
    ///
    /// # Errors
    /// `vault/*`; most tokens may not.
    pub fn read_role(&self, mount: &VaultPath, role: &str) -> Result<Option<RoleFacts>> {
        let Some(path) = role_path(mount, role) else { return Ok(None) };
        let namespace = self.vault.connection.resolved.auth_namespace.as_ref();
        self.vault.role_of(self.ask(Call::get(&path).within(namespace)))
    }

    /// What weakens a key.
    ///
    /// # Errors
    /// `vault/*`.
    pub fn key_flags(&self, reference: &VaultKeyRef) -> Result<KeyFlags> {
        let path = self.transit_path("keys", reference);
        let namespace = self.namespace(reference.namespace.as_ref());
        let answer: Answer<KeyFlags> = self.ask(Call::get(&path).within(namespace).with_max_answer(4 * 1024 * 1024))?;
        Ok(answer.data.unwrap_or_default())
    }
}

/// `None` for a name that a path cannot hold.
fn role_path(mount: &VaultPath, role: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (1..=256).contains(&role.len()) && role.bytes().all(plain) && !matches!(role, "." | "..");
    fits.then(|| format!("auth/{mount}/role/{role}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_does_not_lead_elsewhere() {
        let mount: VaultPath = "jwt".parse().unwrap();
        assert_eq!(role_path(&mount, "ci-1").as_deref(), Some("auth/jwt/role/ci-1"));
        for bad in ["", ".", "..", "a/b", "a?b", "a b", "é", &"a".repeat(257)] {
            assert_eq!(role_path(&mount, bad), None, "{bad}");
        }
    }
}
