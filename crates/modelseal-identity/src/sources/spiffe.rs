//! A JWT-SVID that a helper keeps in a file.

use std::path::PathBuf;

use modelseal_core::Result;

use super::kubernetes::File;
use crate::find::{Look, Seen};
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Spiffe,
    title: "SPIFFE",
    detection: "MODELSEAL_JWT_SVID_FILE is set",
    renewable: true,
    audience: AudienceRule::Configured("the configuration of the helper that writes the file"),
    named: Named::File,
    look,
};

const VARIABLE: &str = "MODELSEAL_JWT_SVID_FILE";

fn look(look: &Look<'_>) -> Result<Seen> {
    let named = look.request.file.clone().filter(|_| look.request.provider == Provider::Spiffe);
    if let Some(path) = named.or_else(|| look.env.var(VARIABLE).map(PathBuf::from)) {
        return Seen::present(File(path));
    }
    if look.env.var("SPIFFE_ENDPOINT_SOCKET").is_some() {
        return Seen::absent(format!(
            "SPIFFE_ENDPOINT_SOCKET is set, but only files are read: name one with {VARIABLE}"
        ));
    }
    Seen::absent(format!("{VARIABLE} is not set"))
}
