//! Every file of a directory, within limits. Nothing of what is searched decides what is searched: no program is started
//! and no list of ignored files is read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::vec::IntoIter;

use modelseal_core::{Code, Error, Event, Observer, Result};

use super::Found;
use super::beneath::{Directory, Kind};
use crate::DEFAULT_BUNDLE_NAME;
use crate::io::{os_text, unreadable};

/// Largest file that is searched, in bytes.
const LARGEST: u64 = 5 * 1024 * 1024;
/// So far into a file a NUL says that it is no text.
const PROBE: u64 = 8192;
/// Directories that are not entered: what git keeps for itself, and what is downloaded or built.
const PASSED_OVER: [&str; 5] = [".cache", ".git", ".venv", "node_modules", "target"];

/// How much is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Most names that are listed.
    pub(super) entries: usize,
    /// Most bytes that are read.
    pub(super) bytes: u64,
    /// Deepest directory; 0 is the one that is named.
    pub(super) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, bytes: 8 * 1024 * 1024 * 1024, depth: 64 }
    }
}

/// What was passed over, and why.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Files that are too large.
    pub(super) large: usize,
    /// Files that are no text.
    pub(super) binary: usize,
    /// Directories that are not entered, by name.
    pub(super) directories: BTreeMap<&'static str, usize>,
    /// What could not be read: how much, and the first ones.
    pub(super) unreadable: usize,
    pub(super) first_unreadable: Vec<String>,
    /// Why the search ended early.
    pub(super) limits: Vec<String>,
}

impl Passed {
    fn unreadable(&mut self, name: &str, error: &io::Error) {
        const LISTED: usize = 20;
        self.unreadable += 1;
        if self.first_unreadable.len() < LISTED {
            let name = if name.is_empty() { "." } else { name };
            self.first_unreadable.push(format!("{name}: {}", os_text(error)));
        }
    }

    fn limit(&mut self, reached: String) {
        if !self.limits.contains(&reached) {
            self.limits.push(reached);
        }
    }
}

/// Searches every regular file below `directory`, and every directory for models.
///
/// # Errors
/// `usage/interrupted`; `input/*` when the directory itself cannot be opened.
pub(super) fn walk(directory: &Path, limits: Limits, observer: &dyn Observer, found: &mut Found) -> Result<Passed> {
    let root = Directory::open(directory).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => {
            Error::new(Code::InputUnreadable, format!("`{}` is not a directory", directory.display()))
        }
        _ => unreadable(directory, &error),
    })?;
    let mut walk = Walk { left: limits, limits, observer, found, passed: Passed::default() };
    let mut open = vec![walk.list(root, String::new(), false)?];
    while let Some(level) = open.last_mut() {
        walk.poll()?;
        let Some((name, kind)) = level.pending.next() else {
            open.pop();
            continue;
        };
        let shown = walk.found.name(&level.place, &name.to_string_lossy());
        match kind {
            Kind::Other => {}
            Kind::File => {
                if !walk.file(level.directory.file(&name), &shown) {
                    break;
                }
            }
            Kind::Directory => {
                if let Some(known) = PASSED_OVER.iter().find(|known| name == **known) {
                    *walk.passed.directories.entry(known).or_default() += 1;
                    continue;
                }
                let (entered, signed, depth) = (level.directory.enter(&name), level.signed, open.len());
                open.extend(walk.enter(entered, shown, signed, depth)?);
            }
        }
    }
    Ok(walk.passed)
}

/// A directory whose entries are not all looked at yet.
struct Level {
    directory: Directory,
    /// Its path below the root with a `/` at its end; empty for the root.
    place: String,
    pending: IntoIter<(OsString, Kind)>,
    /// A bundle lies here or above.
    signed: bool,
}

struct Walk<'a> {
    left: Limits,
    limits: Limits,
    observer: &'a dyn Observer,
    found: &'a mut Found,
    passed: Passed,
}

impl Walk<'_> {
    fn poll(&self) -> Result<()> {
        match self.observer.event(Event::Checking).is_break() {
            true => Err(Error::new(Code::UsageInterrupted, "stopped while a directory was searched")),
            false => Ok(()),
        }
    }

    fn enter(
        &mut self,
        entered: io::Result<Option<Directory>>,
        shown: String,
        signed: bool,
        depth: usize,
    ) -> Result<Option<Level>> {
        match entered {
            Ok(Some(_)) if depth > self.limits.depth => {
                self.passed.limit(format!("directories are nested deeper than {}", self.limits.depth));
            }
            Ok(Some(directory)) => return self.list(directory, shown + "/", signed).map(Some),
            Ok(None) => {}
            Err(error) => self.passed.unreadable(&shown, &error),
        }
        Ok(None)
    }

    /// The entries of a directory in the order of their names, as many as may still be listed.
    fn list(&mut self, directory: Directory, place: String, signed: bool) -> Result<Level> {
        let mut entries = Vec::new();
        match directory.entries() {
            Ok(listed) => {
                for entry in listed {
                    self.poll()?;
                    if self.left.entries == 0 {
                        self.passed.limit(format!("it holds more than {} files and directories", self.limits.entries));
                        break;
                    }
                    self.left.entries -= 1;
                    match entry {
                        Ok(entry) => entries.push(entry),
                        Err(error) => {
                            self.passed.unreadable(&place, &error);
                            break;
                        }
                    }
                }
            }
            Err(error) => self.passed.unreadable(&place, &error),
        }
        entries.sort_unstable();
        let files: Vec<_> = entries.iter().filter(|(_, kind)| *kind == Kind::File).map(|(name, _)| name).collect();
        let signed = signed || files.iter().any(|name| *name == DEFAULT_BUNDLE_NAME);
        if !signed {
            self.found.models(place.trim_end_matches('/'), &files);
        }
        Ok(Level { directory, place, pending: entries.into_iter(), signed })
    }

    /// Searches one file; whether more may be read.
    fn file(&mut self, opened: io::Result<Option<File>>, shown: &str) -> bool {
        let content = match opened {
            Ok(Some(file)) => read(&file),
            Ok(None) => return true,
            Err(error) => Err(error),
        };
        match content {
            Ok(Content::Text(bytes)) => {
                let Some(left) = self.left.bytes.checked_sub(bytes.len() as u64) else {
                    self.passed.limit(format!("its files hold more than {} bytes of text", self.limits.bytes));
                    return false;
                };
                self.left.bytes = left;
                self.found.text(shown, &String::from_utf8_lossy(&bytes));
            }
            Ok(Content::Large) => self.passed.large += 1,
            Ok(Content::Binary) => self.passed.binary += 1,
            Err(error) => self.passed.unreadable(shown, &error),
        }
        true
    }
}

enum Content {
    Text(Vec<u8>),
    Large,
    Binary,
}

fn read(mut file: &File) -> io::Result<Content> {
    if file.metadata()?.len() > LARGEST {
        return Ok(Content::Large);
    }
    let mut bytes = Vec::new();
    file.by_ref().take(PROBE).read_to_end(&mut bytes)?;
    if bytes.contains(&0) {
        return Ok(Content::Binary);
    }
    file.take(LARGEST + 1 - bytes.len() as u64).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > LARGEST { Content::Large } else { Content::Text(bytes) })
}
