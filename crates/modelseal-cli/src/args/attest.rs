//! `modelseal attest`.

use core::num::NonZeroUsize;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::value::jobs;
use super::{PassphraseArgs, PolicyKeyArgs, ServerArgs};

/// Flags of `attest`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    modelseal attest llama --type https://acme.example/scan/v1 --predicate scan.json --key scanner.pem \\\n    \
    --verify-key signer.pub.pem --expect-name acme/llama\n  \
    modelseal attest llama --type https://acme.example/review/v1 --predicate review.json --key hashivault://models \\\n    \
    --role ci --expect-name acme/llama\n\n\
    The model is verified first, its files too. The statement goes to MODEL/model.attestations.jsonl, for a single file \
    to MODEL.attestations.jsonl. A policy that limits the age of evidence needs a time in the predicate, at /time, \
    /timestamp, /finishedOn or /scannedOn.")]
pub(crate) struct AttestArgs {
    /// Directory or file whose signature is there
    pub(crate) model: PathBuf,
    /// Predicate type: a URI of your own
    #[arg(long = "type", value_name = "URI")]
    pub(crate) predicate_type: String,
    /// File with the predicate, one JSON object, at most 16 MiB
    #[arg(long, value_name = "FILE")]
    pub(crate) predicate: PathBuf,
    /// Key that signs the statement: a PEM file, file:PATH?scheme=SCHEME, or hashivault://[MOUNT/]KEY on a server
    #[arg(long, value_name = "KEY", help_heading = "Key")]
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    /// Sign only with the key of this id
    #[arg(long, value_name = "ID", help_heading = "Key")]
    pub(crate) expect_key_id: Option<String>,
    /// Public key that may have signed the model; may be repeated [default: the key that signs the statement]
    #[arg(long, value_name = "KEY", help_heading = "Trust")]
    pub(crate) verify_key: Vec<OsString>,
    /// Policy that the model must satisfy
    #[arg(long, value_name = "FILE", conflicts_with = "verify_key", help_heading = "Trust")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy_keys: PolicyKeyArgs,
    /// The model that is meant, by its signed name
    #[arg(long, value_name = "NAME", help_heading = "Trust")]
    pub(crate) expect_name: Option<String>,
    /// The model that is meant, by its root digest
    #[arg(long, value_name = "DIGEST", help_heading = "Trust")]
    pub(crate) expect_digest: Option<String>,
    /// Where the signature is
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Do everything but write
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Threads that hash, at most 1024 [default: as many as the process may use]
    #[arg(long, value_parser = jobs, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Attest any model of the trusted keys
    #[arg(long, conflicts_with_all = ["expect_name", "expect_digest"], help_heading = "Weakening")]
    pub(crate) any_model: bool,
    /// Follow links that lead to regular files inside the model
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_symlinks: bool,
    /// Sign with a published test key, and trust it
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}
