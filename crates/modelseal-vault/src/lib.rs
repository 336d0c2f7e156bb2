//! Signing through the transit engine of HashiCorp Vault and OpenBao, with tokens that live for seconds.
//!
//! [`Vault::configure`] reads settings and environment and sends nothing; [`Vault::log_in`] obtains a token, which
//! lives in a [`Session`] and is revoked when the session ends, however it ends; [`Session::read_key`] and
//! [`VaultSigner`] do the rest. What servers do on the wire is written down in `docs/vault.md`.

#![forbid(unsafe_code)]

mod answer;
mod auth;
mod connection;
mod discretion;
mod environment;
mod files;
mod operator;
mod paths;
mod policies;
mod refusal;
mod session;
mod settings;
mod token;
mod transit;

pub use auth::{ExchangedIdentity, Login};
pub use connection::Health;
pub use files::KeyPlace;
pub use modelseal_http::{Env, ExposeSecret, FixedEnv, Hooks, ProcessEnv, RequestRecord, SecretString};
pub use operator::{JwtRole, Operator, RoleTokens};
pub use paths::KeyPaths;
pub use policies::{reader_policy, signer_policy, verifier_policy};
pub use session::{Session, Vault};
pub use settings::{AuthMethod, Credentials, SecretProvider, SecretSource, Settings};
pub use token::TokenSummary;
pub use transit::{KeyTableText, KeyVersion, TransitKey, VaultSigner};
