//! `modelseal digest`.

use core::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::MethodArgs;
use super::value::{jobs, path};

/// Flags of `digest`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    modelseal digest llama\n  \
    modelseal digest llama --manifest\n\n\
    The first digest is the one that `modelseal sign` writes. The order of the reference tool can give another one.")]
pub(crate) struct DigestArgs {
    /// Directory or file to hash
    pub(crate) model: PathBuf,
    /// List every resource with its digest and size
    #[arg(long)]
    pub(crate) manifest: bool,
    /// Leave out this file or directory of the model; may be repeated
    #[arg(long, value_name = "PATH", value_parser = path())]
    pub(crate) ignore: Vec<PathBuf>,
    /// Hash .git, .github, .gitignore and .gitattributes too
    #[arg(long)]
    pub(crate) no_ignore_git_paths: bool,
    /// Threads that hash, at most 1024 [default: as many as the process may use]
    #[arg(long, value_parser = jobs, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    /// Hash links that stay inside the model by their content
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_symlinks: bool,
}
