//! The extension point for signing.

use core::num::NonZeroU32;

use crate::{Pae, PublicKey, Result, Scheme};

/// Signs pre-authentication encodings, and nothing else, with one key and one scheme.
pub trait Signer {
    /// The public half of exactly the key that signs.
    fn public_key(&self) -> &PublicKey;

    /// The scheme of the signatures.
    fn scheme(&self) -> Scheme;

    /// The version of the key that signs, where its keeper counts them.
    fn key_version(&self) -> Option<NonZeroU32> {
        None
    }

    /// Signs every encoding, in order.
    ///
    /// # Errors
    /// Why the key or its keeper refused.
    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>>;

    /// Gives up what signing needed, such as a token. Called once when the work is over, whether it succeeded or not,
    /// and returns what the user should know.
    fn finish(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<S: Signer + ?Sized> Signer for &S {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn scheme(&self) -> Scheme {
        (**self).scheme()
    }

    fn key_version(&self) -> Option<NonZeroU32> {
        (**self).key_version()
    }

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        (**self).sign(encodings)
    }

    fn finish(&self) -> Vec<String> {
        (**self).finish()
    }
}
