//! Which models are verified, and on what terms.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use modelseal::{
    Code, DEFAULT_BUNDLE_NAME, Digest, Error, Expected, Finding, HashAlgorithm, LeafPin, LoadedPolicy, ModelTree,
    Observer, Policy, Result, Trust, TrustRequest, VerifiedArtifact, VerifyOptions, check_files_outside, find_models,
    verify_model_artifact, verify_model_artifact_twice,
};

use crate::args::{VerifyArgs, key_ref};
use crate::commands::ignored_paths;
use crate::commands::policy::now;
use crate::output::shown;
use crate::output::verification::ModelObject;

/// What is trusted and accepted; the same for every model of a run.
pub(crate) struct Terms<'a> {
    pub(crate) trust: Trust<'a>,
    pub(crate) policy: Policy,
    pub(crate) expected: Expected,
    pub(crate) options: VerifyOptions,
    pub(crate) danger_ignore: Vec<PathBuf>,
}

/// What the caller trusts.
pub(super) fn trust_request(args: &VerifyArgs, policy: Option<&LoadedPolicy>) -> Result<TrustRequest> {
    let mut request = TrustRequest::default();
    request.keys = args.key.iter().map(|key| key_ref(key)).collect::<Result<Vec<_>>>()?;
    request.certificate_chain.clone_from(&args.certificate_chain);
    request.policy = policy.map(|loaded| loaded.policy.clone());
    request.pin = pin(args)?;
    request.min_key_version = args.min_key_version;
    request.online = args.online;
    request.danger_allow_test_keys = args.danger_allow_test_keys;
    Ok(request)
}

/// What is accepted besides, whoever is trusted.
pub(super) fn options(args: &VerifyArgs) -> Result<VerifyOptions> {
    let mut options = VerifyOptions::default();
    options.attestations.clone_from(&args.attestation);
    options.require_provenance = args.require_provenance;
    options.expect_key_id = args.expect_key_id.as_deref().map(str::parse).transpose()?;
    options.only.clone_from(&args.only);
    options.ignore_git_paths = !args.no_ignore_git_paths;
    options.danger_ignore_unsigned_files = args.danger_ignore_unsigned_files;
    options.danger_allow_symlinks = args.danger_allow_symlinks;
    options.danger_accept_legacy = args.danger_accept_legacy;
    options.jobs = args.jobs;
    options.max_file_bytes = args.max_file_bytes;
    options.max_total_bytes = args.max_total_bytes;
    Ok(options)
}

impl Terms<'_> {
    /// Writes down a refusal that came before a model was looked at.
    ///
    /// # Errors
    /// `output/unwritable`.
    pub(super) fn record(&self, error: &Error) -> Result<()> {
        let Some(log) = &self.options.decision_log else { return Ok(()) };
        self.policy.undecided(error, now()?).map_or(Ok(()), |denial| log.append(&denial))
    }

    /// Verifies one model. `alone` on one thread, when other models have the others.
    pub(crate) fn verify(&self, target: &Target, alone: bool, observer: &dyn Observer) -> Result<VerifiedArtifact> {
        let mut options = self.options.clone();
        options.bundle.clone_from(&target.bundle);
        let ignored = ignored_paths(&target.model, &self.danger_ignore).inspect_err(|error| {
            // The refusal stands, written down or not.
            let _ = self.record(error);
        })?;
        options.danger_ignore_paths.extend(ignored);
        if alone {
            options.jobs = Some(core::num::NonZeroUsize::MIN);
        }
        let (model, trusted, policy) = (&target.model, &self.trust.keys, &self.policy);
        match self.trust.opinion() {
            None => verify_model_artifact(model, trusted, policy, &self.expected, &options, observer),
            Some(opinion) => {
                verify_model_artifact_twice(model, trusted, policy, &self.expected, &options, observer, opinion)
            }
        }
    }
}

