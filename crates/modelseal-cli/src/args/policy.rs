//! `modelseal policy`, and the flags of every command that reads a policy.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use modelseal::Result;

use super::value::require;
use super::{PassphraseArgs, ServerArgs};

/// Who must have signed the policy. The argument that names the policy has the id `policy` in every command.
#[derive(Debug, Args)]
pub(crate) struct PolicyKeyArgs {
    /// Accept only a policy that this public key signed: a PEM file, a table, or hashivault://[MOUNT/]KEY; may be repeated
    #[arg(long, value_name = "KEY", requires = "policy", help_heading = "Policy")]
    pub(crate) policy_key: Vec<OsString>,
    /// Refuse a policy with a smaller serial
    #[arg(long, value_name = "N", requires = "policy", help_heading = "Policy")]
    pub(crate) min_policy_serial: Option<u64>,
}

impl PolicyKeyArgs {
    /// # Errors
    /// `usage/arguments` without a policy that these flags could be about.
    pub(crate) fn require_policy(&self, there: bool) -> Result<()> {
        require("--policy-key", !self.policy_key.is_empty(), "--policy FILE", there)?;
        require("--min-policy-serial", self.min_policy_serial.is_some(), "--policy FILE", there)
    }
}

/// Which model is looked at, and which one is wanted.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Directory or file that was signed
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The policy
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    pub(crate) policy: PathBuf,
    #[command(flatten)]
    pub(crate) keys: PolicyKeyArgs,
    /// Where the signature is [default: MODEL/model.sig]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// File with further attestations; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) attestation: Vec<PathBuf>,
    /// Accept only the model that was signed under this name
    #[arg(long, value_name = "NAME", help_heading = "Trust")]
    pub(crate) expect_name: Option<String>,
    /// Accept only the model with this root digest
    #[arg(long, value_name = "DIGEST", help_heading = "Trust")]
    pub(crate) expect_digest: Option<String>,
    #[command(flatten)]
    pub(crate) server: Box<ServerArgs>,
    /// Trust published test keys
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

/// The commands of `policy`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write a first policy: from a signature that is good, or to be filled in
    #[command(after_long_help = "Examples:\n  \
        modelseal policy init --from llama --key signer.pub.pem -o policy.toml\n  \
        modelseal policy init -o policy.toml\n\n\
        With --from the signature is verified first, and the policy accepts what it says and nothing else. Nothing is \
        overwritten.")]
    Init(PolicyInitArgs),
    /// Load a policy as verify would, and point to its weaknesses
    #[command(after_long_help = "Examples:\n  \
        modelseal policy check policy.toml\n  \
        modelseal policy check policy.toml --deny-warnings --policy-key policies.pub.pem")]
    Check(PolicyCheckArgs),
    /// Try a policy on cases that say what it must decide
    #[command(after_long_help = "Examples:\n  \
        modelseal policy test policy.toml\n  \
        modelseal policy test policy.toml attacks.cases.toml --report policy.xml\n\n\
        Without CASES the file beside the policy is read: policy.cases.toml for policy.toml.")]
    Test(PolicyTestArgs),
    /// Say what each rule expects of a model and what it finds
    #[command(after_long_help = "Examples:\n  \
        modelseal policy explain llama --policy policy.toml --expect-name acme/llama\n  \
        modelseal policy explain llama --policy policy.toml --any-model --format json\n\n\
        The exit status is that of modelseal verify. With --format json the record of the decision is printed.")]
    Explain(ExplainArgs),
    /// Print what Rego modules and an OPA server are asked about a model
    #[command(after_long_help = "Example:\n  modelseal policy input llama --policy policy.toml > input.json")]
    Input(ModelArgs),
    /// Sign a policy and every file that it reads
    #[command(after_long_help = "Examples:\n  \
        modelseal policy sign policy.toml --key policies.pem\n  \
        modelseal policy sign policy.toml --key hashivault://policies --role policy-ci\n\n\
        The policy must say `serial` and `valid_until`. Use a key that signs policies only: one that the policy lists \
        is refused.")]
    Sign(PolicySignArgs),
}

/// Flags of `policy explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Any model of the policy is acceptable
    #[arg(long, conflicts_with_all = ["expect_name", "expect_digest"], help_heading = "Trust")]
    pub(crate) any_model: bool,
}

/// Flags of `policy init`.
#[derive(Debug, Args)]
pub(crate) struct PolicyInitArgs {
    /// Signature to start from, or the model that it lies in
    #[arg(long, value_name = "BUNDLE", requires = "key")]
    pub(crate) from: Option<PathBuf>,
    /// Public key that the signature must be by: a PEM file, a table, or hashivault://[MOUNT/]KEY
    #[arg(long, value_name = "KEY", requires = "from")]
    pub(crate) key: Option<OsString>,
    /// Where the policy goes, which must not exist [default: the standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Box<ServerArgs>,
}

/// Flags of `policy check`.
#[derive(Debug, Args)]
pub(crate) struct PolicyCheckArgs {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// End with status 2 when there is a warning
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    #[command(flatten)]
    pub(crate) keys: PolicyKeyArgs,
    #[command(flatten)]
    pub(crate) server: Box<ServerArgs>,
    /// Trust published test keys
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

/// Flags of `policy test`.
#[derive(Debug, Args)]
pub(crate) struct PolicyTestArgs {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Files of cases [default: the policy's name with .cases.toml]
    #[arg(value_name = "CASES")]
    pub(crate) cases: Vec<PathBuf>,
    /// Write a JUnit report, whose name ends with .xml
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: PolicyKeyArgs,
    #[command(flatten)]
    pub(crate) server: Box<ServerArgs>,
    /// Trust published test keys
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

/// Flags of `policy sign`.
#[derive(Debug, Args)]
pub(crate) struct PolicySignArgs {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Key that signs policies: a PEM file, file:PATH?scheme=SCHEME, or hashivault://[MOUNT/]KEY
    #[arg(long, value_name = "KEY", help_heading = "Key")]
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    /// Sign only with the key of this id
    #[arg(long, value_name = "ID", help_heading = "Key")]
    pub(crate) expect_key_id: Option<String>,
    /// Where the signature goes [default: FILE.sig]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Box<ServerArgs>,
    /// Sign with a published test key
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}
