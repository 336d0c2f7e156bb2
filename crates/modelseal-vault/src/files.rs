//! The files that a configuration rests on, from flags and variables alike: none may lie in the model at hand, which
//! would then bring its own judge, or publish what logs in.

use std::path::{Path, PathBuf};

use modelseal_core::VaultKeyRef;

use crate::{Credentials, SecretSource, Vault};

impl Vault {
    /// Files that hold what logs in, also those that this run sets aside for another: identity tokens, secret ids,
    /// tokens, the key of the client certificate.
    #[must_use]
    pub fn secret_files(&self) -> Vec<PathBuf> {
        self.plan.secret_files.iter().chain(&self.connection.resolved.files.secret).cloned().collect()
    }

    /// Files and directories of certificate authorities: they decide which server is believed.
    #[must_use]
    pub fn trust_files(&self) -> Vec<PathBuf> {
        self.connection.resolved.files.trust.clone()
    }

    /// Where a key is, by settings, environment and its reference.
    #[must_use]
    pub fn place(&self, reference: &VaultKeyRef) -> KeyPlace {
        let resolved = &self.connection.resolved;
        let namespace = reference.namespace.as_ref().or(resolved.namespace.as_ref());
        KeyPlace {
            address: self.address(),
            namespace: namespace.map(ToString::to_string),
            mount: reference.mount.as_ref().unwrap_or(&resolved.transit_mount).to_string(),
        }
    }
}

/// Where the key of a result is: what an earlier step may have decided by a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPlace {
    /// The server's address, without anything secret.
    pub address: String,
    /// Namespace of the mount.
    pub namespace: Option<String>,
    /// Mount of the transit engine.
    pub mount: String,
}

/// Those of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Of certificate authorities.
    pub(crate) trust: Vec<PathBuf>,
    /// Of client keys.
    pub(crate) secret: Vec<PathBuf>,
}

/// The files of some credentials, as far as they are there: what is not used need not be.
pub(crate) fn of_credentials(all: &[&Credentials]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for credentials in all {
        let Credentials {
            identity_token, service_account_token, secret_id, wrapped_secret_id, token_sink, token, ..
        } = credentials;
        let sources = [identity_token, secret_id, wrapped_secret_id, token].into_iter().flatten();
        let named = sources.filter_map(|source| match source {
            SecretSource::File(path) => Some(path),
            _ => None,
        });
        files.extend(named.chain(service_account_token).chain(token_sink).filter(|path| is_there(path)).cloned());
    }
    files.sort();
    files.dedup();
    files
}

pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use modelseal_http::FixedEnv;

    use super::*;
    use crate::Settings;

    #[test]
    fn files_of_variables_count_like_those_of_flags() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        for name in ["token", "sink", "jwt"] {
            std::fs::write(at(name), "hvs.x").unwrap();
        }
        let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vault/any-ca.pem");
        std::fs::create_dir(at("authorities")).unwrap();
        std::fs::copy(authority, at("authorities/a.pem")).unwrap();
        let configure = |settings: &Settings, more: &[(&str, &str)]| {
            let mut env = vec![("VAULT_ADDR", "https://vault.example"), ("MODELSEAL_AUTH", "token")];
            env.extend(more);
            Vault::configure(settings, &env.into_iter().collect::<FixedEnv>()).unwrap()
        };
        let (token, sink, jwt, gone) = (at("token"), at("sink"), at("jwt"), at("gone"));
        let vault = configure(
            &Settings::default(),
            &[
                ("MODELSEAL_TOKEN_FILE", &token),
                ("MODELSEAL_TOKEN_SINK", &sink),
                ("MODELSEAL_IDENTITY_TOKEN_FILE", &jwt),
                ("MODELSEAL_SECRET_ID_FILE", &gone),
                ("VAULT_CACERT", authority),
                ("VAULT_NAMESPACE", "team/a"),
                ("TRANSIT_SECRET_ENGINE_PATH", "signing"),
            ],
        );
        assert_eq!(vault.secret_files(), [jwt, sink, token.clone()].map(PathBuf::from));
        assert_eq!(vault.trust_files(), [PathBuf::from(authority)]);
        let place = |reference: &str| vault.place(&reference.parse().unwrap());
        let expected = |namespace: &str, mount: &str| KeyPlace {
            address: vault.address(),
            namespace: Some(namespace.to_owned()),
            mount: mount.to_owned(),
        };
        assert_eq!(place("hashivault://k"), expected("team/a", "signing"));
        assert_eq!(place("hashivault://m/k?namespace=b"), expected("b", "m"));

        let path = at("authorities");
        let variables = [("MODELSEAL_TOKEN_FILE", token.as_str()), ("VAULT_CAPATH", path.as_str())];
        let found = configure(&Settings::default(), &variables).trust_files();
        assert_eq!(found, [PathBuf::from(&path), PathBuf::from(at("authorities/a.pem"))]);
        let settings = Settings { ca_cert: Some(authority.into()), ..Settings::default() };
        assert_eq!(configure(&settings, &variables).trust_files(), [PathBuf::from(authority)]);
    }
}
