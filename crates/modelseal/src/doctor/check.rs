//! What one check found.

use modelseal_core::{Code, Error, escape};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and is weaker than it could be.
    Warning,
    /// It does not work, or lets in what it should not.
    Problem,
    /// Not checked, since something that it needs is missing or failed.
    Skipped,
}

impl Status {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// One check. All texts are on one line and safe to print.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Check {
    /// A stable name, such as `role-ttl`.
    pub id: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub what: String,
    /// Why it matters, or what went wrong.
    pub why: Option<String>,
    /// The flag, line or command that changes it.
    pub fix: Option<String>,
    /// What was compared or looked at, one line each.
    pub details: Vec<String>,
    /// The code by which other commands refuse the same.
    pub code: Option<Code>,
    /// The file that it is about.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
}

impl Check {
    fn new(id: &'static str, status: Status, what: &str) -> Self {
        let what = shown(what);
        Self { id, status, what, why: None, fix: None, details: Vec::new(), code: None, file: None, line: None }
    }

    /// As it should be.
    pub(super) fn ok(id: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(id, Status::Ok, what.as_ref())
    }

    /// It works, and is weak.
    pub(super) fn warning(id: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(id, Status::Warning, what.as_ref())
    }

    /// It does not work, or lets in too much.
    pub(super) fn problem(id: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(id, Status::Problem, what.as_ref())
    }

    /// Not checked.
    pub(super) fn skipped(id: &'static str, why: impl AsRef<str>) -> Self {
        Self::new(id, Status::Skipped, why.as_ref())
    }

    /// What an error says, with its hint as the way out.
    pub(super) fn refused(id: &'static str, error: &Error) -> Self {
        let mut check = Self::problem(id, error.message()).fix(error.hint());
        check.code = Some(error.code());
        check
    }

    pub(super) fn why(mut self, why: impl AsRef<str>) -> Self {
        self.why = Some(shown(why.as_ref()));
        self
    }

    pub(super) fn fix(mut self, fix: impl AsRef<str>) -> Self {
        self.fix = Some(shown(fix.as_ref()));
        self
    }

    pub(super) fn details(mut self, details: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.details.extend(details.into_iter().map(|line| shown(line.as_ref())));
        self
    }

    pub(super) fn at(mut self, file: &str, line: Option<usize>) -> Self {
        self.file = Some(shown(file));
        self.line = line;
        self
    }
}

/// Longest text of a check, in characters.
const MOST: usize = 2000;

fn shown(text: &str) -> String {
    escape(text).chars().take(MOST).collect()
}

/// A text that somebody else wrote, quoted for a message and cut at about 100 characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// A word for a shell: as it is when nothing in it means anything, else between quotation marks.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '=');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_texts_of_others_stay_on_one_line() {
        let check = Check::ok("x", "a\nb\u{1b}[2J").why("c\u{202e}").fix("d\r").details(["e\n"]);
        let all = format!("{}{:?}{:?}{:?}", check.what, check.why, check.fix, check.details);
        assert!(!all.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{all}");
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), 103);
    }

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        assert_eq!(word("auth/jwt/role/ci"), "auth/jwt/role/ci");
        assert_eq!(word("a'b;c"), r"'a'\''b;c'");
        assert_eq!(word(""), "''");
    }
}
