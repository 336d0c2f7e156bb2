//! The files that decide which server is believed, and those of client keys.

use std::path::{Path, PathBuf};

use modelseal_core::Result;

use super::file;
use super::tls::{AUTHORITIES, CLIENT_KEY};
use super::variables::Variables;
use crate::Settings;
use crate::files::{Files, is_there};

/// They replace the authorities of the system, as far as the platform listens to them.
const OF_THE_PLATFORM: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// # Errors
/// Those of reading the variables.
pub(super) fn files(settings: &Settings, variables: &Variables<'_>) -> Result<Files> {
    let secret = variables.first(&CLIENT_KEY)?.map(|found| PathBuf::from(found.value));
    Ok(Files { trust: trust(settings, variables)?, secret: secret.into_iter().collect() })
}

fn trust(settings: &Settings, variables: &Variables<'_>) -> Result<Vec<PathBuf>> {
    if let Some(path) = &settings.ca_cert {
        return Ok(vec![path.clone()]);
    }
    let Some(found) = variables.first(&AUTHORITIES)? else {
        let set = OF_THE_PLATFORM.into_iter().filter_map(|name| variables.first(&[name]).ok().flatten());
        return Ok(set.map(|found| PathBuf::from(found.value)).filter(|path| is_there(path)).collect());
    };
    match found.name {
        name if name.ends_with("_CACERT_BYTES") => Ok(Vec::new()),
        // A link in the directory may lead anywhere.
        name if name.ends_with("_CAPATH") => {
            let mut all = file::list(Path::new(&found.value), name)?;
            all.insert(0, PathBuf::from(found.value));
            Ok(all)
        }
        _ => Ok(vec![PathBuf::from(found.value)]),
    }
}
