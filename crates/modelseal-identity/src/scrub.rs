//! What a source said, made fit for a message.

/// Most bytes of a body that a message shows.
const MOST: usize = 300;

/// The text without anything that could be a token, cut. `secrets` are what the request itself held.
pub(crate) fn scrubbed(body: &[u8], secrets: &[&str]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[secret]");
    }
    let mut shown = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '=') {
            word.push(c);
            continue;
        }
        shown.push_str(if is_secret(&word) { "[token]" } else { &word });
        word.clear();
        if c != '\0' {
            shown.push(c);
        }
    }
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match shown.char_indices().find(|(at, c)| at + c.len_utf8() > MOST) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// A JSON web token, a part of one, or any other long text without a gap.
fn is_secret(word: &str) -> bool {
    word.len() > 40 || (word.len() > 10 && word.starts_with("eyJ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_secrets_are_taken_out_before_it_is_cut() {
        let body = format!("no: eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AAAA, key=s3cret,\n {} end", "x".repeat(50));
        assert_eq!(
            scrubbed(body.as_bytes(), &["s3cret"]),
            "no: [token], [token], [token] end".replace("[token], [token]", "[token], key=[secret]")
        );
        let long = "word ".repeat(100);
        assert!(scrubbed(long.as_bytes(), &[]).len() <= MOST + "…".len());
        let cut = format!("{}eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AAAA", "ab ".repeat(97));
        assert!(!scrubbed(cut.as_bytes(), &[]).contains("eyJ"));
        assert_eq!(scrubbed(b"\xff\0eyJhbGciOiJub25lIn0", &[]), "\u{fffd}[token]");
    }
}
