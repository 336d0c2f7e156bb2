//! `[[rule]]`: who may sign what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toml::Spanned;

use super::raw::{List, RawClaims, RawEvidence, RawFiles, RawRule, RawTexts, Scalar};
use super::{claims, values};
use crate::key_table::text::{Text, at_line};
use crate::policy::format::FileFormat;
use crate::policy::model::{EvidenceRule, FileRule, IdentityProvider, IdentityRule, Rule};
use crate::{Code, Digest, Error, HashAlgorithm, Result};

const HASHES: &[(&str, HashAlgorithm)] =
    &[("sha256", HashAlgorithm::Sha256), ("blake2b", HashAlgorithm::Blake2b), ("blake3", HashAlgorithm::Blake3)];
const METHODS: &[(&str, &str)] = &[("files", "files"), ("shards", "shards")];

/// Reads the rules; `known` are the names of keys and certificates.
pub(super) fn read(text: Text<'_>, raw: &[RawRule], known: &BTreeSet<&str>) -> Result<Vec<Rule>> {
    let mut names = BTreeSet::new();
    let mut rules = Vec::with_capacity(raw.len());
    for raw in raw {
        let rule = Reader { text, known }.rule(raw)?;
        if !names.insert(rule.name.clone()) {
            return Err(text.error(rule.line, format!("the rule `{:.100}` is there twice", rule.name)));
        }
        rules.push(rule);
    }
    Ok(rules)
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    text: Text<'a>,
    known: &'a BTreeSet<&'a str>,
}

