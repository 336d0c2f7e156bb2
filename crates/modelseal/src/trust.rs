//! Everything that a caller names as trusted: keys and certificates in files, keys on servers.

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};

use modelseal_core::{
    Code, Error, KeyRef, LeafPin, Policy, Result, TrustedCertificate, TrustedKey, TrustedKeys, VaultKeyRef,
};
use modelseal_vault::{KeyPlace, Vault};

use crate::key_table::is_table;
use crate::keys::{load_anchors, load_trusted_key, trust};
use crate::{SecondOpinion, ServerKeys, with_remarks};

/// What a caller trusts. The default is nothing, which is refused.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TrustRequest {
    /// Keys: PEM files, tables, keys on a server.
    pub keys: Vec<KeyRef>,
    /// PEM files of certificate anchors.
    pub certificate_chain: Vec<PathBuf>,
    /// A policy file, whose keys and anchors alone are trusted then.
    pub policy: Option<Policy>,
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
        let of_policy = self.of_policy().into_iter().flat_map(TrustedKeys::keys);
        (self.online && of_policy.into_iter().any(|key| key.vault().is_some()))
            || self.keys.iter().any(|key| match key.path() {
                Some(path) => self.online && is_table(path),
                None => true,
            })
    }

    fn of_policy(&self) -> Option<&TrustedKeys> {
        self.policy.as_ref().and_then(Policy::trusted_keys)
    }

    /// Reads the files, and the keys on the server, which must be given when one is needed.
    ///
    /// # Errors
    /// `key/*`, `input/*`, `usage/arguments`, `vault/*`, `identity/*`.
    pub fn load<'a>(&self, vault: Option<&'a Vault>) -> Result<Trust<'a>> {
        self.read_files()?.load(vault)
    }

    /// Reads and checks the files, and sends nothing: what is wrong with them is known before there is a token.
    ///
    /// # Errors
    /// `key/*`, `input/*`, `usage/arguments`.
    pub fn read_files(&self) -> Result<TrustedFiles<'_>> {
        let mut keys = Vec::new();
        let mut references = Vec::new();
        if let Some(trusted) = self.of_policy() {
            if !self.keys.is_empty() || !self.certificate_chain.is_empty() || self.pin != LeafPin::default() {
                let message = "under a policy nothing is trusted but what the policy names";
                return Err(Error::new(Code::UsageArguments, message)
                    .with_hint("give either a policy, or keys and certificates"));
            }
            keys.extend_from_slice(trusted.keys());
        }
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
        let anchors = load_anchors(&self.certificate_chain)?;
        let files = TrustedFiles { request: self, keys, anchors, references, named };
        let server_only = files.keys.is_empty() && files.anchors.is_empty() && named > 0;
        if !server_only {
            files.trust(Vec::new())?;
        }
        Ok(files)
    }
}

/// What the files of a [`TrustRequest`] hold; nothing was sent yet.
#[derive(Debug)]
pub struct TrustedFiles<'r> {
    request: &'r TrustRequest,
    keys: Vec<TrustedKey>,
    anchors: Vec<TrustedCertificate>,
    references: Vec<VaultKeyRef>,
    /// How many of the references are trusted, and not only asked.
    named: usize,
}

impl TrustedFiles<'_> {
    /// The files that were read.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        let of_policy = self.request.policy.iter().flat_map(Policy::sources);
        let of_anchors = self.request.certificate_chain.iter().map(PathBuf::as_path);
        self.keys.iter().flat_map(TrustedKey::sources).chain(of_anchors).chain(of_policy)
    }

    /// Reads the keys on the server, which must be given when one is needed.
    ///
    /// # Errors
    /// `vault/*`, `identity/*`, `usage/arguments`. A token that could not be revoked then is in the hint.
    pub fn load<'a>(self, vault: Option<&'a Vault>) -> Result<Trust<'a>> {
        let read = match vault {
            _ if self.references.is_empty() => None,
            Some(vault) => Some((vault, ServerKeys::read(vault, &self.references)?)),
            None => return Err(Error::new(Code::UsageArguments, "a key on a server needs a server")),
        };
        let Some((vault, server)) = read else {
            return Ok(Trust { keys: self.trust(Vec::new())?, server: None, places: Vec::new(), notes: Vec::new() });
        };
        let mut notes = server.warnings();
        if !self.request.online {
            notes.extend(server.end());
        }
        let mut places = Vec::new();
        for place in self.references.iter().map(|reference| vault.place(reference)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        match server.trusted_keys(self.named).and_then(|keys| self.trust(keys)) {
            Ok(keys) => Ok(Trust { keys, server: Some(server).filter(|_| self.request.online), places, notes }),
            Err(error) => {
                notes.extend(server.end());
                Err(with_remarks(error, &notes))
            }
        }
    }

    fn trust(&self, of_server: Vec<TrustedKey>) -> Result<TrustedKeys> {
        let request = self.request;
        let trusted = match request.of_policy() {
            // Exactly those, and on the policy's terms: a server that is asked besides adds none.
            Some(trusted) => trusted.clone(),
            None => {
                let keys = self.keys.iter().cloned().chain(of_server).collect();
                trust(keys, self.anchors.clone(), request.pin.clone(), request.danger_allow_test_keys)?
            }
        };
        match request.min_key_version {
            Some(minimum) => trusted.with_min_key_version(minimum),
            None => Ok(trusted),
        }
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
    /// Where the keys are that a server was asked for, each place once.
    pub places: Vec<KeyPlace>,
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
