//! Parsing a policy file.

mod certificates;
mod claims;
mod raw;
mod revocations;
mod rules;
mod shared;
mod stages;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use toml::Spanned;

use self::raw::RawPolicy;
use self::revocations::Known;
pub(super) use self::shared::same_identity;
use super::model::{PolicyFile, PolicyKey};
use crate::key::is_published_test_key;
use crate::key_table::stays_below;
use crate::key_table::text::{Kind, Text, at_line};
use crate::{Code, Digest, Error, KeyTable, LeafPin, Policy, PublicKey, Result, TrustedKey, TrustedKeys};

/// How long a decision may be reused unless the policy says otherwise, and the longest it may say.
const DECISION_TTL: SignedDuration = SignedDuration::from_mins(15);
const MAX_DECISION_TTL: SignedDuration = SignedDuration::from_hours(24);

/// Most keys, certificates and rules, each: every rule is compared with every other.
const MAX_TABLES: usize = 1000;

/// Largest file of a bearer token.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

static KIND: Kind = Kind { word: "policy", ..REVOCATIONS };
static REVOCATIONS: Kind = Kind {
    word: "list of revocations",
    code: Code::PolicySyntax,
    unknown_field: Code::PolicyUnknownField,
    hint: Code::PolicySyntax.hint(),
};

/// Reads the files that a policy refers to.
pub trait PolicyFiles {
    /// The content of the file at `path`, which is relative to the policy's directory and may not leave it when links
    /// are resolved; at most `most` bytes. Also returns where it is, for [`Policy::sources`](super::Policy::sources).
    ///
    /// # Errors
    /// `input/*`, `policy/signature` for a file that a signed policy does not cover.
    fn read(&mut self, path: &Path, most: usize) -> Result<(Vec<u8>, PathBuf)>;

    /// Where the file at `path` is, which is read later and each time anew, such as one that holds a token: a signed
    /// policy does not cover it.
    ///
    /// # Errors
    /// As those of [`read`](Self::read).
    fn locate(&mut self, path: &Path) -> Result<PathBuf> {
        self.read(path, MAX_TOKEN_BYTES).map(|(_, place)| place)
    }

    /// Whether a policy may trust test keys whose private halves are published.
    fn danger_allow_test_keys(&self) -> bool {
        false
    }
}

pub(super) fn parse(bytes: &[u8], name: &str, files: &mut dyn PolicyFiles) -> Result<PolicyFile> {
    let (text, raw) = Text::parse::<RawPolicy>(bytes, Policy::MAX_BYTES, &KIND)?;
    version(text, &raw.version)?;
    let mut files = Files { files, sources: Vec::new() };
    let keys = section(text, "key", raw.key.as_ref())?;
    let table = KeyTable::within(text, keys)?;
    let trusted = read_keys(&table, &mut files)?;
    let (certificates, anchors) =
        certificates::read(text, section(text, "certificate", raw.certificate.as_ref())?, &mut files)?;
    let mut names: BTreeSet<&str> = table.named().map(|(name, ..)| name).collect();
    for certificate in &certificates {
        if !names.insert(&certificate.name) {
            return Err(text.error(certificate.line, format!("the name `{}` is there twice", certificate.name)));
        }
    }
    if names.is_empty() {
        return Err(text.error(1, "the policy has neither a [[key]] nor a [[certificate]]"));
    }
    let rules = rules::read(text, section(text, "rule", raw.rule.as_ref())?, &names)?;
    if rules.is_empty() {
        return Err(text.error(1, "the policy has no [[rule]]"));
    }
    let known = Known { names: &names, keys: &trusted };
    let mut revoked = revocations::read(text, raw.revoked.as_ref(), known)?;
    let mut valid_until = raw.valid_until.as_ref().map(|time| text.time(time)).transpose()?;
    if let Some(paths) = &raw.revocation_files {
        let (more, until) = revocations::read_files(text, paths, &mut files, known)?;
        revoked.extend(more);
        valid_until = [valid_until, until].into_iter().flatten().min();
    }
    let file = PolicyFile {
        name: raw.name.as_ref().map_or_else(|| Ok(name.to_owned()), |name| text.name("policy", name))?,
        digest: Digest::sha256(bytes),
        decision_ttl: raw.decision_ttl.as_ref().map_or(Ok(DECISION_TTL), |ttl| decision_ttl(text, ttl))?,
        serial: serial(text, raw.serial.as_ref())?,
        valid_until,
        keys: table.named().map(|(name, line, shared)| PolicyKey { name: name.to_owned(), shared, line }).collect(),
        rego: raw.rego.as_ref().map(|rego| stages::rego(text, rego, &mut files)).transpose()?,
        opa: raw.opa.as_ref().map(|opa| stages::opa(text, opa, &mut files)).transpose()?,
        trusted: if files.files.danger_allow_test_keys() {
            TrustedKeys::danger_allow_test_keys(trusted, anchors, LeafPin::default())?
        } else {
            TrustedKeys::new(trusted, anchors, LeafPin::default())?
        },
        certificates,
        rules,
        revoked,
        sources: files.sources,
    };
    shared::check(&file)?;
    Ok(file)
}

