//! `modelseal keys`.

use std::path::{Path, PathBuf};

use modelseal::{
    Code, Error, KeyId, KeyRef, KeyType, LocalKey, Passphrase, PublicKey, Result, load_certificates, load_private_key,
    load_public_key, write_new,
};
use serde::Serialize;

use super::server_keys;
use crate::args::{KeysCommand, PassphraseArgs, key_ref};
use crate::output::text::line;
use crate::output::{Console, shown};

/// Runs one of the key commands.
pub(crate) fn run(command: &KeysCommand, console: &mut Console) -> Result<u8> {
    match command {
        KeysCommand::Generate { file, key_type, passphrase } => {
            generate(file, (*key_type).into(), passphrase.load()?.as_ref(), console)
        }
        KeysCommand::Export { key, out, replace, expect_key_id, passphrase, server } => {
            let expected = expect_key_id.as_deref().map(str::parse).transpose()?;
            match key_ref(key)? {
                KeyRef::Vault(reference) => {
                    server_keys::export(&reference, expected, out.as_deref(), *replace, server, console)
                }
                file => export(&local(&file)?, expected, out.as_deref(), passphrase, console),
            }
        }
        KeysCommand::Show { key, passphrase, server } => match key_ref(key)? {
            KeyRef::Vault(reference) => server_keys::show(&reference, server, console),
            file => show(&local(&file)?, passphrase, console),
        },
    }
}

fn generate(file: &Path, key_type: KeyType, passphrase: Option<&Passphrase>, console: &mut Console) -> Result<u8> {
    let public = public_path(file);
    for path in [file, &public] {
        if path.symlink_metadata().is_ok() {
            let message = format!("`{}` exists, and keys are never overwritten", path.display());
            return Err(Error::new(Code::OutputExists, message));
        }
    }
    let key = LocalKey::generate(key_type)?;
    write_new(file, key.to_pem(passphrase)?.as_bytes(), true)?;
    if let Err(error) = write_new(&public, key.public_key().to_pem().as_bytes(), false) {
        // Half a pair helps nobody, and the file is ours: it was not there a moment ago.
        let _ = std::fs::remove_file(file);
        return Err(error);
    }
    let text = |_| {
        let protection = if passphrase.is_some() { "encrypted" } else { "not encrypted" };
        let mut text = String::from("generated  ");
        text.push_str(&format!("{key_type} key\n"));
        line(&mut text, "private key", &format!("{} ({protection})", shown(file)));
        line(&mut text, "public key", &shown(&public));
        line(&mut text, "key id", &key.public_key().id().to_string());
        text
    };
    let object = GenerateObject {
        kind: "modelseal.keys.generate",
        version: 1,
        code: "generated",
        exit: 0,
        private_key: file.to_string_lossy().into_owned(),
        public_key: public.to_string_lossy().into_owned(),
        encrypted: passphrase.is_some(),
        key_type: key_type.as_str(),
        key_id: key.public_key().id().to_string(),
    };
    console.result(text, &object);
    if key_type == KeyType::Ed25519 {
        console.warning(
            "no other model signing tool verifies Ed25519 signatures, and verifiers must name the scheme: \
             --key 'file:PUBLIC.pem?scheme=ed25519'",
        );
    }
    Ok(0)
}

/// The file of a reference; a scheme says nothing about what the file holds.
fn local(key: &KeyRef) -> Result<PathBuf> {
    let unusable = || Error::new(Code::UsageArguments, format!("`{key}` cannot be used here"));
    key.path().map(Path::to_owned).ok_or_else(unusable)
}

/// `k.pem` → `k.pub.pem`.
fn public_path(file: &Path) -> PathBuf {
    let base = if file.extension().is_some_and(|extension| extension == "pem") {
        file.with_extension("")
    } else {
        file.to_owned()
    };
    let mut name = base.into_os_string();
    name.push(".pub.pem");
    name.into()
}

