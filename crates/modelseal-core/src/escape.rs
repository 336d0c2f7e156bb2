//! Hostile text made safe to print: one line, no control, no invisible characters.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Escapes what a terminal, a log or a report must not see raw.
///
/// Categories Cc, Cf, Zl, Zp, Cs (also Co and Cn, which have no agreed look) become `\n`, `\t`, `\r` or `\u{XX}`.
/// Everything else stays, the backslash too, so that escaping twice changes nothing.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !text.chars().any(must_escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if must_escape(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn must_escape(c: char) -> bool {
    matches!(
        get_general_category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_escaped_and_plain_text_is_borrowed() {
        assert!(matches!(escape("w/0.bin é中"), Cow::Borrowed(_)));
        assert_eq!(escape("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(escape("\u{202e}\u{200b}\u{2028}\u{feff}"), "\\u{202e}\\u{200b}\\u{2028}\\u{feff}");
    }
}
