//! Logging in with the identity that the platform gives the job.

use std::sync::Arc;

use modelseal_core::{Code, Error, Result};
use modelseal_identity::{Found, PassedOver, Provider, TokenRequest, find, look_for};
use modelseal_vault::{AuthMethod, Env, SecretProvider, SecretSource, Settings, Vault};

use crate::provenance::{JobIdentity, ProvenanceMode};

/// Which identity logs in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct IdentityOptions {
    /// The source; `None`: `MODELSEAL_IDENTITY`, else found when there is a role and nothing else to log in with.
    pub provider: Option<Provider>,
    /// The issuer that its token must have, instead of those that the platform usually has.
    pub issuer: Option<String>,
}

/// Completes `settings` with the identity of the platform, where that is asked for, or where a role is given and no
/// other input of a login. Its token is fetched at each login, not before. Returns what was decided, one line each: for
/// `-v`.
///
/// # Errors
/// `identity/missing` and `identity/fork` when the platform gives the job none, `usage/*`.
pub fn use_identity(settings: &mut Settings, options: &IdentityOptions, env: &dyn Env) -> Result<Vec<String>> {
    let Some((provider, asked)) = wanted(settings, options, env)? else { return Ok(Vec::new()) };
    let mut request = request(settings, provider, options, env)?;
    request.default_audience = Vault::default_audience(settings, env)?;
    let found = match asked {
        true => find(&request, env)?,
        false => match look_for(&request, env)? {
            Ok(found) => found,
            Err(passed_over) => return Ok(passed(&passed_over)),
        },
    };
    // The kubernetes method is made for this token; the other one takes it when it is named.
    let projected = found.provider() == Provider::Kubernetes && provider == Provider::Auto;
    if projected && settings.credentials.method != Some(AuthMethod::Jwt) {
        return Ok(passed(found.passed_over()));
    }
    let Some(audience) = found.audience().map(str::to_owned) else {
        let message = format!("for whom the identity token of {} shall be is not said", found.platform().title);
        return Err(Error::new(Code::UsageArguments, message).with_hint(
            "the address of a socket or agent does not tell: give --audience, the one that the role is bound to",
        ));
    };
    let mut notices = passed(found.passed_over());
    notices.push(format!("identity: {}, {}; for {audience}", found.provider(), found.platform().detection));
    settings.credentials.audience = Some(audience);
    settings.credentials.identity_token = Some(SecretSource::Provider(provider_of(found)));
    Ok(notices)
}

/// What a signature needs of the identity of the job: it logs in, or it stands beside another login and is for
/// provenance only, or it is not needed. Of a key file (`remote` is false), and of a login that the flags describe
/// otherwise, it is for provenance when it is named, or when provenance is required. Returns what was decided, too.
///
/// # Errors
/// As [`use_identity`].
pub fn identity_for_signing(
    settings: &mut Settings,
    options: &IdentityOptions,
    remote: bool,
    mode: ProvenanceMode,
    env: &dyn Env,
) -> Result<(Option<JobIdentity>, Vec<String>)> {
    let required = mode == ProvenanceMode::Required;
    let named = options.provider.is_some() || settings.credentials.identity_token.is_some();
    // A token that nobody named as an identity contradicts another login, as it always does.
    let beside_login = options.provider.is_some() && logs_in_otherwise(settings);
    if remote && !beside_login {
        let mut notices = use_identity(settings, options, env)?;
        if !required || settings.credentials.identity_token.is_some() {
            return Ok((None, notices));
        }
        // The login may have none, or may find one in the environment, which then counts instead of this one.
        let mut request = request(settings, Provider::Auto, options, env)?;
        request.default_audience = Vault::default_audience(settings, env)?;
        return Ok(match look_for(&request, env)? {
            Ok(found) => {
                notices.push(for_provenance(&found));
                (Some(found.into()), notices)
            }
            Err(_) => (None, notices),
        });
    }
    if mode == ProvenanceMode::Off || !(named || required) {
        return Ok((None, Vec::new()));
    }
    let provider = match (options.provider, text(env, "MODELSEAL_IDENTITY")?) {
        (Some(provider), _) => provider,
        (None, Some(word)) if !named => named_by_variable(&word)?,
        (None, _) => Provider::Auto,
    };
    let mut request = request(settings, provider, options, env)?;
    if remote {
        request.default_audience = Vault::default_audience(settings, env)?;
    }
    let found = find(&request, env)?;
    let mut notices = passed(found.passed_over());
    notices.push(for_provenance(&found));
    Ok((Some(found.into()), notices))
}

/// Whether the flags describe a login that takes no identity token.
fn logs_in_otherwise(settings: &Settings) -> bool {
    let credentials = &settings.credentials;
    match credentials.method {
        Some(method) => matches!(method, AuthMethod::AppRole | AuthMethod::Agent | AuthMethod::Token),
        None => {
            credentials.role_id.is_some()
                || credentials.secret_id.is_some()
                || credentials.wrapped_secret_id.is_some()
                || credentials.token_sink.is_some()
                || credentials.token.is_some()
        }
    }
}

