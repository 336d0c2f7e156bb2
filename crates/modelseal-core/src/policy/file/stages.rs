//! `[rego]` and `[opa]`: second opinions, which can only deny.

use core::net::Ipv4Addr;
use core::time::Duration;

use serde_json::Value;
use toml::Spanned;

use super::raw::{RawOpa, RawRego};
use super::{Files, once, values};
use crate::key_table::text::Text;
use crate::policy::model::{OpaStage, RegoStage};
use crate::{Result, parse_json};

/// Most modules and data documents of a policy.
const MAX_FILES: usize = 32;

const REGO_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_REGO_TIMEOUT: Duration = Duration::from_secs(10);
const OPA_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_OPA_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn rego(text: Text<'_>, raw: &Spanned<RawRego>, files: &mut Files<'_>) -> Result<RegoStage> {
    let line = text.of(raw);
    let raw = raw.get_ref();
    let modules = values::entries(text, "modules", &raw.modules)?;
    let data = match &raw.data {
        Some(list) => values::entries(text, "data", list)?,
        None => &[],
    };
    if modules.len() + data.len() > MAX_FILES {
        return Err(text.error(line, format!("[rego] names more than {MAX_FILES} files")));
    }
    once(text, "rego", modules.iter().chain(data))?;
    let modules = modules.iter().map(|path| read_text(text, path, files)).collect::<Result<_>>()?;
    let data = data.iter().map(|path| {
        let (name, content) = read_text(text, path, files)?;
        match parse_json::<Value>(content.as_bytes(), &name) {
            Ok(_) => Ok((name, content)),
            Err(error) => Err(text.error(text.of(path), error.message()).with_hint("data documents are JSON")),
        }
    });
    Ok(RegoStage {
        modules,
        data: data.collect::<Result<_>>()?,
        timeout: raw
            .timeout
            .as_ref()
            .map_or(Ok(REGO_TIMEOUT), |time| values::timeout(text, "timeout", time, MAX_REGO_TIMEOUT))?,
    })
}

pub(super) fn opa(text: Text<'_>, raw: &RawOpa, files: &mut Files<'_>) -> Result<OpaStage> {
    if let Err((why, hint)) = check_url(raw.url.get_ref()) {
        let message = format!("the url `{:.100}` {why}", raw.url.get_ref());
        return Err(text.error(text.of(&raw.url), message).with_hint(hint));
    }
    Ok(OpaStage {
        url: raw.url.get_ref().clone(),
        timeout: raw
            .timeout
            .as_ref()
            .map_or(Ok(OPA_TIMEOUT), |time| values::timeout(text, "timeout", time, MAX_OPA_TIMEOUT))?,
        ca_pem: raw.ca.as_ref().map(|path| Ok(read_text(text, path, files)?.1)).transpose()?,
        token_file: raw.token_file.as_ref().map(|path| files.locate(text, path)).transpose()?,
    })
}

fn read_text(text: Text<'_>, path: &Spanned<String>, files: &mut Files<'_>) -> Result<(String, String)> {
    let content = files.read_and_remember(text, path)?;
    let content = String::from_utf8(content)
        .map_err(|_| text.error(text.of(path), format!("`{:.100}` is not UTF-8 text", path.get_ref())))?;
    Ok((path.get_ref().clone(), content))
}

/// The address of one document of a server. Anything else would answer in another form, or to somebody else.
fn check_url(url: &str) -> Result<(), (&'static str, &'static str)> {
    const FORM: &str = "the form is https://HOST/v1/data/PACKAGE/RULE";
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
    if url.bytes().any(|byte| matches!(byte, b'?' | b'#' | b'@')) {
        return Err(("has a query, a fragment or a user", "leave it out; a token goes into `token_file`"));
    }
    if url.len() > 2048 || !url.bytes().all(plain) {
        return Err(("is not an address", FORM));
    }
    let (rest, encrypted) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return Err(("is neither https nor http", FORM)),
    };
    let (authority, path) = rest.split_once('/').ok_or(("names no document", FORM))?;
    let host = host(authority).ok_or(("names no host", FORM))?;
    if !encrypted && !is_loopback(host) {
        return Err(("is plain http to another machine", "use https: whoever is on the way could allow everything"));
    }
    if path.starts_with("v0/") {
        return Err(("is of the old interface", "use /v1/data/…: what /v0/data answers cannot be told from an error"));
    }
    let document = path.strip_prefix("v1/data/").filter(|document| !document.is_empty());
    let document = document.ok_or(("names no document below /v1/data/", FORM))?;
    if document.ends_with('/') {
        return Err(("ends with `/`", "leave the last `/` out: the server would redirect, which is never followed"));
    }
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains([':', '[', ']']);
    if !document.split('/').all(is_part) {
        return Err(("has a part that is no name", FORM));
    }
    Ok(())
}

/// The host of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        authority.split_at_checked(authority.find(']')? + 1)?
    } else {
        authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?
    };
    let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match inner {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(['[', ']']),
    };
    (port_fits && host_fits).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_document() {
        for good in [
            "https://opa.internal/v1/data/model/allow",
            "https://opa.internal:8181/v1/data/allow",
            "http://127.0.0.1:8181/v1/data/model/allow",
            "http://localhost/v1/data/model/allow",
            "http://[::1]:8181/v1/data/model/allow",
            "https://[2001:db8::1]/v1/data/a",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("http://opa.internal/v1/data/model/allow", "plain http"),
            ("http://127.0.0.1.evil.example/v1/data/a", "plain http"),
            ("http://localhost.evil.example/v1/data/a", "plain http"),
            ("https://opa/v0/data/model/allow", "old interface"),
            ("https://opa/v1/data/model/", "ends with"),
            ("https://opa/v1/data/", "below /v1/data/"),
            ("https://opa/v1/data", "below /v1/data/"),
            ("https://opa", "no document"),
            ("https:///v1/data/a", "no host"),
            ("https://opa:x/v1/data/a", "no host"),
            ("https://[::1/v1/data/a", "no host"),
            ("https://opa/v1/data/a?pretty", "query"),
            ("https://opa/v1/data/a#b", "query"),
            ("https://user@opa/v1/data/a", "query"),
            ("https://opa/v1/data/../../v0/data/a", "no name"),
            ("https://opa/v1/data//a", "no name"),
            ("https://opa/v1/data/%2e%2e/a", "not an address"),
            ("https://opa/v1/data/a b", "not an address"),
            ("ftp://opa/v1/data/a", "neither"),
            ("", "neither"),
        ] {
            assert!(check_url(bad).unwrap_err().0.contains(why), "{bad}");
        }
    }
}
