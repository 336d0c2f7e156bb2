//! Patterns: `*` stands for any characters but `/`, and nothing else is special.

use crate::{Code, Error, Result};

/// A pattern, anchored at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    /// # Errors
    /// `policy/bad-glob` for an empty pattern, `**`, `?`, `[`, `]`, `{`, `}`, `\` and control characters.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = |what: &str| Error::new(Code::PolicyBadGlob, format!("the pattern `{text:.100}` {what}"));
        if text.is_empty() {
            return Err(refused("is empty"));
        }
        if text.contains("**") {
            return Err(refused("holds `**`, and `*` never stands for `/`"));
        }
        match text.chars().find(|c| matches!(c, '?' | '[' | ']' | '{' | '}' | '\\') || c.is_control()) {
            Some(c) => Err(refused(&format!("holds `{c}`"))),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` as a whole fits. Time is bounded by the product of the lengths.
    pub(crate) fn matches(&self, text: &str) -> bool {
        matches(self.0.as_bytes(), text.as_bytes(), false)
    }

    /// As [`matches`](Self::matches), with ASCII letters compared without case.
    pub(crate) fn matches_ignoring_case(&self, text: &str) -> bool {
        matches(self.0.as_bytes(), text.as_bytes(), true)
    }
}

fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let same = |a: u8, b: u8| a == b || (ignore_case && a.eq_ignore_ascii_case(&b));
    let (mut p, mut t) = (0, 0);
    // The last star, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|&byte| same(byte, text[t])) {
            (p, t) = (p + 1, t + 1);
        } else {
            match star {
                // An earlier star cannot help: it would have to take what the later one may not either.
                Some((at, taken)) if text[taken] != b'/' => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                _ => return false,
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes() {
        let fits = |pattern: &str, text: &str| Glob::parse(pattern).unwrap().matches(text);
        for (pattern, text, expected) in [
            ("acme/*", "acme/x", true),
            ("acme/*", "acme/", true),
            ("acme/*", "acme/x/y", false),
            ("acme/*", "evil/acme/x", false),
            ("*/*", "a/b", true),
            ("*/*", "a/b/c", false),
            ("*", "a/b", false),
            ("refs/tags/v*", "refs/tags/v2.1", true),
            ("refs/tags/v*", "refs/tags/v2/x", false),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axbx/bc", false),
            ("a*/b*c", "ax/bxxc", true),
            ("a*b", "ab", true),
            ("a*b", "aab/b", false),
            ("v*", "V1", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        assert!(Glob::parse("Prod*").unwrap().matches_ignoring_case("pRODuction"));
    }

    #[test]
    fn nothing_else_is_special() {
        for bad in ["", "**", "a/**", "a?", "[a]", "a]", "{a,b}", "a}", "a\\*", "a\nb"] {
            assert_eq!(Glob::parse(bad).unwrap_err().code(), Code::PolicyBadGlob, "{bad:?}");
        }
    }
}