fn for_provenance(found: &Found) -> String {
    format!(
        "identity: {}, {}; for provenance only, since it does not log in",
        found.provider(),
        found.platform().detection
    )
}

/// What is asked for. Takes the place of the token out of the settings.
fn request(
    settings: &mut Settings,
    provider: Provider,
    options: &IdentityOptions,
    env: &dyn Env,
) -> Result<TokenRequest> {
    let mut request = TokenRequest::default();
    request.provider = provider;
    request.issuer.clone_from(&options.issuer);
    request.hooks = settings.hooks.clone();
    request.audience = settings.credentials.audience.clone().or(text(env, "MODELSEAL_AUDIENCE")?);
    match settings.credentials.identity_token.take() {
        Some(SecretSource::File(path)) => request.file = Some(path),
        Some(SecretSource::Env(name)) => request.variable = Some(name),
        Some(SecretSource::Command(words)) => request.command = words,
        _ => {}
    }
    Ok(request)
}

/// The source to look for, and whether the caller named it. Flags win: a variable and the search are for those who give
/// a role and nothing else.
fn wanted(settings: &Settings, options: &IdentityOptions, env: &dyn Env) -> Result<Option<(Provider, bool)>> {
    let token = settings.credentials.identity_token.as_ref();
    match options.provider {
        Some(Provider::Auto) if token.is_some() => Ok(None),
        Some(provider) => Ok(Some((provider, true))),
        None if Vault::role_without_credentials(settings, env)?.is_none() => Ok(None),
        None => match text(env, "MODELSEAL_IDENTITY")? {
            None => Ok(Some((Provider::Auto, false))),
            Some(word) => Ok(Some((named_by_variable(&word)?, true))),
        },
    }
}

fn named_by_variable(word: &str) -> Result<Provider> {
    let wrong = |why: &str| {
        Error::new(Code::UsageEnvironment, format!("the variable MODELSEAL_IDENTITY cannot be used: {why}"))
    };
    match word.parse::<Provider>().map_err(|error| wrong(error.message()))? {
        // An earlier step of the job may have set it.
        Provider::Command => Err(wrong("a program is named by flags only")),
        provider => Ok(provider),
    }
}

fn provider_of(found: Found) -> SecretProvider {
    let found = Arc::new(found);
    let title = found.platform().title;
    SecretProvider::new(title, move || found.token().map(modelseal_identity::IdentityToken::into_secret))
}

fn passed(passed_over: &[PassedOver]) -> Vec<String> {
    passed_over.iter().map(|one| format!("identity: not {}: {}", one.provider, one.why)).collect()
}

