//! Servers and logins, as `modelseal._vault` hands them over.

use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

use modelseal::vault::{AuthMethod, Credentials, Env, ProcessEnv, SecretSource, SecretString, Settings};
use modelseal::{
    IdentityOptions, JobIdentity, ProvenanceMode, Result, correlation_id, identity_for_signing, use_identity,
};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::{parse, usage};
use crate::observer::Watch;

/// A secret that Python code gave as a value. Nothing in Python shows it again, and it cannot be pickled.
#[pyclass(frozen, name = "_Secret", module = "modelseal._native")]
pub(crate) struct Secret(SecretString);

#[pymethods]
impl Secret {
    #[new]
    fn new(text: &Bound<'_, PyString>) -> Self {
        // What is not UTF-8 becomes what cannot be sent, and is refused as such when it is used: an error of Python's
        // would quote the text.
        Self(SecretString::from(text.to_string_lossy().into_owned()))
    }

    #[expect(clippy::unused_self, reason = "that is the point")]
    const fn __repr__(&self) -> &'static str {
        "<secret>"
    }
}

/// How to log in.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct AuthArgument {
    method: String,
    path: Option<String>,
    role: Option<String>,
    audience: Option<String>,
    identity: Option<String>,
    identity_token: Option<SourceArgument>,
    service_account_token: Option<PathBuf>,
    role_id: Option<String>,
    secret_id: Option<SourceArgument>,
    wrapped_secret_id: Option<SourceArgument>,
    wrapping_path: Option<String>,
    token_sink: Option<PathBuf>,
    token: Option<SourceArgument>,
}

/// The server.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ServerArgument {
    address: Option<String>,
    namespace: Option<String>,
    auth_namespace: Option<String>,
    ca_cert: Option<PathBuf>,
    timeout: Option<f64>,
    max_token_ttl: Option<f64>,
    strict_token: bool,
    correlation_id: Option<String>,
    danger_plain_http: bool,
    danger_skip_tls_verify: bool,
    danger_unlimited_token: bool,
}

/// Where a secret is: a pair of the kind of place, and the place.
struct SourceArgument(SecretSource);

impl FromPyObject<'_, '_> for SourceArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (kind, place): (String, Bound<'_, PyAny>) = object.extract()?;
        Ok(Self(match kind.as_str() {
            "file" => SecretSource::File(place.extract()?),
            "env" => SecretSource::Env(place.extract()?),
            "command" => SecretSource::Command(place.extract::<Vec<OsString>>()?),
            _ => SecretSource::Value(place.cast::<Secret>()?.get().0.clone()),
        }))
    }
}

/// What the caller said about server and login; both may be left to the environment.
pub(crate) struct ServerArguments {
    pub(crate) auth: Option<AuthArgument>,
    pub(crate) server: Option<ServerArgument>,
}

impl ServerArguments {
    /// What the caller said, with the identity of the job where it logs in.
    ///
    /// # Errors
    /// `usage/*`; `identity/missing` and `identity/fork` when the platform gives the job none.
    pub(crate) fn settings(&self, watch: &Watch) -> Result<Settings> {
        let mut settings = self.without_identity(watch)?;
        let notices = use_identity(&mut settings, &self.identity(None)?, &AttachedEnv)?;
        Ok(told(settings, notices, watch))
    }

