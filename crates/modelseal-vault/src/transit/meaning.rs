//! What a refusal of the transit engine means.

use modelseal_core::{Code, Error};

use crate::refusal::Refusal;

/// Names the key, mount or permission that a refused request lacked; anything else keeps its meaning.
pub(crate) fn explain(refusal: Refusal, path: &str, capability: &str) -> Error {
    match (refusal.status, refusal.error.code()) {
        // Without words it was a proxy.
        (Some(403), Code::VaultPermission) if !refusal.words.is_empty() => refusal
            .named(Code::VaultPermission, &format!("the token has not `{capability}` on `{path}`"))
            .with_hint(format!(
                "a policy of the token must have: path \"{path}\" {{ capabilities = [\"{capability}\"] }}; some servers \
                 answer the same for a token that is expired, revoked or used up, and for a namespace that it is not for"
            )),
        (Some(404), Code::VaultMountNotFound) => {
            let hint = refusal.error.hint().to_owned();
            refusal.named(Code::VaultMountNotFound, &format!("nothing is mounted for `{path}`")).with_hint(hint)
        }
        // An absent key has no words.
        (Some(404), Code::VaultRefused) if refusal.words.is_empty() => {
            refusal.named(Code::VaultKeyNotFound, &format!("there is no key at `{path}`"))
        }
        (_, Code::VaultRefused | Code::VaultServerError) => match meaning_of_words(&refusal.words) {
            Some((code, message)) => refusal.named(code, &format!("{message} (`{path}`)")),
            None => refusal.into(),
        },
        _ => refusal.into(),
    }
}

/// The code for words that a server has for a key. They only choose between codes that all mean "refused".
pub(super) fn meaning_of_words(words: &[String]) -> Option<(Code, &'static str)> {
    let said = |text: &str| words.iter().any(|words| words.contains(text));
    if said("signing key not found") || said("signature verification key not found") {
        Some((Code::VaultKeyNotFound, "the key is gone"))
    } else if said("does not contain a private part") {
        Some((Code::VaultKeyType, "the server has only the public half of the key, so it cannot sign"))
    } else if said("requested version for signing") || said("no such key version") {
        Some((Code::VaultKeyVersion, "the server does not sign with this version"))
    } else if said("does not support signing") || said("does not support verification") {
        Some((Code::VaultKeyType, "the key cannot sign"))
    } else {
        None
    }
}
