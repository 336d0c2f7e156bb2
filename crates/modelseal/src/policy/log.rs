//! The log of decisions: one line of JSON for each verification.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
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
    /// Opens the file, which is made if it is not there, for appending. Links are not followed: who plants one would
    /// choose what is written to.
    ///
    /// # Errors
    /// `output/unwritable`; also for anything that is no regular file. `output/exists` for a file that holds something
    /// else.
    pub fn open(path: &Path) -> Result<Self> {
        let unwritable = |why: &str| {
            Error::new(Code::OutputUnwritable, format!("cannot write `{}`: {why}", path.display()))
                .with_hint("nothing is verified without its log: check that the directory exists and is writable")
        };
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(unwritable("it is not a regular file"));
        }
        let file = open(path).map_err(|error| unwritable(&os_text(&error)))?;
        let metadata = file.metadata().map_err(|error| unwritable(&os_text(&error)))?;
        if !metadata.is_file() {
            return Err(unwritable("it is not a regular file"));
        }
        if !holds_lines(&file).map_err(|error| unwritable(&os_text(&error)))? {
            let message = format!("`{}` exists and is no log of decisions", path.display());
            return Err(Error::new(Code::OutputExists, message)
                .with_hint("name a new file, or one that holds nothing but the lines of earlier runs"));
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

/// Whether a file is empty, or begins and ends as lines of JSON do.
fn holds_lines(mut file: &File) -> std::io::Result<bool> {
    let (mut first, mut last) = ([0], [0]);
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.read_exact(&mut first)?;
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok((first, last) == (*b"{", *b"\n"))
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

    use rustix::fs::OFlags;

    // A FIFO without a reader must not hang the verification.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = flags.bits().cast_signed();
    OpenOptions::new().read(true).append(true).create(true).mode(0o644).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
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

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("model")).unwrap();
        std::fs::write(at("other"), "").unwrap();
        for (target, link) in [("model/planted", "dangling"), ("other", "link"), ("model", "directory")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
            assert_eq!(DecisionLog::open(&at(link)).unwrap_err().code(), Code::OutputUnwritable, "{link}");
        }
        assert!(!at("model/planted").exists());
    }

    #[test]
    fn somebody_elses_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for (content, expected) in [
            ("", None),
            ("{}\n", None),
            ("{\"a\":1}\n{}\n", None),
            ("{}", Some(Code::OutputExists)),
            ("\n", Some(Code::OutputExists)),
            ("[]\n", Some(Code::OutputExists)),
            ("alias ls=rm\n", Some(Code::OutputExists)),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(DecisionLog::open(&path).err().map(|error| error.code()), expected, "{content:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}
