//! `modelseal doctor`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{PolicyKeyArgs, ServerArgs};

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also examine a key: hashivault://[MOUNT/]KEY, or the file of a public key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<OsString>,
    /// Also examine a policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_keys: PolicyKeyArgs,
    /// Also examine a model and its signature, and verify it with --key or --policy
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// The signature [default: beside the model]
    #[arg(long, value_name = "PATH")]
    pub(crate) bundle: Option<PathBuf>,
    /// Search a directory for stored secrets, bad advice and unsigned models; the server is left out
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Examine everything in order: the server, what the other flags name, and --repo [default: .]
    #[arg(long)]
    pub(crate) all: bool,
    /// Fail for warnings, too
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Trust keys whose private halves are published
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

/// What stands below the flags.
pub(crate) const EXAMPLES: &str = "Examples:\n  \
    modelseal doctor --role ci --key hashivault://models\n  \
    modelseal doctor --repo .\n  \
    modelseal doctor --all --role ci --key hashivault://models --policy policy.toml --strict --format json\n\n\
    Nothing is signed or changed, and a token that is obtained is revoked. A role is read with the token of the login, \
    else with BAO_TOKEN or VAULT_TOKEN. Exit status 0 if there is no problem, 1 if there is one.";
