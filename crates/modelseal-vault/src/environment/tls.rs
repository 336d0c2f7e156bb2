//! Whom TLS connections trust, and what the client shows.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelseal_core::{Code, Error, Result};
use modelseal_http::{ClientConfig, ClientIdentity, Proxy, Roots, SecretSlice, TlsConfig};

use super::file;
use super::values;
use super::variables::{Found, Variables};
use crate::Settings;

/// Any of them replaces the authorities of the system.
pub(super) const AUTHORITIES: [&str; 7] = [
    "MODELSEAL_CA_CERT",
    "BAO_CACERT",
    "BAO_CACERT_BYTES",
    "BAO_CAPATH",
    "VAULT_CACERT",
    "VAULT_CACERT_BYTES",
    "VAULT_CAPATH",
];
const CLIENT_CERTIFICATE: [&str; 2] = ["BAO_CLIENT_CERT", "VAULT_CLIENT_CERT"];
pub(super) const CLIENT_KEY: [&str; 2] = ["BAO_CLIENT_KEY", "VAULT_CLIENT_KEY"];
const SERVER_NAME: [&str; 2] = ["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"];
/// With these the TLS library looks elsewhere for the authorities of the system.
const STEERING: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Where systems keep their own authorities: images often set the variables to one of these, which replaces nothing.
const SYSTEM_AUTHORITIES: [&str; 9] = [
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
];
const SKIP_VERIFY: [&str; 2] = ["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"];

/// The most of all files of a directory; those of a system have half a megabyte.
const MOST_BYTES: usize = 16 * 1024 * 1024;

const PEM: &str = "-----BEGIN";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// # Errors
/// `usage/environment`, `usage/arguments`, `input/*`.
pub(super) fn tls(settings: &Settings, variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<TlsConfig> {
    let mut tls = TlsConfig::default();
    tls.danger_skip_verify = skip_verify(settings, variables)?;
    tls.roots = roots(settings, variables, notices)?;
    tls.identity = identity(variables, notices)?;
    tls.server_name = server_name(variables, notices)?;
    if tls.danger_skip_verify {
        notices.push("the server's certificate is not checked: asked for by the caller".to_owned());
    }
    Ok(tls)
}

/// Refuses variables that would replace the authorities of the system behind everybody's back: an earlier step of a
/// job may have set them.
///
/// # Errors
/// `usage/environment`.
pub(super) fn refuse_steered_roots(client: &ClientConfig, variables: &Variables<'_>) -> Result<()> {
    let connects = client.address.is_tls() || matches!(client.proxy, Proxy::Url(_));
    if !connects || client.tls.danger_skip_verify || !matches!(client.tls.roots, Roots::System) {
        return Ok(());
    }
    let steers = |&name: &&'static str| {
        let elsewhere = |value: String| !SYSTEM_AUTHORITIES.contains(&value.as_str());
        variables.is_set(name) && variables.first(&[name]).ok().flatten().is_none_or(|found| elsewhere(found.value))
    };
    let Some(name) = STEERING.into_iter().find(steers) else { return Ok(()) };
    let message = format!("{name} would replace the certificate authorities of the system");
    let hint = format!(
        "name the authority of the server with --ca-cert or in VAULT_CACERT, which may be the same file; or unset {name}"
    );
    Err(Error::new(Code::UsageEnvironment, message).with_hint(hint))
}

/// Only the caller can switch the check off: an earlier step of a job may have set variables.
fn skip_verify(settings: &Settings, variables: &Variables<'_>) -> Result<bool> {
    if settings.danger_skip_tls_verify {
        return Ok(true);
    }
    let Some(found) = variables.first(&SKIP_VERIFY)? else { return Ok(false) };
    match values::boolean(&found.value) {
        Some(false) => Ok(false),
        Some(true) => Err(found
            .wrong("a variable cannot switch off the check of the server's certificate")
            .with_hint("unset it and name the authority in VAULT_CACERT; or spell --danger-skip-tls-verify")),
        None => Err(found.wrong("it must be true or false")),
    }
}

