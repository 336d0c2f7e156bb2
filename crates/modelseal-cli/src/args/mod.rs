//! The command line, as clap reads it.

mod attest;
mod digest;
mod doctor;
mod generate;
mod identity;
mod inspect;
mod keys;
mod policy;
mod server;
mod sign;
mod value;
mod vault;
mod verify;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use modelseal::{Code, Error, Passphrase, Result};

pub(crate) use attest::AttestArgs;
pub(crate) use digest::DigestArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use generate::{GenerateArgs, GenerateCommand};
pub(crate) use identity::{IdentityArgs, IdentityCommand, TokenArgs};
pub(crate) use inspect::InspectArgs;
pub(crate) use keys::{KeysArgs, KeysCommand};
pub(crate) use policy::{
    ExplainArgs, ModelArgs, PolicyArgs, PolicyCheckArgs, PolicyCommand, PolicyInitArgs, PolicyKeyArgs, PolicySignArgs,
    PolicyTestArgs,
};
pub(crate) use server::ServerArgs;
pub(crate) use sign::SignArgs;
pub(crate) use value::{MethodArgs, key_ref};
pub(crate) use vault::{LoginArgs, VaultArgs, VaultCommand};
pub(crate) use verify::VerifyArgs;

/// Sign machine-learning models, and refuse everything unsigned or altered.
#[derive(Debug, Parser)]
#[command(
    name = "modelseal",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 done or verified, 1 verification says no, 2 wrong usage, 3 unreadable input, \
                  4 the server refuses, 5 it is unavailable, 6 a secret was intercepted, 70 a bug, \
                  129, 130, 131 or 143 stopped by a signal.",
    after_long_help = "Exit status: 0 done or verified, 1 verification says no, 2 wrong usage, 3 unreadable input, \
                       4 the server refuses, 5 it is unavailable, 6 a secret was intercepted, 70 a bug, 129, 130, 131 or 143 stopped by a signal.\n\n\
                       Examples:\n  \
                       modelseal keys generate signer.pem\n  \
                       modelseal sign llama --key signer.pem --name acme/llama\n  \
                       modelseal verify llama --key signer.pub.pem --expect-name acme/llama\n  \
                       modelseal sign llama --key hashivault://models --role ci --identity-token-env ID_TOKEN"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// What to write to the standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Format,
    /// Say more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hash every file of a model and sign the list
    Sign(Box<SignArgs>),
    /// Add a statement of your own about a signed model, such as a scan
    Attest(Box<AttestArgs>),
    /// Check that a model is exactly what was signed
    Verify(Box<VerifyArgs>),
    /// Print the root digest of a model
    Digest(DigestArgs),
    /// Show what a signature says, without trusting it
    Inspect(InspectArgs),
    /// Make, export and look at keys
    Keys(KeysArgs),
    /// Write, check, try, explain and sign policies
    Policy(PolicyArgs),
    /// Look at the identity token of a job
    Identity(IdentityArgs),
    /// Look at a login to Vault or OpenBao
    Vault(VaultArgs),
    /// Find out what is wrong between this job and its signature
    #[command(after_long_help = doctor::EXAMPLES)]
    Doctor(Box<DoctorArgs>),
    /// Write manual pages and shell completions
    Generate(GenerateArgs),
}

/// Where the passphrase of a private key comes from. Never from an argument: other users can see those.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// File that holds the passphrase of the private key
    #[arg(long, value_name = "FILE", conflicts_with = "key_passphrase_env", help_heading = "Key")]
    pub(crate) key_passphrase_file: Option<PathBuf>,
    /// Environment variable that holds the passphrase of the private key
    #[arg(long, value_name = "NAME", help_heading = "Key")]
    pub(crate) key_passphrase_env: Option<String>,
}

impl PassphraseArgs {
    /// The passphrase, if one was named.
    pub(crate) fn load(&self) -> Result<Option<Passphrase>> {
        if let Some(path) = &self.key_passphrase_file {
            return Passphrase::from_file(path).map(Some);
        }
        let Some(name) = &self.key_passphrase_env else { return Ok(None) };
        match std::env::var_os(name) {
            Some(value) => Passphrase::new(value.into_encoded_bytes()).map(Some),
            None => Err(Error::new(Code::KeyPassphrase, format!("the environment variable `{name}` is not set"))),
        }
    }
}
