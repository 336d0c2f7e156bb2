//! The text of a table, as TOML gives it.

use core::num::NonZeroU32;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::text::Text;
use super::{Entry, KIND, KeyTable, NamedKey, Place, Versions, stays_below};
use crate::{KeyRef, PublicKey, Result, Scheme, SigningWindow, VaultKeyRef};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    version: Option<Spanned<i64>>,
    #[serde(default)]
    key: Vec<RawKey>,
}

/// One `[[key]]`, also of a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKey {
    name: Spanned<String>,
    public_key: Option<Spanned<String>>,
    public_key_pem: Option<Spanned<String>>,
    key_id: Option<Spanned<String>>,
    scheme: Option<Spanned<String>>,
    shared_key: Option<Spanned<String>>,
    vault: Option<Spanned<String>>,
    min_version: Option<Spanned<i64>>,
    not_before: Option<Spanned<Datetime>>,
    not_after: Option<Spanned<Datetime>>,
    version: Option<Vec<RawVersion>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    version: Spanned<i64>,
    public_key: Option<Spanned<String>>,
    public_key_pem: Option<Spanned<String>>,
    key_id: Option<Spanned<String>>,
    not_before: Option<Spanned<Datetime>>,
    not_after: Option<Spanned<Datetime>>,
}

/// What `[[key]]` and `[[key.version]]` say of one public key.
struct RawEntry<'a> {
    public_key: Option<&'a Spanned<String>>,
    public_key_pem: Option<&'a Spanned<String>>,
    key_id: Option<&'a Spanned<String>>,
    window: SigningWindow,
    line: usize,
}

pub(super) fn parse(bytes: &[u8]) -> Result<KeyTable> {
    let (text, raw) = Text::parse::<RawTable>(bytes, KeyTable::MAX_BYTES, &KIND)?;
    if let Some(version) = raw.version.as_ref().filter(|version| *version.get_ref() != 1) {
        let number = version.get_ref();
        return Err(text.error(text.of(version), format!("a table of version {number}, where only 1 is known")));
    }
    if raw.key.is_empty() {
        return Err(text.error(1, "the table holds no [[key]]"));
    }
    keys(text, &raw.key)
}

/// The `[[key]]` of any file.
pub(super) fn keys(text: Text<'_>, raw: &[RawKey]) -> Result<KeyTable> {
    Reader(text).keys(raw)
}

#[derive(Clone, Copy)]
struct Reader<'a>(Text<'a>);

