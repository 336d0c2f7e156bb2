//! What operators do: mounts, keys, policies, roles.
//!
//! The requests are those of `vaultrs`; what it cannot express is written here. All of them travel over our own
//! connection, and never through the client of `vaultrs`: that one follows no limits, panics on a line end in a token,
//! mangles addresses with a prefix, and prints tokens in its `Debug`. Names are types that cannot lead elsewhere.

use core::time::Duration;
use std::collections::BTreeMap;

use modelseal_core::{Code, Error, KeyKind, Result, VaultKeyName, VaultPath};
use modelseal_http::{SecretSlice, SecretString};
use rustify::endpoint::Endpoint;
use serde::{Deserialize, Serialize};
use vaultrs::api::auth::approle::requests::SetAppRoleRequest;
use vaultrs::api::auth::oidc::requests::SetConfigurationRequest;
use vaultrs::api::sys::requests::{CreatePolicyRequest, EnableAuthRequest, EnableEngineRequest};
use vaultrs::api::transit::requests::RotateKeyRequest;

use crate::connection::{Call, Repeat};
use crate::refusal::Refusal;
use crate::transit::explain;
use crate::{AuthMethod, Vault};

/// Sets a server up, with a token that may do so. The token is the caller's: it is neither checked nor revoked.
pub struct Operator<'a> {
    vault: &'a Vault,
    token: SecretString,
}

impl core::fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Operator")
    }
}

/// What tokens of a role may do, and for how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoleTokens {
    /// Names of policies. The policy `default` is not added.
    pub policies: Vec<String>,
    /// How long a token lives, in whole seconds. It cannot be renewed beyond that: a role that says nothing would give
    /// tokens for 32 days.
    pub ttl: Duration,
}

impl RoleTokens {
    /// Tokens with these policies that live so long.
    ///
    /// # Errors
    /// `usage/arguments` without policies, with one that is no name, and for less than a second or more than a day.
    pub fn new(policies: Vec<String>, ttl: Duration) -> Result<Self> {
        if policies.is_empty() {
            return Err(unusable("a role needs a policy"));
        }
        policies.iter().try_for_each(|policy| name(policy).map(drop))?;
        if !(1..=24 * 60 * 60).contains(&ttl.as_secs()) {
            return Err(unusable("tokens of a role live from a second to a day"));
        }
        Ok(Self { policies, ttl })
    }

    fn ttl(&self) -> String {
        format!("{}s", self.ttl.as_secs())
    }
}

/// Which identity tokens a role of the jwt method takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwtRole {
    /// Any one of these must be in `aud`.
    pub audiences: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// Claims that must have one of these values exactly.
    pub bound_claims: BTreeMap<String, Vec<String>>,
    /// Claims that the audit log shows, and under which name.
    pub claim_mappings: BTreeMap<String, String>,
    /// The tokens that it gives.
    pub tokens: RoleTokens,
}

impl JwtRole {
    /// A role for exactly these claims.
    ///
    /// # Errors
    /// `usage/arguments` when an audience, the user claim or every bound claim is missing: anybody with a token of the
    /// same issuer could log in.
    pub fn new(
        audiences: Vec<String>,
        user_claim: impl Into<String>,
        bound_claims: BTreeMap<String, Vec<String>>,
        tokens: RoleTokens,
    ) -> Result<Self> {
        let user_claim = user_claim.into();
        let bound = !bound_claims.is_empty() && bound_claims.values().all(|values| !values.is_empty());
        if audiences.is_empty() || user_claim.is_empty() || !bound {
            return Err(unusable(
                "a role of the jwt method needs audiences, a user claim, and values for bound claims",
            ));
        }
        Ok(Self { audiences, user_claim, bound_claims, claim_mappings: BTreeMap::new(), tokens })
    }
}

/// `vaultrs` knows no lists in bound claims.
#[derive(Serialize)]
struct JwtRoleBody<'a> {
    role_type: &'static str,
    bound_audiences: &'a [String],
    user_claim: &'a str,
    bound_claims_type: &'static str,
    bound_claims: &'a BTreeMap<String, Vec<String>>,
    claim_mappings: &'a BTreeMap<String, String>,
    token_policies: &'a [String],
    token_no_default_policy: bool,
    token_ttl: String,
    token_max_ttl: String,
    token_type: &'static str,
}

