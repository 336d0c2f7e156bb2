//! `modelseal keys show` and `keys export` for keys on a server.

use std::path::Path;

use modelseal::vault::{TransitKey, Vault};
use modelseal::{KeyId, Result, VaultKeyRef, export_public_keys};
use serde::Serialize;

use super::server;
use crate::args::ServerArgs;
use crate::output::json::ServerObject;
use crate::output::text::{self, line};
use crate::output::{Console, shown};

/// Shows every version of a key.
pub(super) fn show(reference: &VaultKeyRef, args: &ServerArgs, console: &mut Console) -> Result<u8> {
    let (key, server) = read(reference, args, console)?;
    let object = ShowObject {
        kind: "modelseal.keys.show",
        version: 1,
        code: "shown",
        exit: 0,
        key: key.reference.to_string(),
        form: "server-key",
        key_kind: key.key_type.clone(),
        key_id: newest_id(&key),
        scheme: key.scheme.as_str(),
        test_key: key.versions.values().any(|version| version.public_key.is_published_test_key()),
        server,
        versions: versions(&key),
        relaxed: args.relaxed().collect(),
    };
    let text = |paint: crate::output::Paint| {
        let mut text = format!("server key  {}\n", object.key);
        text::server(&mut text, &object.server);
        line(&mut text, "kind", &object.key_kind);
        line(&mut text, "scheme", object.scheme);
        for version in &object.versions {
            let mark = if version.accepted { "" } else { "  (no longer accepted by the server)" };
            line(&mut text, &format!("version {}", version.number), &format!("{}{mark}", version.key_id));
            line(&mut text, "  created", &version.created);
        }
        if object.test_key {
            line(&mut text, "test key", &paint.bad("published: anyone can sign with it, never trust it"));
        }
        text::words(&mut text, "relaxed", &object.relaxed);
        text
    };
    console.result(text, &object);
    Ok(0)
}

/// Writes the public key of the version that the reference names, else the latest, or with `out` every version and a
/// table of them.
pub(super) fn export(
    reference: &VaultKeyRef,
    expected: Option<KeyId>,
    out: Option<&Path>,
    replace: bool,
    args: &ServerArgs,
    console: &mut Console,
) -> Result<u8> {
    let (key, server) = read(reference, args, console)?;
    if let Some(expected) = expected {
        key.expect_id(expected)?;
    }
    let public_key = &key.chosen()?.1.public_key;
    let pem = public_key.to_pem();
    let files = out.map(|directory| export_public_keys(&key, directory, replace)).transpose()?.unwrap_or_default();
    let files: Vec<String> = files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let object = ExportObject {
        kind: "modelseal.keys.export",
        version: 1,
        code: "exported",
        exit: 0,
        key_id: public_key.id().to_string(),
        out: out.map(|path| path.to_string_lossy().into_owned()),
        pem: pem.clone(),
        server,
        versions: versions(&key),
        files: files.clone(),
        relaxed: args.relaxed().collect(),
    };
    // Nothing but the key goes to the standard output.
    if out.is_none() {
        console.remark(&format!("the key is from {}", text::place(&object.server)));
    }
    let text = |_| {
        let Some(directory) = out else { return pem.clone() };
        let mut text = format!("exported  {}  to {}\n", key.reference, shown(directory));
        text::server(&mut text, &object.server);
        for version in &object.versions {
            line(&mut text, &format!("version {}", version.number), &version.key_id);
        }
        for file in &files {
            line(&mut text, "file", &modelseal::escape(file));
        }
        text::words(&mut text, "relaxed", &object.relaxed);
        text
    };
    console.result(text, &object);
    Ok(0)
}

fn read(reference: &VaultKeyRef, args: &ServerArgs, console: &Console) -> Result<(TransitKey, ServerObject)> {
    let signals = server::watch(true);
    let vault: Vault = server::configure(args, &signals, console)?;
    let session = vault.log_in()?;
    let key = session.read_key(reference);
    for warning in session.warnings().into_iter().chain(session.end()) {
        console.warning(&modelseal::escape(&warning));
    }
    Ok((key?, ServerObject::from(&vault.place(reference))))
}

fn newest_id(key: &TransitKey) -> String {
    key.versions.last_key_value().map(|(_, version)| version.public_key.id().to_string()).unwrap_or_default()
}

fn versions(key: &TransitKey) -> Vec<VersionObject> {
    let object = |(&number, version): (&u32, &modelseal::vault::KeyVersion)| VersionObject {
        number,
        key_id: version.public_key.id().to_string(),
        created: version.created.to_string(),
        accepted: number >= key.oldest_accepted,
    };
    key.versions.iter().map(object).collect()
}

/// One version of a key.
#[derive(Debug, Serialize)]
struct VersionObject {
    number: u32,
    key_id: String,
    created: String,
    /// Whether the server still accepts its signatures.
    accepted: bool,
}

/// `modelseal.keys.show`.
#[derive(Debug, Serialize)]
struct ShowObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    key: String,
    form: &'static str,
    key_kind: String,
    key_id: String,
    scheme: &'static str,
    test_key: bool,
    server: ServerObject,
    versions: Vec<VersionObject>,
    relaxed: Vec<&'static str>,
}

/// `modelseal.keys.export`.
#[derive(Debug, Serialize)]
struct ExportObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    key_id: String,
    out: Option<String>,
    pem: String,
    server: ServerObject,
    versions: Vec<VersionObject>,
    files: Vec<String>,
    relaxed: Vec<&'static str>,
}
