//! Asking for signatures.

use modelseal_core::{Code, Error, Pae, Result};

use super::meaning::{explain, meaning_of_words};
use super::scheme::Options;
use super::signature::SignatureText;
use super::wire::{SignData, SignItem, SignRequest, SignResult};
use super::{TransitKey, cut, unexpected};
use crate::Session;
use crate::connection::{Call, Repeat};

/// Most items of a request: OpenBao reads 1000 strings, and an item with its reference has four.
const MAX_ITEMS: usize = 100;

/// Most characters of input in a request: servers read bodies of 32 MiB.
const MAX_INPUT: usize = 16 * 1024 * 1024;

impl Session<'_> {
    /// Signs every encoding with one version, and believes nothing before all signatures fit the public key.
    ///
    /// # Errors
    /// `vault/*`.
    pub(super) fn sign_all(&self, key: &TransitKey, version: u32, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        let public_key = &key.accepted(version)?.public_key;
        let options = Options::new(public_key.kind(), key.scheme).ok_or_else(|| does_not_fit(key))?;
        let inputs = encodings.iter().map(|encoding| options.input(encoding)).collect::<Result<Vec<_>>>()?;
        let mut signatures = Vec::with_capacity(inputs.len());
        for batch in batches(&inputs) {
            signatures.extend(self.sign_batch(key, version, options, batch)?);
        }
        for (encoding, signature) in encodings.iter().zip(&signatures) {
            public_key.verify(key.scheme, encoding.as_bytes(), signature).map_err(|_| {
                let message = format!(
                    "a signature of `{}` does not fit the public key `{}` of version {version}",
                    key.reference.key,
                    public_key.id()
                );
                Error::new(Code::VaultWrongSignature, message)
            })?;
        }
        Ok(signatures)
    }

    fn sign_batch(&self, key: &TransitKey, version: u32, options: Options, inputs: &[String]) -> Result<Vec<Vec<u8>>> {
        let path = self.transit_path("sign", &key.reference);
        let batch_input = inputs
            .iter()
            .enumerate()
            .map(|(position, input)| SignItem { input, reference: position.to_string() })
            .collect();
        let request = SignRequest { options, key_version: version, batch_input };
        // Signing again costs a line in the audit log, nothing else.
        let call = Call::post(&path, Repeat::Safe)
            .within(self.namespace(key.reference.namespace.as_ref()))
            .with_body(&request)?;
        let answer = self.ask::<SignData>(call).map_err(|refusal| explain(refusal, &path, "update"))?;
        let results = answer.data.ok_or_else(|| unexpected("the server's answer holds no signatures"))?.batch_results;
        if results.len() != inputs.len() {
            let message = format!("asked for {} signatures, the server answered with {}", inputs.len(), results.len());
            return Err(unexpected(message));
        }
        let discretion = &self.vault.connection.discretion;
        let without_secrets =
            |result: SignResult| SignResult { error: result.error.map(|words| discretion.hide(&words)), ..result };
        let results = results.into_iter().map(without_secrets).enumerate();
        results.map(|(position, result)| signature_of(result, position, version)).collect()
    }
}

/// The signature of one item.
fn signature_of(result: SignResult, position: usize, version: u32) -> Result<Vec<u8>> {
    if result.reference != Some(position.to_string()) {
        return Err(unexpected("the server's signatures are not in the order of the request"));
    }
    if let Some(words) = result.error {
        let (code, message) =
            meaning_of_words(core::slice::from_ref(&words)).unwrap_or((Code::VaultRefused, "the server does not sign"));
        return Err(Error::new(code, format!("{message}: {}", cut(&words))));
    }
    let text = result.signature.ok_or_else(|| unexpected("the server's answer lacks a signature"))?;
    let signature = SignatureText::parse(&text)
        .ok_or_else(|| unexpected("the server's signature is not in the form vault:vN:BASE64"))?;
    if signature.version != version || result.key_version.is_some_and(|said| said != version) {
        return Err(unexpected(format!("asked for a signature by version {version}, the server used another")));
    }
    Ok(signature.bytes)
}

/// Cuts inputs into requests.
fn batches(inputs: &[String]) -> Vec<&[String]> {
    let (mut batches, mut rest) = (Vec::new(), inputs);
    while !rest.is_empty() {
        let mut characters = 0;
        let fitting = rest.iter().take(MAX_ITEMS).take_while(|input| {
            characters += input.len();
            characters <= MAX_INPUT
        });
        let (batch, later) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = later;
    }
    batches
}

pub(super) fn does_not_fit(key: &TransitKey) -> Error {
    Error::new(Code::VaultKeyType, format!("scheme `{}` does not fit the key `{}`", key.scheme, key.reference.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_bounded_in_items_and_size() {
        let lengths = |inputs: &[String]| batches(inputs).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&vec!["x".to_owned(); 100]), [100]);
        assert_eq!(lengths(&vec!["x".to_owned(); 201]), [100, 100, 1]);
        assert_eq!(lengths(&vec!["x".repeat(1 << 20); 40]), [16, 16, 8]);
        assert_eq!(lengths(&["x".repeat(17 << 20), "x".to_owned()]), [1, 1]);
    }
}