fn export(
    key: &Path,
    expected: Option<KeyId>,
    out: Option<&Path>,
    passphrase: &PassphraseArgs,
    console: &mut Console,
) -> Result<u8> {
    let loaded = Loaded::read(key, passphrase)?;
    let found = loaded.key.id();
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::new(Code::KeyMismatch, format!("the key is {found}, expected was {expected}")));
    }
    let pem = loaded.key.to_pem();
    if let Some(out) = out {
        write_new(out, pem.as_bytes(), false)?;
    }
    let text = |_| match out {
        Some(out) => format!("exported  {}\n", shown(out)),
        None => pem.clone(),
    };
    let object = ExportObject {
        kind: "modelseal.keys.export",
        version: 1,
        code: "exported",
        exit: 0,
        key_id: loaded.key.id().to_string(),
        out: out.map(|path| path.to_string_lossy().into_owned()),
        pem: pem.clone(),
        server: None,
        versions: None,
        files: None,
        relaxed: [],
    };
    console.result(text, &object);
    Ok(0)
}

fn show(key: &Path, passphrase: &PassphraseArgs, console: &mut Console) -> Result<u8> {
    let loaded = Loaded::read(key, passphrase)?;
    let scheme = loaded.scheme();
    let test_key = loaded.key.is_published_test_key();
    let text = |paint: crate::output::Paint| {
        let mut text = format!("{}  {}\n", loaded.form.replace('-', " "), shown(key));
        line(&mut text, "kind", &loaded.key.kind().to_string());
        line(&mut text, "key id", &loaded.key.id().to_string());
        line(&mut text, "scheme", scheme.unwrap_or("to be named by the verifier"));
        if test_key {
            line(&mut text, "test key", &paint.bad("published: anyone can sign with it, never trust it"));
        }
        text
    };
    let object = ShowObject {
        kind: "modelseal.keys.show",
        version: 1,
        code: "shown",
        exit: 0,
        key: key.to_string_lossy().into_owned(),
        form: loaded.form,
        key_kind: loaded.key.kind().to_string(),
        key_id: loaded.key.id().to_string(),
        scheme,
        test_key,
        server: None,
        versions: None,
        relaxed: [],
    };
    console.result(text, &object);
    Ok(0)
}

/// The public half of whatever a file holds.
struct Loaded {
    key: PublicKey,
    form: &'static str,
    signs_with: Option<&'static str>,
}

impl Loaded {
    fn read(path: &Path, passphrase: &PassphraseArgs) -> Result<Self> {
        let passphrase = passphrase.load()?;
        let not_public = match load_public_key(path) {
            Ok(key) => return Ok(Self { key, form: "public-key", signs_with: None }),
            Err(error) if error.code() == Code::KeyWrongForm => error,
            Err(error) => return Err(error),
        };
        if let Ok(certificates) = load_certificates(path)
            && let Some(leaf) = certificates.first()
        {
            return Ok(Self { key: leaf.public_key()?, form: "certificate", signs_with: None });
        }
        match load_private_key(path, passphrase.as_ref()) {
            Ok(key) => {
                Ok(Self { key: key.public_key().clone(), form: "private-key", signs_with: Some(key.scheme().as_str()) })
            }
            Err(error) if error.code() == Code::KeyWrongForm => Err(not_public),
            Err(error) => Err(error),
        }
    }

    /// The scheme that signatures of this key have, when there is only one.
    fn scheme(&self) -> Option<&'static str> {
        self.signs_with.or_else(|| self.key.implied_scheme().map(modelseal::Scheme::as_str))
    }
}

/// `modelseal.keys.generate`.
#[derive(Debug, Serialize)]
struct GenerateObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    private_key: String,
    public_key: String,
    encrypted: bool,
    #[serde(rename = "type")]
    key_type: &'static str,
    key_id: String,
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
    server: Option<()>,
    versions: Option<[(); 0]>,
    files: Option<[(); 0]>,
    relaxed: [&'static str; 0],
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
    scheme: Option<&'static str>,
    test_key: bool,
    server: Option<()>,
    versions: Option<[(); 0]>,
    relaxed: [&'static str; 0],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_stands_beside_the_private_one() {
        for (private, public) in [("k.pem", "k.pub.pem"), ("d/k", "d/k.pub.pem"), ("k.key", "k.key.pub.pem")] {
            assert_eq!(public_path(Path::new(private)), Path::new(public));
        }
    }
}