impl Reader<'_> {
    fn rule(self, raw: &RawRule) -> Result<Rule> {
        let text = self.text;
        let name = text.name("rule", &raw.name)?;
        let line = text.of(&raw.name);
        if let Some(threshold) = raw.threshold.as_ref().filter(|threshold| *threshold.get_ref() != 1) {
            let message = format!("`threshold` is {}, and only 1 is supported", threshold.get_ref());
            let error = Error::new(Code::PolicyNotSupported, message)
                .with_hint("to demand a second signature, demand evidence by another key: [[rule.evidence]]");
            return Err(at_line(text.of(threshold), &error));
        }
        let digest = |entry: &Spanned<String>| values::digest(text, "digests", entry);
        let digests = |list: &RawTexts| -> Result<Vec<Digest>> {
            values::entries(text, "digests", list)?.iter().map(digest).collect()
        };
        let hash = |list: &RawTexts| values::words(text, "hash", list, HASHES);
        let method = |list: &RawTexts| values::words(text, "method", list, METHODS);
        Ok(Rule {
            identity: self.identity(raw, &name, line)?,
            models: values::globs(text, "models", &raw.models)?,
            keys: self.keys(&raw.keys)?,
            digests: raw.digests.as_ref().map(digests).transpose()?,
            not_signed_before: raw.not_signed_before.as_ref().map(|time| text.time(time)).transpose()?,
            hash: raw.hash.as_ref().map_or_else(|| Ok(vec![HashAlgorithm::Sha256]), hash)?,
            methods: raw.method.as_ref().map_or_else(|| Ok(vec!["files"]), method)?,
            danger_root_only: raw.danger_root_only,
            max_age: raw
                .freshness
                .as_ref()
                .map(|freshness| values::duration(text, "max_age", &freshness.max_age))
                .transpose()?,
            files: self.files(raw.files.as_ref())?,
            evidence: match &raw.evidence {
                None => Vec::new(),
                Some(evidence) if evidence.get_ref().is_empty() => {
                    return Err(values::empty(text.of(evidence), "evidence"));
                }
                Some(evidence) => evidence.get_ref().iter().map(|raw| self.evidence(raw)).collect::<Result<_>>()?,
            },
            name,
            line,
        })
    }

    fn identity(self, raw: &RawRule, name: &str, line: usize) -> Result<IdentityRule> {
        let word = raw.identity.as_ref();
        if let Some(word) = word.filter(|word| word.get_ref() != "key-only") {
            return Err(self
                .text
                .error(self.text.of(word), format!("`identity` is `{:.100}`", word.get_ref()))
                .with_hint("the only word is \"key-only\"; a job is named by a table such as [rule.github]"));
        }
        let tables: [(IdentityProvider, Option<&Spanned<RawClaims>>); 3] = [
            (IdentityProvider::Github, raw.github.as_ref()),
            (IdentityProvider::Gitlab, raw.gitlab.as_ref()),
            (IdentityProvider::Kubernetes, raw.kubernetes.as_ref()),
        ];
        let named = tables.iter().filter(|(_, table)| table.is_some()).count();
        let count = named + usize::from(raw.oidc.is_some()) + usize::from(word.is_some());
        if count != 1 {
            let what = if count == 0 { "says nothing" } else { "says more than one thing" };
            return Err(self.text.error(line, format!("the rule `{name:.100}` {what} about who may sign")).with_hint(
                "write either identity = \"key-only\" or one of [rule.github], [rule.gitlab], [rule.kubernetes], [rule.oidc]",
            ));
        }
        if let Some(raw) = &raw.oidc {
            return claims::oidc(self.text, raw).map(IdentityRule::Claims);
        }
        match tables.into_iter().find_map(|(provider, table)| Some((provider, table?))) {
            None => Ok(IdentityRule::KeyOnly),
            Some((provider, table)) => claims::table(self.text, provider, table).map(IdentityRule::Claims),
        }
    }

    fn keys(self, list: &RawTexts) -> Result<Vec<String>> {
        let entries = values::entries(self.text, "keys", list)?;
        entries.iter().map(|name| known_name(self.text, name, self.known)).collect()
    }

    fn files(self, raw: Option<&RawFiles>) -> Result<FileRule> {
        let Some(raw) = raw else {
            return Ok(FileRule { ignored_paths: Vec::new(), formats: None, danger_allow_unsigned: Vec::new() });
        };
        let formats = FileFormat::ALL.map(|format| (format.as_str(), format));
        let globs = |what: &str, list: Option<&RawTexts>| {
            list.map_or_else(|| Ok(Vec::new()), |list| values::globs(self.text, what, list))
        };
        Ok(FileRule {
            ignored_paths: globs("ignored_paths", raw.ignored_paths.as_ref())?,
            formats: raw
                .formats
                .as_ref()
                .map(|list| values::words(self.text, "formats", list, &formats))
                .transpose()?,
            danger_allow_unsigned: globs("danger_allow_unsigned", raw.danger_allow_unsigned.as_ref())?,
        })
    }

    fn evidence(self, raw: &RawEvidence) -> Result<EvidenceRule> {
        let max_age = raw.max_age.as_ref().map(|age| values::duration(self.text, "max_age", age));
        Ok(EvidenceRule {
            predicate_type: values::plain(self.text, "predicate_type", &raw.predicate_type)?,
            keys: self.keys(&raw.keys)?,
            max_age: max_age.transpose()?,
            fields: match &raw.fields {
                None => BTreeMap::new(),
                Some(fields) if fields.get_ref().is_empty() => {
                    return Err(values::empty(self.text.of(fields), "fields"));
                }
                Some(fields) => fields
                    .get_ref()
                    .iter()
                    .map(|(pointer, list)| Ok((self.pointer(pointer)?, self.scalars(pointer.get_ref(), list)?)))
                    .collect::<Result<_>>()?,
            },
        })
    }

    /// A JSON pointer (RFC 6901) to something inside the predicate.
    fn pointer(self, pointer: &Spanned<String>) -> Result<String> {
        let path = values::plain(self.text, "fields", pointer)?;
        let escapes_are_known = path.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if path.starts_with('/') && escapes_are_known {
            return Ok(path);
        }
        Err(self
            .text
            .error(self.text.of(pointer), format!("`{path:.100}` is no JSON pointer"))
            .with_hint("it begins with `/`: \"/result\" = [\"passed\"]"))
    }

    fn scalars(self, pointer: &str, list: &Spanned<List<Scalar>>) -> Result<Vec<Value>> {
        let entries = values::entries(self.text, &format!("{pointer:.100}"), list)?;
        Ok(entries.iter().map(|entry| entry.get_ref().0.clone()).collect())
    }
}

/// A name that the policy has.
///
/// # Errors
/// `policy/unknown-key-name`.
pub(super) fn known_name(text: Text<'_>, name: &Spanned<String>, known: &BTreeSet<&str>) -> Result<String> {
    if known.contains(name.get_ref().as_str()) {
        return Ok(name.get_ref().clone());
    }
    let message = format!("there is no [[key]] and no [[certificate]] `{:.100}`", name.get_ref());
    Err(at_line(text.of(name), &Error::new(Code::PolicyUnknownKeyName, message)))
}
