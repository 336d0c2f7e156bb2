//! Serializing a model: its files become the resources of a manifest.

use core::num::NonZeroUsize;
use core::ops::Range;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::manifest::GIT_PATHS;
use crate::name::is_canonical;
use crate::tree::{Action, Entry, EntryKind, FileDigests, HashedFile, Hashing, Limits, Scan, Selection};
use crate::{
    Code, Error, FileChecks, Finding, HashAlgorithm, Manifest, Method, Observer, Resource, ResourceName, Result, Root,
    Serialization, Uncovered,
};

/// The attestation file of a model directory: always left out, so that attestations can be added later.
const ATTESTATIONS_NAME: &str = "model.attestations.jsonl";

/// How a model is serialized. The default is the form that every OMS tool verifies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SerializeOptions {
    /// One resource per file, or per shard.
    pub method: Method,
    /// Hash of every resource.
    pub hash: HashAlgorithm,
    /// Leave out `.git`, `.github`, `.gitignore`, `.gitattributes` at the top.
    pub ignore_git_paths: bool,
    /// Files and directories to leave out, canonical and relative to the model.
    pub ignore_paths: Vec<String>,
    /// The bundle and the attestation file in use, when they lie in the model: left out, as regular files only.
    pub own_files: Vec<String>,
    /// Sign links that lead to regular files inside the model by their content.
    pub danger_allow_symlinks: bool,
    /// Threads that hash; `None`: as many as the process may use.
    pub jobs: Option<NonZeroUsize>,
}

impl Default for SerializeOptions {
    fn default() -> Self {
        Self {
            method: Method::Files,
            hash: HashAlgorithm::Sha256,
            ignore_git_paths: true,
            ignore_paths: Vec::new(),
            own_files: Vec::new(),
            danger_allow_symlinks: false,
            jobs: None,
        }
    }
}

/// A serialized model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SerializedModel {
    /// The manifest, in code-point order.
    pub manifest: Manifest,
    /// Number of files covered.
    pub files: u64,
    /// Bytes covered.
    pub bytes: u64,
    /// What is on disk and not covered, sorted.
    pub uncovered: Vec<Uncovered>,
    /// Paths of [`SerializeOptions::ignore_paths`] that nothing on disk has.
    pub unmatched_ignore_paths: Vec<String>,
    /// Links that were followed.
    pub followed_links: Vec<ResourceName>,
}

/// Walks and hashes a model. The same tree gives the same manifest on every machine.
///
/// # Errors
/// `input/*` with every finding, `usage/ignore-path`, `usage/arguments` for shards with BLAKE3, `usage/interrupted`.
pub fn serialize_model(root: &Root, options: &SerializeOptions, observer: &dyn Observer) -> Result<SerializedModel> {
    if matches!((options.method, options.hash), (Method::Shards { .. }, HashAlgorithm::Blake3)) {
        return Err(Error::new(Code::UsageArguments, "the format has no shards with blake3")
            .with_hint("use --method files with blake3, or --method shards with sha256 or blake2b"));
    }
    if let Some(bad) = options.ignore_paths.iter().find(|path| !is_canonical(path) || path.contains(['*', '?', '['])) {
        return Err(Error::new(Code::UsageIgnorePath, format!("`{bad}` cannot be ignored")));
    }
    let selection = SignSelection {
        options,
        matched: options.ignore_paths.iter().map(|path| (path.as_str(), AtomicBool::new(false))).collect(),
    };
    let shard_size = match options.method {
        Method::Files => None,
        Method::Shards { size } => Some(size.get()),
    };
    let scanned = Scan {
        root,
        selection: &selection,
        hashing: Hashing { algorithm: options.hash, shard_size },
        limits: Limits {
            max_depth: FileChecks::MAX_DEPTH,
            max_file_bytes: FileChecks::MAX_FILE_BYTES,
            max_total_bytes: FileChecks::MAX_TOTAL_BYTES,
            max_findings: FileChecks::MAX_FINDINGS,
        },
        jobs: options.jobs.unwrap_or_else(crate::tree::available_jobs),
        link_refusal: Code::InputSymlink,
        recheck_names: true,
        recognise: false,
    }
    .run(observer)?;
    if !scanned.findings.is_empty() {
        return Err(refusal(scanned.findings, scanned.complete));
    }
    let mut uncovered: Vec<Uncovered> =
        scanned.uncovered.into_iter().map(|seen| Uncovered { name: seen.name, kind: seen.kind.as_str() }).collect();
    let (mut files, mut bytes) = (0, 0);
    let mut followed_links = Vec::new();
    let mut resources = Vec::with_capacity(scanned.files.len());
    for file in scanned.files {
        let before = resources.len();
        bytes += file.size;
        if file.link {
            followed_links.push(file.name.clone());
        }
        let name = file.name.clone();
        append_resources(file, shard_size, &mut resources);
        if resources.len() == before {
            uncovered.push(Uncovered { name: name.as_str().to_owned(), kind: EntryKind::File.as_str() });
        } else {
            files += 1;
        }
    }
    uncovered.sort();
    if resources.is_empty() {
        let path = root.path().display();
        return Err(Error::new(Code::InputEmpty, format!("`{path}` holds no file that can be signed")));
    }
    // Names already come in order; only shard suffixes sort differently as text than as numbers.
    if shard_size.is_some() {
        resources.sort_by_cached_key(Resource::listed_name);
    }
    let serialization = Serialization::new(
        options.method,
        options.hash,
        options.danger_allow_symlinks,
        recorded_ignore_paths(root, options),
    )?;
    let unmatched_ignore_paths = selection
        .matched
        .iter()
        .filter(|(_, matched)| !matched.load(Ordering::Relaxed))
        .map(|&(path, _)| path.to_owned())
        .collect();
    if resources.len() > Manifest::MAX_RESOURCES {
        let (count, most) = (resources.len(), Manifest::MAX_RESOURCES);
        return Err(Error::new(
            Code::InputLimit,
            format!("{count} files or shards, more than {most} in one signature"),
        ));
    }
    let manifest = Manifest::new(serialization, resources)?;
    Ok(SerializedModel { manifest, files, bytes, uncovered, unmatched_ignore_paths, followed_links })
}

