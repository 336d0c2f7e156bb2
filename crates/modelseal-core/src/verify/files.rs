//! The last step: the files are those that were signed, and nothing else is there.

use core::num::NonZeroUsize;
use std::collections::{HashMap, HashSet};

use super::facts::SignedProvenance;
use super::judged::Judged;
use super::selection::VerifySelection;
use super::unsigned::UnsignedSelection;
use super::{AuthorizedManifest, Relaxation, Uncovered, VerifiedArtifact};
use crate::bundle::Unchecked;
use crate::tree::{EntryKind, FileDigests, HashedFile, Hashing, Limits, Scan, Scanned};
use crate::{
    Code, Digest, Error, Exit, Finding, HashAlgorithm, Manifest, ManifestFile, Method, Observer, ResourceName, Result,
    Root,
};

/// How files are compared with a manifest. The default weakens nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileChecks {
    /// Path of the bundle in use, relative to the model; `None` when it lies outside.
    pub bundle: Option<String>,
    /// Path of the attestation file in use, relative to the model; `None` when it lies outside.
    pub attestations: Option<String>,
    /// Verify only these files; others may be absent, unsigned ones are still refused. Empty: all.
    pub only: Vec<String>,
    /// Accept and report `.git`, `.github`, `.gitignore`, `.gitattributes` at the top when they are not listed.
    pub ignore_git_paths: bool,
    /// Accept and report these paths when they are not listed.
    pub danger_ignore_paths: Vec<String>,
    /// Accept and report files that are not signed.
    pub danger_ignore_unsigned_files: bool,
    /// Follow links that lead to regular files inside the model.
    pub danger_allow_symlinks: bool,
    /// Say in the result that the caller set the clock.
    pub danger_clock: bool,
    /// Threads that hash; `None`: as many as the process may use.
    pub jobs: Option<NonZeroUsize>,
    /// Largest file that is read, in bytes.
    pub max_file_bytes: u64,
    /// Most bytes that are read in all.
    pub max_total_bytes: u64,
}

impl FileChecks {
    /// Default bound for one file: 4 TiB.
    pub const MAX_FILE_BYTES: u64 = 4 << 40;
    /// Default bound for all files: 16 TiB.
    pub const MAX_TOTAL_BYTES: u64 = 16 << 40;
    /// Findings after which the search stops.
    pub const MAX_FINDINGS: usize = 1000;
    /// Directories below the root.
    pub const MAX_DEPTH: usize = 256;

    /// A single file is seen as `.`, and may be named by its own name.
    fn for_root(&self, root: &Root) -> Self {
        let own_name = root.name().filter(|_| root.is_file());
        let seen = |name: &String| if own_name == Some(name) { ".".to_owned() } else { name.clone() };
        Self { only: self.only.iter().map(seen).collect(), ..self.clone() }
    }

    fn relaxed(&self) -> impl Iterator<Item = Relaxation> {
        [
            (self.danger_allow_symlinks, Relaxation::AllowSymlinks),
            (self.danger_clock, Relaxation::Clock),
            (!self.danger_ignore_paths.is_empty(), Relaxation::IgnorePaths),
            (self.danger_ignore_unsigned_files, Relaxation::IgnoreUnsignedFiles),
        ]
        .into_iter()
        .filter_map(|(given, relaxation)| given.then_some(relaxation))
    }
}

impl Default for FileChecks {
    fn default() -> Self {
        Self {
            bundle: None,
            attestations: None,
            only: Vec::new(),
            ignore_git_paths: true,
            danger_ignore_paths: Vec::new(),
            danger_ignore_unsigned_files: false,
            danger_allow_symlinks: false,
            danger_clock: false,
            jobs: None,
            max_file_bytes: Self::MAX_FILE_BYTES,
            max_total_bytes: Self::MAX_TOTAL_BYTES,
        }
    }
}

impl AuthorizedManifest {
    /// Hashes the files below `root` and compares them with the manifest.
    ///
    /// # Errors
    /// `artifact/*` with every finding, `policy/*` with the decision, `usage/unknown-resource`, `input/*`,
    /// `usage/interrupted`.
    pub fn verify_files(
        mut self,
        root: &Root,
        checks: &FileChecks,
        observer: &dyn Observer,
    ) -> Result<VerifiedArtifact> {
        let mut judged = self.judged.take();
        match self.check_files(root, checks, observer, judged.as_mut()) {
            Ok(scanned) => Ok(self.verified(checks, scanned, judged)),
            // What could not be looked at decides nothing.
            Err(error) => Err(match judged {
                Some(mut judged) if error.code().exit() == Exit::No => judged.decision.refused(error),
                _ => error,
            }),
        }
    }

