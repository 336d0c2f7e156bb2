//! Identity tokens: the JSON web tokens by which CI systems, clusters and clouds say which job this is.
//!
//! [`find`] looks for a source and sends nothing; [`Found::token`] asks it for a fresh token, which is looked at
//! before anyone uses it: form, issuer, audience, expiry. Nothing of such a token is verified.
//!
//! [`TokenVerifier`] verifies tokens with the keys of their issuer, and [`Found::verify`] does that for the token of a
//! source. Only they give [`VerifiedClaims`](modelseal_core::VerifiedClaims).

#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod compact;
mod fetch;
mod find;
mod fork;
mod issuer;
mod program;
mod provider;
mod read;
mod scrub;
mod sources;
mod token;
mod verify;

pub use find::{Found, PassedOver, Places, TokenRequest, find, look_for};
pub use provider::{AudienceRule, Platform, Provider};
pub use token::IdentityToken;
pub use verify::{
    Issuer, KeySource, KeysStatus, ReplayMemory, ReplayStore, TokenVerifier, provider_of_issuer, read_jwks,
};
