//! The log of decisions: one line of JSON for each verification.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use modelseal_core::{Code, Decision, Error, Result, escape};

use crate::io::os_text;

/// A file that gets one line for each decision, allowed or denied.
#[derive(Debug)]
pub struct DecisionLog {
    path: PathBuf,
    file: File,
}

impl DecisionLog {
    /// Opens the file, which is made if it is not there, for appending.
    ///
    /// # Errors
    /// `output/unwritable`; also for anything that is no regular file.
    pub fn open(path: &Path) -> Result<Self> {
        let unwritable = |why: &str| {
            Error::new(Code::OutputUnwritable, format!("cannot write `{}`: {why}", path.display()))
                .with_hint("nothing is verified without its log: check that the directory exists and is writable")
        };
        let file = open(path).map_err(|error| unwritable(&os_text(&error)))?;
        let metadata = file.metadata().map_err(|error| unwritable(&os_text(&error)))?;
        if !metadata.is_file() {
            return Err(unwritable("it is not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the line of `decision`, as a whole.
    ///
    /// # Errors
    /// `output/unwritable`.
    pub fn append(&self, decision: &Decision) -> Result<()> {
        let mut line = tame(&decision.to_json());
        line.push('\n');
        // One write at the end of the file: lines of several processes do not mix.
        (&self.file).write_all(line.as_bytes()).map_err(|error| {
            let message = format!("cannot write `{}`: {}", self.path.display(), os_text(&error));
            Error::new(Code::OutputUnwritable, message)
        })
    }
}

/// JSON of the same meaning without characters that a terminal must not see. Outside of strings there are none.
fn tame(json: &str) -> String {
    let mut tame = String::with_capacity(json.len());
    let mut buffer = [0; 4];
    for c in json.chars() {
        if matches!(escape(c.encode_utf8(&mut buffer)), std::borrow::Cow::Borrowed(_)) {
            tame.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| tame.push_str(&format!("\\u{unit:04x}")));
        }
    }
    tame
}

#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // A FIFO without a reader must not hang the verification.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    OpenOptions::new().append(true).create(true).mode(0o644).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_lines_hold_nothing_that_a_terminal_must_not_see() {
        let hostile = "a\u{202e}\u{2028}\u{7f}\u{e0001}é";
        let json = tame(&serde_json::to_string(hostile).unwrap());
        assert_eq!(json, "\"a\\u202e\\u2028\\u007f\\udb40\\udc01é\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn what_is_no_regular_file_is_no_log() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("no/log"), PathBuf::from("/dev/null")] {
            assert_eq!(DecisionLog::open(&path).unwrap_err().code(), Code::OutputUnwritable, "{path:?}");
        }
    }
}
