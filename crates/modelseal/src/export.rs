//! The public keys of a server's key as files.

use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, Result};
use modelseal_vault::TransitKey;

use crate::io::{write_new, write_replacing};

/// Writes every version of a key as a PEM file into `directory`, which is made if it is not there, and then a table of
/// them, which verifiers trust. Returns the paths. Files that are the same already are left alone; others are only
/// replaced with `replace`.
///
/// # Errors
/// `output/*`.
pub fn export_public_keys(key: &TransitKey, directory: &Path, replace: bool) -> Result<Vec<PathBuf>> {
    let table = key.to_key_table();
    std::fs::create_dir_all(directory).map_err(|_| {
        Error::new(Code::OutputUnwritable, format!("`{}` cannot be made a directory", directory.display()))
    })?;
    let mut files = Vec::new();
    // The table last: what it names is then there.
    for (name, text) in table.public_keys.iter().chain([&(table.file_name.clone(), table.text.clone())]) {
        let path = directory.join(name);
        let same = std::fs::read(&path).is_ok_and(|old| old == text.as_bytes());
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
