//! The projected token of a Kubernetes service account. The cluster replaces it: it is read at every use.

use std::path::PathBuf;

use modelseal_core::Result;
use modelseal_http::SecretString;

use crate::find::{Ask, Look, Seen, Source};
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider, read};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Kubernetes,
    title: "Kubernetes",
    detection: "there is a projected token",
    renewable: true,
    audience: AudienceRule::Configured(
        "the projected volume; the token that every pod has is for the API server alone",
    ),
    named: Named::File,
    look,
};

/// A token that is read anew each time.
pub(super) struct File(pub(super) PathBuf);

const VARIABLE: &str = "MODELSEAL_SERVICE_ACCOUNT_TOKEN";

fn look(look: &Look<'_>) -> Result<Seen> {
    let named = look.request.file.clone().filter(|_| look.request.provider == Provider::Kubernetes);
    if let Some(path) = named.or_else(|| look.env.var(VARIABLE).map(PathBuf::from)) {
        return Seen::present(File(path));
    }
    let usual = &look.request.places.service_account_token;
    if usual.exists() {
        return Seen::present(File(usual.clone()));
    }
    Seen::absent(format!("there is no {}", usual.display()))
}

impl Source for File {
    fn fetch(&self, _: &Ask<'_>) -> Result<SecretString> {
        read::token_file(&self.0)
    }
}
