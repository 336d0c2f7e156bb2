//! Values that stand in many places of a policy.

use core::str::FromStr as _;

use jiff::SignedDuration;
use toml::Spanned;

use super::raw::{List, RawTexts};
use crate::key_table::text::{Text, at_line};
use crate::policy::glob::Glob;
use crate::{Code, Digest, Error, HashAlgorithm, Result};

/// Longest text that a claim, a path or a reason can be, in bytes.
const MAX_TEXT: usize = 4096;

const SECOND: u64 = 1000;
/// Units of times that policies count in, in milliseconds.
const LONG_UNITS: &[(&str, u64)] = &[
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", 24 * 3600 * SECOND),
    ("w", 7 * 24 * 3600 * SECOND),
];
/// Units of times that a single question may take.
const SHORT_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", SECOND)];

/// The entries of a list, at least one.
///
/// # Errors
/// `policy/empty-list`.
pub(super) fn entries<'a, T>(text: Text<'_>, what: &str, list: &'a Spanned<List<T>>) -> Result<&'a [Spanned<T>]> {
    let entries = &list.get_ref().0;
    if entries.is_empty() { Err(empty(text.of(list), what)) } else { Ok(entries) }
}

pub(super) fn empty(line: usize, what: &str) -> Error {
    at_line(line, &Error::new(Code::PolicyEmptyList, format!("`{what}` is empty")))
}

/// Texts that are not empty and hold no control characters.
pub(super) fn texts(text: Text<'_>, what: &str, list: &RawTexts) -> Result<Vec<String>> {
    entries(text, what, list)?.iter().map(|entry| plain(text, what, entry)).collect()
}

pub(super) fn plain(text: Text<'_>, what: &str, entry: &Spanned<String>) -> Result<String> {
    let value = entry.get_ref();
    let refused = |why: &str| Err(text.error(text.of(entry), format!("`{what}` holds {why}")));
    if value.is_empty() {
        refused("an empty text, which matches nothing")
    } else if value.len() > MAX_TEXT {
        refused("a text of more than 4096 bytes")
    } else if value.chars().any(char::is_control) {
        refused("a text with control characters")
    } else {
        Ok(value.clone())
    }
}

pub(super) fn globs(text: Text<'_>, what: &str, list: &RawTexts) -> Result<Vec<Glob>> {
    entries(text, what, list)?.iter().map(|entry| glob(text, what, entry)).collect()
}

pub(super) fn glob(text: Text<'_>, what: &str, entry: &Spanned<String>) -> Result<Glob> {
    plain(text, what, entry)?;
    Glob::parse(entry.get_ref()).map_err(|error| at_line(text.of(entry), &error))
}

/// Words of a list that is known.
pub(super) fn words<T: Copy>(text: Text<'_>, what: &str, list: &RawTexts, known: &[(&str, T)]) -> Result<Vec<T>> {
    let word = |entry: &Spanned<String>| {
        known.iter().find(|(word, _)| word == entry.get_ref()).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            text.error(text.of(entry), format!("`{what}` holds `{:.100}`, which is not known", entry.get_ref()))
                .with_hint(format!("known are {}", words.join(", ")))
        })
    };
    entries(text, what, list)?.iter().map(word).collect()
}

/// A SHA-256 digest, `sha256:HEX`.
pub(super) fn digest(text: Text<'_>, what: &str, entry: &Spanned<String>) -> Result<Digest> {
    let digest = Digest::from_str(entry.get_ref()).ok().filter(|digest| digest.algorithm() == HashAlgorithm::Sha256);
    digest.ok_or_else(|| {
        text.error(text.of(entry), format!("`{what}` holds `{:.100}`, which is no SHA-256 digest", entry.get_ref()))
            .with_hint("write it as sha256:HEX, as `modelseal digest MODEL` prints it")
    })
}

/// A span of time in days and the like: `180d`.
pub(super) fn duration(text: Text<'_>, what: &str, entry: &Spanned<String>) -> Result<SignedDuration> {
    let milliseconds = measured(entry.get_ref(), LONG_UNITS).ok_or_else(|| {
        text.error(text.of(entry), format!("`{what}` is `{:.100}`, which is no span of time", entry.get_ref()))
            .with_hint("a whole number from 1 and one of s, m, h, d, w, at most 100 years: \"15m\", \"180d\"")
    })?;
    Ok(SignedDuration::from_millis(milliseconds.cast_signed()))
}

/// The time that a question may take: `100ms`.
pub(super) fn timeout(
    text: Text<'_>,
    what: &str,
    entry: &Spanned<String>,
    most: core::time::Duration,
) -> Result<core::time::Duration> {
    let time = measured(entry.get_ref(), SHORT_UNITS).map(core::time::Duration::from_millis);
    time.filter(|time| *time <= most).ok_or_else(|| {
        text.error(text.of(entry), format!("`{what}` is `{:.100}`, which is no time limit", entry.get_ref()))
            .with_hint(format!("a whole number from 1 and ms or s, at most {}s: \"500ms\"", most.as_secs()))
    })
}

fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    /// A hundred years: later times than any that is meant, and none that overflows.
    const MOST: u64 = 36_525 * 24 * 3600 * SECOND;
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = units.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|time| (1..=MOST).contains(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_whole_numbers_with_a_unit() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("24h", 86_400), ("180d", 15_552_000), ("2w", 1_209_600)] {
            assert_eq!(measured(text, LONG_UNITS), Some(seconds * SECOND), "{text}");
        }
        for text in
            ["", "0s", "15", "m", "-1s", "+1s", "1.5h", "1 s", "1h30m", "1ms", "1y", "40000d", "99999999999999999999s"]
        {
            assert_eq!(measured(text, LONG_UNITS), None, "{text}");
        }
        assert_eq!(measured("100ms", SHORT_UNITS), Some(100));
        assert_eq!(measured("2s", SHORT_UNITS), Some(2000));
        assert_eq!(measured("1m", SHORT_UNITS), None);
    }
}