    fn check_files(
        &self,
        root: &Root,
        checks: &FileChecks,
        observer: &dyn Observer,
        judged: Option<&mut Judged>,
    ) -> Result<Scanned> {
        let renamed = self.manifest_for(root)?;
        let manifest = renamed.as_ref().unwrap_or(&self.signed.manifest);
        let checks = &checks.for_root(root);
        for name in &checks.only {
            if manifest.file(name).is_none() {
                return Err(Error::new(Code::UsageUnknownResource, format!("`{name}` is not a signed file")));
            }
        }
        let tolerated = judged.as_ref().map(|judged| judged.tolerated()).unwrap_or_default();
        let selection = VerifySelection::new(manifest, checks, &tolerated);
        let shard_size = match manifest.serialization().method() {
            Method::Files => None,
            Method::Shards { size } => Some(size.get()),
        };
        let scan = Scan {
            root,
            selection: &selection,
            hashing: Hashing { algorithm: manifest.serialization().hash(), shard_size },
            limits: Limits {
                max_depth: FileChecks::MAX_DEPTH,
                max_file_bytes: checks.max_file_bytes,
                max_total_bytes: checks.max_total_bytes,
                max_findings: FileChecks::MAX_FINDINGS,
            },
            jobs: checks.jobs.unwrap_or_else(crate::tree::available_jobs),
            link_refusal: Code::ArtifactSymlink,
            recheck_names: false,
            recognise: judged.as_ref().is_some_and(|judged| judged.wants_formats()),
        };
        let scanned = scan.run(observer)?;
        let (findings, complete) = compare(manifest, &selection, &scanned);
        if !findings.is_empty() {
            return Err(refusal(findings, complete));
        }
        if let Some(judged) = judged {
            let unsigned = UnsignedSelection::new(&scanned.uncovered, checks);
            if judged.revokes_files() && !unsigned.is_empty() {
                let hashing = Hashing { algorithm: HashAlgorithm::Sha256, shard_size: None };
                let looked = Scan { selection: &unsigned, hashing, recognise: false, ..scan }.run(observer)?;
                judged.check_unsigned(&looked.files)?;
            }
            if judged.wants_digests(manifest) {
                judged.check_digests(&plain_digests(scan, &scanned, manifest, checks, observer)?)?;
            }
            judged.judge_files(&scanned.files, root.name())?;
            let files = scanned.uncovered.iter().filter(|seen| seen.kind == EntryKind::File);
            judged.judge_unsigned(files.map(|seen| &*seen.name).filter(|name| selection.was_tolerated(name)))?;
        }
        Ok(scanned)
    }

    fn verified(self, checks: &FileChecks, scanned: Scanned, judged: Option<Judged>) -> VerifiedArtifact {
        let signed = self.signed;
        let mut relaxed: Vec<Relaxation> = signed.relaxed.into_iter().chain(checks.relaxed()).collect();
        relaxed.sort_unstable();
        let mut unchecked = signed.unchecked;
        if let Some(judged) = &judged {
            // Under a policy a certificate signs only by the names that the policy has for it.
            unchecked.retain(|unchecked| *unchecked != Unchecked::LeafIdentity);
            if !judged.checks_freshness() {
                unchecked.push(Unchecked::Freshness);
            }
        }
        unchecked.sort_unstable();
        let uncovered: Vec<Uncovered> =
            scanned.uncovered.into_iter().map(|seen| Uncovered { name: seen.name, kind: seen.kind.as_str() }).collect();
        VerifiedArtifact {
            name: signed.name,
            manifest: signed.manifest,
            payload_digest: signed.payload_digest,
            signed_by: signed.signed_by,
            attestations: self.attestations,
            provenance: match self.provenance {
                SignedProvenance::One(provenance) => Some(provenance),
                SignedProvenance::None | SignedProvenance::Several => None,
            },
            decision: judged.map(|judged| Box::new(judged.finish(&relaxed, &uncovered))),
            relaxed,
            unchecked,
            uncovered,
            only: (!checks.only.is_empty()).then(|| scanned.files.iter().map(|file| file.name.clone()).collect()),
            files: scanned.files.len() as u64,
            bytes: scanned.files.iter().map(|file| file.size).sum(),
            followed_links: scanned.files.into_iter().filter(|file| file.link).map(|file| file.name).collect(),
        }
    }

    /// The manifest in terms of what the walk sees: a single file is seen as `.`, and may be listed by its own name.
    fn manifest_for(&self, root: &Root) -> Result<Option<Manifest>> {
        let manifest = &self.signed.manifest;
        if !root.is_file() {
            return if manifest.is_single_file() {
                Err(Error::new(
                    Code::FormatMalformed,
                    "the signature is for a single file, and the model is a directory",
                ))
            } else {
                Ok(None)
            };
        }
        if manifest.is_single_file() {
            return Ok(None);
        }
        let mut files = manifest.files();
        match (files.next(), files.next(), root.name()) {
            (Some(file), None, Some(name)) if file.name().as_str() == name => as_single_file(manifest).map(Some),
            _ => Err(Error::new(
                Code::ArtifactMissing,
                "the signature is for a directory, and the model is a single file of another name",
            )),
        }
    }
}

