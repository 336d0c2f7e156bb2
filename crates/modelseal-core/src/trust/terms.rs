//! In which version and when a trusted key may sign.

use core::num::NonZeroU32;

use jiff::Timestamp;

use crate::{Code, Error, Result, SignedBy};

/// When a key may sign: from `not_before` on and before `not_after`. Either end may be open; it is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SigningWindow {
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl SigningWindow {
    /// At all times.
    pub const ALWAYS: Self = Self { not_before: None, not_after: None };

    /// From the instant `not_before` on, and before the instant `not_after`.
    ///
    /// # Errors
    /// `usage/arguments` when no time lies between them.
    pub fn new(not_before: Option<Timestamp>, not_after: Option<Timestamp>) -> Result<Self> {
        if let (Some(from), Some(until)) = (not_before, not_after)
            && from >= until
        {
            let message = format!("no time lies between not_before, {from}, and not_after, {until}");
            return Err(Error::new(Code::UsageArguments, message));
        }
        Ok(Self { not_before, not_after })
    }

    /// The times that lie in both.
    ///
    /// # Errors
    /// `usage/arguments` when there are none.
    pub fn and(self, other: Self) -> Result<Self> {
        // An open end is later than any `not_before` and must not count as earlier than any `not_after`.
        let until = [self.not_after, other.not_after].into_iter().flatten().min();
        Self::new(self.not_before.max(other.not_before), until)
    }

    /// The first instant; `None`: open.
    #[must_use]
    pub const fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// The first instant that is too late; `None`: open.
    #[must_use]
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }
}

/// The version of a key, the smallest that is accepted of it, and its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(super) version: Option<Versioned>,
    pub(super) window: SigningWindow,
}

/// A minimum exists only where there is a version to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) number: NonZeroU32,
    pub(super) minimum: NonZeroU32,
}

impl Terms {
    /// No version, at all times.
    pub(crate) const NONE: Self = Self { version: None, window: SigningWindow::ALWAYS };

    /// Whether a signature by `signer`, the key that these terms belong to, is accepted at the time `at`.
    ///
    /// # Errors
    /// `policy/key-version`, `policy/key-window`.
    pub(crate) fn check(&self, signer: &SignedBy, at: Timestamp) -> Result<()> {
        if let Some(Versioned { number, minimum }) = self.version
            && number < minimum
        {
            return Err(Error::new(
                Code::PolicyKeyVersion,
                format!(
                    "the signature is by version {number} of {}, and the smallest accepted is {minimum}",
                    shown(signer)
                ),
            ));
        }
        let outside = |bound: String| {
            let key = match self.version {
                Some(Versioned { number, .. }) => format!("version {number} of {}", shown(signer)),
                None => shown(signer),
            };
            Err(Error::new(Code::PolicyKeyWindow, format!("{key} is accepted {bound}, and now it is {at:.0}")))
        };
        match (self.window.not_before, self.window.not_after) {
            (Some(from), _) if at < from => outside(format!("from {from} on")),
            (_, Some(until)) if at >= until => outside(format!("only before {until}")),
            _ => Ok(()),
        }
    }
}

fn shown(signer: &SignedBy) -> String {
    let id = signer.key_id();
    signer.key_name().map_or_else(|| format!("the key {id}"), |name| format!("the key `{name}` ({id})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_half_open_and_never_empty() {
        let (one, two, three) = (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
        let window = |from, until| SigningWindow::new(from, until);
        for (from, until) in [(two, one), (one, one)] {
            assert_eq!(window(Some(from), Some(until)).unwrap_err().code(), Code::UsageArguments);
        }
        let (early, late) = (window(None, Some(two)).unwrap(), window(Some(one), None).unwrap());
        for (left, right) in [(early, late), (late, early)] {
            assert_eq!(left.and(right), window(Some(one), Some(two)));
            assert_eq!(left.and(SigningWindow::ALWAYS), Ok(left));
            assert_eq!(SigningWindow::ALWAYS.and(left), Ok(left));
        }
        let inner = window(Some(two), Some(three)).unwrap();
        assert_eq!(late.and(inner), Ok(inner));
        assert_eq!(early.and(inner).unwrap_err().code(), Code::UsageArguments);
    }
}