impl<'a> Operator<'a> {
    /// Sends nothing.
    #[must_use]
    pub const fn new(vault: &'a Vault, token: SecretString) -> Self {
        Self { vault, token }
    }

    /// Mounts a transit engine.
    ///
    /// # Errors
    /// `vault/refused` when something is mounted there; `vault/*`.
    pub fn enable_transit(&self, mount: &VaultPath) -> Result<()> {
        let request = EnableEngineRequest {
            path: mount.to_string(),
            engine_type: Some("transit".to_owned()),
            ..EnableEngineRequest::default()
        };
        self.tell(&request, Repeat::IfNotSent)
    }

    /// Creates a key that cannot be exported. `kind` is one that servers make: any curve, Ed25519, RSA with 2048, 3072
    /// or 4096 bits, and on OpenBao ML-DSA, for which `vaultrs` has no word.
    ///
    /// # Errors
    /// `vault/key-type` when the key exists with another type, which servers do not tell by themselves; `vault/*`.
    pub fn create_key(&self, mount: &VaultPath, key: &VaultKeyName, kind: KeyKind) -> Result<()> {
        #[derive(Serialize)]
        struct Body {
            #[serde(rename = "type")]
            kind: String,
        }
        #[derive(Deserialize)]
        struct Created {
            #[serde(rename = "type")]
            kind: String,
        }
        let path = format!("{mount}/keys/{key}");
        let wanted = kind.to_string();
        let call = Call::post(&path, Repeat::Safe).with_body(&Body { kind: wanted.clone() })?;
        let answer =
            self.vault.connection.ask::<Created>(self.dress(call)).map_err(|error| explain(error, &path, "update"))?;
        match answer.data {
            Some(created) if created.kind == wanted => Ok(()),
            Some(created) => Err(Error::new(
                Code::VaultKeyType,
                format!("the key `{key}` exists already, of type `{}`", created.kind),
            )
            .with_hint("choose another name: the type of a key never changes")),
            None => Err(Error::new(Code::VaultAnswer, "the server's answer does not show the new key")),
        }
    }

    /// Adds a version to a key.
    ///
    /// # Errors
    /// `vault/*`.
    pub fn rotate_key(&self, mount: &VaultPath, key: &VaultKeyName) -> Result<()> {
        self.tell(&RotateKeyRequest { mount: mount.to_string(), name: key.to_string() }, Repeat::IfNotSent)
    }

    /// Writes a policy, also over another of that name.
    ///
    /// # Errors
    /// `usage/arguments` for a name that is none; `vault/*`.
    pub fn write_policy(&self, policy: &str, hcl: &str) -> Result<()> {
        self.tell(&CreatePolicyRequest { name: name(policy)?, policy: hcl.to_owned() }, Repeat::Safe)
    }

    /// Mounts a way to log in: jwt, kubernetes or approle.
    ///
    /// # Errors
    /// `usage/arguments` for other methods; `vault/refused` when something is mounted there; `vault/*`.
    pub fn enable_auth(&self, method: AuthMethod, mount: &VaultPath) -> Result<()> {
        if matches!(method, AuthMethod::Agent | AuthMethod::Token) {
            return Err(unusable(format!("there is nothing to mount for the method `{method}`")));
        }
        let request = EnableAuthRequest {
            path: mount.to_string(),
            engine_type: Some(method.as_str().to_owned()),
            ..EnableAuthRequest::default()
        };
        self.tell(&request, Repeat::IfNotSent)
    }

    /// Lets a jwt mount trust tokens of `issuer` that one of these public keys, in PEM, verifies.
    ///
    /// # Errors
    /// `usage/arguments` without keys or issuer; `vault/*`.
    pub fn configure_jwt(&self, mount: &VaultPath, public_keys: &[String], issuer: &str) -> Result<()> {
        if public_keys.is_empty() || issuer.is_empty() {
            return Err(unusable("a jwt mount needs the issuer and its public keys"));
        }
        let request = SetConfigurationRequest {
            mount: mount.to_string(),
            jwt_validation_pubkeys: Some(public_keys.to_vec()),
            bound_issuer: Some(issuer.to_owned()),
            ..SetConfigurationRequest::default()
        };
        self.tell(&request, Repeat::Safe)
    }

