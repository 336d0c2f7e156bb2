//! `modelseal policy sign`.

use modelseal::vault::ProcessEnv;
use modelseal::{Code, Error, KeyRef, PolicySignOptions, Result, SignedPolicy, escape, load_signing_key, sign_policy};
use serde::Serialize;

use super::load::now;
use crate::args::{PolicySignArgs, key_ref};
use crate::commands::server;
use crate::output::json::{ServerObject, SignerObject};
use crate::output::text::{self, key, line, words};
use crate::output::{Console, Paint, shown};
use crate::progress::Stoppable;

/// Signs a policy and every file that it reads.
pub(super) fn run(args: &PolicySignArgs, console: &mut Console) -> Result<u8> {
    let reference = key_ref(&args.key)?;
    let mut options = PolicySignOptions::default();
    options.out.clone_from(&args.out);
    options.expect_key_id = args.expect_key_id.as_deref().map(str::parse).transpose()?;
    options.danger_allow_test_keys = args.danger_allow_test_keys;
    let remote = server::is_remote([&reference]);
    let signals = server::watch(remote);
    let settings = match remote {
        true => server::with_identity(&args.server, &signals, console)?,
        false => server::settings(&args.server, &signals, console)?,
    };
    if args.policy == args.out.clone().unwrap_or_default() {
        return Err(Error::new(Code::OutputExists, "the signature would replace the policy"));
    }
    let signing = load_signing_key(&reference, args.passphrase.load()?.as_ref(), &settings, &ProcessEnv)?;
    for notice in signing.notices() {
        console.detail(&escape(&notice));
    }
    let hooks = server::hooks(&signals, console);
    let observer = Stoppable(&signals);
    let signed = sign_policy(&args.policy, signing.as_ref(), &options, now()?, &hooks, &ProcessEnv, &observer)?;
    drop(signals);
    for warning in &signed.warnings {
        console.warning(&escape(warning));
    }
    let object = SignObject::new(args, &reference, &signed);
    console.result(|paint| text(args, &signed, &object, paint), &object);
    Ok(0)
}

fn text(args: &PolicySignArgs, signed: &SignedPolicy, object: &SignObject, paint: Paint) -> String {
    let by = key(&object.signer.key_kind, &object.signer.key_id);
    let mut text = format!("{}  {}  ({by})\n", paint.good("signed"), shown(&args.policy));
    line(&mut text, "serial", &signed.serial.to_string());
    line(&mut text, "valid until", &signed.valid_until.to_string());
    for file in &object.files {
        line(&mut text, "file", &escape(&file.name));
    }
    if let Some(version) = object.signer.key_version {
        line(&mut text, "key version", &version.to_string());
    }
    if let Some(server) = &object.server {
        text::server(&mut text, server);
    }
    line(&mut text, "signature", &shown(&signed.signature));
    words(&mut text, "relaxed", &object.relaxed);
    text
}

/// `modelseal.policy.sign`.
#[derive(Debug, Serialize)]
struct SignObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    policy: String,
    signature: String,
    serial: u64,
    valid_until: String,
    files: Vec<FileObject>,
    signer: SignerObject,
    server: Option<ServerObject>,
    relaxed: Vec<&'static str>,
    warnings: Vec<String>,
}

/// A file that the signature covers.
#[derive(Debug, Serialize)]
struct FileObject {
    name: String,
    digest: String,
}

impl SignObject {
    fn new(args: &PolicySignArgs, reference: &KeyRef, signed: &SignedPolicy) -> Self {
        let test_keys = args.danger_allow_test_keys.then_some(modelseal::Relaxation::AllowTestKeys.as_str());
        let file = |(name, digest): &(String, modelseal::Digest)| FileObject {
            name: name.clone(),
            digest: digest.to_string(),
        };
        Self {
            kind: "modelseal.policy.sign",
            version: 1,
            code: "signed",
            exit: 0,
            policy: args.policy.to_string_lossy().into_owned(),
            signature: signed.signature.to_string_lossy().into_owned(),
            serial: signed.serial,
            valid_until: signed.valid_until.to_string(),
            files: signed.files.iter().map(file).collect(),
            signer: SignerObject {
                method: "key",
                key_id: signed.key_id.to_string(),
                key_kind: signed.key_kind.to_string(),
                scheme: Some(signed.scheme.as_str()),
                key_name: match reference {
                    KeyRef::Vault(reference) => Some(reference.key.to_string()),
                    _ => None,
                },
                key_version: signed.key_version.map(core::num::NonZeroU32::get),
                ..SignerObject::default()
            },
            server: signed.server.as_ref().map(ServerObject::from),
            relaxed: test_keys.into_iter().chain(args.server.relaxed()).collect(),
            warnings: signed.warnings.clone(),
        }
    }
}
