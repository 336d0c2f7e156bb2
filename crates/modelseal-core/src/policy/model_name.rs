//! Names of models that can be asked for.

use core::str::FromStr;

use crate::{Code, Error, Result};

/// A model name that can be asked for and that policies can match: parts of letters, digits, `.`, `_`, `-`, separated
/// by `/`; no part is `.` or `..`; at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = Error;

    /// # Errors
    /// `usage/name`.
    fn from_str(text: &str) -> Result<Self> {
        let part_is_plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if text.len() <= 255 && text.split('/').all(part_is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(Code::UsageName, format!("`{text}` is not a model name")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["llama", "acme/llama-7b.v2", "a_b", "A/B/C", "..a", &"x".repeat(255)] {
            assert!(good.parse::<ModelName>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "a/..", "a b", "é", "a\n", "a:b", &"x".repeat(256)] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
    }
}
