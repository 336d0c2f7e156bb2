//! Whole scans of small models.

mod digests;
mod interruptions;
mod refusals;

use core::num::NonZeroUsize;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::{Digest, Error, ResourceName};

/// A selection made of a function.
struct Select<F>(F);

impl<F: Fn(Entry<'_>) -> Result<Action> + Sync> Selection for Select<F> {
    fn select(&self, entry: Entry<'_>) -> Result<Action> {
        (self.0)(entry)
    }
}

/// Hashes files and links, descends, refuses the rest.
fn everything(entry: Entry<'_>) -> Result<Action> {
    Ok(match entry.kind {
        EntryKind::Directory => Action::Descend,
        EntryKind::File | EntryKind::Symlink => Action::Hash { size: None },
        EntryKind::Special => Action::Refuse(Code::InputSpecialFile),
    })
}

fn model(files: &[(&str, &[u8])]) -> TempDir {
    let model = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = model.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    model
}

/// Changes to the usual scan.
#[derive(Clone, Copy)]
struct With {
    hashing: Hashing,
    limits: Limits,
    jobs: usize,
    recheck_names: bool,
}

const USUAL: With = With {
    hashing: Hashing { algorithm: HashAlgorithm::Sha256, shard_size: None },
    limits: Limits { max_depth: 100, max_file_bytes: 1 << 40, max_total_bytes: 1 << 40, max_findings: 1000 },
    jobs: 3,
    recheck_names: false,
};

impl With {
    fn scan(self, path: &Path, select: impl Fn(Entry<'_>) -> Result<Action> + Sync) -> Result<Scanned> {
        self.watched(path, select, &Silent)
    }

    fn watched(
        self,
        path: &Path,
        select: impl Fn(Entry<'_>) -> Result<Action> + Sync,
        observer: &dyn crate::Observer,
    ) -> Result<Scanned> {
        Scan {
            root: &Root::open(path)?,
            selection: &Select(select),
            hashing: self.hashing,
            limits: self.limits,
            jobs: NonZeroUsize::new(self.jobs).unwrap(),
            link_refusal: Code::ArtifactSymlink,
            recheck_names: self.recheck_names,
            recognise: false,
        }
        .run(observer)
    }
}

fn names(scanned: &Scanned) -> Vec<&str> {
    scanned.files.iter().map(|file| file.name.as_str()).collect()
}

fn refusal(result: Result<Scanned>) -> (Code, String) {
    let error: Error = result.unwrap_err();
    (error.code(), error.message().to_owned())
}

/// Bytes that repeat nowhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u64 | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn whole(content: &[u8]) -> FileDigests {
    FileDigests::Whole(Digest::sha256(content))
}

fn named(name: &str) -> ResourceName {
    ResourceName::parse(name).unwrap()
}
