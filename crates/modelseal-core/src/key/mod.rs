//! Public keys, key ids and signature schemes.

pub(crate) mod pem;
mod public;
mod scheme;
mod spki;
mod test_keys;
mod verify;

pub use public::{Curve, KeyId, KeyKind, MlDsaSet, PublicKey};
pub use scheme::{Scheme, ShaVariant};
pub(crate) use test_keys::is_published_test_key;
pub(crate) use verify::ecdsa_holds;

#[cfg(test)]
mod tests;
