//! `modelseal digest`.

use core::fmt::Write as _;

use modelseal::{Result, SerializeOptions, SerializedModel, digest_model};
use serde::Serialize;

use super::ignored_paths;
use super::resources::{self, ResourceObject};
use crate::args::DigestArgs;
use crate::output::Console;
use crate::output::json::{UncoveredObject, uncovered};
use crate::progress::Progress;
use crate::signals::Signals;

/// Hashes one model.
pub(crate) fn run(args: &DigestArgs, console: &mut Console) -> Result<u8> {
    let mut options = SerializeOptions::default();
    (options.method, options.hash) = args.method.resolve()?;
    options.ignore_git_paths = !args.no_ignore_git_paths;
    options.ignore_paths = ignored_paths(&args.model, &args.ignore)?;
    options.danger_allow_symlinks = args.danger_allow_symlinks;
    options.jobs = args.jobs;
    let signals = Signals::watch();
    let model = digest_model(&args.model, &options, &Progress::new(&signals))?;
    drop(signals);
    for path in &model.unmatched_ignore_paths {
        console.warning(&format!("the path to ignore `{}` matches nothing", modelseal::escape(path)));
    }
    for link in &model.followed_links {
        console.warning(&format!("the link `{link}` is hashed by its content"));
    }
    console.result(|_| text(args, &model), &DigestObject::new(args, &model));
    Ok(0)
}

fn text(args: &DigestArgs, model: &SerializedModel) -> String {
    let manifest = &model.manifest;
    let mut text = if args.manifest { resources::lines(manifest) + "\n" } else { String::new() };
    let _ = writeln!(text, "{}  code-point order: what `modelseal sign` writes", manifest.root());
    let _ = writeln!(text, "{}  order of the reference tool", manifest.reference_root());
    text
}

/// `modelseal.digest`.
#[derive(Debug, Serialize)]
struct DigestObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    model: String,
    root_digest: String,
    reference_root_digest: String,
    method: &'static str,
    hash: &'static str,
    files: u64,
    bytes: u64,
    uncovered: Vec<UncoveredObject>,
    manifest: Option<Vec<ResourceObject>>,
}

impl DigestObject {
    fn new(args: &DigestArgs, model: &SerializedModel) -> Self {
        let serialization = model.manifest.serialization();
        Self {
            kind: "modelseal.digest",
            version: 1,
            code: "done",
            exit: 0,
            model: args.model.to_string_lossy().into_owned(),
            root_digest: model.manifest.root().to_string(),
            reference_root_digest: model.manifest.reference_root().to_string(),
            method: serialization.method().as_str(),
            hash: serialization.hash().as_str(),
            files: model.files,
            bytes: model.bytes,
            uncovered: uncovered(&model.uncovered),
            manifest: args.manifest.then(|| resources::objects(&model.manifest)),
        }
    }
}
