//! The life of a token.

use core::fmt;
use core::time::Duration;

use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::answer::AuthData;
use crate::auth::lasting;
use crate::discretion::Discretion;

/// Requests of one signature: read the key, sign.
const WORK: u64 = 2;
/// Longest token that is put into a header.
const MOST: usize = 8 * 1024;
/// Most policies that are kept.
const MOST_POLICIES: usize = 64;

/// What is known of a token, nothing secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenSummary {
    /// `service`, `batch`, or what else the server calls it; `unknown` when it was not told.
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
    /// Whether the server told all this. When not, life, policies and uses say nothing: the token is an agent's, or
    /// may not look at itself.
    pub known: bool,
}

impl TokenSummary {
    /// That of a token of which nothing is known.
    pub(crate) fn unknown() -> Self {
        let kind = "unknown".to_owned();
        Self { kind, ttl: None, policies: Vec::new(), uses: None, accessor: None, obtained: false, known: false }
    }

    /// Whether it is for the server to revoke. Batch tokens cannot be revoked.
    pub(crate) fn is_ours_to_revoke(&self) -> bool {
        self.obtained && self.kind != "batch"
    }

    fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == "root")
    }
}

/// A token in use. Dropping it revokes nothing: the session does.
pub(crate) struct Token {
    /// `None`: an agent adds its own.
    pub(crate) secret: Option<SecretString>,
    pub(crate) summary: TokenSummary,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Token").field(&self.summary.kind).finish()
    }
}

impl Token {
    /// The token of a login. Everything is in the answer: it needs no request of its own.
    ///
    /// # Errors
    /// `vault/not-supported` for a login without a token, which asks for a second factor; `vault/answer` for what is no
    /// token. One that comes with the demand for a second factor is a token, and the caller's to refuse and revoke.
    pub(crate) fn obtained(auth: AuthData) -> Result<Self> {
        if auth.client_token.expose_secret().is_empty() {
            return Err(Self::second_factor());
        }
        if !is_sendable(&auth.client_token) {
            return Err(Error::new(Code::VaultAnswer, "the login gave a token that is not printable ASCII"));
        }
        let summary = TokenSummary {
            // A server that does not say has service tokens only.
            kind: auth.token_type.unwrap_or_else(|| "service".to_owned()),
            ttl: (auth.lease_duration > 0).then(|| Duration::from_secs(auth.lease_duration)),
            policies: auth.policies.unwrap_or_default(),
            uses: auth.num_uses.filter(|&uses| uses > 0),
            accessor: auth.accessor.filter(|accessor| is_accessor(accessor)),
            obtained: true,
            known: true,
        };
        Ok(Self { secret: Some(auth.client_token), summary })
    }

    /// Why a login that is only half done is refused.
    pub(crate) fn second_factor() -> Error {
        Error::new(Code::VaultNotSupported, "the server wants a second factor for this login")
    }
}

/// The policies as they are shown: so many, each so long, and how many there are besides. `root` is never among those
/// that are left out, since it decides.
pub(crate) fn shown_policies<T: AsRef<str>>(policies: &[T], discretion: &Discretion) -> Vec<String> {
    let mut shown: Vec<String> =
        policies.iter().take(MOST_POLICIES).map(|policy| discretion.brief(policy.as_ref())).collect();
    let rest = policies.get(MOST_POLICIES..).unwrap_or_default();
    if rest.iter().any(|policy| policy.as_ref() == "root") {
        shown.push("root".to_owned());
    }
    if !rest.is_empty() {
        shown.push(format!("({} more)", rest.len()));
    }
    shown
}

/// An accessor that may stand in a command for an operator. What has another form is no accessor.
fn is_accessor(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-')
}

