//! Where a report may go: never into what it is about, never over what it rests on.

use std::path::{Path, PathBuf};

use modelseal::{Code, Error, Result, policy_signature_path};

use crate::args::{VerifyArgs, key_ref};
use crate::output::os_text;

/// What the run reads.
#[derive(Debug)]
pub(super) struct Taken {
    /// Models, and the roots below which models are searched.
    models: Vec<(PathBuf, Vec<PathBuf>)>,
    /// Keys, certificates and the signature.
    others: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Taken {
    pub(super) fn new(args: &VerifyArgs) -> Self {
        let resolved = |path: &PathBuf| (path.clone(), resolutions(path));
        // A key reference that cannot be read is an error of its own, soon.
        let keys = args.key.iter().filter_map(|key| Some(key_ref(key).ok()?.path()?.to_owned()));
        // With --recursive the bundle is a name in each model, and there no report goes.
        let bundle = args.bundle.iter().filter(|_| !args.recursive);
        let of_policy = args.policy.iter().flat_map(|policy| [policy.clone(), policy_signature_path(policy)]);
        let named = args.certificate_chain.iter().chain(bundle).chain(&args.attestation);
        let others: Vec<PathBuf> = keys.chain(named.cloned()).chain(of_policy).collect();
        Self { models: args.models.iter().map(resolved).collect(), others: others.iter().map(resolved).collect() }
    }

    /// Besides, nothing is to replace these.
    pub(super) fn and<'p>(mut self, paths: impl IntoIterator<Item = &'p PathBuf>) -> Self {
        self.others.extend(paths.into_iter().map(|path| (path.clone(), resolutions(path))));
        self
    }

    /// Refuses a report that would be part of a model or replace an input, or whose directory takes no file.
    ///
    /// # Errors
    /// `output/exists`, `output/unwritable`.
    pub(super) fn refuse(&self, report: &Path) -> Result<()> {
        check_directory(report)?;
        let places = resolutions(report);
        let among = |inside: fn(&PathBuf, &PathBuf) -> bool, taken: &[PathBuf]| {
            taken.iter().any(|taken| places.iter().any(|place| inside(place, taken)))
        };
        let shown = report.display();
        let refused = |message: String| {
            Err(Error::new(Code::OutputExists, message).with_hint("write outside of every model, to a file of its own"))
        };
        if let Some((model, _)) =
            self.models.iter().find(|(_, taken)| among(|place, tree| place.starts_with(tree), taken))
        {
            return refused(format!("`{shown}` would lie inside `{}`, which is verified", model.display()));
        }
        if let Some((input, _)) = self.others.iter().find(|(_, taken)| among(|place, file| place == file, taken)) {
            return refused(format!("`{shown}` would replace `{}`, which is read", input.display()));
        }
        Ok(())
    }
}

/// Everything that `path` may mean: the entry itself in its resolved directory, what it leads to, and, as long as the
/// directory does not exist, the words.
fn resolutions(path: &Path) -> Vec<PathBuf> {
    let entry = directory_of(path).canonicalize().ok().zip(path.file_name()).map(|(parent, name)| parent.join(name));
    let found: Vec<PathBuf> = entry.into_iter().chain(path.canonicalize()).collect();
    if found.is_empty() { std::path::absolute(path).into_iter().collect() } else { found }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses early what writing would refuse after hours of hashing.
fn check_directory(path: &Path) -> Result<()> {
    match std::fs::metadata(directory_of(path)) {
        Err(error) => Err(unwritable(path, &os_text(&error))),
        Ok(metadata) if !metadata.is_dir() => Err(unwritable(path, "it is below a file")),
        Ok(_) if !is_writable(directory_of(path)) => Err(unwritable(path, "the directory is not writable")),
        Ok(_) => Ok(()),
    }
}

pub(super) fn unwritable(path: &Path, why: &str) -> Error {
    Error::new(Code::OutputUnwritable, format!("cannot write `{}`: {why}", path.display()))
}

#[cfg(unix)]
fn is_writable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(_: &Path) -> bool {
    true
}
