//! Keys on a server: opened for signing after the model is hashed, read for verification.

use core::num::NonZeroU32;
use std::path::PathBuf;

use modelseal_core::{Code, Error, KeyId, Pae, Result, TrustedKey, VaultKeyRef};
use modelseal_vault::{Env, KeyPlace, Session, TransitKey, Vault, VaultSigner};

use crate::provenance::vault_facts;
use crate::verify::SecondOpinion;
use crate::{Opened, SigningKey};

/// A key in the transit engine of a server, for signing.
#[derive(Debug)]
pub(crate) struct ServerKey {
    vault: Vault,
    reference: VaultKeyRef,
}

impl ServerKey {
    pub(crate) const fn new(vault: Vault, reference: VaultKeyRef) -> Self {
        Self { vault, reference }
    }
}

impl SigningKey for ServerKey {
    fn open(&self) -> Result<Opened<'_>> {
        let signer = VaultSigner::new(self.vault.log_in()?, &self.reference)?;
        let login = signer.login().clone();
        let mount = self.vault.place(&self.reference).mount;
        let facts = vault_facts(mount, self.reference.key.to_string(), signer.version(), &login);
        Ok(Opened::by_login(Box::new(signer), login, facts))
    }

    fn notices(&self) -> Vec<String> {
        notices(&self.vault)
    }

    fn secret_files(&self) -> Vec<PathBuf> {
        self.vault.secret_files()
    }

    fn trust_files(&self) -> Vec<PathBuf> {
        self.vault.trust_files()
    }

    fn place(&self) -> Option<KeyPlace> {
        Some(self.vault.place(&self.reference))
    }
}

/// What was decided about a server, for `-v`: which source won, and how the login is made.
#[must_use]
pub fn notices(vault: &Vault) -> Vec<String> {
    let (method, why) = vault.method();
    let mut notices = vault.notices().to_vec();
    notices.push(format!("login: {method}, {why}"));
    notices
}

/// What the audit log shall show of this run when the caller does not say: `MODELSEAL_CORRELATION_ID`, else the run of
/// the CI system.
#[must_use]
pub fn correlation_id(env: &dyn Env) -> Option<String> {
    let variable = |name| env.var(name)?.into_string().ok();
    if let Some(id) = variable("MODELSEAL_CORRELATION_ID") {
        return Some(id);
    }
    if let Some(run) = variable("GITHUB_RUN_ID") {
        let attempt = variable("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned());
        return Some(format!("github-{run}-{attempt}"));
    }
    variable("CI_JOB_ID").map(|job| format!("gitlab-{job}"))
}

/// Keys on a server, for verification: their public keys are read once and trusted like keys from files. The session
/// stays open as long as this lives, so that the server can be asked about signatures, too.
#[derive(Debug)]
pub struct ServerKeys<'a> {
    vault: &'a Vault,
    session: Session<'a>,
    keys: Vec<TransitKey>,
}

impl<'a> ServerKeys<'a> {
    /// Logs in and reads the keys.
    ///
    /// # Errors
    /// `vault/*`, `identity/*`.
    pub fn read(vault: &'a Vault, references: &[VaultKeyRef]) -> Result<Self> {
        let session = vault.log_in()?;
        let keys = references.iter().map(|reference| session.read_key(reference)).collect::<Result<_>>();
        match keys {
            Ok(keys) => Ok(Self { vault, session, keys }),
            Err(error) => Err(with_remarks(error, &session.end())),
        }
    }

    /// The keys of the first `references` that were read: the versions that the server accepts, or the one that a
    /// reference names. The certificate authorities that vouch for the server are sources of each.
    ///
    /// # Errors
    /// `vault/answer` when a key and its scheme do not fit together.
    pub fn trusted_keys(&self, references: usize) -> Result<Vec<TrustedKey>> {
        let mut trusted = Vec::new();
        for key in self.keys.iter().take(references) {
            for (number, version) in key.accepted_versions() {
                let mut one = TrustedKey::new(version.public_key.clone())
                    .with_scheme(key.scheme)
                    .map_err(|error| Error::new(Code::VaultAnswer, error.message()))?
                    .with_name(key.reference.key.as_str())
                    .with_vault(key.reference.clone());
                if let Some(number) = NonZeroU32::new(number) {
                    one = one.with_version(number);
                }
                for file in self.vault.trust_files() {
                    one = one.with_source(file);
                }
                trusted.push(one);
            }
        }
        Ok(trusted)
    }

    /// What the user should know of the token.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.session.warnings()
    }

    /// Ends the session; returns what the user should know.
    pub fn end(&self) -> Vec<String> {
        self.session.end()
    }

    fn version_of(&self, id: KeyId) -> Option<(&TransitKey, u32)> {
        self.keys.iter().find_map(|key| {
            let (number, _) = key.accepted_versions().find(|(_, version)| version.public_key.id() == id)?;
            Some((key, number))
        })
    }
}

impl SecondOpinion for ServerKeys<'_> {
    fn confirm(&self, key: KeyId, encoding: &Pae, signature: &[u8]) -> Result<()> {
        match self.version_of(key) {
            Some((key, number)) => self.session.verify_online(key, number, encoding, signature),
            None => Err(Error::new(
                Code::SignatureOnlineRefused,
                format!("the server does not offer the key {key}, or no longer accepts its signatures"),
            )),
        }
    }
}

/// An error that remains the error, with what happened besides in its hint: a token that could not be revoked, say.
#[must_use]
pub fn with_remarks(error: Error, remarks: &[String]) -> Error {
    if remarks.is_empty() {
        return error;
    }
    let hint = format!("{}; besides: {}", error.hint(), remarks.join("; "));
    error.with_hint(hint)
}
