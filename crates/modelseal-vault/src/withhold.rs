//! Words of servers that quote what they were sent.

use modelseal_http::{ExposeSecret as _, SecretString};

/// So much of a secret in one piece is a part of it, and no accident.
const PIECE: usize = 16;
/// Shorter ones are words: the token of a development server may be `root`.
const SHORTEST: usize = 8;

/// Words for a message: not what quotes a secret, or a piece of one. Debugging proxies do, and parsers.
pub(crate) fn withhold<'a>(words: String, secrets: impl IntoIterator<Item = &'a SecretString>) -> String {
    if secrets.into_iter().any(|secret| quotes(&words, secret.expose_secret())) {
        return "(not shown: the words quote a secret)".to_owned();
    }
    words
}

fn quotes(words: &str, secret: &str) -> bool {
    let secret = secret.as_bytes();
    secret.len() >= SHORTEST
        && words.len() >= SHORTEST
        && secret.windows(secret.len().min(PIECE)).any(|piece| contains(words.as_bytes(), piece))
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t23_secrets_and_their_pieces_are_not_quoted() {
        let secret = SecretString::from("hvs.CAESIHplantedplantedplanted");
        let shown = |words: &str| withhold(words.to_owned(), [&secret]) == words;
        for words in ["permission denied", "", "hvs.CAESIH", "planted", &"x".repeat(5000)] {
            assert!(shown(words), "{words}");
        }
        for words in ["hvs.CAESIHplantedplantedplanted", "bad token hvs.CAESIHplanted…", "\"plantedplantedplanted\""]
        {
            assert!(!shown(words), "{words}");
        }
        let short = SecretString::from("root");
        assert_eq!(withhold("a root token".to_owned(), [&short]), "a root token");
        let middle = SecretString::from("s3cret-id");
        assert_ne!(withhold("bad: s3cret-id".to_owned(), [&middle]), "bad: s3cret-id");
    }
}
