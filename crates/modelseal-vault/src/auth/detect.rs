//! Which method logs in: a pure function of the flags, the variables and two facts about the machine.

use modelseal_core::{Code, Error, Result};

use super::variables::Variables;
use crate::{AuthMethod, Credentials, SecretSource};

/// Where Kubernetes projects the service account's token in every pod.
pub(super) const PROJECTED: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// What is there besides flags and variables.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surroundings {
    /// The address is that of an agent that adds its own token.
    pub(super) agent: bool,
    /// There is a file at [`PROJECTED`].
    pub(super) projected: bool,
}

/// The method, why, and all that it needs, flags and variables put together.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) method: AuthMethod,
    pub(super) reason: String,
    pub(super) credentials: Credentials,
    pub(super) warnings: Vec<String>,
}

/// Chooses: the method that is named; else that of the flags; else that of the variables and of a projected token;
/// else a token of the environment; else an agent.
///
/// # Errors
/// `usage/arguments` and `usage/environment` for contradictions, `vault/no-credentials` when there is nothing.
pub(super) fn detect(given: &Credentials, variables: &Variables, around: Surroundings) -> Result<Choice> {
    let flags = marks(given, Origin::Flag);
    let (method, reason) = match given.method.map(|method| (method, Origin::Flag)) {
        Some(named) => explicit(named, &flags)?,
        None => match variables.credentials.method.map(|method| (method, Origin::Variable)) {
            Some(named) => explicit(named, &flags)?,
            None => implied(given, &flags, variables, around)?,
        },
    };
    let credentials = merged(method, given, variables, around);
    let warnings = unused(method, &credentials, given, variables);
    Ok(Choice { method, reason, credentials, warnings })
}

/// Whether anything is given that belongs to one method.
pub(super) fn has_credentials(credentials: &Credentials) -> bool {
    !marks(credentials, Origin::Flag).is_empty()
}

#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Flag,
    Variable,
}

impl Origin {
    const fn code(self) -> Code {
        match self {
            Self::Flag => Code::UsageArguments,
            Self::Variable => Code::UsageEnvironment,
        }
    }

    /// `--role-id` or `MODELSEAL_ROLE_ID`.
    fn name(self, option: &str) -> String {
        match self {
            Self::Flag => format!("--{option}"),
            Self::Variable => format!("MODELSEAL_{}", option.replace('-', "_").to_ascii_uppercase()),
        }
    }
}

/// A setting that only one method has, by the name that its user gave it.
type Mark = (AuthMethod, String);

fn marks(credentials: &Credentials, origin: Origin) -> Vec<Mark> {
    let Credentials {
        identity_token,
        service_account_token,
        role_id,
        secret_id,
        wrapped_secret_id,
        wrapping_path,
        token_sink,
        token,
        ..
    } = credentials;
    let source = |option: &str, source: &Option<SecretSource>| {
        let suffix = match source.as_ref()? {
            SecretSource::File(_) => "-file",
            SecretSource::Env(_) => "-env",
            SecretSource::Command(_) => "-command",
            SecretSource::Value(_) => "",
            SecretSource::Provider(provider) => return Some(format!("the identity of {}", provider.name())),
        };
        Some(origin.name(&format!("{option}{suffix}")))
    };
    let plain = |option: &str, given: bool| given.then(|| origin.name(option));
    let options = [
        (AuthMethod::Jwt, source("identity-token", identity_token)),
        (AuthMethod::Kubernetes, plain("service-account-token", service_account_token.is_some())),
        (AuthMethod::AppRole, plain("role-id", role_id.is_some())),
        (AuthMethod::AppRole, source("secret-id", secret_id)),
        (AuthMethod::AppRole, source("wrapped-secret-id", wrapped_secret_id)),
        (AuthMethod::AppRole, plain("wrapping-path", wrapping_path.is_some())),
        (AuthMethod::Agent, plain("token-sink", token_sink.is_some())),
        (AuthMethod::Token, source("token", token)),
    ];
    options.into_iter().filter_map(|(method, option)| Some((method, option?))).collect()
}

/// A flag of another method than the one that is named would be ignored: that is refused.
fn explicit((method, origin): (AuthMethod, Origin), flags: &[Mark]) -> Result<(AuthMethod, String)> {
    let name = origin.name("auth");
    match flags.iter().find(|(other, _)| *other != method) {
        Some((other, flag)) => {
            Err(Error::new(origin.code(), format!("{name} says {method}, but {flag} belongs to {other}")))
        }
        None => Ok((method, format!("because of {name}"))),
    }
}