fn text(env: &dyn Env, name: &str) -> Result<Option<String>> {
    let Some(value) = env.var(name) else { return Ok(None) };
    let wrong = |_| Error::new(Code::UsageEnvironment, format!("the variable {name} is not text"));
    value.into_string().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use modelseal_vault::FixedEnv;

    use super::*;

    const ACTIONS: [(&str, &str); 3] = [
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://actions.example/x?api-version=2.0"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted"),
    ];

    fn settings(role: bool) -> Settings {
        let mut settings = Settings::default();
        settings.address = Some("https://vault.example:8200/prefix".to_owned());
        settings.credentials.role = role.then(|| "ci".to_owned());
        settings
    }

    fn run(settings: &mut Settings, named: Option<Provider>, more: &[(&str, &str)]) -> Result<Vec<String>> {
        let env: FixedEnv = ACTIONS.iter().chain(more).copied().collect();
        let options = IdentityOptions { provider: named, ..IdentityOptions::default() };
        use_identity(settings, &options, &env)
    }

    #[test]
    fn a_role_and_nothing_else_takes_the_identity_of_the_job() {
        let mut settings = settings(true);
        let notices = run(&mut settings, None, &[("VAULT_TOKEN", "t")]).unwrap();
        assert_eq!(settings.credentials.audience.as_deref(), Some("https://vault.example:8200"));
        let source = settings.credentials.identity_token.unwrap();
        assert_eq!(format!("{source:?}"), "Provider(GitHub)");
        assert!(notices.last().unwrap().starts_with("identity: github, "), "{notices:?}");
        assert!(notices.iter().any(|line| line.starts_with("identity: not file: ")), "{notices:?}");
        assert!(!format!("{notices:?}").contains("planted"));
    }

    #[test]
    fn what_the_caller_gives_comes_first() {
        let untouched = |change: fn(&mut Settings), more: &[(&str, &str)]| {
            let mut settings = settings(true);
            change(&mut settings);
            let before = format!("{:?}", settings.credentials);
            run(&mut settings, None, more).unwrap();
            assert_eq!(format!("{:?}", settings.credentials), before);
        };
        untouched(|settings| settings.credentials.role = None, &[]);
        untouched(|settings| settings.credentials.role = None, &[("MODELSEAL_IDENTITY", "github")]);
        untouched(|settings| settings.credentials.method = Some(AuthMethod::Kubernetes), &[]);
        untouched(|settings| settings.credentials.role_id = Some("r".to_owned()), &[]);
        untouched(|settings| settings.credentials.token_sink = Some("f".into()), &[]);
        untouched(|settings| settings.credentials.identity_token = Some(SecretSource::Env("T".to_owned())), &[]);
        untouched(|_| (), &[("MODELSEAL_AUTH", "token")]);
        untouched(|_| (), &[("MODELSEAL_IDENTITY_TOKEN_FILE", "f")]);
        untouched(|_| (), &[("MODELSEAL_SERVICE_ACCOUNT_TOKEN", "f")]);
    }

    #[test]
    fn audiences_and_names_of_the_caller() {
        let mut given = settings(true);
        given.credentials.audience = Some("mine".to_owned());
        run(&mut given, Some(Provider::GitHub), &[("MODELSEAL_AUDIENCE", "other")]).unwrap();
        assert_eq!(given.credentials.audience.as_deref(), Some("mine"));
        let mut variable = settings(true);
        run(&mut variable, None, &[("MODELSEAL_AUDIENCE", "other"), ("MODELSEAL_IDENTITY", "github")]).unwrap();
        assert_eq!(variable.credentials.audience.as_deref(), Some("other"));

        let mut agent = settings(true);
        agent.address = None;
        let error = run(&mut agent, None, &[("VAULT_AGENT_ADDR", "http://127.0.0.1:8100")]).unwrap_err();
        assert!(error.code() == Code::UsageArguments && error.hint().contains("--audience"), "{error}");
        let error = run(&mut settings(false), Some(Provider::GitLab), &[]).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing);
        for (word, code) in [
            ("gitlab", Code::IdentityMissing),
            ("jenkins", Code::UsageEnvironment),
            ("command", Code::UsageEnvironment),
        ] {
            let error = run(&mut settings(true), None, &[("MODELSEAL_IDENTITY", word)]).unwrap_err();
            assert_eq!(error.code(), code, "{word}");
        }
        let mut contradiction = settings(true);
        contradiction.credentials.identity_token = Some(SecretSource::File("f".into()));
        let error = run(&mut contradiction, Some(Provider::GitHub), &[]).unwrap_err();
        assert_eq!(error.code(), Code::UsageArguments);
    }

    #[test]
    fn beside_another_login_an_identity_is_for_provenance_only() {
        let env: FixedEnv = ACTIONS.into_iter().collect();
        let run = |change: fn(&mut Settings), named: Option<Provider>, remote: bool, mode: ProvenanceMode| {
            let mut settings = settings(false);
            settings.credentials.audience = Some("mine".to_owned());
            change(&mut settings);
            let options = IdentityOptions { provider: named, ..IdentityOptions::default() };
            let (identity, notices) = identity_for_signing(&mut settings, &options, remote, mode, &env).unwrap();
            (identity.is_some(), settings.credentials.identity_token.is_some(), notices.len())
        };
        let (auto, required, off) = (ProvenanceMode::Auto, ProvenanceMode::Required, ProvenanceMode::Off);
        let nothing: fn(&mut Settings) = |_| ();
        let token: fn(&mut Settings) = |settings| settings.credentials.method = Some(AuthMethod::Token);
        let role: fn(&mut Settings) = |settings| settings.credentials.role = Some("ci".to_owned());
        let github = Some(Provider::GitHub);
        assert_eq!(run(nothing, None, false, auto), (false, false, 0));
        assert_eq!(run(nothing, github, false, off), (false, false, 0));
        assert!(run(nothing, github, false, auto).0);
        assert!(run(nothing, None, false, required).0);
        assert_eq!(run(nothing, None, true, auto), (false, false, 0));
        assert!(run(nothing, None, true, required).0);
        assert_eq!(run(token, None, true, auto), (false, false, 0));
        assert_eq!((run(token, github, true, auto).0, run(token, github, true, auto).1), (true, false));
        assert_eq!((run(role, None, true, required).0, run(role, None, true, required).1), (false, true));
    }

    #[test]
    fn without_a_platform_other_means_remain() {
        let mut settings = settings(true);
        let env = FixedEnv::from_iter([("VAULT_TOKEN", "t")]);
        let notices = use_identity(&mut settings, &IdentityOptions::default(), &env).unwrap();
        assert!(settings.credentials.identity_token.is_none() && settings.credentials.audience.is_none());
        assert!(notices.iter().any(|line| line == "identity: not github: GITHUB_ACTIONS is not true"), "{notices:?}");
        let broken = FixedEnv::from_iter([("VAULT_TOKEN", "t"), ("GITHUB_ACTIONS", "true")]);
        let error = use_identity(&mut settings, &IdentityOptions::default(), &broken).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing);
    }
}
