//! Public keys, key ids and signature schemes.

mod public;
mod scheme;

pub use public::{Curve, KeyId, KeyKind, PublicKey};
pub use scheme::{Scheme, ShaVariant};
