//! Which files are searched, and what is in them. No link is followed.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modelseal_core::{Code, Error, Result};
use modelseal_vault::Env;

use crate::io::unreadable;

/// Largest file that is searched, in bytes.
const LARGEST: u64 = 5 * 1024 * 1024;
/// Most files of one directory, and deepest directory.
const MOST_FILES: usize = 200_000;
const DEEPEST: usize = 64;
/// Most bytes of names that git may list.
const MOST_NAMES: u64 = 64 * 1024 * 1024;
/// So far into a file a NUL says that it is no text.
const PROBE: usize = 8192;

/// What a child must not inherit: tokens of others, the means to ask for some, and what leads git elsewhere.
const WITHHELD: [&str; 5] = ["VAULT_", "BAO_", "MODELSEAL_", "ACTIONS_ID_TOKEN_", "GIT_"];

/// What is searched.
pub(super) struct Listing {
    /// Paths below the directory, with `/` between names, sorted.
    pub(super) files: Vec<String>,
    /// How they were found.
    pub(super) how: &'static str,
    pub(super) notes: Vec<String>,
}

/// What a file holds.
pub(super) enum Content {
    Text(String),
    Large,
    Binary,
    /// A directory, a link, a special file, or gone by now.
    Nothing,
}

/// The files that git has or would add, and ignored `.env` files; without git every file.
///
/// # Errors
/// `input/*`.
pub(super) fn list(directory: &Path, env: &dyn Env) -> Result<Listing> {
    let metadata = directory.metadata().map_err(|error| unreadable(directory, &error))?;
    if !metadata.is_dir() {
        return Err(Error::new(Code::InputUnreadable, format!("`{}` is not a directory", directory.display())));
    }
    let mut notes = Vec::new();
    let listed = git(env).and_then(|program| {
        let of_git = names(&program, directory, &["--cached", "--others", "--exclude-standard"])?;
        let ignored = ["--others", "--ignored", "--exclude-standard", "--", ":(glob)**/.env*"];
        Some((of_git, names(&program, directory, &ignored).unwrap_or_default()))
    });
    let (mut files, how) = match listed {
        Some((mut files, ignored)) => {
            notes.extend(ignored.iter().map(|name| format!("{name} is ignored by git, and searched all the same")));
            files.extend(ignored);
            (files, "what git has or would add")
        }
        None => (walk(directory)?, "every file: git does not know the directory"),
    };
    files.sort();
    files.dedup();
    if files.len() > MOST_FILES {
        return Err(too_many(directory));
    }
    Ok(Listing { files, how, notes })
}

/// # Errors
/// `input/unreadable`.
pub(super) fn read(directory: &Path, name: &str) -> Result<Content> {
    let path = directory.join(name);
    let failed = |error: io::Error| unreadable(&path, &error);
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => return Ok(Content::Nothing),
        Ok(metadata) if metadata.len() > LARGEST => return Ok(Content::Large),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Nothing),
        Err(error) => return Err(failed(error)),
    }
    let file = open(&path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(Content::Nothing);
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Ok(Content::Large);
    }
    if bytes.iter().take(PROBE).any(|&byte| byte == 0) {
        return Ok(Content::Binary);
    }
    Ok(Content::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Something else may lie there by now.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().read(true).open(path)
}

/// The program, in the absolute directories of `PATH`.
fn git(env: &dyn Env) -> Option<PathBuf> {
    let path = env.var("PATH")?;
    let directories = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let name = if cfg!(windows) { "git.exe" } else { "git" };
    directories.map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// What `git ls-files` lists; `None` when it fails, as outside of a repository.
fn names(program: &Path, directory: &Path, arguments: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new(program);
    // The repository's own settings could start programs.
    command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"]);
    command.args(["ls-files", "-z"]).args(arguments).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_ascii_uppercase();
        if WITHHELD.iter().any(|prefix| upper.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let mut child = command.spawn().ok()?;
    let mut bytes = Vec::new();
    let read = child.stdout.take().map(|output| output.take(MOST_NAMES).read_to_end(&mut bytes));
    if bytes.len() as u64 == MOST_NAMES {
        let _ = child.kill();
    }
    let ended = child.wait().ok()?;
    let whole = read.is_some_and(|read| read.is_ok()) && ended.success();
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    whole.then(|| bytes.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(name).collect())
}

/// Every regular file below, but for what belongs to git.
fn walk(directory: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut pending = vec![(directory.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = pending.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| unreadable(&path, &error))? {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
            if kind.is_dir() && entry.file_name() != ".git" {
                if depth == DEEPEST {
                    return Err(too_many(directory));
                }
                pending.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() {
                files.push(name);
            }
            if files.len() > MOST_FILES {
                return Err(too_many(directory));
            }
        }
    }
    Ok(files)
}

fn too_many(directory: &Path) -> Error {
    let message = format!("`{}` holds more than {MOST_FILES} files, or is nested too deep", directory.display());
    Error::new(Code::InputLimit, message).with_hint("name the directory of one project with --repo")
}
