//! The three parts of a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use modelseal_core::parse_json;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Longest token, in bytes.
pub(crate) const MOST: usize = 16 * 1024;

/// A token taken apart. Nothing of it is verified.
pub(crate) struct Compact<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// What the signature is over.
    pub(crate) signed: &'a str,
    pub(crate) signature: Zeroizing<Vec<u8>>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart: base64url without padding, JSON objects with one reading. What is wrong is said in words
    /// that follow the token's name, and nothing of it is quoted.
    pub(crate) fn read(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > MOST {
            return Err("is longer than 16 KiB");
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("is not a JSON web token: there are not three parts between dots");
        };
        let signed = token.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        let signature = decode(signature)?;
        Ok(Self { header: object(header)?, claims: object(payload)?, signed, signature })
    }
}

fn decode(part: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty());
    bytes.map(Zeroizing::new).ok_or("is not a JSON web token: a part is not base64url")
}

/// A key that is there twice has two readings.
fn object(part: &str) -> Result<Map<String, Value>, &'static str> {
    parse_json(&decode(part)?, "").map_err(|_| "is not a JSON web token: a part is not a JSON object with one reading")
}
