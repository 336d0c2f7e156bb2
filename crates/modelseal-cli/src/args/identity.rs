//! Flags about identity tokens, and `modelseal identity`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use modelseal::identity::{Platform, Provider};

/// Where an identity token comes from, and what it must be.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whose identity token it is [default: that of the job, when there is a role and nothing else]
    #[arg(long, value_name = "NAME", value_parser = provider(), help_heading = "Login")]
    pub(crate) identity: Option<Provider>,
    /// The issuer that the identity token must have [default: that of the platform]
    #[arg(long, value_name = "URL", help_heading = "Login")]
    pub(crate) identity_issuer: Option<String>,
    /// The audience that the token must have [default: of the job's identity, the origin of the server's address]
    #[arg(long, value_name = "AUDIENCE", help_heading = "Login")]
    pub(crate) audience: Option<String>,
    /// jwt: file that holds the identity token
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    pub(crate) identity_token_file: Option<PathBuf>,
    /// jwt: environment variable that holds the identity token
    #[arg(long, value_name = "NAME", conflicts_with = "identity_token_file", help_heading = "Login")]
    pub(crate) identity_token_env: Option<String>,
    /// jwt: program that prints the identity token; repeat the flag for each of its arguments
    #[arg(long, value_name = "WORD", allow_hyphen_values = true,
        conflicts_with_all = ["identity_token_file", "identity_token_env"], help_heading = "Login")]
    pub(crate) identity_token_command: Vec<OsString>,
}

/// The commands of `identity`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct IdentityArgs {
    #[command(subcommand)]
    pub(crate) command: IdentityCommand,
}

/// What to do with the identity of a job.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Get the identity token and show what it claims, never the token
    #[command(after_long_help = "Examples:\n  \
        modelseal identity show --audience https://vault.example.com\n  \
        modelseal identity show --identity-token-file token\n  \
        modelseal identity show --audience https://vault.example.com --verify\n\n\
        Without --verify nothing that is shown was verified. Each claim has a level: enforce may allow, narrow only \
        next to an enforced id, validate is about time, record says which run it was, show proves nothing.")]
    Show {
        #[command(flatten)]
        token: TokenArgs,
        /// Verify the token with the keys of its issuer, which are fetched: signature, issuer, audience, times. The issuer of a token from a file, a variable or a program must be a known platform or named
        #[arg(long)]
        verify: bool,
        /// File with the key set of the issuer: nothing is fetched
        #[arg(long, value_name = "FILE", requires = "verify")]
        jwks: Option<PathBuf>,
    },
}

/// The words of `--identity`.
fn provider() -> impl TypedValueParser<Value = Provider> {
    let words = [Provider::Auto].into_iter().chain(Platform::ALL.iter().map(|platform| platform.provider));
    PossibleValuesParser::new(words.map(Provider::as_str)).try_map(|word| word.parse::<Provider>())
}
