//! Public keys as files, for verification without the server.

use core::fmt::Write as _;

use jiff::Timestamp;

use super::TransitKey;

/// The files of a key: a table, and one PEM file for each version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyTableText {
    /// `NAME.toml`.
    pub file_name: String,
    /// One `[[key]]` table of the policy schema; `modelseal_core::KeyTable` reads it.
    pub text: String,
    /// File name and content of each public key: `NAME-vN.pem`, SPKI in PEM.
    pub public_keys: Vec<(String, String)>,
}

impl TransitKey {
    /// The key as files. All versions that the server offers are in it, and `min_version` says from which on their
    /// signatures count; when the reference names a version, only that one.
    #[must_use]
    pub fn to_key_table(&self) -> KeyTableText {
        let name = &self.reference.key;
        let mut reference = self.reference.clone();
        reference.version = None;
        let mut text = format!(
            "# Public keys of {reference}, written by `modelseal keys export`.\nversion = 1\n\n[[key]]\nname = \"{name}\"\nscheme = \"{}\"\nvault = \"{reference}\"\nmin_version = {}\n",
            self.scheme, self.oldest_accepted
        );
        let named = self.reference.version.map(core::num::NonZeroU32::get);
        let mut public_keys = Vec::new();
        for (number, version) in self.versions.iter().filter(|(number, _)| named.is_none_or(|named| named == **number))
        {
            let file = format!("{name}-v{number}.pem");
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "\n[[key.version]]\nversion = {number}\npublic_key = \"{file}\"\nkey_id = \"{}\"\nnot_before = {}\n",
                version.public_key.id(),
                whole_seconds(version.created)
            );
            public_keys.push((file, version.public_key.to_pem()));
        }
        KeyTableText { file_name: format!("{name}.toml"), text, public_keys }
    }
}

/// Rounded down: a signature of the same second must not be before its key.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
