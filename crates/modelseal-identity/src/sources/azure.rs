//! Azure Pipelines: a service connection gets the token, always for the same audience.

use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, Header, Method, SecretString};

use crate::fetch::{Call, Target};
use crate::find::{Ask, Look, Seen, Source};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Azure,
    title: "Azure Pipelines",
    detection: "SYSTEM_OIDCREQUESTURI is set",
    renewable: true,
    audience: AudienceRule::Fixed("api://AzureADTokenExchange"),
    named: Named::Nothing,
    look,
};

const URI: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";
/// Our own name, then the one that Azure's tasks set.
const CONNECTIONS: [&str; 2] = ["MODELSEAL_AZURE_SERVICE_CONNECTION", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"];

struct Azure {
    target: Target,
    token: SecretString,
    connection: String,
}

fn look(look: &Look<'_>) -> Result<Seen> {
    let Some(uri) = look.text(URI)? else { return Seen::absent("SYSTEM_OIDCREQUESTURI is not set") };
    let Some(token) = look.secret(TOKEN)? else {
        return Err(Error::new(Code::IdentityMissing, format!("no identity token: {TOKEN} is not set"))
            .with_hint("map it in the step: `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"));
    };
    let mut connection = None;
    for name in CONNECTIONS {
        connection = connection.or(look.text(name)?);
    }
    let Some(connection) = connection else {
        let message = format!("no identity token: the service connection is not named in {}", CONNECTIONS[0]);
        return Err(Error::new(Code::IdentityMissing, message).with_hint("give the id of the service connection"));
    };
    Seen::present(Azure { target: Target::of_variable(URI, &uri, look.env)?, token, connection })
}

impl Source for Azure {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        let bearer = SecretString::from(format!("Bearer {}", self.token.expose_secret()));
        let call = Call {
            name: "Azure Pipelines",
            method: Method::Post,
            target: &self.target,
            query: &[("api-version", "7.1"), ("serviceConnectionId", &self.connection)],
            headers: vec![
                Header::secret("authorization", bearer),
                Header::plain("accept", "application/json"),
                Header::plain("content-type", "application/json"),
                // Without it a refusal is a redirect to a page for people.
                Header::plain("x-tfs-fedauthredirect", "Suppress"),
            ],
            secret: Some(&self.token),
            metadata: false,
        };
        call.field(ask, "oidcToken")
    }

    /// The organisation's own issuer, or the tenant's.
    fn issuers(&self) -> Issuers {
        Issuers::default().or_below("https://vstoken.dev.azure.com").or_below("https://login.microsoftonline.com")
    }
}
