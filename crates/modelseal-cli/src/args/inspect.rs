//! `modelseal inspect`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    modelseal inspect llama/model.sig\n  \
    modelseal inspect - --manifest < model.sig\n  \
    modelseal inspect llama/model.attestations.jsonl\n\n\
    Nothing that is shown was verified.")]
pub(crate) struct InspectArgs {
    /// Signature or attestation file to show, a model directory that holds one, or - for the standard input
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// List every resource with its digest and size
    #[arg(long)]
    pub(crate) manifest: bool,
}