/// Whether a token can be put into a header.
pub(crate) fn is_sendable(token: &SecretString) -> bool {
    let text = token.expose_secret();
    !text.is_empty() && text.len() <= MOST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What `auth/token/lookup-self` says. Its `id` is the token itself, and is not read.
#[derive(Deserialize)]
pub(crate) struct Lookup {
    policies: Vec<String>,
    identity_policies: Option<Vec<String>>,
    ttl: u64,
    expire_time: Option<String>,
    /// What is left after this lookup: -1 when it was the last.
    num_uses: i64,
    #[serde(rename = "type")]
    kind: String,
    accessor: Option<String>,
}

impl Lookup {
    pub(crate) fn summary(self, discretion: &Discretion) -> TokenSummary {
        let policies: Vec<&String> = self.policies.iter().chain(self.identity_policies.iter().flatten()).collect();
        TokenSummary {
            kind: discretion.brief(&self.kind),
            // A last second is rounded to 0: only the missing date says that there is no end.
            ttl: self.expire_time.map(|_| Duration::from_secs(self.ttl)),
            policies: shown_policies(&policies, discretion),
            uses: (self.num_uses != 0).then(|| u64::try_from(self.num_uses).unwrap_or(0)),
            accessor: self.accessor.filter(|accessor| is_accessor(accessor) && discretion.permits(accessor)),
            obtained: false,
            known: true,
        }
    }
}

/// Which tokens are used.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Longest life without a warning.
    pub(crate) most: Duration,
    /// Refuse longer ones.
    pub(crate) strict: bool,
    /// Accept tokens without end.
    pub(crate) danger_unlimited: bool,
}