fn pin(args: &VerifyArgs) -> Result<LeafPin> {
    let mut pin = LeafPin::default();
    pin.fingerprint = args.certificate_fingerprint.as_deref().map(sha256).transpose()?;
    pin.subject.clone_from(&args.certificate_subject);
    pin.alternative_name.clone_from(&args.certificate_san);
    if args.certificate_chain.is_empty() && pin != LeafPin::default() {
        return Err(Error::new(
            Code::UsageArguments,
            "--certificate-fingerprint, -subject and -san narrow --certificate-chain, which is not given",
        ));
    }
    Ok(pin)
}

/// Which model is wanted.
pub(super) fn expected(args: &VerifyArgs) -> Result<Expected> {
    let any_will_do = args.any_model || args.policy.is_none();
    wanted(args.expect_name.as_deref(), args.expect_digest.as_deref(), any_will_do)
}

/// Which model is wanted, by name, by digest or by both. A policy is about many: any of them will do only if it is
/// said.
///
/// # Errors
/// `usage/arguments`.
pub(crate) fn wanted(name: Option<&str>, digest: Option<&str>, any_will_do: bool) -> Result<Expected> {
    let name = name.map(str::parse).transpose()?;
    let digest = digest.map(sha256).transpose()?;
    if name.is_none() && digest.is_none() && !any_will_do {
        let message = "under a policy it must be said which model is wanted";
        return Err(Error::new(Code::UsageArguments, message).with_hint(
            "add --expect-name NAME or --expect-digest DIGEST; --any-model if any that the policy allows will do",
        ));
    }
    Ok(match (name, digest) {
        (Some(name), Some(digest)) => Expected::name_and_digest(name, digest),
        (Some(name), None) => Expected::name(name),
        (None, Some(digest)) => Expected::digest(digest),
        (None, None) => Expected::danger_any_model(),
    })
}

/// A digest that can be compared: roots and fingerprints are SHA-256, whatever the files were hashed with.
pub(crate) fn sha256(text: &str) -> Result<Digest> {
    let digest: Digest = text.parse()?;
    if digest.algorithm() != HashAlgorithm::Sha256 {
        return Err(Error::new(Code::UsageArguments, format!("`{text}` is not a SHA-256 digest"))
            .with_hint("root digests and fingerprints are written sha256:HEX, whatever the files were hashed with"));
    }
    Ok(digest)
}

/// One model to verify.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) model: PathBuf,
    /// Where its bundle is; `None`: the default place.
    pub(crate) bundle: Option<PathBuf>,
}

/// Every model to verify, and what is refused before any is looked at.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) refused: Vec<(ModelObject, Error)>,
    /// What the caller should know of the plan.
    pub(super) warnings: Vec<String>,
    /// Whether a search gave up, so that the number of models is not known.
    truncated: bool,
}

impl Plan {
    pub(super) fn new(args: &VerifyArgs) -> Result<Self> {
        let mut plan = Self::default();
        if args.recursive {
            let bundle = bundle_name(args.bundle.as_deref())?;
            for root in plan.distinct(&args.models) {
                plan.search(root, bundle);
            }
            // Roots may overlap: a model counts once, however many ways lead to it.
            let mut seen = HashSet::new();
            plan.targets.retain(|target| seen.insert(identity(&target.model)));
        } else {
            if args.bundle.is_some() && args.models.len() > 1 {
                return Err(Error::new(Code::UsageArguments, "one --bundle cannot be the signature of several models")
                    .with_hint("verify them one by one, or keep each signature at its default place"));
            }
            let target = |model: &PathBuf| Target { model: model.clone(), bundle: args.bundle.clone() };
            plan.targets = plan.distinct(&args.models).into_iter().map(target).collect();
        }
        let one_wanted = args.expect_name.is_some() || args.expect_digest.is_some();
        if one_wanted && plan.targets.len() > 1 {
            let found = plan.targets.len();
            return Err(Error::new(
                Code::UsageArguments,
                format!("--expect-name and --expect-digest are about one model, and there are {found}"),
            )
            .with_hint("verify each model with what is expected of it"));
        }
        Ok(plan)
    }

