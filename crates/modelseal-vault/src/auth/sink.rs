//! Tokens that an agent keeps in a file.
//!
//! Seen of `bao agent` 2.7.2: a plain sink holds the token alone. With `wrap_ttl` on the sink the file holds the JSON of
//! `wrap_info`, made at `sys/wrapping/wrap`, which unwraps to `data.token`. With `wrap_ttl` on the method it is made at
//! `auth/MOUNT/login` and unwraps to an `auth` object. Each can be unwrapped once; the agent writes the next one only
//! when it logs in again.

use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Granted;
use super::desk::{Desk, out_of_its_wrapping};
use super::source::Source;

/// What is lost when it is.
const WHAT: &str = "the agent's token";

#[derive(Deserialize)]
struct Wrapped {
    token: SecretString,
    creation_path: String,
}

#[derive(Deserialize)]
struct Unwrapped {
    token: SecretString,
}

/// Reads the file and finds out about the token in it. It stays the agent's: never renewed, never revoked.
///
/// # Errors
/// `vault/credentials`, `vault/not-supported`, `vault/wrapping-token`, `vault/wrapping-path`, as [`Desk::look_up`].
pub(super) fn token(desk: Desk<'_>, source: &Source, danger_unlimited: bool) -> Result<Granted> {
    let text = desk.read(source)?;
    let name = source.name();
    if !text.expose_secret().starts_with('{') {
        return desk.look_up(text, &name, danger_unlimited);
    }
    let wrapped = parse(&text, &name)?;
    let path = desk.creation_path(&wrapped.token)?;
    let usual = path == "sys/wrapping/wrap" || (path.starts_with("auth/") && path.ends_with("/login"));
    if !usual || path != wrapped.creation_path {
        let path = desk.shown(&path);
        let message = format!("{name} was wrapped at `{path}`, where no agent does; it was not unwrapped");
        return Err(Error::new(Code::VaultWrappingPath, message));
    }
    let answer = desk.unwrap::<Unwrapped>(&wrapped.token, WHAT)?;
    let token = match (answer.data, answer.auth) {
        (Some(data), None) => data.token,
        (None, Some(auth)) => auth.client_token,
        _ => {
            let error = Error::new(Code::VaultAnswer, format!("{name} held no token when unwrapped"));
            return Err(out_of_its_wrapping(&error, WHAT));
        }
    };
    desk.look_up(token, &name, danger_unlimited)
}

fn parse(text: &SecretString, name: &str) -> Result<Wrapped> {
    serde_json::from_str(text.expose_secret()).map_err(|_| {
        // The envelope of `dh_type` needs a key exchange with the agent.
        if text.expose_secret().contains("\"curve25519_public_key\"") {
            Error::new(Code::VaultNotSupported, format!("{name} is encrypted"))
                .with_hint("remove dh_type from the sink of the agent; its wrap_ttl is supported")
        } else {
            Error::new(Code::VaultCredentials, format!("{name} holds neither a token nor a wrapped one"))
        }
    })
}