impl Limits {
    /// Judges a token, and returns what its user should know. `role` is for the messages.
    ///
    /// # Errors
    /// `vault/token-unlimited`, `vault/token-ttl`, `vault/token-invalid`.
    pub(crate) fn judge(&self, token: &TokenSummary, role: Option<&str>) -> Result<Vec<String>> {
        let of_role = role.map(|role| format!(" of the role `{role}`")).unwrap_or_default();
        if !token.known {
            if self.strict && !self.danger_unlimited {
                let message = "how long the token lives is not known";
                let hint =
                    "an agent that adds its own token does not say; let it keep the token in a file, --token-sink";
                return Err(Error::new(Code::VaultTokenTtl, message).with_hint(hint));
            }
            return Ok(Vec::new());
        }
        let mut warnings = Vec::new();
        if token.is_root() || token.ttl.is_none() {
            let what = if token.is_root() { "is a root token" } else { "never expires" };
            let message = format!("the token{of_role} {what}");
            if !self.danger_unlimited {
                return Err(Error::new(Code::VaultTokenUnlimited, message));
            }
            warnings.push(message);
        }
        if let Some(ttl) = token.ttl.filter(|&ttl| ttl > self.most) {
            let message =
                format!("the token{of_role} lives {}, longer than the {} allowed", lasting(ttl), lasting(self.most));
            if self.strict {
                return Err(Error::new(Code::VaultTokenTtl, message));
            }
            let remedy = match (token.is_ours_to_revoke(), token.obtained) {
                (true, _) => "; set token_ttl of the role",
                (false, true) => " and cannot be revoked; set token_ttl of the role",
                (false, false) => "",
            };
            warnings.push(message + remedy);
        }
        let needed = WORK + u64::from(token.is_ours_to_revoke());
        if let Some(uses) = token.uses.filter(|&uses| uses < needed) {
            let message = format!("a signature needs {needed} requests; of the token{of_role} {uses} are left");
            let hint = "set token_num_uses of the role to 0, for any number of requests, or high enough";
            return Err(Error::new(Code::VaultTokenInvalid, message).with_hint(hint));
        }
        Ok(warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { most: Duration::from_secs(900), strict: false, danger_unlimited: false };

    fn obtained(json: &str) -> Result<Token> {
        Token::obtained(serde_json::from_str(json).unwrap())
    }

    fn looked_up(json: &str) -> TokenSummary {
        serde_json::from_str::<Lookup>(json).unwrap().summary(&Discretion::default())
    }

    #[test]
    fn root_and_endless_tokens_are_refused_unless_allowed() {
        let root = r#"{"policies":["root"],"ttl":0,"expire_time":null,"num_uses":0,"type":"service","accessor":"a"}"#;
        let periodic = r#"{"policies":["root"],"ttl":60,"expire_time":"2026","num_uses":0,"type":"service"}"#;
        let by_group = r#"{"policies":[],"identity_policies":["root"],"ttl":60,"expire_time":"2026","num_uses":0,"type":"service"}"#;
        let endless = r#"{"policies":["a"],"ttl":0,"expire_time":null,"num_uses":0,"type":"service"}"#;
        for json in [root, periodic, by_group, endless] {
            let summary = looked_up(json);
            assert_eq!(LIMITS.judge(&summary, None).unwrap_err().code(), Code::VaultTokenUnlimited, "{json}");
            let allowed = Limits { danger_unlimited: true, ..LIMITS };
            assert_eq!(allowed.judge(&summary, None).unwrap().len(), 1, "{json}");
        }
        let token = obtained(r#"{"client_token":"hvs.a","policies":["a"],"lease_duration":0}"#).unwrap();
        assert_eq!(LIMITS.judge(&token.summary, Some("ci")).unwrap_err().code(), Code::VaultTokenUnlimited);
    }

    #[test]
    fn long_lives_are_warned_of_and_refused_when_strict() {
        let token =
            obtained(r#"{"client_token":"hvs.a","accessor":"x","lease_duration":2764800,"token_type":"service"}"#);
        let summary = token.unwrap().summary;
        let warning = LIMITS.judge(&summary, Some("ci")).unwrap().remove(0);
        for part in ["32 days", "15 minutes", "`ci`", "token_ttl"] {
            assert!(warning.contains(part), "{warning}");
        }
        let strict = Limits { strict: true, ..LIMITS };
        assert_eq!(strict.judge(&summary, None).unwrap_err().code(), Code::VaultTokenTtl);
        let short = obtained(r#"{"client_token":"hvs.a","lease_duration":900}"#).unwrap();
        assert!(strict.judge(&short.summary, None).unwrap().is_empty());
        let batch =
            obtained(r#"{"client_token":"hvb.a","lease_duration":901,"token_type":"batch","accessor":""}"#).unwrap();
        assert!(LIMITS.judge(&batch.summary, None).unwrap()[0].contains("cannot be revoked"));
        assert!(batch.summary.accessor.is_none());
    }

    #[test]
    fn what_is_not_known_is_not_strict() {
        let unknown = TokenSummary::unknown();
        assert!(LIMITS.judge(&unknown, None).unwrap().is_empty());
        let strict = Limits { strict: true, ..LIMITS };
        assert_eq!(strict.judge(&unknown, None).unwrap_err().code(), Code::VaultTokenTtl);
    }

    #[test]
    fn too_few_uses_are_found_before_the_work() {
        let with =
            |uses| obtained(&format!(r#"{{"client_token":"a","lease_duration":60,"num_uses":{uses}}}"#)).unwrap();
        assert_eq!(LIMITS.judge(&with(2).summary, None).unwrap_err().code(), Code::VaultTokenInvalid);
        assert!(LIMITS.judge(&with(3).summary, None).is_ok());
        assert_eq!(with(0).summary.uses, None);
        let last = r#"{"policies":[],"ttl":0,"expire_time":"2026","num_uses":-1,"type":"service"}"#;
        let summary = looked_up(last);
        assert_eq!((summary.uses, summary.ttl), (Some(0), Some(Duration::ZERO)));
        assert_eq!(LIMITS.judge(&summary, None).unwrap_err().code(), Code::VaultTokenInvalid);
        assert!(LIMITS.judge(&looked_up(&last.replace("-1", "2")), None).is_ok());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for json in [
            r#"{"client_token":"","lease_duration":0,"mfa_requirement":{"mfa_request_id":"x"}}"#,
            r#"{"client_token":"","lease_duration":60}"#,
        ] {
            assert_eq!(obtained(json).unwrap_err().code(), Code::VaultNotSupported, "{json}");
        }
        for token in ["pla nted", "pla\\nnted", "plant\u{e9}d", &"a".repeat(MOST + 1)] {
            let error = obtained(&format!(r#"{{"client_token":"{token}","lease_duration":60}}"#)).unwrap_err();
            assert_eq!(error.code(), Code::VaultAnswer);
            assert!(!error.message().contains("nted"));
        }
        assert!(obtained(r#"{"client_token":"a","lease_duration":60,"mfa_requirement":null}"#).is_ok());
    }
}