impl Reader<'_> {
    fn keys(self, raw: &[RawKey]) -> Result<KeyTable> {
        let kind = self.0.kind();
        let mut keys: Vec<NamedKey> = Vec::with_capacity(raw.len());
        let mut public_keys = 0;
        for raw in raw {
            let line = self.0.of(&raw.name);
            let key = self.key(raw)?;
            if keys.iter().any(|other| other.name == key.name) {
                return Err(self.0.error(line, format!("the name `{}` is there twice", key.name)));
            }
            public_keys += raw.version.as_ref().map_or(1, Vec::len);
            if public_keys > KeyTable::MAX_KEYS {
                let message = format!("the {} holds more than {} public keys", kind.word, KeyTable::MAX_KEYS);
                return Err(self.0.error(line, message));
            }
            keys.push(key);
        }
        Ok(KeyTable { kind, keys })
    }

    fn key(self, raw: &RawKey) -> Result<NamedKey> {
        let (name, line) = (self.0.name("key", &raw.name)?, self.0.of(&raw.name));
        if let Some(text) = raw.shared_key.as_ref().filter(|text| text.get_ref() != "danger") {
            return Err(self.0.error(self.0.of(text), "the only value of `shared_key` is \"danger\""));
        }
        let scheme = raw.scheme.as_ref().map_or(Ok(Scheme::Ecdsa), |text| self.0.read(text))?;
        let window = self.0.window(raw.not_before.as_ref(), raw.not_after.as_ref(), SigningWindow::ALWAYS)?;
        let versions = match &raw.version {
            None => {
                if let Some(minimum) = &raw.min_version {
                    return Err(self
                        .0
                        .error(self.0.of(minimum), format!("`min_version` of `{name}`, which has no versions")));
                }
                Versions::One(self.entry(&RawEntry {
                    public_key: raw.public_key.as_ref(),
                    public_key_pem: raw.public_key_pem.as_ref(),
                    key_id: raw.key_id.as_ref(),
                    window,
                    line,
                })?)
            }
            Some(_) if raw.public_key.is_some() || raw.public_key_pem.is_some() || raw.key_id.is_some() => {
                let message = format!("`{name}` has versions: its keys and their ids belong into [[key.version]]");
                return Err(self.0.error(line, message));
            }
            Some(versions) => Versions::Numbered {
                minimum: raw.min_version.as_ref().map(|number| self.0.number(number)).transpose()?,
                entries: self.versions(&name, line, versions, window)?,
            },
        };
        let vault = raw.vault.as_ref().map(|text| self.vault(text, scheme, &versions)).transpose()?;
        Ok(NamedKey { name, line, shared: raw.shared_key.is_some(), scheme, vault, versions })
    }

    fn versions(
        self,
        name: &str,
        line: usize,
        raw: &[RawVersion],
        window: SigningWindow,
    ) -> Result<Vec<(NonZeroU32, Entry)>> {
        if raw.is_empty() {
            return Err(self.0.error(line, format!("`{name}` has an empty list of versions")));
        }
        let mut entries: Vec<(NonZeroU32, Entry)> = Vec::with_capacity(raw.len());
        for version in raw.iter().take(KeyTable::MAX_KEYS + 1) {
            let (number, line) = (self.0.number(&version.version)?, self.0.of(&version.version));
            if entries.iter().any(|(other, _)| *other == number) {
                return Err(self.0.error(line, format!("version {number} of `{name}` is there twice")));
            }
            let entry = self.entry(&RawEntry {
                public_key: version.public_key.as_ref(),
                public_key_pem: version.public_key_pem.as_ref(),
                key_id: version.key_id.as_ref(),
                window: self.0.window(version.not_before.as_ref(), version.not_after.as_ref(), window)?,
                line,
            })?;
            entries.push((number, entry));
        }
        Ok(entries)
    }

    fn entry(self, raw: &RawEntry<'_>) -> Result<Entry> {
        let place = match (raw.public_key, raw.public_key_pem) {
            (Some(path), None) if stays_below(path.get_ref()) => Place::File(path.get_ref().clone()),
            (Some(path), None) => {
                let message = format!(
                    "`{:.100}` is not a path below the directory of the {}",
                    path.get_ref(),
                    self.0.kind().word
                );
                return Err(self.0.error(self.0.of(path), message));
            }
            (None, Some(text)) => Place::Here(
                PublicKey::from_pem(text.get_ref().as_bytes())
                    .map_err(|error| self.0.error(self.0.of(text), error.message()).with_hint(error.hint()))?,
            ),
            (None, None) => return Err(self.0.error(raw.line, "neither `public_key` nor `public_key_pem` is there")),
            (Some(_), Some(_)) => {
                return Err(self
                    .0
                    .error(raw.line, "`public_key` and `public_key_pem` are both there, where one belongs"));
            }
        };
        let key_id = raw.key_id.map(|text| self.0.read(text)).transpose()?;
        Ok(Entry { place, key_id, window: raw.window, line: raw.line })
    }

    fn vault(self, text: &Spanned<String>, scheme: Scheme, versions: &Versions) -> Result<VaultKeyRef> {
        let line = self.0.of(text);
        let KeyRef::Vault(reference) = self.0.read(text)? else {
            return Err(self.0.error(line, format!("`{}` is not a key on a server", text.get_ref())));
        };
        if reference.scheme.is_some_and(|other| other != scheme) {
            return Err(self.0.error(line, format!("`vault` names another scheme than the key's, {scheme}")));
        }
        if reference.version.is_some() && matches!(versions, Versions::Numbered { .. }) {
            return Err(self.0.error(line, "`vault` names one version, where the key has several"));
        }
        Ok(reference)
    }
}
