//! Asking the server about signatures.

use modelseal_core::{Code, Error, Pae, Result};

use super::meaning::explain;
use super::scheme::Options;
use super::sign::does_not_fit;
use super::signature::SignatureText;
use super::wire::{VerifyData, VerifyRequest};
use super::{TransitKey, unexpected};
use crate::Session;
use crate::connection::{Call, Repeat};
use crate::refusal::Refusal;

/// How a 400 begins that says "no" to the signature, instead of "wrong" to the request.
const NO: [&str; 5] = [
    "invalid signature: ",
    "ciphertext or signature version is disallowed by policy",
    "invalid base64 signature value",
    "supplied signature is invalid",
    "supplied signature contains extra data",
];

impl Session<'_> {
    /// Asks `transit/verify` whether `signature` over `encoding` was made by `version` of `key`.
    ///
    /// # Errors
    /// `signature/online-refused` when the server says no; `vault/*` when it could not be asked.
    pub fn verify_online(&self, key: &TransitKey, version: u32, encoding: &Pae, signature: &[u8]) -> Result<()> {
        let kind = key.accepted(version)?.public_key.kind();
        let options = Options::new(kind, key.scheme).ok_or_else(|| does_not_fit(key))?;
        let path = self.transit_path("verify", &key.reference);
        let request = VerifyRequest {
            options,
            input: options.input(encoding)?,
            signature: SignatureText { version, bytes: signature.to_vec() }.to_string(),
        };
        let call = Call::post(&path, Repeat::Safe)
            .within(self.namespace(key.reference.namespace.as_ref()))
            .with_body(&request)?;
        let data = match self.ask::<VerifyData>(call) {
            Ok(answer) => answer.data.ok_or_else(|| unexpected("the server's answer says nothing of the signature"))?,
            Err(refusal) if says_no(&refusal) => return Err(no(key, version, &refusal.words.join("; "))),
            Err(refusal) => return Err(explain(refusal, &path, "update")),
        };
        if data.valid { Ok(()) } else { Err(no(key, version, "not valid")) }
    }
}

fn says_no(refusal: &Refusal) -> bool {
    refusal.status == Some(400) && refusal.words.iter().any(|words| NO.iter().any(|no| words.starts_with(no)))
}

fn no(key: &TransitKey, version: u32, words: &str) -> Error {
    let message =
        format!("the server does not accept the signature by version {version} of `{}`: {words}", key.reference.key);
    Error::new(Code::SignatureOnlineRefused, message)
}
