//! Tables of trusted keys: TOML with names, versions and signing windows, as `keys export` writes them.

mod raw;
pub(crate) mod text;

use core::num::NonZeroU32;
use std::path::{Component, Path};

pub(crate) use raw::RawKey;

use self::text::{Kind, Text, at_line};
use crate::{Code, KeyId, PublicKey, Result, Scheme, SigningWindow, TrustedKey, VaultKeyRef};

/// The `[[key]]` tables of a TOML file: which public keys are trusted, under which name, in which versions and when.
#[derive(Clone, Debug)]
pub struct KeyTable {
    kind: &'static Kind,
    keys: Vec<NamedKey>,
}

static KIND: Kind = Kind {
    word: "table",
    code: Code::KeyMalformed,
    unknown_field: Code::KeyMalformed,
    hint: "docs/formats.md describes tables of keys",
};

/// One `[[key]]`.
#[derive(Clone, Debug)]
struct NamedKey {
    name: String,
    line: usize,
    /// `shared_key = "danger"`, which says something to policies only.
    shared: bool,
    scheme: Scheme,
    vault: Option<VaultKeyRef>,
    versions: Versions,
}

#[derive(Clone, Debug)]
enum Versions {
    One(Entry),
    Numbered { minimum: Option<NonZeroU32>, entries: Vec<(NonZeroU32, Entry)> },
}

/// One public key.
#[derive(Clone, Debug)]
struct Entry {
    place: Place,
    key_id: Option<KeyId>,
    window: SigningWindow,
    line: usize,
}

#[derive(Clone, Debug)]
enum Place {
    /// A path that begins below the table's directory and never goes up.
    File(String),
    Here(PublicKey),
}

impl KeyTable {
    /// Largest table, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;
    /// Most public keys in one table.
    pub const MAX_KEYS: usize = 1000;

    /// Parses the text of a table.
    ///
    /// # Errors
    /// `key/malformed`, with the number of the line.
    pub fn parse(text: &[u8]) -> Result<Self> {
        raw::parse(text)
    }

    /// The `[[key]]` tables of another file that holds such.
    pub(crate) fn within(text: Text<'_>, keys: &[RawKey]) -> Result<Self> {
        raw::keys(text, keys)
    }

    /// Name, line, and whether it may be shared, of each key.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, usize, bool)> {
        self.keys.iter().map(|key| (key.name.as_str(), key.line, key.shared))
    }

    /// The keys to trust. `load` gives the key in the file of a path, which is relative to the directory of the table
    /// and may not leave it when links are resolved; it remembers the file as the key's source.
    ///
    /// # Errors
    /// `key/malformed` when a key is not the one that the table describes, or is there twice; what `load` returns.
    pub fn trusted_keys(&self, load: &mut dyn FnMut(&Path) -> Result<TrustedKey>) -> Result<Vec<TrustedKey>> {
        let mut trusted: Vec<TrustedKey> = Vec::new();
        for named in &self.keys {
            let entries: Vec<(Option<NonZeroU32>, &Entry)> = match &named.versions {
                Versions::One(entry) => vec![(None, entry)],
                Versions::Numbered { entries, .. } => {
                    entries.iter().map(|(number, entry)| (Some(*number), entry)).collect()
                }
            };
            for (number, entry) in entries {
                let key = named.trust(self.kind, number, entry, load).map_err(|error| at_line(entry.line, &error))?;
                if trusted.iter().any(|other| other.key() == key.key()) {
                    let twice = self.kind.error(format!("the key {} is there twice", key.key().id()));
                    return Err(at_line(entry.line, &twice));
                }
                trusted.push(key);
            }
        }
        Ok(trusted)
    }
}

impl NamedKey {
    fn trust(
        &self,
        file: &Kind,
        number: Option<NonZeroU32>,
        entry: &Entry,
        load: &mut dyn FnMut(&Path) -> Result<TrustedKey>,
    ) -> Result<TrustedKey> {
        let key = match &entry.place {
            Place::File(path) => load(Path::new(path))?,
            Place::Here(key) => TrustedKey::new(key.clone()),
        };
        let (id, kind) = (key.key().id(), key.key().kind());
        if let Some(wanted) = entry.key_id.filter(|wanted| *wanted != id) {
            return Err(file.error(format!("the key has the id {id}, where the {} says {wanted}", file.word)));
        }
        if !key.key().fits(self.scheme) {
            return Err(file.error(format!(
                "the scheme of `{}` is {}, which does not fit the {kind} key {id}",
                self.name, self.scheme
            )));
        }
        let mut key = key.with_scheme(self.scheme)?.with_name(&self.name).with_window(entry.window);
        if let Some(number) = number {
            key = key.with_version(number);
        }
        if let Versions::Numbered { minimum: Some(minimum), .. } = self.versions {
            key = key.with_min_version(minimum)?;
        }
        Ok(match &self.vault {
            Some(reference) => key.with_vault(reference.clone()),
            None => key,
        })
    }
}

/// Whether a text of a file is a path that begins in the file's directory and never goes up.
pub(crate) fn stays_below(path: &str) -> bool {
    let below = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(below)
}

#[cfg(test)]
mod tests;