fn implied(
    given: &Credentials,
    flags: &[Mark],
    variables: &Variables,
    around: Surroundings,
) -> Result<(AuthMethod, String)> {
    let role = match (&given.role, &variables.credentials.role) {
        (Some(_), _) => Some(Origin::Flag.name("role")),
        (None, Some(_)) => Some(Origin::Variable.name("role")),
        (None, None) => None,
    };
    let because = |method: AuthMethod, names: Vec<&str>| {
        let role = role.as_deref().filter(|_| matches!(method, AuthMethod::Jwt | AuthMethod::Kubernetes));
        let names: Vec<&str> = role.into_iter().chain(names).collect();
        (method, format!("because of {}", names.join(" and ")))
    };
    if let Some((method, first)) = flags.first() {
        let method = *method;
        if let Some((other, second)) = flags.iter().find(|(other, _)| *other != method) {
            let message = format!("{first} belongs to the login method {method}, {second} to {other}: give one");
            return Err(Error::new(Code::UsageArguments, message));
        }
        return Ok(because(method, flags.iter().map(|(_, name)| name.as_str()).collect()));
    }
    let needs_role = |method| matches!(method, AuthMethod::Jwt | AuthMethod::Kubernetes);
    let mut set = marks(&variables.credentials, Origin::Variable);
    let idle: Vec<Mark> = set.extract_if(.., |(method, _)| needs_role(*method) && role.is_none()).collect();
    if let Some((method, first)) = set.first() {
        let method = *method;
        // With both kinds of identity in the environment the one that was made for this comes first.
        let other = |other: AuthMethod| other != method && !(needs_role(other) && needs_role(method));
        if let Some((other, second)) = set.iter().find(|(method, _)| other(*method)) {
            let message = format!("{first} belongs to the login method {method}, {second} to {other}");
            return Err(Error::new(Code::UsageEnvironment, message).with_hint("say which one with --auth"));
        }
        let own = set.iter().filter(|(other, _)| *other == method);
        return Ok(because(method, own.map(|(_, name)| name.as_str()).collect()));
    }
    if role.is_some() && around.projected {
        return Ok(because(AuthMethod::Kubernetes, vec![PROJECTED]));
    }
    if let Some(name) = variables.tokens.first() {
        return Ok(because(AuthMethod::Token, vec![name]));
    }
    if around.agent {
        return Ok(because(AuthMethod::Agent, vec!["the address of an agent"]));
    }
    Err(nothing(role.as_deref(), &idle, around))
}

fn nothing(role: Option<&str>, idle: &[Mark], around: Surroundings) -> Error {
    let mut looked = vec!["no flag of a login method".to_owned()];
    if let Some(role) = role {
        looked.push(format!(
            "{role} without MODELSEAL_IDENTITY_TOKEN_FILE, MODELSEAL_IDENTITY_TOKEN_ENV or the identity of a CI system"
        ));
        looked.push(format!("MODELSEAL_SERVICE_ACCOUNT_TOKEN or a file {PROJECTED}"));
    } else {
        looked.push("no --role".to_owned());
        looked.extend(idle.iter().map(|(_, name)| format!("{name} without a role")));
        if around.projected {
            looked.push(format!("{PROJECTED} without a role"));
        }
    }
    looked.push("no MODELSEAL_ROLE_ID, MODELSEAL_TOKEN_SINK, MODELSEAL_TOKEN_FILE".to_owned());
    looked.push("no BAO_TOKEN, no VAULT_TOKEN".to_owned());
    looked.push("no address of an agent".to_owned());
    Error::new(Code::VaultNoCredentials, format!("there is nothing to log in with: {}", looked.join("; ")))
}

/// What the method needs, each from its flag, else its variable, else its usual place.
fn merged(method: AuthMethod, given: &Credentials, variables: &Variables, around: Surroundings) -> Credentials {
    let set = &variables.credentials;
    let mut all = Credentials {
        method: Some(method),
        auth_path: given.auth_path.clone().or_else(|| set.auth_path.clone()),
        role: given.role.clone().or_else(|| set.role.clone()),
        audience: given.audience.clone().or_else(|| set.audience.clone()),
        ..Credentials::default()
    };
    match method {
        AuthMethod::Jwt => all.identity_token = given.identity_token.clone().or_else(|| set.identity_token.clone()),
        AuthMethod::Kubernetes => {
            let named = given.service_account_token.clone().or_else(|| set.service_account_token.clone());
            all.service_account_token = named.or_else(|| around.projected.then(|| PROJECTED.into()));
        }
        AuthMethod::AppRole => {
            all.role_id = given.role_id.clone().or_else(|| set.role_id.clone());
            // One flag for either kind of secret id sets both variables aside.
            let flag = given.secret_id.is_some() || given.wrapped_secret_id.is_some();
            let from = if flag { given } else { set };
            all.secret_id.clone_from(&from.secret_id);
            all.wrapped_secret_id.clone_from(&from.wrapped_secret_id);
            all.wrapping_path.clone_from(&given.wrapping_path);
        }
        AuthMethod::Agent => all.token_sink = given.token_sink.clone().or_else(|| set.token_sink.clone()),
        AuthMethod::Token => {
            let usual = variables.tokens.first().map(|name| SecretSource::Env((*name).to_owned()));
            all.token = given.token.clone().or_else(|| set.token.clone()).or(usual);
        }
    }
    all
}

