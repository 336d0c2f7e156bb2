//! modelseal

mod local_key;

pub use local_key::{KeyType, LocalKey, Passphrase};
