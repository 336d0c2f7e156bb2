//! What the server says of itself.

use modelseal_core::{Code, Error, Result};
use modelseal_http::Response;
use serde::Deserialize;

use super::{Call, Connection};
use crate::answer::read_bare;
use crate::refusal::Refusal;

/// What `sys/health` says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The version of the server: `[A-Za-z0-9.+-]`, at most 64.
    pub version: String,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Whether it was initialised.
    pub initialized: bool,
    /// Whether it is a standby node.
    pub standby: bool,
}

#[derive(Deserialize)]
struct Body {
    version: String,
    sealed: bool,
    initialized: bool,
    standby: bool,
}

/// Active; standby; secondary for disaster recovery; performance standby; not initialised; sealed.
const STATES: [u16; 6] = [200, 429, 472, 473, 501, 503];

impl Connection {
    /// Asks for the state of the server, without a token and outside of namespaces. Every state is an answer.
    ///
    /// # Errors
    /// `vault/*`, also when something else than a server answers with the status of a state.
    pub(crate) fn health(&self) -> Result<Health> {
        let call = Call::get("sys/health");
        let what = self.what(&call);
        let (response, _) = self.call(&call, |status| STATES.contains(&status))?;
        self.read_health(&what, &response)
    }

    /// What an answer says of the server.
    ///
    /// # Errors
    /// As [`health`](Self::health).
    pub(super) fn read_health(&self, what: &str, response: &Response) -> Result<Health> {
        if !STATES.contains(&response.status) {
            return Err(Refusal::answered(what, response, &self.discretion).error);
        }
        let body: Body = read_bare(what, response).map_err(|error| match response.status {
            200 => error,
            _ => Refusal::answered(what, response, &self.discretion).error,
        })?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        if body.version.is_empty() || body.version.len() > 64 || !body.version.bytes().all(plain) {
            return Err(Error::new(Code::VaultAnswer, format!("{what}: the answer has no version that makes sense")));
        }
        let Body { version, sealed, initialized, standby } = body;
        Ok(Health { version: self.discretion.hide(&version), sealed, initialized, standby })
    }
}
