//! `[[revoked]]`, and the files that hold only such.

use std::collections::BTreeSet;

use toml::Spanned;

use super::raw::{RawRevocations, RawRevoked, RawTexts};
use super::{Files, REVOCATIONS, once, serial, values, version};
use crate::key_table::text::{Text, at_line};
use crate::policy::model::{Revoked, RevokedThing};
use crate::{Error, Policy, Result, Timestamp, TrustedKey};

/// Most files of revocations.
const MAX_FILES: usize = 32;

/// What a revocation can refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Of keys and certificates.
    pub(super) names: &'a BTreeSet<&'a str>,
    pub(super) keys: &'a [TrustedKey],
}

/// Reads the `[[revoked]]` of one file.
pub(super) fn read(text: Text<'_>, raw: Option<&Spanned<Vec<RawRevoked>>>, known: Known<'_>) -> Result<Vec<Revoked>> {
    match raw {
        None => Ok(Vec::new()),
        Some(list) if list.get_ref().is_empty() => Err(values::empty(text.of(list), "revoked")),
        Some(list) => list.get_ref().iter().map(|raw| one(text, raw, known)).collect(),
    }
}

/// Reads the files of a policy that hold revocations. Also returns the first instant at which one of them is over.
pub(super) fn read_files(
    text: Text<'_>,
    paths: &RawTexts,
    files: &mut Files<'_>,
    known: Known<'_>,
) -> Result<(Vec<Revoked>, Option<Timestamp>)> {
    let mut revoked = Vec::new();
    let mut valid_until: Option<Timestamp> = None;
    let paths = values::entries(text, "revocation_files", paths)?;
    if paths.len() > MAX_FILES {
        let message = format!("`revocation_files` names more than {MAX_FILES} files");
        return Err(text.error(text.of(&paths[MAX_FILES]), message));
    }
    once(text, "revocation_files", paths.iter())?;
    for path in paths {
        let content = files.read_and_remember(text, path)?;
        let inside = |error: Error| {
            let message = format!("`{:.100}`: {}", path.get_ref(), error.message());
            at_line(text.of(path), &Error::new(error.code(), message).with_hint(error.hint()))
        };
        let (more, until) = file(&content, known).map_err(inside)?;
        revoked.extend(more);
        valid_until = [valid_until, until].into_iter().flatten().min();
    }
    Ok((revoked, valid_until))
}

fn file(content: &[u8], known: Known<'_>) -> Result<(Vec<Revoked>, Option<Timestamp>)> {
    let (text, raw) = Text::parse::<RawRevocations>(content, Policy::MAX_BYTES, &REVOCATIONS)?;
    version(text, &raw.version)?;
    serial(text, raw.serial.as_ref())?;
    let valid_until = raw.valid_until.as_ref().map(|time| text.time(time)).transpose()?;
    Ok((read(text, raw.revoked.as_ref(), known)?, valid_until))
}

fn one(text: Text<'_>, raw: &RawRevoked, known: Known<'_>) -> Result<Revoked> {
    let what = match (&raw.model, &raw.file, &raw.key_id, &raw.key, &raw.versions) {
        (Some(model), None, None, None, None) => RevokedThing::Model(values::digest(text, "model", model)?),
        (None, Some(file), None, None, None) => RevokedThing::File(values::digest(text, "file", file)?),
        (None, None, Some(id), None, None) => RevokedThing::KeyId(text.read(id)?),
        (None, None, None, Some(key), Some(versions)) => {
            let name = super::rules::known_name(text, key, known.names)
                .map_err(|error| error.with_hint("name a key of the policy, or revoke it by its `key_id`"))?;
            if !known.keys.iter().any(|key| key.name() == Some(&name) && key.version().is_some()) {
                let message = format!("`{name:.100}` has no versions");
                return Err(text.error(text.of(key), message).with_hint("revoke the key by its `key_id`"));
            }
            let numbers = values::entries(text, "versions", versions)?;
            RevokedThing::KeyVersions(name, numbers.iter().map(|number| text.number(number)).collect::<Result<_>>()?)
        }
        _ => {
            return Err(text
                .error(text.of(&raw.reason), "a revocation names exactly one thing")
                .with_hint("write one of model, file, key_id, or key together with versions"));
        }
    };
    let except_timestamped_before = match (&raw.except_timestamped_before, &what) {
        (Some(time), RevokedThing::Model(_) | RevokedThing::File(_)) => {
            let message = "`except_timestamped_before` belongs to keys: what is revoked itself has no exception";
            return Err(text.error(text.of(time), message));
        }
        (time, _) => time.as_ref().map(|time| text.time(time)).transpose()?,
    };
    Ok(Revoked { what, reason: values::plain(text, "reason", &raw.reason)?, except_timestamped_before })
}
