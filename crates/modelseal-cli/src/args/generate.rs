//! `modelseal generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// The commands of `generate`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) command: GenerateCommand,
}

/// What to generate.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write the manual pages
    #[command(after_long_help = "Example:\n  modelseal generate man ~/.local/share/man/man1")]
    Man {
        /// Directory for one page per command, or - for all of them on the standard output
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Write a completion script to the standard output
    #[command(
        after_long_help = "Example:\n  modelseal generate completions bash > ~/.local/share/bash-completion/completions/modelseal"
    )]
    Completions {
        /// Shell to complete in
        shell: Shell,
    },
}
