//! Tables of trusted keys on disk.

use std::path::Path;

use modelseal_core::{Code, Error, KeyTable, PublicKey, Result, TrustedKey};

use crate::io::unreadable;
use crate::keys::{naming, read_key_file};

/// Whether a path names a table: by its name, since a key that was put in the place of a table must not be one.
pub(crate) fn is_table(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    name.len().checked_sub(5).is_some_and(|start| name[start..].eq_ignore_ascii_case(b".toml"))
}

/// The keys of a table, each with the table and its own file as sources.
///
/// # Errors
/// `key/*`, `input/*`.
pub(crate) fn load_key_table(path: &Path) -> Result<Vec<TrustedKey>> {
    let table = KeyTable::parse(&read_key_file(path)?).map_err(|error| naming(path, &error))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let keys = table.trusted_keys(&mut |file| load_below(directory, file)).map_err(|error| naming(path, &error))?;
    Ok(keys.into_iter().map(|key| key.with_source(path.to_owned())).collect())
}

/// The key in a file that lies in `directory` also when all links are resolved.
fn load_below(directory: &Path, file: &Path) -> Result<TrustedKey> {
    let path = directory.join(file);
    let real = |path: &Path| path.canonicalize().map_err(|error| unreadable(path, &error));
    let target = real(&path)?;
    if !target.starts_with(real(directory)?) {
        let message = format!("`{}` leads out of the directory of the table", path.display());
        return Err(Error::new(Code::KeyMalformed, message)
            .with_hint("keep the keys beside the table or below it: what it may trust is what lies there"));
    }
    let key = PublicKey::from_pem(&read_key_file(&target)?).map_err(|error| naming(&path, &error))?;
    Ok(TrustedKey::new(key).with_source(path))
}
