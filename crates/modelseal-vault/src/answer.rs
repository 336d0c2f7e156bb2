//! Answers of the server.

use modelseal_http::{ExposeSecret as _, Response, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use modelseal_core::{Code, Error, Result};

/// A successful answer. Fields that the server leaves out are `None`; unknown ones are ignored.
#[derive(Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) request_id: Option<String>,
    pub(crate) data: Option<T>,
    pub(crate) auth: Option<AuthData>,
    pub(crate) wrap_info: Option<WrapInfo>,
    pub(crate) warnings: Option<Vec<String>>,
}

/// What a login gives.
#[derive(Deserialize)]
pub(crate) struct AuthData {
    pub(crate) client_token: SecretString,
    pub(crate) accessor: Option<String>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) lease_duration: u64,
    pub(crate) renewable: Option<bool>,
    pub(crate) token_type: Option<String>,
    pub(crate) num_uses: Option<u64>,
    pub(crate) mfa_requirement: Option<serde::de::IgnoredAny>,
}

/// What stands for a wrapped answer. The wrapping token itself is never needed here.
#[derive(Deserialize)]
pub(crate) struct WrapInfo {
    pub(crate) creation_path: Option<String>,
}

impl<T: DeserializeOwned> Answer<T> {
    /// Reads the body of a 200.
    ///
    /// # Errors
    /// `vault/answer`, without a byte of the body in it.
    pub(crate) fn read(response: &Response) -> Result<Self> {
        serde_json::from_slice(response.body.expose_secret())
            .map_err(|_| Error::new(Code::VaultAnswer, "the server's answer cannot be understood"))
    }
}

impl<T> core::fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Answer({:?})", self.request_id)
    }
}
