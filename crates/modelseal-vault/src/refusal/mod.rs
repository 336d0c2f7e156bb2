//! Why a request failed: status and words of the server, or the failure on the way, and the error code for it.

mod location;

#[cfg(test)]
mod tests;

use modelseal_core::{Code, Error, parse_json};
use modelseal_http::{ExposeSecret as _, HttpError, HttpErrorKind, Response, Sent};
use serde::Deserialize;

use crate::discretion::Discretion;

/// A failed request, before the step that made it gives it a meaning of its own.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The status; `None` when there was no answer.
    pub(crate) status: Option<u16>,
    /// The server's own words: capped, without secrets, not escaped, and untrusted. Only for messages, never to decide, except where
    /// `docs/vault.md` says so. Empty when the answer does not have the form of the server's errors.
    pub(crate) words: Vec<String>,
    /// Whether the server may have acted. Only what it refuses before looking at the request is `No`: a rate limit,
    /// a seal.
    pub(crate) sent: Sent,
    /// Whether an earlier attempt of the same request got no answer: the server may have acted on that one, whatever it
    /// says now.
    pub(crate) lost: bool,
    /// What it means, unless the step knows better.
    pub(crate) error: Error,
}

/// Most words of one answer, and most characters of each: whole servers' answers have one, of at most 200.
const MOST_WORDS: usize = 8;
const MOST_CHARACTERS: usize = 300;

impl Refusal {
    /// What an answer means that is not the success the request wanted. `what` is method, path and server.
    pub(crate) fn answered(what: &str, response: &Response, discretion: &Discretion) -> Self {
        let own = own_words(response);
        // Hidden before it is cut: a part that is left of a secret might not be recognised.
        let word = |word: &String| cut(&discretion.hide(word), MOST_CHARACTERS);
        let words: Vec<String> = own.iter().flatten().take(MOST_WORDS).map(word).collect();
        let meaning = meaning(response.status, own.is_some(), &words);
        // The limit of a proxy counts requests before it passes them on, too. Its 503 may come after.
        let sent = match response.status {
            429 => Sent::No,
            503 if own.is_some() => Sent::No,
            _ => Sent::Maybe,
        };
        let status = response.status;
        let message = match (&own, said(&words)) {
            _ if (300..400).contains(&status) => {
                let location = response.location.as_deref().map(|location| discretion.hide(location));
                format!("{what}: status {status}, {}", location::target(location.as_deref()))
            }
            (Some(_), Some(said)) => format!("{what}: status {status}: {said}"),
            (Some(_), None) => format!("{what}: status {status}, without a reason"),
            (None, _) => format!("{what}: status {status}, in a form that is not the server's own"),
        };
        let mut error = Error::new(meaning.code, message);
        if let Some(hint) = meaning.hint {
            error = error.with_hint(hint);
        }
        Self { status: Some(status), words, sent, lost: false, error }
    }

    /// What a failure on the way means.
    pub(crate) fn failed(what: &str, failure: &HttpError) -> Self {
        let (code, hint) = match failure.kind() {
            HttpErrorKind::Tls => (Code::VaultTls, None),
            HttpErrorKind::Timeout => (Code::VaultTimeout, None),
            HttpErrorKind::Dns => {
                (Code::VaultUnreachable, Some("check the host name in the address, and the name service"))
            }
            HttpErrorKind::TooLarge => (Code::VaultAnswer, None),
            HttpErrorKind::NotHttp => {
                (Code::VaultAnswer, Some("check the port; an address whose server has TLS begins with https://"))
            }
            HttpErrorKind::Stopped => (Code::UsageInterrupted, None),
            HttpErrorKind::PlainHttp => (Code::VaultPlainHttp, None),
            HttpErrorKind::Config => (Code::VaultAddress, None),
            _ => (Code::VaultUnreachable, None),
        };
        let mut error = Error::new(code, format!("{what}: {}", failure.message()));
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        Self { status: None, words: Vec::new(), sent: failure.sent(), lost: false, error }
    }

    /// The same refusal with the code that the step gives it, the server's words kept in the message.
    pub(crate) fn named(self, code: Code, message: &str) -> Error {
        match said(&self.words) {
            Some(said) => Error::new(code, format!("{message}: {said}")),
            None => Error::new(code, message),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: None, words: Vec::new(), sent: Sent::Maybe, lost: false, error }
    }
}

struct Meaning {
    code: Code,
    hint: Option<&'static str>,
}

/// The status decides; words do only where two codes have the same exit status, and where they are the sole sign of a
/// seal.
fn meaning(status: u16, own: bool, words: &[String]) -> Meaning {
    let says = |text: &str| words.iter().any(|word| word.contains(text));
    let plain = |code| Meaning { code, hint: None };
    let hinted = |code, hint| Meaning { code, hint: Some(hint) };
    match status {
        300..400 => plain(Code::VaultRedirect),
        403 if says("invalid token") => plain(Code::VaultTokenInvalid),
        403 if own => hinted(Code::VaultPermission, PERMISSION),
        404 if says("no handler for route") => hinted(Code::VaultMountNotFound, MOUNT),
        404 if says("namespace not found") => plain(Code::VaultNamespace),
        404 if own && words.is_empty() => hinted(Code::VaultRefused, NOTHING),
        404 if !own => plain(Code::VaultNotVault),
        429 => plain(Code::VaultRateLimited),
        503 if says("Vault is sealed") => plain(Code::VaultSealed),
        412 => hinted(Code::VaultUnavailable, "the server has not yet seen what another of its nodes wrote; try again"),
        472 => hinted(Code::VaultUnavailable, "the server stands by for disaster recovery: use the active cluster"),
        473 => hinted(Code::VaultUnavailable, "the server is a performance standby: use the active node"),
        501 => hinted(Code::VaultUnavailable, "the server may not be initialised: ask its operator"),
        502..=504 => plain(Code::VaultUnavailable),
        500.. => plain(Code::VaultServerError),
        403 => hinted(Code::VaultPermission, BETWEEN),
        400..500 if !own => hinted(Code::VaultRefused, BETWEEN),
        400..500 => plain(Code::VaultRefused),
        _ => plain(Code::VaultAnswer),
    }
}

const PERMISSION: &str = "the token's policies must allow the path, docs/vault.md has the smallest that suffice; some \
    servers answer the same for a token that is expired, revoked or used up, and for an address or namespace that it \
    is not for";
const MOUNT: &str = "name the transit mount as hashivault://MOUNT/KEY or in TRANSIT_SECRET_ENGINE_PATH, the login mount \
    with --auth-path; a namespace that does not exist looks the same";
const NOTHING: &str = "there is nothing at this path: check the names in it, the namespace, and whether the address needs \
    a path prefix";
const BETWEEN: &str =
    "a proxy, a firewall or another program may have answered instead of the server: check the address";

/// The errors in an answer that has the form of the server's own: `{"errors":[…]}`.
fn own_words(response: &Response) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<String>,
    }
    let body = response.body.expose_secret();
    let object = body.trim_ascii_start().starts_with(b"{");
    parse_json::<Body>(body, "").ok().filter(|_| object).map(|body| body.errors)
}

/// The words on one line, for a message.
fn said(words: &[String]) -> Option<String> {
    let line = words.iter().flat_map(|word| word.split_whitespace()).collect::<Vec<_>>().join(" ");
    // How servers introduce a list of one.
    let line = line.strip_prefix("1 error occurred: * ").unwrap_or(&line);
    Some(cut(line, MOST_CHARACTERS)).filter(|line| !line.is_empty())
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
