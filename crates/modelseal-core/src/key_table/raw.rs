//! The text of a table, as TOML gives it.

use core::num::NonZeroU32;
use core::ops::Range;
use core::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{Entry, KeyTable, NamedKey, Place, Versions, malformed, stays_below};
use crate::{Error, KeyRef, PublicKey, Result, Scheme, SigningWindow, VaultKeyRef, escape};

/// Longest name of a key, in bytes.
const MAX_NAME: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    version: Option<Spanned<i64>>,
    #[serde(default)]
    key: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
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

pub(super) fn parse(text: &[u8]) -> Result<KeyTable> {
    if text.len() > KeyTable::MAX_BYTES {
        return Err(malformed(1, format!("the table has {} bytes, more than {}", text.len(), KeyTable::MAX_BYTES)));
    }
    let lines = Lines(text);
    let text = core::str::from_utf8(text).map_err(|error| {
        let at = error.valid_up_to();
        malformed(lines.at(&(at..at)), "the text is not UTF-8")
    })?;
    let raw: RawTable = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.at(&span));
        malformed(line, error.message().trim_end())
    })?;
    lines.table(&raw)
}

/// The text, for finding the line of an offset.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a [u8]);

impl Lines<'_> {
    fn at(self, span: &Range<usize>) -> usize {
        1 + self.0.iter().take(span.start).filter(|byte| **byte == b'\n').count()
    }

    fn of<T>(self, field: &Spanned<T>) -> usize {
        self.at(&field.span())
    }

    fn table(self, raw: &RawTable) -> Result<KeyTable> {
        if let Some(version) = raw.version.as_ref().filter(|version| *version.get_ref() != 1) {
            let number = version.get_ref();
            return Err(malformed(self.of(version), format!("a table of version {number}, where only 1 is known")));
        }
        if raw.key.is_empty() {
            return Err(malformed(1, "the table holds no [[key]]"));
        }
        let mut keys: Vec<NamedKey> = Vec::with_capacity(raw.key.len());
        let mut public_keys = 0;
        for raw in &raw.key {
            let line = self.of(&raw.name);
            let key = self.key(raw)?;
            if keys.iter().any(|other| other.name == key.name) {
                return Err(malformed(line, format!("the name `{}` is there twice", key.name)));
            }
            public_keys += raw.version.as_ref().map_or(1, Vec::len);
            if public_keys > KeyTable::MAX_KEYS {
                return Err(malformed(line, format!("the table holds more than {} public keys", KeyTable::MAX_KEYS)));
            }
            keys.push(key);
        }
        Ok(KeyTable(keys))
    }

    fn key(self, raw: &RawKey) -> Result<NamedKey> {
        let (name, line) = (raw.name.get_ref(), self.of(&raw.name));
        if name.is_empty() || name.len() > MAX_NAME || escape(name) != *name {
            return Err(malformed(
                line,
                format!("`{name:.300}` is not a name for a key: 1 to {MAX_NAME} visible bytes"),
            ));
        }
        if let Some(text) = raw.shared_key.as_ref().filter(|text| text.get_ref() != "danger") {
            return Err(malformed(self.of(text), "the only value of `shared_key` is \"danger\""));
        }
        let scheme = raw.scheme.as_ref().map_or(Ok(Scheme::Ecdsa), |text| self.read(text))?;
        let window = self.window(raw.not_before.as_ref(), raw.not_after.as_ref(), SigningWindow::ALWAYS)?;
        let versions = match &raw.version {
            None => {
                if let Some(minimum) = &raw.min_version {
                    return Err(malformed(
                        self.of(minimum),
                        format!("`min_version` of `{name}`, which has no versions"),
                    ));
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
                return Err(malformed(line, message));
            }
            Some(versions) => Versions::Numbered {
                minimum: raw.min_version.as_ref().map(|number| self.number(number)).transpose()?,
                entries: self.versions(name, line, versions, window)?,
            },
        };
        let vault = raw.vault.as_ref().map(|text| self.vault(text, scheme, &versions)).transpose()?;
        Ok(NamedKey { name: name.clone(), scheme, vault, versions })
    }

    fn versions(
        self,
        name: &str,
        line: usize,
        raw: &[RawVersion],
        window: SigningWindow,
    ) -> Result<Vec<(NonZeroU32, Entry)>> {
        if raw.is_empty() {
            return Err(malformed(line, format!("`{name}` has an empty list of versions")));
        }
        let mut entries: Vec<(NonZeroU32, Entry)> = Vec::with_capacity(raw.len());
        for version in raw.iter().take(KeyTable::MAX_KEYS + 1) {
            let (number, line) = (self.number(&version.version)?, self.of(&version.version));
            if entries.iter().any(|(other, _)| *other == number) {
                return Err(malformed(line, format!("version {number} of `{name}` is there twice")));
            }
            let entry = self.entry(&RawEntry {
                public_key: version.public_key.as_ref(),
                public_key_pem: version.public_key_pem.as_ref(),
                key_id: version.key_id.as_ref(),
                window: self.window(version.not_before.as_ref(), version.not_after.as_ref(), window)?,
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
                let message = format!("`{}` is not a path below the directory of the table", path.get_ref());
                return Err(malformed(self.of(path), message));
            }
            (None, Some(text)) => Place::Here(
                PublicKey::from_pem(text.get_ref().as_bytes())
                    .map_err(|error| malformed(self.of(text), error.message()).with_hint(error.hint()))?,
            ),
            (None, None) => return Err(malformed(raw.line, "neither `public_key` nor `public_key_pem` is there")),
            (Some(_), Some(_)) => {
                return Err(malformed(raw.line, "`public_key` and `public_key_pem` are both there, where one belongs"));
            }
        };
        let key_id = raw.key_id.map(|text| self.read(text)).transpose()?;
        Ok(Entry { place, key_id, window: raw.window, line: raw.line })
    }

    fn vault(self, text: &Spanned<String>, scheme: Scheme, versions: &Versions) -> Result<VaultKeyRef> {
        let line = self.of(text);
        let KeyRef::Vault(reference) = self.read(text)? else {
            return Err(malformed(line, format!("`{}` is not a key on a server", text.get_ref())));
        };
        if reference.scheme.is_some_and(|other| other != scheme) {
            return Err(malformed(line, format!("`vault` names another scheme than the key's, {scheme}")));
        }
        if reference.version.is_some() && matches!(versions, Versions::Numbered { .. }) {
            return Err(malformed(line, "`vault` names one version, where the key has several"));
        }
        Ok(reference)
    }

    /// What both `outer` and the two bounds allow.
    fn window(
        self,
        not_before: Option<&Spanned<Datetime>>,
        not_after: Option<&Spanned<Datetime>>,
        outer: SigningWindow,
    ) -> Result<SigningWindow> {
        let from = not_before.map(|time| self.time(time)).transpose()?;
        let until = not_after.map(|time| self.time(time)).transpose()?;
        let line = not_after.or(not_before).map_or(1, |time| self.of(time));
        SigningWindow::new(from, until)
            .and_then(|window| outer.and(window))
            .map_err(|error| malformed(line, error.message()))
    }

    fn time(self, time: &Spanned<Datetime>) -> Result<Timestamp> {
        let text = time.get_ref().to_string();
        if time.get_ref().offset.is_none() {
            let message =
                format!("`{text}` is a local time: write date, time and offset, such as 2027-01-31T00:00:00Z");
            return Err(malformed(self.of(time), message));
        }
        text.parse().map_err(|_| malformed(self.of(time), format!("`{text}` is not an instant")))
    }

    fn number(self, number: &Spanned<i64>) -> Result<NonZeroU32> {
        let value = *number.get_ref();
        u32::try_from(value).ok().and_then(NonZeroU32::new).ok_or_else(|| {
            malformed(self.of(number), format!("`{value}` is not a version; versions are whole numbers from 1"))
        })
    }

    fn read<T: FromStr<Err = Error>>(self, text: &Spanned<String>) -> Result<T> {
        let refused = |error: Error| malformed(self.of(text), error.message()).with_hint(error.hint());
        text.get_ref().parse().map_err(refused)
    }
}
