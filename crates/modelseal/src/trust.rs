//! Everything that a caller names as trusted: keys and certificates in files, keys on servers.

use core::num::NonZeroU32;
use std::path::PathBuf;

use modelseal_core::{Code, Error, KeyRef, LeafPin, Result, TrustedKey, TrustedKeys, VaultKeyRef};
use modelseal_vault::Vault;

use crate::key_table::is_table;
use crate::keys::{load_trusted_key, trust};
use crate::{SecondOpinion, ServerKeys};

/// What a caller trusts. The default is nothing, which is refused.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TrustRequest {
    /// Keys: PEM files, tables, keys on a server.
    pub keys: Vec<KeyRef>,
    /// PEM files of certificate anchors.
    pub certificate_chain: Vec<PathBuf>,
    /// What a leaf below an anchor must be besides.
    pub pin: LeafPin,
    /// Refuse signatures of older versions of the keys.
    pub min_key_version: Option<NonZeroU32>,
    /// Also ask the server that keeps the key.
    pub online: bool,
    /// Trust published test keys.
    pub danger_allow_test_keys: bool,
}

impl TrustRequest {
    /// Whether a server must be asked: for a key, or, with `online`, for one that a table may name.
    #[must_use]
    pub fn needs_server(&self) -> bool {
        self.keys.iter().any(|key| match key.path() {
            Some(path) => self.online && is_table(path),
            None => true,
        })
    }

    /// Reads the files, and the keys on the server, which must be given when one is needed.
    ///
    /// # Errors
    /// `key/*`, `input/*`, `usage/arguments`, `vault/*`, `identity/*`.
    pub fn load<'a>(&self, vault: Option<&'a Vault>) -> Result<Trust<'a>> {
        let mut keys = Vec::new();
        let mut references = Vec::new();
        for key in &self.keys {
            match key {
                KeyRef::Vault(reference) => references.push(reference.clone()),
                file => keys.extend(load_trusted_key(file)?),
            }
        }
        let named = references.len();
        if self.online {
            let of_tables = keys.iter().filter_map(TrustedKey::vault).cloned();
            of_tables.for_each(|reference| add_distinct(&mut references, reference));
            if references.is_empty() {
                return Err(Error::new(
                    Code::UsageArguments,
                    "none of the trusted keys is on a server that could be asked",
                )
                .with_hint("give --key hashivault://KEY or a table that `modelseal keys export` wrote"));
            }
        }
        let server = match vault.filter(|_| !references.is_empty()) {
            Some(vault) => Some(ServerKeys::read(vault, &references)?),
            None if references.is_empty() => None,
            None => return Err(Error::new(Code::UsageArguments, "a key on a server needs a server")),
        };
        let mut notes = Vec::new();
        if let Some(server) = &server {
            keys.extend(server.trusted_keys(named)?);
            notes = server.warnings();
            if !self.online {
                notes.extend(server.end());
            }
        }
        let mut trusted = trust(keys, &self.certificate_chain, self.pin.clone(), self.danger_allow_test_keys)?;
        if let Some(minimum) = self.min_key_version {
            trusted = trusted.with_min_key_version(minimum)?;
        }
        Ok(Trust { keys: trusted, server: server.filter(|_| self.online), notes })
    }
}

fn add_distinct(references: &mut Vec<VaultKeyRef>, reference: VaultKeyRef) {
    if !references.contains(&reference) {
        references.push(reference);
    }
}

/// What is trusted, and who else is asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trust<'a> {
    /// The keys and anchors.
    pub keys: TrustedKeys,
    /// What the user should know of the server and its token.
    pub notes: Vec<String>,
    server: Option<ServerKeys<'a>>,
}

impl Trust<'_> {
    /// The server, when it is to be asked about signatures.
    #[must_use]
    pub fn opinion(&self) -> Option<&dyn SecondOpinion> {
        self.server.as_ref().map(|server| server as &dyn SecondOpinion)
    }

    /// Ends the session with the server; returns what the user should know.
    pub fn end(&self) -> Vec<String> {
        self.server.as_ref().map(ServerKeys::end).unwrap_or_default()
    }
}
