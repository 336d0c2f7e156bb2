//! Resource names: canonical relative paths.

use core::fmt;

use crate::{Code, Error, Result};

/// Canonical relative UTF-8 path of a file in a model, `/` between components (OMS `resources[].name`).
///
/// Never empty, never absolute; no component is empty, `.` or `..`; no NUL. The one exception is the name `.`, which
/// stands for the model itself when that is a single file. Control characters, backslashes and colons are legal:
/// escape before printing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Box<str>);

impl ResourceName {
    /// Longest name, in bytes: what the systems that load models can open at all.
    pub const MAX_BYTES: usize = 4096;

    /// Parses a name.
    ///
    /// # Errors
    /// `format/malformed` when the text is not a canonical relative path or is too long.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > Self::MAX_BYTES {
            let bytes = text.len();
            Err(Error::new(Code::FormatMalformed, format!("a path of {bytes} bytes, more than {}", Self::MAX_BYTES)))
        } else if text == "." || is_canonical(text) {
            Ok(Self(text.into()))
        } else {
            Err(Error::new(Code::FormatMalformed, format!("`{text}` is not a path inside the model")))
        }
    }

    /// The name `.`: the model itself, a single file.
    #[must_use]
    pub fn single_file() -> Self {
        Self(".".into())
    }

    /// Whether this is the name `.`.
    #[must_use]
    pub fn is_single_file(&self) -> bool {
        &*self.0 == "."
    }

    /// The text, raw.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `ancestor` itself or lies below it.
    #[must_use]
    pub fn is_under(&self, ancestor: &str) -> bool {
        is_under(&self.0, ancestor)
    }
}

/// Whether `name` is `ancestor` or lies below it; both canonical.
pub(crate) fn is_under(name: &str, ancestor: &str) -> bool {
    name.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn is_canonical(text: &str) -> bool {
    !text.contains('\0') && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl fmt::Display for ResourceName {
    /// The name, escaped for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::escape(&self.0))
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_relative_paths_are_names() {
        for good in ["a", "a/b", "a../b", "d/..x/...", " a ", "a\nb", "a\\b", "a:1", ".", "é"] {
            assert!(ResourceName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", "./a", "a/.", "..", "../a", "a/../b", "a\0b"] {
            assert_eq!(ResourceName::parse(bad).map_err(|error| error.code()), Err(Code::FormatMalformed), "{bad}");
        }
    }

    #[test]
    fn under_means_whole_components() {
        let name = ResourceName::parse("a/b").unwrap();
        assert!(name.is_under("a") && name.is_under("a/b"));
        assert!(!name.is_under("a/b/c") && !name.is_under("a/") && !ResourceName::parse("ab").unwrap().is_under("a"));
    }
}
