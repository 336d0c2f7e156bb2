//! Keys that sign once the model is hashed.

use core::fmt;
use std::path::PathBuf;

use modelseal_core::{Result, Signer, VaultFacts};
use modelseal_vault::{KeyPlace, Login};

/// A key that signs once the model is hashed: what opening it obtains, a token say, lives no longer than needed.
pub trait SigningKey {
    /// The signer, when it is there without asking anyone. It is then checked before the model is read.
    fn at_hand(&self) -> Option<&dyn Signer> {
        None
    }

    /// What was decided before anything was asked, one line each: for `-v`.
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Files that hold what opens the key: refused inside the model like [`SignOptions::secret_files`].
    ///
    /// [`SignOptions::secret_files`]: crate::SignOptions::secret_files
    fn secret_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Files that decide which keeper is believed: refused inside the model, too.
    fn trust_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The server that keeps the key.
    fn place(&self) -> Option<KeyPlace> {
        None
    }

    /// Opens the key. [`Signer::finish`] is called on the result whatever happens.
    ///
    /// # Errors
    /// Why its keeper refused.
    fn open(&self) -> Result<Opened<'_>>;
}

/// A key that was opened.
#[non_exhaustive]
pub struct Opened<'a> {
    /// What signs.
    pub signer: Box<dyn Signer + 'a>,
    /// How its keeper was logged in to; `None` for a key at hand.
    pub login: Option<Login>,
    /// What provenance says of the key.
    pub vault: Option<VaultFacts>,
}

impl<'a> Opened<'a> {
    /// A key that nobody had to log in for.
    #[must_use]
    pub fn new(signer: Box<dyn Signer + 'a>) -> Self {
        Self { signer, login: None, vault: None }
    }

    /// A key that was opened by a login.
    #[must_use]
    pub fn by_login(signer: Box<dyn Signer + 'a>, login: Login, vault: VaultFacts) -> Self {
        Self { signer, login: Some(login), vault: Some(vault) }
    }
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("login", &self.login).field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl<S: Signer> SigningKey for S {
    fn at_hand(&self) -> Option<&dyn Signer> {
        Some(self)
    }

    fn open(&self) -> Result<Opened<'_>> {
        Ok(Opened::new(Box::new(self)))
    }
}
