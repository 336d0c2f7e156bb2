//! `modelseal verify`.

use core::num::{NonZeroU32, NonZeroUsize};
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use modelseal::{Result, VerifyOptions};

use super::value::{jobs, path, require, size};
use super::{PolicyKeyArgs, ServerArgs};

/// Flags of `verify`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    modelseal verify llama --key signer.pub.pem --expect-name acme/llama\n  \
    modelseal verify llama --policy policy.toml --expect-name acme/llama\n  \
    modelseal verify llama --certificate-chain root.pem --certificate-san release@acme.example\n  \
    modelseal verify --recursive /models --key signer.pub.pem --expect-count 12 --report report.sarif\n  \
    modelseal verify llama --key signer.pub.pem --only config.json --format json\n  \
    modelseal verify llama --key keys/models.toml --min-key-version 3\n  \
    modelseal verify llama --key hashivault://models --online\n\n\
    Several models: 0 only if all are verified, 1 if the answer is no for any, else the highest status.")]
pub(crate) struct VerifyArgs {
    /// Directories or files to verify
    #[arg(required = true, value_name = "MODEL")]
    pub(crate) models: Vec<PathBuf>,
    /// Every directory below MODEL that holds a signature is a model; every other file refuses
    #[arg(long)]
    pub(crate) recursive: bool,
    /// Refuse unless there are exactly so many models
    #[arg(long, value_name = "N")]
    pub(crate) expect_count: Option<usize>,
    /// Where the signature is; with --recursive, its file name [default: model.sig]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Verify only this file of the model, others may be absent; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Refuse .git, .github, .gitignore and .gitattributes when they are not signed
    #[arg(long)]
    pub(crate) no_ignore_git_paths: bool,
    /// Write a report: .json, .sarif or .xml (JUnit), by file name; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Vec<PathBuf>,
    /// Append the record of every decision of the policy, one line of JSON each
    #[arg(long, value_name = "FILE", requires = "policy", help_heading = "Output")]
    pub(crate) decision_log: Option<PathBuf>,
    /// File with further attestations; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) attestation: Vec<PathBuf>,
    /// Threads that hash, at most 1024 [default: as many as the process may use]
    #[arg(long, value_parser = jobs, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Largest file to read, such as 5GB
    #[arg(long, value_parser = size, value_name = "SIZE", default_value_t = VerifyOptions::default().max_file_bytes, hide_default_value = true)]
    pub(crate) max_file_bytes: u64,
    /// Most bytes to read of one model
    #[arg(long, value_parser = size, value_name = "SIZE", default_value_t = VerifyOptions::default().max_total_bytes, hide_default_value = true)]
    pub(crate) max_total_bytes: u64,

    /// Who may sign what, instead of keys and certificates
    #[arg(long, value_name = "FILE", help_heading = "Policy", conflicts_with_all = ["key", "certificate_chain",
        "certificate_fingerprint", "certificate_subject", "certificate_san", "min_key_version", "danger_accept_legacy"])]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_keys: PolicyKeyArgs,
    /// Refuse a model without provenance by the key that signed it
    #[arg(long, help_heading = "Trust")]
    pub(crate) require_provenance: bool,
    /// Trusted key: a PEM file, a table (NAME.toml), file:PATH?scheme=SCHEME, or hashivault://[MOUNT/]KEY on a server; may be repeated
    #[arg(long, value_name = "KEY", help_heading = "Trust")]
    pub(crate) key: Vec<OsString>,
    /// Accept only what the trusted key of this id signed
    #[arg(long, value_name = "ID", help_heading = "Trust")]
    pub(crate) expect_key_id: Option<String>,
    /// Refuse signatures of older versions of the key
    #[arg(long, value_name = "N", help_heading = "Trust")]
    pub(crate) min_key_version: Option<NonZeroU32>,
    /// Also ask the server that keeps the key whether it accepts the signature; both must
    #[arg(long, help_heading = "Trust")]
    pub(crate) online: bool,
    /// Trusted root certificates; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    pub(crate) certificate_chain: Vec<PathBuf>,
    /// Accept only the signing certificate with this SHA-256
    #[arg(long, value_name = "DIGEST", help_heading = "Trust")]
    pub(crate) certificate_fingerprint: Option<String>,
    /// Accept only a signing certificate with this subject
    #[arg(long, value_name = "SUBJECT", help_heading = "Trust")]
    pub(crate) certificate_subject: Option<String>,
    /// Accept only a signing certificate with this alternative name
    #[arg(long, value_name = "SAN", help_heading = "Trust")]
    pub(crate) certificate_san: Option<String>,
    /// Accept only the model that was signed under this name
    #[arg(long, value_name = "NAME", help_heading = "Trust")]
    pub(crate) expect_name: Option<String>,
    /// Accept only the model with this root digest
    #[arg(long, value_name = "DIGEST", help_heading = "Trust")]
    pub(crate) expect_digest: Option<String>,
    /// Any model of the key or the policy is acceptable: no warning, the result still says so
    #[arg(long, conflicts_with_all = ["expect_name", "expect_digest"], help_heading = "Trust")]
    pub(crate) any_model: bool,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Do not look at this file or directory unless it is signed; may be repeated
    #[arg(long, value_name = "PATH", value_parser = path(), help_heading = "Weakening")]
    pub(crate) danger_ignore: Vec<PathBuf>,
    /// Accept files that are not signed
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_ignore_unsigned_files: bool,
    /// Follow links that stay inside the model
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_symlinks: bool,
    /// Accept the form from before v1.0, which has no root digest
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_accept_legacy: bool,
    /// Trust published test keys
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

impl VerifyArgs {
    /// # Errors
    /// `usage/arguments` for flags that are about a policy, where there is none.
    pub(crate) fn require_policy(&self) -> Result<()> {
        let there = self.policy.is_some();
        self.policy_keys.require_policy(there)?;
        require("--decision-log", self.decision_log.is_some(), "--policy FILE", there)
    }
}
