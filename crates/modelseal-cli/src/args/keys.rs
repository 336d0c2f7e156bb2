//! `modelseal keys`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use modelseal::KeyType;

use super::{PassphraseArgs, ServerArgs};

/// The commands of `keys`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What to do with a key.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key pair: the private key in FILE, the public key beside it
    #[command(after_long_help = "Examples:\n  \
        modelseal keys generate signer.pem\n  \
        modelseal keys generate signer.pem --key-passphrase-file passphrase.txt\n\n\
        signer.pem gets signer.pub.pem beside it. Nothing is overwritten. Only the owner may read the private key.")]
    Generate {
        /// File for the private key (PKCS#8 PEM)
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Kind of key; other tools verify only the ECDSA kinds
        #[arg(long = "type", value_enum, default_value_t = KeyTypeName::EcdsaP256, value_name = "TYPE")]
        key_type: KeyTypeName,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Write the public key of a private key, public key or certificate, or every version of a key on a server
    #[command(after_long_help = "Examples:\n  \
        modelseal keys export signer.pem > signer.pub.pem\n  \
        modelseal keys export leaf.pem --out leaf.pub.pem\n  \
        modelseal keys export hashivault://models --out keys --expect-key-id ID\n\n\
        For a key on a server --out is a directory: it gets models-v1.pem, models-v2.pem and so on, and models.toml, \
        which `modelseal verify --key keys/models.toml` reads.")]
    Export {
        /// PEM file with a private key, a public key or certificates, or hashivault://[MOUNT/]KEY
        #[arg(value_name = "KEY")]
        key: OsString,
        /// Write to this file, which must not exist [default: the standard output]; for a key on a server a directory
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// Replace the files of an earlier export of a key on a server
        #[arg(long, requires = "out")]
        replace: bool,
        /// Write nothing unless the key has this id: of a key on a server the version that the reference names, else the latest
        #[arg(long, value_name = "ID")]
        expect_key_id: Option<String>,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        #[command(flatten)]
        server: Box<ServerArgs>,
    },
    /// Show kind and id of a key
    #[command(after_long_help = "Examples:\n  \
        modelseal keys show signer.pub.pem\n  \
        modelseal keys show hashivault://models")]
    Show {
        /// PEM file with a private key, a public key or certificates, or hashivault://[MOUNT/]KEY
        #[arg(value_name = "KEY")]
        key: OsString,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        #[command(flatten)]
        server: Box<ServerArgs>,
    },
}

/// A kind of key by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyTypeName {
    #[value(name = "ecdsa-p256")]
    EcdsaP256,
    #[value(name = "ecdsa-p384")]
    EcdsaP384,
    #[value(name = "ecdsa-p521")]
    EcdsaP521,
    #[value(name = "ed25519")]
    Ed25519,
}

impl From<KeyTypeName> for KeyType {
    fn from(name: KeyTypeName) -> Self {
        match name {
            KeyTypeName::EcdsaP256 => Self::EcdsaP256,
            KeyTypeName::EcdsaP384 => Self::EcdsaP384,
            KeyTypeName::EcdsaP521 => Self::EcdsaP521,
            KeyTypeName::Ed25519 => Self::Ed25519,
        }
    }
}
