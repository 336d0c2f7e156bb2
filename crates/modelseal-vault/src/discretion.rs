//! Secrets that this run sent or was given, and texts of the server without them: careless servers and proxies say back
//! what they were told, and hostile ones do so on purpose. What comes back in another encoding is not recognised.

use core::fmt;
use core::hash::BuildHasher as _;
use std::collections::VecDeque;
use std::hash::RandomState;
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

/// Most bytes of a name that are looked at, and most characters that are kept: a policy, an accessor, a type of token.
/// What is looked at reaches further, so that a secret at the end of what is kept is still whole enough to be found.
const BRIEF: usize = 256;
const MOST_OF_A_NAME: usize = 128;

/// The secrets of one connection, in memory that is wiped. Case does not count: some servers change it.
#[derive(Default)]
pub(crate) struct Discretion {
    known: Mutex<VecDeque<Secret>>,
    /// Keys of the marks, so that nobody can choose a text whose marks collide.
    marks: RandomState,
}

/// A secret in lower case, and the marks of its parts, sorted. Looking a part up takes a moment, however long the secret
/// is: texts come from servers that may want to keep us busy.
struct Secret {
    text: SecretString,
    /// Length of a part.
    part: usize,
    marks: Zeroizing<Vec<u64>>,
}

impl fmt::Debug for Discretion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discretion")
    }
}

impl Discretion {
    /// Remembers a secret; the oldest is forgotten when there are too many.
    pub(crate) fn learn(&self, secret: &SecretString) {
        let text = secret.expose_secret();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < SHORTEST || known.iter().any(|one| one.text.expose_secret().eq_ignore_ascii_case(text)) {
            return;
        }
        if known.len() == MOST {
            known.pop_front();
        }
        let text = SecretString::from(text.to_ascii_lowercase());
        let bytes = text.expose_secret().as_bytes();
        let part = bytes.len().min(PART);
        // Room for all of them from the start: a list that grows leaves copies behind.
        let mut marks = Zeroizing::new(Vec::with_capacity(bytes.len()));
        marks.extend(bytes.windows(part).map(|part| self.marks.hash_one(part)));
        marks.sort_unstable();
        known.push_back(Secret { text, part, marks });
    }

    /// The text with `[secret]` in the place of each secret and each longer part of one. Cut off after 16 KiB.
    pub(crate) fn hide(&self, text: &str) -> String {
        let text = beginning(text, LONGEST_TEXT);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let mut secret = Zeroizing::new(vec![false; text.len()]);
        for one in known.iter() {
            for (start, part) in lower.as_bytes().windows(one.part).enumerate() {
                let mark = self.marks.hash_one(part);
                if let (Ok(_), Some(marks)) = (one.marks.binary_search(&mark), secret.get_mut(start..start + one.part))
                {
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

    /// A name that the server gave, without secrets and never longer than 128 characters.
    pub(crate) fn brief(&self, text: &str) -> String {
        let text = beginning(text, BRIEF);
        self.hide(text).chars().take(MOST_OF_A_NAME).collect()
    }

    /// Whether the text holds no part of a secret.
    pub(crate) fn permits(&self, text: &str) -> bool {
        self.hide(text) == text
    }
}

/// As much of the text as fits into so many bytes.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
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
    fn t11_long_texts_and_secrets_take_no_time() {
        let discretion = Discretion::default();
        for number in 0..MOST {
            let secret: String = (0..6500).map(|at| format!("{number:02}{at:08}")).collect();
            discretion.learn(&secret.into());
        }
        let started = std::time::Instant::now();
        for number in 0..10 {
            assert!(discretion.permits(&format!("{number}-policy-of-a-team ").repeat(800)));
        }
        assert!(started.elapsed().as_secs() < 30);
        assert!(!discretion.permits("020000000702"));
        let long = "é".repeat(LONGEST_TEXT);
        assert_eq!(discretion.brief(&long).chars().count(), MOST_OF_A_NAME);
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
