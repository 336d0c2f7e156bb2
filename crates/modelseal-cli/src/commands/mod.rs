//! What each command does: arguments to façade calls to results.

mod attest;
mod digest;
mod generate;
mod identity;
mod inspect;
mod inspect_attestations;
mod keys;
mod policy;
mod report;
mod resources;
mod server;
mod server_keys;
pub(crate) mod sign;
mod vault;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use modelseal::{Result, Root, ignored_path};

use crate::args::Command;
use crate::output::Console;

/// Runs one command; the exit status, or why it failed before there was a result.
pub(crate) fn run(command: &Command, console: &mut Console) -> Result<u8> {
    match command {
        Command::Sign(args) => sign::run(args, console),
        Command::Attest(args) => attest::run(args, console),
        Command::Verify(args) => verify::run(args, console),
        Command::Digest(args) => digest::run(args, console),
        Command::Inspect(args) => inspect::run(args, console),
        Command::Keys(args) => keys::run(&args.command, console),
        Command::Policy(args) => policy::run(&args.command, console),
        Command::Identity(args) => identity::run(&args.command, console),
        Command::Vault(args) => vault::run(&args.command, console),
        Command::Generate(args) => generate::run(&args.command, console),
    }
}

/// The paths to ignore, relative to the model as the caller wrote them, in canonical form.
fn ignored_paths(model: &Path, paths: &[PathBuf]) -> Result<Vec<String>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let root = Root::open(model)?;
    paths.iter().map(|path| ignored_path(&root, model, path)).collect()
}
