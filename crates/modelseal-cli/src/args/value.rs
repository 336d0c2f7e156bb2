//! Values: sizes, methods, key references.

use core::num::{IntErrorKind, NonZeroU64, NonZeroUsize};
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use modelseal::{Code, Error, HashAlgorithm, KeyRef, Method, Result};

/// Shard size when none is given.
const DEFAULT_SHARD_SIZE: NonZeroU64 = NonZeroU64::new(1_000_000_000).unwrap();

/// How files become resources.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MethodArgs {
    /// One digest per file, or per shard of a file
    #[arg(long, value_enum, default_value_t = MethodName::Files, value_name = "METHOD", help_heading = "Form")]
    method: MethodName,
    /// Bytes per shard, such as 1000000000 or 64MiB [default: 1000000000]
    #[arg(long, value_parser = shard_size, value_name = "SIZE", help_heading = "Form")]
    shard_size: Option<NonZeroU64>,
    /// Hash of every resource; other tools' command lines verify sha256 only
    #[arg(long, value_enum, default_value_t = HashName::Sha256, value_name = "HASH", help_heading = "Form")]
    hash: HashName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MethodName {
    Files,
    Shards,
}

/// A hash algorithm by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HashName {
    Sha256,
    Blake2b,
    Blake3,
}

impl MethodArgs {
    /// Method and hash.
    pub(crate) fn resolve(self) -> Result<(Method, HashAlgorithm)> {
        let method = match (self.method, self.shard_size) {
            (MethodName::Files, None) => Method::Files,
            (MethodName::Files, Some(_)) => {
                return Err(Error::new(Code::UsageArguments, "--shard-size is for --method shards"));
            }
            (MethodName::Shards, size) => Method::Shards { size: size.unwrap_or(DEFAULT_SHARD_SIZE) },
        };
        let hash = match self.hash {
            HashName::Sha256 => HashAlgorithm::Sha256,
            HashName::Blake2b => HashAlgorithm::Blake2b,
            HashName::Blake3 => HashAlgorithm::Blake3,
        };
        Ok((method, hash))
    }
}

/// A key reference. A path that is not UTF-8 is a path all the same.
pub(crate) fn key_ref(text: &OsStr) -> Result<KeyRef> {
    text.to_str().map_or_else(|| Ok(KeyRef::file(text)), str::parse)
}

/// Refuses a flag without the one that it is about. The parser waives `requires` when a flag that is given conflicts
/// with the required one.
pub(crate) fn require(flag: &str, given: bool, wanted: &str, there: bool) -> Result<()> {
    if !given || there {
        return Ok(());
    }
    let (name, _) = wanted.split_once(' ').unwrap_or((wanted, ""));
    Err(Error::new(Code::UsageArguments, format!("{flag} is about {name}, which is not given"))
        .with_hint(format!("give {wanted}, or leave {flag} out")))
}

/// A path that may be empty: what is wrong with it is said later, with the code for it.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Most threads: more gain nothing, and a system may refuse to start them.
const MAX_JOBS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// A number of threads. A larger one than [`MAX_JOBS`] means as many as possible.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(jobs) => Ok(jobs.min(MAX_JOBS)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Ok(MAX_JOBS),
        Err(_) => Err("write a whole number, at least 1".to_owned()),
    }
}

/// A number of bytes: digits, then nothing or a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err("write bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a whole number of bytes".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "the number is too large".to_owned())
}

fn shard_size(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(size(text)?).ok_or_else(|| "a shard has at least one byte".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_have_a_limit() {
        for (text, number) in [("1", 1), ("1024", 1024), ("1025", 1024), ("99999999999999999999999", 1024)] {
            assert_eq!(jobs(text).map(NonZeroUsize::get), Ok(number), "{text}");
        }
        for bad in ["", "0", "-1", "many"] {
            assert!(jobs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("0", 0), ("1000", 1000), ("1MiB", 1 << 20), ("64MB", 64_000_000), ("2 GiB", 2 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MB", "1M", "1.5GB", "-1", "+1", "99999999999999999999", "99999999999TiB", "1 x"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert!(shard_size("0").is_err());
    }
}
