//! Secrets that this run sent or was given, and texts of the server without them: careless servers and proxies say back
//! what they were told, and hostile ones do so on purpose. What comes back in another encoding is not recognised.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use modelseal_http::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// Most secrets that are remembered; one login has four.
const MOST: usize = 16;
/// Shortest secret that is looked for. It is longer than any word that a server's answer is judged by: `root`, `batch`,
/// `service`.
const SHORTEST: usize = 8;
/// So many characters of a secret in a row are a part of it, such as the signature of a JWT, or what a server cut off.
const PART: usize = 12;
/// Longest text that is looked at, in bytes; what is shown of it is a few hundred.
const LONGEST_TEXT: usize = 16 * 1024;
/// What stands for a secret.
const INSTEAD: &str = "[secret]";

/// The secrets of one connection, in memory that is wiped. Case does not count: some servers change it.
#[derive(Default)]
pub(crate) struct Discretion(Mutex<VecDeque<SecretString>>);

impl fmt::Debug for Discretion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discretion")
    }
}

impl Discretion {
    /// Remembers a secret; the oldest is forgotten when there are too many.
    pub(crate) fn learn(&self, secret: &SecretString) {
        let text = secret.expose_secret();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < SHORTEST || known.iter().any(|one| one.expose_secret().eq_ignore_ascii_case(text)) {
            return;
        }
        if known.len() == MOST {
            known.pop_front();
        }
        known.push_back(SecretString::from(text.to_ascii_lowercase()));
    }

    /// The text with `[secret]` in the place of each secret and each longer part of one. Cut off after 16 KiB.
    pub(crate) fn hide(&self, text: &str) -> String {
        let end = (0..=text.len().min(LONGEST_TEXT)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let text = text.get(..end).unwrap_or_default();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let mut secret = Zeroizing::new(vec![false; text.len()]);
        for one in known.iter().map(SecretString::expose_secret) {
            let length = one.len().min(PART);
            for start in 0..=lower.len().saturating_sub(length) {
                let part = lower.get(start..start + length).filter(|part| one.contains(part));
                if let (Some(_), Some(marks)) = (part, secret.get_mut(start..start + length)) {
                    marks.fill(true);
                }
            }
        }
        let mut shown = String::with_capacity(text.len());
        let mut before = false;
        for (at, character) in text.char_indices() {
            let hidden = secret.get(at).copied().unwrap_or_default();
            match (before, hidden) {
                (_, false) => shown.push(character),
                (false, true) => shown.push_str(INSTEAD),
                (true, true) => {}
            }
            before = hidden;
        }
        shown
    }

    /// Whether the text holds no part of a secret.
    pub(crate) fn permits(&self, text: &str) -> bool {
        self.hide(text) == text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(secrets: &[&str]) -> Discretion {
        let discretion = Discretion::default();
        secrets.iter().for_each(|&secret| discretion.learn(&secret.into()));
        discretion
    }

    #[test]
    fn secrets_and_their_parts_are_hidden() {
        const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ";
        let discretion = knowing(&["hvs.CAESIPl4nted", JWT, "short-id", "seven77"]);
        for (text, expected) in [
            ("token hvs.CAESIPl4nted is bad", "token [secret] is bad"),
            ("TOKEN HVS.CAESIPL4NTED", "TOKEN [secret]"),
            ("hvs.CAESIPl4ntedhvs.CAESIPl4nted", "[secret]"),
            ("ends with hvs.CAESIPl4nt", "ends with [secret]"),
            (
                "signature c2lnbmF0dXJlLXBsYW50ZWQ, payload eyJzdWIiOiJwbGFudGVkIn0",
                "signature [secret], payload [secret]",
            ),
            ("é short-id é", "é [secret] é"),
            ("short-i hvs.CAESIP", "short-i hvs.CAESIP"),
            ("seven77", "seven77"),
            ("", ""),
        ] {
            assert_eq!(discretion.hide(text), expected);
            assert_eq!(discretion.permits(text), text == expected);
        }
        assert_eq!(discretion.hide(JWT), "[secret]");
        assert_eq!(format!("{discretion:?}"), "Discretion");
    }

    #[test]
    fn what_answers_are_judged_by_is_never_hidden() {
        let discretion = knowing(&["root", "service", "batch", "default", ""]);
        for word in ["root", "service", "batch", "default", "permission denied"] {
            assert_eq!(discretion.hide(word), word);
        }
    }

    #[test]
    fn memory_and_texts_are_bounded() {
        let discretion = Discretion::default();
        let secret = |number: usize| format!("{number:04}-pl4nted-{number:04}");
        for number in 0..=MOST {
            discretion.learn(&secret(number).into());
            discretion.learn(&secret(number).into());
        }
        assert!(discretion.permits("0000-pl4nted"));
        assert!(!discretion.permits(&secret(1)) && !discretion.permits(&secret(MOST)));
        let long = "é".repeat(LONGEST_TEXT);
        assert_eq!(discretion.hide(&long).len(), LONGEST_TEXT);
        assert_eq!(discretion.hide(&format!("x{long}")).len(), LONGEST_TEXT - 1);
    }
}
