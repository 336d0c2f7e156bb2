//! Key sets (RFC 7517): untrusted text in, keys out that can do nothing but verify.

use core::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use modelseal_core::{Code, Error, Result, parse_json};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, KeyType};

/// Most bytes of a key set, and of a discovery document.
pub(super) const MOST: usize = 256 * 1024;

/// Most keys of a set.
const MOST_KEYS: usize = 64;

/// Longest name of a key, in bytes.
pub(super) const MOST_KID: usize = 512;

/// A key of an issuer, for the algorithms that its type, the key itself and the issuer allow.
#[derive(Clone)]
pub(super) struct Key(Vec<(Algorithm, ParsedPublicKey)>);

/// The usable keys of a set, at least one, each with a name of its own.
#[derive(Debug)]
pub(super) struct KeySet(pub(super) Vec<(String, Key)>);

impl Key {
    /// Whether the signature is one of this key; `None` when the key is not for that algorithm.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Option<bool> {
        let (_, key) = self.0.iter().find(|(own, _)| *own == algorithm)?;
        Some(key.verify_sig(signed, signature).is_ok())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(algorithm, _)| algorithm)).finish()
    }
}

impl KeySet {
    /// Reads a set. Keys that cannot be used are left out: of another type or algorithm, for encryption, too small,
    /// without a name, or with the name of another key.
    ///
    /// # Errors
    /// `identity/keys-malformed`; `name` is what the set is called.
    pub(super) fn read(text: &[u8], name: &str, allowed: &[Algorithm]) -> Result<Self> {
        let wrong = |why: &str| Err(Error::new(Code::IdentityKeysMalformed, format!("{name} {why}")));
        if text.len() > MOST {
            return wrong("is larger than 256 KiB");
        }
        let Ok(mut set) = parse_json::<Map<String, Value>>(text, "") else {
            return wrong("is not a JSON object with one reading");
        };
        let Some(Value::Array(all)) = set.remove("keys") else { return wrong("has no list `keys`") };
        if all.len() > MOST_KEYS {
            return wrong("has more than 64 keys");
        }
        let mut usable: Vec<(String, Option<Key>)> = Vec::new();
        for (kid, key) in all.iter().filter_map(|key| read(key.as_object()?, allowed)) {
            match usable.iter_mut().find(|(other, _)| *other == kid) {
                // Nobody says which of the two is meant.
                Some((_, other)) => *other = None,
                None => usable.push((kid, Some(key))),
            }
        }
        let usable: Vec<(String, Key)> = usable.into_iter().filter_map(|(kid, key)| Some((kid, key?))).collect();
        match usable.is_empty() {
            true => wrong("has no key that can be used"),
            false => Ok(Self(usable)),
        }
    }
}

/// A key with its name, if it can be used.
fn read(jwk: &Map<String, Value>, allowed: &[Algorithm]) -> Option<(String, Key)> {
    let text = |name: &str| jwk.get(name).map(|value| value.as_str().unwrap_or_default());
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let kid = text("kid").filter(|kid| !kid.is_empty() && kid.len() <= MOST_KID)?;
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    if jwk.get("key_ops").is_some_and(|all| !all.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))) {
        return None;
    }
    let (key_type, public) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (KeyType::Rsa, rsa(&bytes("n")?, &bytes("e")?)?),
        ("EC", Some("P-256")) => (KeyType::P256, point(&bytes("x")?, &bytes("y")?, 32)?),
        ("EC", Some("P-384")) => (KeyType::P384, point(&bytes("x")?, &bytes("y")?, 48)?),
        ("OKP", Some("Ed25519")) => (KeyType::Ed25519, bytes("x").filter(|x| x.len() == 32)?),
        _ => return None,
    };
    let own = |algorithm: &&Algorithm| text("alg").is_none_or(|own| own == algorithm.name());
    let fitting = allowed.iter().filter(|algorithm| algorithm.key_type() == key_type).filter(own);
    let parsed =
        |algorithm: &Algorithm| Some((*algorithm, ParsedPublicKey::new(algorithm.verification(), &public).ok()?));
    let key = Key(fitting.map(parsed).collect::<Option<Vec<_>>>()?);
    (!key.0.is_empty()).then(|| (kid.to_owned(), key))
}

/// The DER of an RSA key of 2048 to 8192 bits.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    // Some issuers write a leading zero, as in a signed integer.
    let [n, e] = [modulus, exponent].map(|number| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.get(zeros..).unwrap_or_default()
    });
    let bits = n.len().checked_mul(8)?.checked_sub(n.first()?.leading_zeros() as usize)?;
    let exponent_is_usual = e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1) && e != [1];
    if !(2048..=8192).contains(&bits) || !exponent_is_usual {
        return None;
    }
    Some(RsaPublicKeyComponents { n, e }.as_der().ok()?.as_ref().to_vec())
}

/// An uncompressed point.
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}
