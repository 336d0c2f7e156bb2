//! Answers of the server.

#[cfg(test)]
mod tests;

use core::fmt;
use core::marker::PhantomData;

use modelseal_core::{Code, Error, Result, parse_json};
use modelseal_http::{ExposeSecret as _, Response, SecretString};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::discretion::Discretion;
use crate::token::shown_policies;

/// A successful answer. Fields that the server leaves out are `None`; unknown ones are ignored.
pub(crate) struct Answer<T> {
    /// Of the audit log.
    pub(crate) request_id: Option<String>,
    pub(crate) data: Option<T>,
    pub(crate) auth: Option<AuthData>,
    pub(crate) wrap_info: Option<WrapInfo>,
    /// The server's own words: capped, not escaped, untrusted.
    pub(crate) warnings: Option<Vec<String>>,
    /// Attempts before this one that got no answer: the server may have acted on them, a login then left a token that
    /// nobody can revoke.
    pub(crate) lost: usize,
}

/// What a login gives.
#[derive(Deserialize)]
pub(crate) struct AuthData {
    pub(crate) client_token: SecretString,
    pub(crate) accessor: Option<String>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) lease_duration: u64,
    pub(crate) token_type: Option<String>,
    pub(crate) num_uses: Option<u64>,
    pub(crate) mfa_requirement: Option<serde::de::IgnoredAny>,
}

/// What stands for a wrapped answer. The wrapping token itself is never needed here.
#[derive(Deserialize)]
pub(crate) struct WrapInfo {
    pub(crate) creation_path: Option<String>,
}

/// Most warnings of one answer, and most characters of each.
const MOST_WARNINGS: usize = 16;
const MOST_CHARACTERS: usize = 300;

impl<T: DeserializeOwned> Answer<T> {
    /// Reads the body of a 200: one JSON object without doubled keys at any depth, at most 32 levels deep, with
    /// objects or null where `data`, `auth` and `wrap_info` stand. `what` is method, path and server. Outside of `data`
    /// no secret that is known stands in any text but `client_token`, which becomes known.
    ///
    /// # Errors
    /// `vault/answer`, without a byte of the body in it.
    pub(crate) fn read(what: &str, response: &Response, discretion: &Discretion) -> Result<Self> {
        let Object(envelope) = object::<Envelope<T>>(what, response)?;
        let auth = envelope.auth.map(|Object(auth)| auth.without_secrets(discretion));
        let wrap_info = envelope.wrap_info.map(|Object(WrapInfo { creation_path })| WrapInfo {
            creation_path: creation_path.map(|path| discretion.hide(&path)),
        });
        let warnings = envelope.warnings.map(|warnings| {
            let cut = |warning: String| discretion.hide(&warning).chars().take(MOST_CHARACTERS).collect();
            warnings.into_iter().take(MOST_WARNINGS).map(cut).collect()
        });
        Ok(Self {
            request_id: envelope.request_id.filter(|id| is_request_id(id)),
            data: envelope.data.map(|Object(data)| data),
            auth,
            wrap_info,
            warnings,
            lost: 0,
        })
    }
}

impl AuthData {
    /// The token becomes known, and is in no other field; these are as short as they are shown.
    fn without_secrets(mut self, discretion: &Discretion) -> Self {
        discretion.learn(&self.client_token);
        self.accessor = self.accessor.map(|accessor| discretion.brief(&accessor));
        self.policies = self.policies.map(|policies| shown_policies(&policies, discretion));
        self.token_type = self.token_type.map(|kind| discretion.brief(&kind));
        self
    }
}

/// Reads the body as a `T` that stands for itself, without the envelope: `sys/health`.
///
/// # Errors
/// `vault/answer`, without a byte of the body in it.
pub(crate) fn read_bare<T: DeserializeOwned>(what: &str, response: &Response) -> Result<T> {
    object(what, response).map(|Object(value)| value)
}

/// The id in whatever came back, of any status: for the log of requests.
pub(crate) fn request_id(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        request_id: String,
    }
    let Object(found) = parse_json::<Object<Id>>(response.body.expose_secret(), "").ok()?;
    Some(found.request_id).filter(|id| is_request_id(id))
}

fn object<T: DeserializeOwned>(what: &str, response: &Response) -> Result<Object<T>> {
    let body = response.body.expose_secret();
    let unusable = |why| Error::new(Code::VaultAnswer, format!("{what}: the answer {why}"));
    if body.is_empty() {
        return Err(unusable("has no body"));
    }
    // What the parser says quotes the body, which may hold a token.
    parse_json(body, "").map_err(|_| match body.trim_ascii_start().first() {
        Some(b'{') => unusable("is broken JSON, or JSON of another form than expected"),
        _ => unusable("is not a JSON object"),
    })
}

/// Ids are UUIDs; whatever else stands there does not belong into a log.
fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    request_id: Option<String>,
    data: Option<Object<T>>,
    auth: Option<Object<AuthData>>,
    wrap_info: Option<Object<WrapInfo>>,
    warnings: Option<Vec<String>>,
}

/// A value that is written as an object: by itself serde would read a struct from a list, too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({:?})", self.request_id)
    }
}