    /// Every path once: the same model or root under another name is the same.
    fn distinct<'a>(&mut self, paths: &'a [PathBuf]) -> Vec<&'a PathBuf> {
        let mut seen: HashMap<PathBuf, &Path> = HashMap::new();
        let mut distinct = Vec::new();
        for path in paths {
            match seen.entry(identity(path)) {
                Entry::Vacant(entry) => {
                    entry.insert(path);
                    distinct.push(path);
                }
                Entry::Occupied(entry) => {
                    let (again, first) = (shown(path), shown(entry.get()));
                    self.warnings.push(format!("`{again}` is the same as `{first}` and counts once"));
                }
            }
        }
        distinct
    }

    /// Refuses a file that lies in any of the models, where they could exchange what the verification relies on: none is
    /// verified then, as none would be on the caller's terms.
    pub(super) fn refuse_inside<'f>(&self, files: impl Iterator<Item = &'f Path> + Clone) -> Result<()> {
        for target in &self.targets {
            match check_files_outside(&target.model, files.clone()) {
                Err(error) if error.code() == Code::UsageTrustInsideModel => return Err(error),
                // Whatever else is wrong with the model is said in its turn.
                _ => {}
            }
        }
        Ok(())
    }

    /// Finds the models below `root`; every file below it must belong to one.
    fn search(&mut self, root: &Path, bundle: &str) {
        let tree = match find_models(root, bundle) {
            Ok(tree) => tree,
            Err(error) => return self.refuse(Some(root), error),
        };
        self.truncated |= tree.truncated;
        if !tree.strays.is_empty() {
            self.refuse(Some(root), strays(root, &tree));
        } else if tree.models.is_empty() {
            let message = format!("there is no signed model below `{}`", root.display());
            self.refuse(Some(root), Error::new(Code::ArtifactUnsigned, message));
        }
        let target = |model: PathBuf| Target { bundle: Some(model.join(bundle)), model };
        self.targets.extend(tree.models.into_iter().map(target));
    }

    pub(super) fn count_mismatch(&mut self, args: &VerifyArgs) {
        let found = self.targets.len();
        if let Some(wanted) = args.expect_count.filter(|&wanted| wanted != found && !self.truncated) {
            let message = format!("found {found} signed models, expected were {wanted}");
            let error = Error::new(Code::ArtifactUnsigned, message)
                .with_hint("a model was added or lost its signature; correct --expect-count if that was meant");
            self.refuse(None, error);
        }
    }

    fn refuse(&mut self, model: Option<&Path>, error: Error) {
        self.refused.push((ModelObject::refused(model, &error), error));
    }
}

/// What a path leads to; the path itself if it leads nowhere.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn bundle_name(given: Option<&Path>) -> Result<&str> {
    let Some(path) = given else { return Ok(DEFAULT_BUNDLE_NAME) };
    match path.to_str() {
        Some(name) if path.file_name().is_some_and(|file| file == name) => Ok(name),
        _ => Err(Error::new(
            Code::UsageArguments,
            format!("with --recursive, `{}` is not the name of the signature in each directory", path.display()),
        )
        .with_hint("give a file name without directories, such as --bundle model.sig")),
    }
}

fn strays(root: &Path, tree: &ModelTree) -> Error {
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let findings: Vec<Finding> = tree
        .strays
        .iter()
        .map(|path| Finding::new(Code::ArtifactUnsigned, name(path), "belongs to no signed model"))
        .collect();
    let first = findings.first().map(|finding| finding.name().to_owned()).unwrap_or_default();
    let more = match findings.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Error::new(Code::ArtifactUnsigned, format!("`{first}` belongs to no signed model{more}"))
        .with_hint("sign the model that it belongs to, or move it away")
        .with_findings(findings, !tree.truncated)
}
