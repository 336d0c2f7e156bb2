//! `modelseal sign`.

use core::num::NonZeroUsize;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use modelseal::vault::Env;
use modelseal::{Code, Error, ProvenanceMode, Result};

use super::value::{jobs, path};
use super::{MethodArgs, PassphraseArgs, ServerArgs};

/// Flags of `sign`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    modelseal sign llama --key signer.pem\n  \
    modelseal sign llama --key signer.pem --name acme/llama --ignore checkpoints\n  \
    modelseal sign llama --key leaf.key --certificate leaf.pem --certificate-chain ca.pem\n  \
    modelseal sign llama --key hashivault://models --role ci\n  \
    modelseal sign llama --key hashivault://models --role ci --identity-token-env ID_TOKEN\n  \
    modelseal sign llama --key hashivault://models --role ci --provenance required --dependency base=sha256:HEX\n\n\
    The signature goes to MODEL/model.sig, for a single file to MODEL.sig.")]
pub(crate) struct SignArgs {
    /// Directory or file to sign
    pub(crate) model: PathBuf,
    /// Key: a PEM file, file:PATH?scheme=SCHEME, or hashivault://[MOUNT/]KEY on a server
    #[arg(long, value_name = "KEY", help_heading = "Key")]
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    /// Sign only with the key of this id
    #[arg(long, value_name = "ID", help_heading = "Key")]
    pub(crate) expect_key_id: Option<String>,
    /// Certificate of the key: signs with the certificate method
    #[arg(long, value_name = "FILE", help_heading = "Key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Certificates that lead from it to a root; may be repeated
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Key")]
    pub(crate) certificate_chain: Vec<PathBuf>,
    /// Name to sign the model under [default: the last part of its path]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Sign only if the model has this root digest
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// Whether the identity of the job is signed along [default: MODELSEAL_PROVENANCE, else auto]
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Provenance")]
    pub(crate) provenance: Option<ProvenanceName>,
    /// The same as --provenance off
    #[arg(long, hide = true, conflicts_with = "provenance")]
    pub(crate) no_provenance: bool,
    /// Key set of the token's issuer, instead of fetching it; needed for tokens of Kubernetes service accounts
    #[arg(long, value_name = "FILE", help_heading = "Provenance")]
    pub(crate) jwks: Option<PathBuf>,
    /// What the model was made from, as NAME=sha256:HEX or a URI; may be repeated
    #[arg(long, value_name = "NAME=DIGEST", help_heading = "Provenance")]
    pub(crate) dependency: Vec<String>,
    /// What was made along with the model, as NAME=sha256:HEX or a URI; may be repeated
    #[arg(long, value_name = "NAME=DIGEST", help_heading = "Provenance")]
    pub(crate) byproduct: Vec<String>,
    /// A statement of your own to sign along, as its predicate type and a JSON file; may be repeated
    #[arg(long, value_name = "URI=FILE", help_heading = "Provenance")]
    pub(crate) statement: Vec<OsString>,
    /// Where the signature goes
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Leave out this file or directory of the model; may be repeated
    #[arg(long, value_name = "PATH", value_parser = path())]
    pub(crate) ignore: Vec<PathBuf>,
    /// Sign .git, .github, .gitignore and .gitattributes too
    #[arg(long)]
    pub(crate) no_ignore_git_paths: bool,
    /// Do everything but write
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Sign nothing and end with status 0 when the job is a pull request from a fork, which gets no identity
    #[arg(long)]
    pub(crate) skip_on_fork: bool,
    /// Threads that hash, at most 1024 [default: as many as the process may use]
    #[arg(long, value_parser = jobs, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) method: MethodArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Sign links that stay inside the model by their content
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_symlinks: bool,
    /// Sign with a published test key
    #[arg(long, help_heading = "Weakening")]
    pub(crate) danger_allow_test_keys: bool,
}

/// When provenance is signed, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProvenanceName {
    /// When an identity token logs in, which must then verify, or when --identity names one
    Auto,
    /// Or nothing is signed
    Required,
    /// Never
    Off,
}

impl SignArgs {
    /// When provenance is signed: by the flags, else by the variable.
    ///
    /// # Errors
    /// `usage/environment`.
    pub(crate) fn provenance_mode(&self, env: &dyn Env) -> Result<ProvenanceMode> {
        match (self.provenance, self.no_provenance) {
            (_, true) | (Some(ProvenanceName::Off), _) => return Ok(ProvenanceMode::Off),
            (Some(ProvenanceName::Auto), _) => return Ok(ProvenanceMode::Auto),
            (Some(ProvenanceName::Required), _) => return Ok(ProvenanceMode::Required),
            (None, false) => {}
        }
        let Some(word) = env.var("MODELSEAL_PROVENANCE") else { return Ok(ProvenanceMode::default()) };
        word.to_string_lossy().parse().map_err(|error: Error| {
            let message = format!("the variable MODELSEAL_PROVENANCE cannot be used: {}", error.message());
            Error::new(Code::UsageEnvironment, message).with_hint(error.hint())
        })
    }
}
