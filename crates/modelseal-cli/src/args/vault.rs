//! `modelseal vault`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::ServerArgs;

/// The commands of `vault`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct VaultArgs {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
}

/// What to do with a server.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Log in as `sign` would, show what the token may do, and revoke it
    #[command(after_long_help = "Examples:\n  \
        modelseal vault login --dry-run --role ci --identity-token-env ID_TOKEN --key hashivault://models\n  \
        modelseal vault login --dry-run --auth token\n\n\
        No token is ever handed out. Exit status 0 if the login works and, with --key, the token may read the key and \
        sign with it.")]
    Login(Box<LoginArgs>),
}

/// Flags of `vault login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Only try: there is no other way to use this command, since tokens are never handed out
    #[arg(long, required = true)]
    pub(crate) dry_run: bool,
    /// Also say what the token may do with this key: hashivault://[MOUNT/]KEY
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<OsString>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
