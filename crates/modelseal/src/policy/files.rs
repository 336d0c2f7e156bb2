//! The files that a policy reads: beneath its directory, each once.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use modelseal_core::{Code, Digest, Error, Policy, PolicyFiles, PolicyStatement, Result};

use crate::io::{Cap, read_capped, unreadable};

/// Most bytes that one policy reads in all.
const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// A policy and the directory that its files may not leave.
///
/// Links are followed, since the files of a mounted `ConfigMap` are links, and must end below the directory.
#[derive(Debug)]
pub(super) struct PolicyDirectory {
    policy: PathBuf,
    policy_name: String,
    directory: PathBuf,
    /// The same without links.
    real: PathBuf,
    /// What the signature of the policy covers, when one is asked for.
    statement: Option<PolicyStatement>,
    /// Every file that was read, by its path relative to the directory.
    read: BTreeMap<String, (Vec<u8>, PathBuf)>,
    total: usize,
    danger_allow_test_keys: bool,
}

impl PolicyDirectory {
    /// # Errors
    /// `input/*`; `policy/syntax` when the policy has no file name that could be signed.
    pub(super) fn new(policy: &Path, danger_allow_test_keys: bool) -> Result<Self> {
        let named = |what: &str| Error::new(Code::PolicySyntax, format!("`{}` {what}", policy.display()));
        let name = policy.file_name().ok_or_else(|| named("is no file"))?;
        let policy_name = name.to_str().ok_or_else(|| named("has a name that is not UTF-8"))?.to_owned();
        let directory = policy.parent().unwrap_or(Path::new(""));
        let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let real = here.canonicalize().map_err(|error| unreadable(policy, &error))?;
        Ok(Self {
            policy: policy.to_owned(),
            policy_name,
            directory: directory.to_owned(),
            real,
            statement: None,
            read: BTreeMap::new(),
            total: 0,
            danger_allow_test_keys,
        })
    }

    /// The policy's file name.
    pub(super) fn policy_name(&self) -> &str {
        &self.policy_name
    }

    /// The text of the policy itself.
    ///
    /// # Errors
    /// `input/*`, `policy/syntax` when it is too large.
    pub(super) fn policy(&mut self) -> Result<Vec<u8>> {
        let text = read_capped(&self.policy, &Cap { bytes: Policy::MAX_BYTES, code: Code::PolicySyntax })?;
        let name = self.policy_name.clone();
        self.remember(name, text.clone(), self.policy.clone())?;
        Ok(text)
    }

    /// From now on only files that `statement` lists are read.
    pub(super) fn only(&mut self, statement: PolicyStatement) {
        self.statement = Some(statement);
    }

    /// SHA-256 of every file that was read, the policy included.
    pub(super) fn digests(&self) -> BTreeMap<String, Digest> {
        self.read.iter().map(|(name, (bytes, _))| (name.clone(), Digest::sha256(bytes))).collect()
    }

    /// Where the file of this name is, and where it is when all links are resolved: beneath the directory.
    fn find(&self, path: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let place = self.directory.join(name);
        let target = place.canonicalize().map_err(|error| unreadable(&place, &error))?;
        if target.starts_with(&self.real) { Ok((place, target)) } else { Err(leaves(path)) }
    }

    fn remember(&mut self, name: String, bytes: Vec<u8>, path: PathBuf) -> Result<(Vec<u8>, PathBuf)> {
        self.total += bytes.len();
        if self.total > MAX_TOTAL_BYTES || self.read.len() == PolicyStatement::MAX_FILES {
            let (files, most) = (PolicyStatement::MAX_FILES, MAX_TOTAL_BYTES);
            let message = format!("the policy reads more than {files} files, or more than {most} bytes");
            return Err(Error::new(Code::PolicySyntax, message));
        }
        self.read.insert(name, (bytes.clone(), path.clone()));
        Ok((bytes, path))
    }
}

impl PolicyFiles for PolicyDirectory {
    fn read(&mut self, path: &Path, most: usize) -> Result<(Vec<u8>, PathBuf)> {
        let name = relative_name(path)?;
        let too_large = || Error::new(Code::PolicySyntax, format!("`{name}` is larger than the limit of {most} bytes"));
        if let Some((bytes, place)) = self.read.get(&name) {
            return if bytes.len() > most { Err(too_large()) } else { Ok((bytes.clone(), place.clone())) };
        }
        let (place, target) = self.find(path, &name)?;
        let bytes = read_capped(&target, &Cap { bytes: most, code: Code::PolicySyntax })?;
        if let Some(statement) = &self.statement {
            statement.check(&name, &bytes)?;
        }
        self.remember(name, bytes, place)
    }

    fn locate(&mut self, path: &Path) -> Result<PathBuf> {
        let name = relative_name(path)?;
        self.find(path, &name).map(|(place, _)| place)
    }

    fn danger_allow_test_keys(&self) -> bool {
        self.danger_allow_test_keys
    }
}

/// A path as a signature lists it: components with `/` between them, none of which leads up.
fn relative_name(path: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => match part.to_str() {
                Some(part) => parts.push(part),
                None => {
                    let message = format!("the path `{}` is not UTF-8", path.display());
                    return Err(Error::new(Code::PolicySyntax, message));
                }
            },
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(leaves(path)),
        }
    }
    match parts.join("/") {
        name if name.is_empty() => Err(Error::new(Code::PolicySyntax, "a path in the policy is empty")),
        name => Ok(name),
    }
}

fn leaves(path: &Path) -> Error {
    Error::new(Code::PolicySyntax, format!("the path `{}` leads out of the directory of the policy", path.display()))
        .with_hint("keep what the policy reads beside it or below it, and write paths relative to it")
}