/// What was given and does nothing, so that nobody believes that it does.
fn unused(method: AuthMethod, chosen: &Credentials, given: &Credentials, variables: &Variables) -> Vec<String> {
    let used = match &chosen.token {
        Some(SecretSource::Env(name)) => Some(name.as_str()),
        _ => None,
    };
    let tokens = variables.tokens.iter().filter(|name| used != Some(**name));
    let mut warnings: Vec<String> =
        tokens.map(|name| format!("{name} is set and not used: this run logs in by {method}")).collect();
    let logs_in = !matches!(method, AuthMethod::Agent | AuthMethod::Token);
    let audience = matches!(method, AuthMethod::Jwt | AuthMethod::Kubernetes);
    for (option, given, used) in [
        ("role", given.role.is_some(), logs_in),
        ("auth-path", given.auth_path.is_some(), logs_in),
        ("audience", given.audience.is_some(), audience),
    ] {
        if given && !used {
            warnings.push(format!("--{option} is not used: this run logs in by {method}"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretProvider;
    use modelseal_http::FixedEnv;

    const NOTHING: &[(&str, &str)] = &[];

    fn flags(names: &str) -> Credentials {
        let mut all = Credentials::default();
        for name in names.split_whitespace() {
            let file = || Some(SecretSource::File("f".into()));
            match name {
                "role" => all.role = Some("ci".into()),
                "audience" => all.audience = Some("a".into()),
                "identity" => all.identity_token = file(),
                "identity-env" => all.identity_token = Some(SecretSource::Env("T".into())),
                "provider" => {
                    let never = || Err(Error::new(Code::IdentityMissing, "not asked here"));
                    all.identity_token = Some(SecretSource::Provider(SecretProvider::new("GitHub", never)));
                }
                "sa" => all.service_account_token = Some("f".into()),
                "role-id" => all.role_id = Some("r".into()),
                "secret-id" => all.secret_id = file(),
                "wrapped" => all.wrapped_secret_id = file(),
                "sink" => all.token_sink = Some("f".into()),
                "token-file" => all.token = file(),
                method => all.method = AuthMethod::ALL.into_iter().find(|known| known.as_str() == method),
            }
        }
        all
    }

    fn run(names: &str, env: &[(&str, &str)], around: &str) -> Result<Choice> {
        let variables = Variables::read(&env.iter().copied().collect::<FixedEnv>()).unwrap();
        let around = Surroundings { agent: around.contains("agent"), projected: around.contains("projected") };
        detect(&flags(names), &variables, around)
    }

    #[test]
    fn the_first_that_applies_is_chosen_and_says_why() {
        let identity = &[("MODELSEAL_IDENTITY_TOKEN_FILE", "f")][..];
        let account = &[("MODELSEAL_SERVICE_ACCOUNT_TOKEN", "f")][..];
        let tokens = &[("VAULT_TOKEN", "v"), ("BAO_TOKEN", "b")][..];
        for (names, env, around, expected) in [
            ("approle role-id secret-id", tokens, "agent", "approle because of --auth"),
            ("token token-file", tokens, "", "token because of --auth"),
            ("role", &[("MODELSEAL_AUTH", "kubernetes")][..], "projected", "kubernetes because of MODELSEAL_AUTH"),
            ("role identity", tokens, "projected", "jwt because of --role and --identity-token-file"),
            ("identity-env", NOTHING, "", "jwt because of --identity-token-env"),
            ("role provider", tokens, "projected", "jwt because of --role and the identity of GitHub"),
            ("role sa", identity, "", "kubernetes because of --role and --service-account-token"),
            ("role-id wrapped", identity, "", "approle because of --role-id and --wrapped-secret-id-file"),
            ("sink", tokens, "", "agent because of --token-sink"),
            ("token-file", tokens, "", "token because of --token-file"),
            ("role", identity, "projected", "jwt because of --role and MODELSEAL_IDENTITY_TOKEN_FILE"),
            ("role", account, "", "kubernetes because of --role and MODELSEAL_SERVICE_ACCOUNT_TOKEN"),
            ("role", &[identity[0], account[0]][..], "", "jwt because of --role and MODELSEAL_IDENTITY_TOKEN_FILE"),
            (
                "",
                &[("MODELSEAL_ROLE", "r"), identity[0]][..],
                "",
                "jwt because of MODELSEAL_ROLE and MODELSEAL_IDENTITY_TOKEN_FILE",
            ),
            ("role", tokens, "projected", &format!("kubernetes because of --role and {PROJECTED}")),
            ("", &[("MODELSEAL_TOKEN_SINK", "f")][..], "projected", "agent because of MODELSEAL_TOKEN_SINK"),
            ("", &[("MODELSEAL_TOKEN_FILE", "f"), tokens[0]][..], "", "token because of MODELSEAL_TOKEN_FILE"),
            ("", &[("MODELSEAL_ROLE_ID", "f")][..], "", "approle because of MODELSEAL_ROLE_ID"),
            ("", tokens, "agent projected", "token because of BAO_TOKEN"),
            ("role", &tokens[..1], "", "token because of VAULT_TOKEN"),
            ("", NOTHING, "agent", "agent because of the address of an agent"),
        ] {
            let choice = run(names, env, around).unwrap();
            assert_eq!(format!("{} {}", choice.method, choice.reason), expected, "{names} {env:?} {around}");
        }
    }

    #[test]
    fn contradictions_name_both_sides() {
        for (names, env, code, parts) in [
            ("identity role-id", NOTHING, Code::UsageArguments, ["--identity-token-file", "--role-id"]),
            ("provider role-id", NOTHING, Code::UsageArguments, ["the identity of GitHub belongs to", "--role-id"]),
            ("sink sa", NOTHING, Code::UsageArguments, ["--service-account-token", "--token-sink"]),
            ("jwt role-id", NOTHING, Code::UsageArguments, ["--auth says jwt", "--role-id belongs to approle"]),
            (
                "sink",
                &[("MODELSEAL_AUTH", "jwt")][..],
                Code::UsageEnvironment,
                ["MODELSEAL_AUTH says jwt", "--token-sink belongs to agent"],
            ),
            (
                "",
                &[("MODELSEAL_TOKEN_FILE", "f"), ("MODELSEAL_TOKEN_SINK", "f")][..],
                Code::UsageEnvironment,
                ["MODELSEAL_TOKEN_SINK", "MODELSEAL_TOKEN_FILE"],
            ),
            (
                "role",
                &[("MODELSEAL_TOKEN_FILE", "f"), ("MODELSEAL_IDENTITY_TOKEN_FILE", "f")][..],
                Code::UsageEnvironment,
                ["MODELSEAL_IDENTITY_TOKEN_FILE", "MODELSEAL_TOKEN_FILE"],
            ),
        ] {
            let error = run(names, env, "").unwrap_err();
            assert_eq!(error.code(), code, "{names}");
            assert!(parts.iter().all(|part| error.message().contains(part)), "{names}: {error}");
        }
    }

    #[test]
    fn nothing_found_lists_what_was_looked_at() {
        let error = run("", &[("MODELSEAL_IDENTITY_TOKEN_FILE", "f")], "projected").unwrap_err();
        assert_eq!(error.code(), Code::VaultNoCredentials);
        for part in ["MODELSEAL_IDENTITY_TOKEN_FILE without a role", PROJECTED, "BAO_TOKEN", "VAULT_TOKEN", "agent"] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
        let error = run("role", NOTHING, "").unwrap_err();
        assert_eq!(error.code(), Code::VaultNoCredentials);
        assert!(error.message().contains("--role without MODELSEAL_IDENTITY_TOKEN_FILE"), "{error}");
    }

    #[test]
    fn t21_what_is_set_and_not_used_is_said() {
        let tokens = &[("VAULT_TOKEN", "v"), ("BAO_TOKEN", "b")][..];
        let warnings = run("role identity", tokens, "").unwrap().warnings;
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("BAO_TOKEN") && warnings[1].contains("VAULT_TOKEN"), "{warnings:?}");
        let warnings = run("role audience", tokens, "").unwrap().warnings;
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("VAULT_TOKEN is set and not used")));
        assert!(warnings.iter().any(|text| text.contains("--role is not used")));
        assert!(run("", &tokens[..1], "").unwrap().warnings.is_empty());
        let given = Credentials { token: Some(SecretSource::Env("VAULT_TOKEN".into())), ..Credentials::default() };
        let variables = Variables::read(&FixedEnv::from_iter([("VAULT_TOKEN", "v")])).unwrap();
        assert!(detect(&given, &variables, Surroundings::default()).unwrap().warnings.is_empty());
    }

    #[test]
    fn a_flag_for_one_kind_of_secret_id_sets_both_variables_aside() {
        let env = [("MODELSEAL_WRAPPED_SECRET_ID_FILE", "w"), ("MODELSEAL_ROLE_ID", "r")];
        let chosen = run("secret-id", &env, "").unwrap().credentials;
        assert!(chosen.secret_id.is_some() && chosen.wrapped_secret_id.is_none());
        assert_eq!(chosen.role_id.as_deref(), Some("r"));
    }
}