fn append_resources(file: HashedFile, shard_size: Option<u64>, resources: &mut Vec<Resource>) {
    match (file.digests, shard_size) {
        (FileDigests::Whole(digest), _) => resources.push(Resource::file(file.name, digest, Some(file.size))),
        (FileDigests::Shards(digests), size) => {
            let size = size.unwrap_or(file.size);
            let mut start = 0;
            for digest in digests {
                let range: Range<u64> = start..file.size.min(start.saturating_add(size));
                start = range.end;
                resources.push(Resource::shard(file.name.clone(), digest, range));
            }
        }
    }
}

fn recorded_ignore_paths(root: &Root, options: &SerializeOptions) -> Vec<String> {
    let git = GIT_PATHS.into_iter().filter(|_| options.ignore_git_paths).map(str::to_owned);
    let own = options.own_files.iter().cloned().chain([ATTESTATIONS_NAME.to_owned()]).filter(|_| !root.is_file());
    let all: BTreeSet<String> = git.chain(own).chain(options.ignore_paths.iter().cloned()).collect();
    all.into_iter().collect()
}

struct SignSelection<'a> {
    options: &'a SerializeOptions,
    matched: Vec<(&'a str, AtomicBool)>,
}

impl SignSelection<'_> {
    fn is_ignored(&self, name: &str) -> bool {
        match self.matched.iter().find(|(path, _)| *path == name) {
            Some((_, matched)) => {
                matched.store(true, Ordering::Relaxed);
                true
            }
            None => self.options.ignore_git_paths && GIT_PATHS.contains(&name),
        }
    }

    /// Names that other tools ignore whatever stands there, so that a directory of that name would not be protected.
    fn is_for_files_only(&self, name: &str) -> bool {
        let git_file = self.options.ignore_git_paths && matches!(name, ".gitattributes" | ".gitignore");
        git_file || name == ATTESTATIONS_NAME || self.options.own_files.iter().any(|own| own == name)
    }
}

impl Selection for SignSelection<'_> {
    fn select(&self, entry: Entry<'_>) -> Result<Action> {
        if entry.utf8 && self.is_for_files_only(entry.name) {
            return match entry.kind {
                EntryKind::File if self.options.own_files.iter().any(|own| own == entry.name) => Ok(Action::Pass),
                EntryKind::File => Ok(Action::Uncovered),
                EntryKind::Directory => {
                    let message = format!("the directory `{}` bears the name of a file that is left out", entry.name);
                    Err(Error::new(Code::InputName, message).with_hint("rename the directory"))
                }
                EntryKind::Symlink => Ok(Action::Refuse(Code::InputSymlink)),
                EntryKind::Special => Ok(Action::Refuse(Code::InputSpecialFile)),
            };
        }
        if entry.utf8 && self.is_ignored(entry.name) {
            return Ok(Action::Uncovered);
        }
        Ok(match entry.kind {
            _ if !entry.utf8 || entry.name.len() > ResourceName::MAX_BYTES => Action::Refuse(Code::InputName),
            EntryKind::Directory => Action::Descend,
            EntryKind::File => Action::Hash { size: None },
            EntryKind::Symlink if self.options.danger_allow_symlinks => Action::Hash { size: None },
            EntryKind::Symlink => Action::Refuse(Code::InputSymlink),
            EntryKind::Special => Action::Refuse(Code::InputSpecialFile),
        })
    }
}

fn refusal(findings: Vec<Finding>, complete: bool) -> Error {
    let Some(first) = findings.first() else {
        return Error::new(Code::InputUnreadable, "nothing was found");
    };
    let why = match first.code() {
        Code::InputName => "has a name that is not UTF-8 or too long",
        Code::InputSpecialFile => "is a FIFO, socket or device",
        Code::InputSymlink => "is a symbolic link that cannot be signed",
        _ => "cannot be signed",
    };
    // What the walk says of a link tells more than the code does.
    let detail = match first.code() {
        Code::InputSymlink if first.detail() != "a symbolic link" => format!(": {}", first.detail()),
        _ => String::new(),
    };
    let more = match findings.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let message = format!("`{}` {why}{detail}{more}", first.name());
    Error::new(first.code(), message).with_findings(findings, complete)
}
