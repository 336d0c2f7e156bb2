//! What GitHub Actions and Forgejo Actions share: two variables, and a request.

use modelseal_core::{Code, Error, Result};
use modelseal_http::{ExposeSecret as _, Header, Method, SecretString};

use crate::fetch::{Call, Target};
use crate::find::{Ask, Look, Seen, Source};
use crate::fork;
use crate::issuer::Issuers;

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

struct Actions {
    name: &'static str,
    target: Target,
    /// Allows asking for a token.
    token: SecretString,
    issuers: Issuers,
}

/// The source of a job, which surely is one of `name`.
pub(super) fn look(name: &'static str, issuers: Issuers, look: &Look<'_>) -> Result<Seen> {
    let (url, token) = match (look.text(URL)?, look.secret(TOKEN)?) {
        (Some(url), Some(token)) => (url, token),
        (None, None) => return Err(fork::reason(name, look.env)),
        (Some(_), None) => return Err(half(URL, TOKEN)),
        (None, Some(_)) => return Err(half(TOKEN, URL)),
    };
    Seen::present(Actions { name, target: Target::of_variable(URL, &url, look.env)?, token, issuers })
}

fn half(set: &str, missing: &str) -> Error {
    Error::new(Code::UsageEnvironment, format!("{set} is set, but {missing} is not"))
        .with_hint("a step of the job changed its environment: both come from the runner")
}

impl Source for Actions {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        let bearer = SecretString::from(format!("bearer {}", self.token.expose_secret()));
        let call = Call {
            name: self.name,
            method: Method::Get,
            target: &self.target,
            query: &[("audience", ask.audience()?)],
            headers: vec![Header::secret("authorization", bearer), Header::plain("accept", "application/json")],
            secret: Some(&self.token),
            metadata: false,
        };
        call.field(ask, "value")
    }

    fn issuers(&self) -> Issuers {
        self.issuers.clone()
    }
}