/// SHA-256 of every file, in listed order, by a second look at files that were just verified by other digests.
fn plain_digests(
    scan: Scan<'_>,
    before: &Scanned,
    manifest: &Manifest,
    checks: &FileChecks,
    observer: &dyn Observer,
) -> Result<Vec<(ResourceName, Digest)>> {
    if !checks.only.is_empty() {
        let message = "the policy revokes by digest, which takes all files of a model with other digests than SHA-256";
        return Err(Error::new(Code::PolicyNotSupported, message).with_hint("verify all files of the model"));
    }
    let hashing = Hashing { algorithm: HashAlgorithm::Sha256, shard_size: None };
    let scanned = Scan { hashing, recognise: false, ..scan }.run(observer)?;
    let sizes =
        |scanned: &Scanned| -> Vec<_> { scanned.files.iter().map(|file| (file.name.clone(), file.size)).collect() };
    if sizes(&scanned) != sizes(before) {
        return Err(Error::new(Code::InputChanged, "the files of the model changed while they were read"));
    }
    let mut digests: HashMap<ResourceName, Digest> = scanned
        .files
        .into_iter()
        .filter_map(|file| match file.digests {
            FileDigests::Whole(digest) => Some((file.name, digest)),
            FileDigests::Shards(_) => None,
        })
        .collect();
    // The first shard of a file stands for the file.
    Ok(manifest.resources().iter().filter_map(|resource| digests.remove_entry(resource.name())).collect())
}

fn compare(manifest: &Manifest, selection: &VerifySelection<'_>, scanned: &Scanned) -> (Vec<Finding>, bool) {
    let mut findings = scanned.findings.clone();
    let mut seen: HashSet<&str> = scanned.findings.iter().map(Finding::name).collect();
    for hashed in &scanned.files {
        seen.insert(hashed.name.as_str());
        let found = match manifest.file(hashed.name.as_str()) {
            Some(file) => difference(&file, hashed).map(|detail| (Code::ArtifactModified, detail)),
            None => Some((Code::ArtifactUnexpected, String::new())),
        };
        findings.extend(found.map(|(code, detail)| Finding::new(code, hashed.name.as_str(), detail)));
    }
    // When the walk stopped early, what it did not see may still be there.
    if scanned.complete {
        let missing = manifest
            .files()
            .map(|file| file.name().as_str())
            .filter(|name| selection.is_selected(name) && !seen.contains(name))
            .map(|name| Finding::new(Code::ArtifactMissing, name, ""));
        findings.extend(missing);
    }
    drop(seen);
    findings.sort_by(|a, b| a.name().cmp(b.name()).then(a.code().cmp(&b.code())));
    (findings, scanned.complete)
}

fn difference(file: &ManifestFile<'_>, hashed: &HashedFile) -> Option<String> {
    let signed: Vec<_> = file.resources().map(|resource| *resource.digest()).collect();
    match &hashed.digests {
        FileDigests::Whole(digest) if signed == [*digest] => None,
        FileDigests::Whole(digest) => {
            let signed = signed.first().map_or_else(|| "none".to_owned(), ToString::to_string);
            Some(format!("its digest is {digest}, signed was {signed}"))
        }
        FileDigests::Shards(digests) if *digests == signed => None,
        FileDigests::Shards(digests) => {
            let at = digests.iter().zip(&signed).position(|(found, signed)| found != signed).unwrap_or(0);
            let range = file.resources().nth(at).and_then(|shard| shard.range());
            Some(range.map_or_else(String::new, |range| format!("bytes {} to {} differ", range.start, range.end)))
        }
    }
}

fn refusal(findings: Vec<Finding>, complete: bool) -> Error {
    // The most telling finding gives the code and the hint: a changed file says more than an extra one.
    let rank = |code: Code| match code {
        Code::ArtifactModified => 0,
        Code::ArtifactSymlink => 1,
        Code::ArtifactMissing => 2,
        _ => 3,
    };
    let Some(first) = findings.iter().min_by_key(|finding| rank(finding.code())) else {
        return Error::new(Code::ArtifactEmpty, "nothing was found");
    };
    let what = match first.code() {
        Code::ArtifactModified => "was modified",
        Code::ArtifactMissing => "is missing",
        Code::ArtifactSymlink => "is a symbolic link",
        _ => "is not signed",
    };
    let more = match findings.len() - 1 {
        0 if complete => String::new(),
        more if complete => format!(" (and {more} more)"),
        more => format!(" (and {more} more; the search stopped there)"),
    };
    let message = format!("`{}` {what}{more}", first.name());
    Error::new(first.code(), message).with_findings(findings, complete)
}

fn as_single_file(manifest: &Manifest) -> Result<Manifest> {
    let resources = manifest.resources().iter().map(|resource| resource.renamed(ResourceName::single_file())).collect();
    Manifest::new(manifest.serialization().clone(), resources)
}