fn roots(settings: &Settings, variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Roots> {
    let (texts, source) = if let Some(path) = &settings.ca_cert {
        let text = path.to_str().map_or(Kind::Path, Kind::of);
        let wrong =
            |why: &str| Error::new(Code::UsageArguments, format!("the CA certificate file cannot be used: {why}"));
        let bytes = match text {
            Kind::Path => file::read(path, "the CA certificate file")?.to_vec(),
            Kind::Text | Kind::Base64 => {
                return Err(wrong("it must be the path of a PEM file, not its contents")
                    .with_hint("write the text to a file, or set VAULT_CACERT_BYTES to it"));
            }
        };
        if !holds(&bytes, CERTIFICATE) {
            return Err(wrong("it has no PEM certificate").with_hint(PEM_HINT));
        }
        (vec![bytes], "given by the caller")
    } else {
        let Some(found) = variables.first(&AUTHORITIES)? else { return Ok(Roots::System) };
        let texts = match found.name {
            name if name.ends_with("_CACERT_BYTES") => vec![inline(&found)?],
            name if name.ends_with("_CAPATH") => directory(&found)?,
            _ => vec![single(&found)?],
        };
        (texts, found.name)
    };
    notices.push(format!("certificate authorities: {source}"));
    Ok(Roots::Only(texts))
}

const PEM_HINT: &str = "the file must have `-----BEGIN CERTIFICATE-----`; `openssl x509 -inform der` converts others";

/// The certificates in a file that a variable names.
fn single(found: &Found) -> Result<Vec<u8>> {
    match Kind::of(&found.value) {
        Kind::Path => {}
        Kind::Text => {
            return Err(found
                .wrong("it holds a certificate, where the path of a PEM file is expected")
                .with_hint("put the text into VAULT_CACERT_BYTES, or write it to a file"));
        }
        Kind::Base64 => return Err(encoded(found)),
    }
    let path = Path::new(&found.value);
    if path.is_dir() {
        return Err(found
            .wrong("it names a directory, where a PEM file is expected")
            .with_hint("put the directory into VAULT_CAPATH"));
    }
    let bytes = file::read(path, found.name)?;
    if !holds(&bytes, CERTIFICATE) {
        return Err(found.wrong("the file has no PEM certificate").with_hint(PEM_HINT));
    }
    Ok(bytes.to_vec())
}

/// The certificates in a variable itself.
fn inline(found: &Found) -> Result<Vec<u8>> {
    match Kind::of(&found.value) {
        Kind::Text if holds(found.value.as_bytes(), CERTIFICATE) => Ok(found.value.clone().into_bytes()),
        Kind::Text => Err(found.wrong("it has no PEM certificate")),
        Kind::Base64 => Err(encoded(found)),
        Kind::Path => Err(found
            .wrong("it must be the PEM text itself, from `-----BEGIN CERTIFICATE-----` on")
            .with_hint("put the path of a file into VAULT_CACERT, that of a directory into VAULT_CAPATH")),
    }
}

fn encoded(found: &Found) -> Error {
    found.wrong("it holds base64 of PEM text").with_hint(
        "decode it (`base64 -d`), and put the text into VAULT_CACERT_BYTES or the path of a file into VAULT_CACERT",
    )
}

/// The certificates in all `*.pem` and `*.crt` of a directory; files without one are passed over.
fn directory(found: &Found) -> Result<Vec<Vec<u8>>> {
    match Kind::of(&found.value) {
        Kind::Path => {}
        Kind::Text => {
            return Err(found
                .wrong("it holds a certificate, where a directory is expected")
                .with_hint("put the text into VAULT_CACERT_BYTES"));
        }
        Kind::Base64 => return Err(encoded(found)),
    }
    let path = Path::new(&found.value);
    if path.is_file() {
        return Err(found
            .wrong("it names a file, where a directory is expected")
            .with_hint("put the path of a file into VAULT_CACERT"));
    }
    let (mut texts, mut total) = (Vec::new(), 0);
    for file in file::list(path, found.name)? {
        let bytes = file::read(&file, found.name)?;
        total += bytes.len();
        if total > MOST_BYTES {
            return Err(found.wrong("the directory has more than 16 MiB of certificates"));
        }
        if holds(&bytes, CERTIFICATE) {
            texts.push(bytes.to_vec());
        }
    }
    if texts.is_empty() {
        return Err(found.wrong("the directory has no PEM certificate in *.pem or *.crt"));
    }
    Ok(texts)
}

fn identity(variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Option<ClientIdentity>> {
    let (certificate, key) = match (variables.first(&CLIENT_CERTIFICATE)?, variables.first(&CLIENT_KEY)?) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            return Err(certificate.wrong("a client certificate needs its private key, in VAULT_CLIENT_KEY"));
        }
        (None, Some(key)) => return Err(key.wrong("a client key needs its certificate, in VAULT_CLIENT_CERT")),
    };
    let pem = |found: &Found, what: &str, label: &str| {
        if !matches!(Kind::of(&found.value), Kind::Path) {
            return Err(found.wrong(format!("it must be the path of a PEM file with {what}, not its contents")));
        }
        let bytes = file::read(Path::new(&found.value), found.name)?;
        if holds(&bytes, label) { Ok(bytes) } else { Err(found.wrong(format!("the file has no PEM with {what}"))) }
    };
    let certificates = pem(&certificate, "a certificate", CERTIFICATE)?;
    let private = pem(&key, "a private key", "PRIVATE KEY-----")?;
    if holds(&private, "ENCRYPTED") {
        return Err(key.wrong("the private key is encrypted; nobody is there to give the passphrase"));
    }
    notices.push(format!("client certificate: {}", certificate.name));
    Ok(Some(ClientIdentity::new(certificates.to_vec(), SecretSlice::from(private.to_vec()))))
}

fn server_name(variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Option<String>> {
    let Some(found) = variables.first(&SERVER_NAME)? else { return Ok(None) };
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(inner)
    };
    if found.value.len() > 253 || !found.value.split('.').all(label) {
        return Err(found.wrong("it must be a host name such as vault.example.com"));
    }
    notices.push(format!("name in the server's certificate {}: {}", found.value, found.name));
    Ok(Some(found.value))
}

/// What somebody put where certificates are expected.
enum Kind {
    /// Anything that may be a path.
    Path,
    /// PEM.
    Text,
    /// PEM, encoded once more.
    Base64,
}

impl Kind {
    fn of(value: &str) -> Self {
        if value.contains(PEM) {
            return Self::Text;
        }
        let joined: String = value.split_ascii_whitespace().collect();
        match STANDARD.decode(joined) {
            Ok(bytes) if holds(&bytes, PEM) => Self::Base64,
            _ => Self::Path,
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