    /// The same for a signature, and the identity that stands beside the login and is for provenance only. `remote`:
    /// the key is on the server.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn settings_for_signing(
        &self,
        remote: bool,
        mode: ProvenanceMode,
        issuer: Option<&str>,
        watch: &Watch,
    ) -> Result<(Settings, Option<JobIdentity>)> {
        let names_one = self.auth.as_ref().is_some_and(|auth| auth.identity.is_some() || auth.identity_token.is_some());
        let for_provenance = mode == ProvenanceMode::Required || (mode == ProvenanceMode::Auto && names_one);
        if !remote && !for_provenance {
            return Ok((Settings::default(), None));
        }
        let mut settings = self.without_identity(watch)?;
        if !remote && matches!(settings.credentials.identity_token, Some(SecretSource::Value(_))) {
            let message = "with a key in a file an identity token is only for provenance, and not given as a value";
            return Err(usage(message).with_hint("name its file, variable or program, or pass provenance=\"off\""));
        }
        let options = self.identity(issuer)?;
        let (beside, notices) = identity_for_signing(&mut settings, &options, remote, mode, &AttachedEnv)?;
        Ok((told(settings, notices, watch), beside))
    }

    /// Whose identity logs in. `issuer`: that of its token, instead of the platform's usual ones.
    ///
    /// # Errors
    /// `usage/arguments`.
    pub(crate) fn identity(&self, issuer: Option<&str>) -> Result<IdentityOptions> {
        let mut options = IdentityOptions::default();
        options.provider = parse(self.auth.as_ref().and_then(|auth| auth.identity.as_deref()))?;
        options.issuer = issuer.map(str::to_owned);
        Ok(options)
    }

    /// What the caller said. Requests are those for an identity until it was [`told`].
    fn without_identity(&self, watch: &Watch) -> Result<Settings> {
        let mut settings = Settings::default();
        settings.hooks = watch.identity_hooks();
        if let Some(auth) = &self.auth {
            settings.credentials = auth.credentials()?;
        }
        if let Some(server) = &self.server {
            server.apply(&mut settings)?;
        }
        settings.correlation_id = settings.correlation_id.or_else(|| correlation_id(&AttachedEnv));
        Ok(settings)
    }

    /// Files that hold what logs in: never to be signed along with a model.
    pub(crate) fn secret_files(&self) -> Vec<PathBuf> {
        let Some(auth) = &self.auth else { return Vec::new() };
        let sources = [&auth.identity_token, &auth.secret_id, &auth.wrapped_secret_id, &auth.token];
        let files = sources.into_iter().flatten().filter_map(|source| match &source.0 {
            SecretSource::File(path) => Some(path),
            _ => None,
        });
        files.chain(&auth.service_account_token).chain(&auth.token_sink).cloned().collect()
    }

    /// The checks that the caller weakened, by their names in results.
    pub(crate) fn relaxed(&self) -> Vec<&'static str> {
        let Some(server) = &self.server else { return Vec::new() };
        [
            (server.danger_plain_http, "danger-plain-http"),
            (server.danger_skip_tls_verify, "danger-skip-tls-verify"),
            (server.danger_unlimited_token, "danger-unlimited-token"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
    }
}

/// Tells the log of identities what was found; from now on requests are those to the server.
fn told(mut settings: Settings, notices: Vec<String>, watch: &Watch) -> Settings {
    notices.into_iter().for_each(|notice| watch.log_identity(notice));
    settings.hooks = watch.hooks();
    settings
}

impl AuthArgument {
    fn credentials(&self) -> Result<Credentials> {
        let source = |source: &Option<SourceArgument>| source.as_ref().map(|source| source.0.clone());
        let mut credentials = Credentials::default();
        credentials.method = AuthMethod::ALL.into_iter().find(|method| method.as_str() == self.method);
        credentials.auth_path = parse(self.path.as_deref())?;
        credentials.role.clone_from(&self.role);
        credentials.audience.clone_from(&self.audience);
        credentials.identity_token = source(&self.identity_token);
        credentials.service_account_token.clone_from(&self.service_account_token);
        credentials.role_id.clone_from(&self.role_id);
        credentials.secret_id = source(&self.secret_id);
        credentials.wrapped_secret_id = source(&self.wrapped_secret_id);
        credentials.wrapping_path.clone_from(&self.wrapping_path);
        credentials.token_sink.clone_from(&self.token_sink);
        credentials.token = source(&self.token);
        Ok(credentials)
    }
}

impl ServerArgument {
    fn apply(&self, settings: &mut Settings) -> Result<()> {
        settings.address.clone_from(&self.address);
        settings.namespace = parse(self.namespace.as_deref())?;
        settings.auth_namespace = parse(self.auth_namespace.as_deref())?;
        settings.ca_cert.clone_from(&self.ca_cert);
        settings.timeout = self.timeout.map(duration).transpose()?;
        settings.max_token_ttl = self.max_token_ttl.map(duration).transpose()?;
        settings.strict_token = self.strict_token;
        settings.correlation_id.clone_from(&self.correlation_id);
        settings.danger_plain_http = self.danger_plain_http;
        settings.danger_skip_tls_verify = self.danger_skip_tls_verify;
        settings.danger_unlimited_token = self.danger_unlimited_token;
        Ok(())
    }
}

pub(crate) fn duration(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| usage(format!("{seconds} s is not a time that can be waited")))
}

/// The variables of this process. Python changes them only while it holds the interpreter, so that they are read while
/// this thread holds it.
pub(crate) struct AttachedEnv;

impl Env for AttachedEnv {
    fn var(&self, name: &str) -> Option<OsString> {
        Python::try_attach(|_| ProcessEnv.var(name)).flatten()
    }
}