/// A list of tables, which may be left out and not be empty.
fn section<'a, T>(text: Text<'_>, what: &str, tables: Option<&'a Spanned<Vec<T>>>) -> Result<&'a [T]> {
    match tables {
        None => Ok(&[]),
        Some(tables) if tables.get_ref().is_empty() => Err(values::empty(text.of(tables), what)),
        Some(tables) if tables.get_ref().len() > MAX_TABLES => {
            Err(text.error(text.of(tables), format!("there are more than {MAX_TABLES} [[{what}]]")))
        }
        Some(tables) => Ok(tables.get_ref()),
    }
}

fn read_keys(table: &KeyTable, files: &mut Files<'_>) -> Result<Vec<TrustedKey>> {
    let keys = table.trusted_keys(&mut |path| {
        let (content, source) = files.files.read(path, Policy::MAX_BYTES)?;
        Ok(TrustedKey::new(PublicKey::from_pem(&content)?).with_source(source))
    })?;
    for key in &keys {
        let line = table.named().find(|(name, ..)| key.name() == Some(name)).map_or(1, |(_, line, _)| line);
        files.refuse_test_key(key.key()).map_err(|error| at_line(line, &error))?;
    }
    Ok(keys)
}

fn version(text: Text<'_>, version: &Spanned<i64>) -> Result<()> {
    if *version.get_ref() == 1 {
        return Ok(());
    }
    let message = format!("a {} of version {}, where only 1 is known", text.kind().word, version.get_ref());
    Err(text.error(text.of(version), message))
}

fn serial(text: Text<'_>, serial: Option<&Spanned<i64>>) -> Result<Option<u64>> {
    let Some(serial) = serial else { return Ok(None) };
    match u64::try_from(*serial.get_ref()) {
        Ok(number) if number >= 1 => Ok(Some(number)),
        _ => Err(text.error(text.of(serial), "`serial` is a whole number from 1")),
    }
}

fn decision_ttl(text: Text<'_>, ttl: &Spanned<String>) -> Result<SignedDuration> {
    let span = values::duration(text, "decision_ttl", ttl)?;
    if span <= MAX_DECISION_TTL {
        return Ok(span);
    }
    Err(text
        .error(text.of(ttl), "`decision_ttl` is longer than 24h")
        .with_hint("at most \"24h\"; \"15m\" unless given"))
}

/// Refuses a path that is there twice.
fn once<'a>(text: Text<'_>, what: &str, paths: impl Iterator<Item = &'a Spanned<String>>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for path in paths {
        if !seen.insert(path.get_ref()) {
            let message = format!("`{what}` names `{:.100}` twice", path.get_ref());
            return Err(text.error(text.of(path), message));
        }
    }
    Ok(())
}

/// The files that a policy names, by paths that stay below its directory.
struct Files<'a> {
    files: &'a mut dyn PolicyFiles,
    sources: Vec<PathBuf>,
}

impl Files<'_> {
    fn read(&mut self, text: Text<'_>, path: &Spanned<String>) -> Result<(Vec<u8>, PathBuf)> {
        let place = below(text, path)?;
        self.files.read(place, Policy::MAX_BYTES).map_err(|error| at_line(text.of(path), &error))
    }

    fn read_and_remember(&mut self, text: Text<'_>, path: &Spanned<String>) -> Result<Vec<u8>> {
        let (content, source) = self.read(text, path)?;
        self.sources.push(source);
        Ok(content)
    }

    fn locate(&mut self, text: Text<'_>, path: &Spanned<String>) -> Result<PathBuf> {
        let place = below(text, path)?;
        let place = self.files.locate(place).map_err(|error| at_line(text.of(path), &error))?;
        self.sources.push(place.clone());
        Ok(place)
    }

    fn refuse_test_key(&self, key: &PublicKey) -> Result<()> {
        if !self.files.danger_allow_test_keys() && is_published_test_key(key.id()) {
            return Err(Error::new(Code::KeyTestKey, format!("the key {} is a published test key", key.id())));
        }
        Ok(())
    }
}

fn below<'a>(text: Text<'_>, path: &'a Spanned<String>) -> Result<&'a Path> {
    if stays_below(path.get_ref()) {
        return Ok(Path::new(path.get_ref()));
    }
    let message = format!("`{:.100}` is not a path below the directory of the policy", path.get_ref());
    Err(text.error(text.of(path), message).with_hint("keep what the policy names beside it or below it"))
}

#[cfg(test)]
pub(super) mod tests;