    /// Writes a role of the jwt method, also over another of that name.
    ///
    /// # Errors
    /// `usage/arguments` for a name that is none; `vault/*`.
    pub fn write_jwt_role(&self, mount: &VaultPath, role: &str, content: &JwtRole) -> Result<()> {
        let path = format!("auth/{mount}/role/{}", name(role)?);
        let tokens = &content.tokens;
        let body = JwtRoleBody {
            role_type: "jwt",
            bound_audiences: &content.audiences,
            user_claim: &content.user_claim,
            bound_claims_type: "string",
            bound_claims: &content.bound_claims,
            claim_mappings: &content.claim_mappings,
            token_policies: &tokens.policies,
            token_no_default_policy: true,
            token_ttl: tokens.ttl(),
            token_max_ttl: tokens.ttl(),
            token_type: "service",
        };
        self.call(Call::post(&path, Repeat::Safe).with_body(&body)?)
    }

    /// Writes a role of the approle method whose secret ids are good for one login, also over another of that name.
    ///
    /// # Errors
    /// `usage/arguments` for a name that is none; `vault/*`.
    pub fn write_approle_role(&self, mount: &VaultPath, role: &str, tokens: &RoleTokens) -> Result<()> {
        let request = SetAppRoleRequest {
            mount: mount.to_string(),
            role_name: name(role)?,
            bind_secret_id: Some(true),
            secret_id_num_uses: Some(1),
            token_policies: Some(tokens.policies.clone()),
            token_no_default_policy: Some(true),
            token_ttl: Some(tokens.ttl()),
            token_max_ttl: Some(tokens.ttl()),
            token_type: Some("service".to_owned()),
            ..SetAppRoleRequest::default()
        };
        self.tell(&request, Repeat::Safe)
    }

    /// Sends a request of `vaultrs`. Servers take POST where it says PUT.
    fn tell(&self, request: &impl Endpoint, repeat: Repeat) -> Result<()> {
        let path = request.path();
        let body = request.body().map_err(|_| unusable("the request cannot be written as JSON"))?;
        let mut call = Call::post(path.trim_start_matches('/'), repeat);
        call.body = body.map(SecretSlice::from);
        self.call(call)
    }

    fn call(&self, call: Call<'_>) -> Result<()> {
        let path = call.path;
        self.vault.connection.tell(self.dress(call)).map_err(|refusal: Refusal| explain(refusal, path, "update"))
    }

    fn dress<'c>(&'c self, call: Call<'c>) -> Call<'c> {
        call.within(self.vault.connection.resolved.namespace.as_ref()).with_token(Some(&self.token))
    }
}

/// The name of a policy or role: of the same form as that of a key.
fn name(text: &str) -> Result<String> {
    let name: Result<VaultKeyName> = text.parse();
    name.map(|name| name.to_string()).map_err(|_| {
        unusable(format!("`{text}` is not the name of a policy or role"))
            .with_hint("letters, digits, `_`, and inside also `.` and `-`")
    })
}

fn unusable(message: impl AsRef<str>) -> Error {
    Error::new(Code::UsageArguments, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_for_everybody_cannot_be_made() {
        let tokens = || RoleTokens::new(vec!["sign".to_owned()], Duration::from_secs(300)).unwrap();
        let audiences = || vec!["https://vault.example".to_owned()];
        let claims = |values: &[&str]| {
            BTreeMap::from([("ref".to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())])
        };
        assert!(JwtRole::new(audiences(), "sub", claims(&["refs/heads/main"]), tokens()).is_ok());
        for wrong in [
            JwtRole::new(vec![], "sub", claims(&["refs/heads/main"]), tokens()),
            JwtRole::new(audiences(), "", claims(&["refs/heads/main"]), tokens()),
            JwtRole::new(audiences(), "sub", BTreeMap::new(), tokens()),
            JwtRole::new(audiences(), "sub", claims(&[]), tokens()),
        ] {
            assert_eq!(wrong.unwrap_err().code(), Code::UsageArguments);
        }
        let policies = |policy: &str| vec![policy.to_owned()];
        for wrong in [
            RoleTokens::new(vec![], Duration::from_secs(300)),
            RoleTokens::new(policies("a/../b"), Duration::from_secs(300)),
            RoleTokens::new(policies("sign"), Duration::from_millis(999)),
            RoleTokens::new(policies("sign"), Duration::from_secs(86_401)),
        ] {
            assert_eq!(wrong.unwrap_err().code(), Code::UsageArguments);
        }
    }
}
