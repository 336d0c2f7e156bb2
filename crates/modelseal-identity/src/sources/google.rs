//! A virtual machine of Google Cloud: its metadata server makes tokens of its service account.

use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, Header, Method, SecretString};

use crate::fetch::{Call, Target};
use crate::find::{Ask, Look, Seen, Source};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider, read};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Google,
    title: "Google Cloud",
    detection: "the firmware says Google Compute Engine",
    renewable: true,
    audience: AudienceRule::Asked,
    named: Named::Nothing,
    look,
};

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";

struct Google {
    target: Target,
}

/// The address is asked only on Google's machines: elsewhere anybody may answer there.
fn look(look: &Look<'_>) -> Result<Seen> {
    let places = &look.request.places;
    let product = read::capped(&places.product_name, 64).ok().flatten();
    let product = product.as_ref().and_then(|bytes| str::from_utf8(bytes).ok()).map(str::trim);
    if !matches!(product, Some("Google" | "Google Compute Engine")) {
        return Seen::absent("the firmware does not say Google Compute Engine");
    }
    Seen::present(Google { target: Target::of_machine(&format!("{}{PATH}", places.google_metadata))? })
}

impl Source for Google {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        let call = Call {
            name: "Google Cloud",
            method: Method::Get,
            target: &self.target,
            query: &[("audience", ask.audience()?), ("format", "full")],
            headers: vec![Header::plain("metadata-flavor", "Google")],
            secret: None,
            metadata: true,
        };
        let body = call.send(ask).map_err(|error| match error.code() {
            Code::IdentityMissing => Error::new(error.code(), error.message()).with_hint(
                "a machine without a service account has no identity; in a cluster use its workload identity",
            ),
            _ => error,
        })?;
        read::trimmed(body.expose_secret(), "the answer of Google Cloud")
    }

    fn issuers(&self) -> Issuers {
        Issuers::exactly("https://accounts.google.com")
    }
}
