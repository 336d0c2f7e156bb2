//! The public keys of a server's key as files.

use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, KeyTable, Result};
use modelseal_vault::TransitKey;

use crate::io::{Cap, exists, read_capped, write_new, write_replacing};

/// Writes every version of a key as a PEM file into `directory`, which is made if it is not there, and then a table of
/// them, which verifiers trust. Returns the paths. Files that are the same already are left alone; others are only
/// replaced with `replace`.
///
/// # Errors
/// `output/*`, also for what is there and no file; `vault/not-supported` for more versions than a table can hold.
pub fn export_public_keys(key: &TransitKey, directory: &Path, replace: bool) -> Result<Vec<PathBuf>> {
    let table = key.to_key_table();
    if let Err(error) = KeyTable::parse(table.text.as_bytes()) {
        let message = format!("the key `{}` does not fit into a table: {}", key.reference.key, error.message());
        return Err(Error::new(Code::VaultNotSupported, message)
            .with_hint("export one version with ?version=N, or raise min_decryption_version of the key"));
    }
    std::fs::create_dir_all(directory).map_err(|_| {
        Error::new(Code::OutputUnwritable, format!("`{}` cannot be made a directory", directory.display()))
    })?;
    let mut files = Vec::new();
    // The table last: what it names is then there.
    for (name, text) in table.public_keys.iter().chain([&(table.file_name.clone(), table.text.clone())]) {
        let path = directory.join(name);
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(exists(&path));
        }
        let cap = Cap { bytes: KeyTable::MAX_BYTES, code: Code::InputLimit };
        let same = read_capped(&path, &cap).is_ok_and(|old| old == text.as_bytes());
        match (same, replace) {
            (true, _) => {}
            (false, true) => write_replacing(&path, text.as_bytes())?,
            (false, false) => write_new(&path, text.as_bytes(), false)
                .map_err(|error| error.with_hint("--replace replaces the files of an earlier export"))?,
        }
        files.push(path);
    }
    Ok(files)
}
