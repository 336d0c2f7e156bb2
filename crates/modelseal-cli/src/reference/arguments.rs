//! The options of the reference tool, with hyphens; underscores were replaced before.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

/// Options of every method.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    pub(super) model: PathBuf,
    #[arg(long)]
    pub(super) ignore_paths: Vec<PathBuf>,
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "no_ignore_git_paths")]
    ignore_git_paths: bool,
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "ignore_git_paths")]
    no_ignore_git_paths: bool,
    #[arg(long, overrides_with = "no_allow_symlinks")]
    pub(super) allow_symlinks: bool,
    #[arg(long, overrides_with = "allow_symlinks")]
    no_allow_symlinks: bool,
    /// Ours: tests of scripts have no other keys.
    #[arg(long)]
    pub(super) danger_allow_test_keys: bool,
}

impl CommonArgs {
    pub(super) const fn ignore_git_paths(&self) -> bool {
        !self.no_ignore_git_paths
    }
}

/// `sign METHOD`.
#[derive(Debug, Parser)]
#[command(name = "modelseal sign METHOD", disable_version_flag = true)]
pub(super) struct SignArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[arg(long)]
    pub(super) signature: Option<PathBuf>,
    #[arg(long)]
    pub(super) private_key: Option<PathBuf>,
    #[arg(long)]
    pub(super) signing_certificate: Option<PathBuf>,
    #[arg(long)]
    pub(super) certificate_chain: Vec<PathBuf>,
}

/// `verify METHOD`.
#[derive(Debug, Parser)]
#[command(name = "modelseal verify METHOD", disable_version_flag = true)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[arg(long)]
    pub(super) signature: Option<PathBuf>,
    #[arg(long)]
    pub(super) public_key: Option<PathBuf>,
    #[arg(long)]
    pub(super) certificate_chain: Vec<PathBuf>,
    #[arg(long, overrides_with = "no_ignore_unsigned_files")]
    pub(super) ignore_unsigned_files: bool,
    #[arg(long, overrides_with = "ignore_unsigned_files")]
    no_ignore_unsigned_files: bool,
    /// The reference tool logs fingerprints on request.
    #[arg(long)]
    pub(super) log_fingerprints: bool,
}
