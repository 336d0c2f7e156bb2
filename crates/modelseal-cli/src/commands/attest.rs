//! `modelseal attest`.

use std::path::Path;

use modelseal::vault::{ProcessEnv, Vault};
use modelseal::{
    AttestOptions, AttestedArtifact, KeyRef, Relaxation, Result, TrustRequest, Unchecked, attest_model_artifact,
    load_signing_key, read_predicate,
};
use serde::Serialize;

use super::verify::wanted;
use super::{policy, server};
use crate::args::{AttestArgs, key_ref};
use crate::output::json::{ServerObject, SignerObject};
use crate::output::text::{self, key, line, words};
use crate::output::{Console, Paint, shown};
use crate::progress::Progress;
use crate::signals::Signals;

/// Verifies one model, then adds a statement about it.
pub(crate) fn run(args: &AttestArgs, console: &mut Console) -> Result<u8> {
    args.policy_keys.require_policy(args.policy.is_some())?;
    let reference = key_ref(&args.key)?;
    let mut options = options(args, &reference)?;
    let verify_keys = args.verify_key.iter().map(|text| key_ref(text)).collect::<Result<Vec<_>>>()?;
    let remote = server::is_remote([&reference]);
    let signals = server::watch(remote || args.policy.is_some() || server::is_remote(&verify_keys));
    if let Some(path) = &args.policy {
        let source = policy::Source {
            path,
            keys: &args.policy_keys,
            server: &args.server,
            danger_allow_test_keys: args.danger_allow_test_keys,
        };
        let loaded = policy::load(&source, &signals, console)?;
        loaded.prepare(&mut options.verify);
        options.policy = loaded.policy;
        options.files.extend(loaded.sources);
    }
    trust(args, verify_keys, &mut options, &signals, console)?;
    let settings = match remote {
        true => server::with_identity(&args.server, &signals, console)?,
        false => server::settings(&args.server, &signals, console)?,
    };
    let signing = load_signing_key(&reference, args.passphrase.load()?.as_ref(), &settings, &ProcessEnv)?;
    for notice in signing.notices() {
        console.detail(&modelseal::escape(&notice));
    }
    let attested = attest_model_artifact(&args.model, signing.as_ref(), &options, &Progress::new(&signals))?;
    drop(signals);
    for warning in &attested.warnings {
        console.warning(&modelseal::escape(warning));
    }
    if !args.any_model && attested.model.unchecked().contains(&Unchecked::ExpectedModel) {
        console.warning("any model of this signer was acceptable: say which one you mean with --expect-name NAME");
    }
    let object = AttestObject::new(args, &reference, &attested);
    console.result(|paint| text(args, &attested, &object, paint), &object);
    Ok(0)
}

fn options(args: &AttestArgs, reference: &KeyRef) -> Result<AttestOptions> {
    let any_will_do = args.any_model || args.policy.is_none();
    let expected = wanted(args.expect_name.as_deref(), args.expect_digest.as_deref(), any_will_do)?;
    let mut options = AttestOptions::new(&args.predicate_type, read_predicate(&args.predicate)?, expected);
    options.expect_key_id = args.expect_key_id.as_deref().map(str::parse).transpose()?;
    options.files.push(args.predicate.clone());
    options.secret_files.extend(reference.path().map(Path::to_owned));
    options.secret_files.extend(args.passphrase.key_passphrase_file.clone());
    options.dry_run = args.dry_run;
    options.danger_allow_test_keys = args.danger_allow_test_keys;
    options.verify.bundle.clone_from(&args.bundle);
    options.verify.jobs = args.jobs;
    options.verify.danger_allow_symlinks = args.danger_allow_symlinks;
    Ok(options)
}

/// Reads the keys that may have signed the model.
fn trust(
    args: &AttestArgs,
    keys: Vec<KeyRef>,
    options: &mut AttestOptions,
    signals: &Signals,
    console: &Console,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut request = TrustRequest::default();
    request.keys = keys;
    request.danger_allow_test_keys = args.danger_allow_test_keys;
    let vault: Option<Vault> =
        request.needs_server().then(|| server::configure(&args.server, signals, console)).transpose()?;
    let trust = request.load(vault.as_ref())?;
    for note in &trust.notes {
        console.warning(&modelseal::escape(note));
    }
    options.trusted = Some(trust.keys);
    Ok(())
}

fn text(args: &AttestArgs, attested: &AttestedArtifact, object: &AttestObject, paint: Paint) -> String {
    let word = match (attested.already_there, attested.written) {
        (true, _) => paint.unsure("attested before"),
        (false, true) => paint.good("attested"),
        (false, false) => paint.unsure("would attest"),
    };
    let mut text =
        format!("{word}  {}  ({})\n", shown(&args.model), key(&object.signer.key_kind, &object.signer.key_id));
    line(&mut text, "name", &modelseal::escape(&object.name));
    line(&mut text, "digest", &object.root_digest);
    line(&mut text, "type", &modelseal::escape(&object.predicate_type));
    if let Some(version) = attested.key_version {
        line(&mut text, "key version", &version.to_string());
    }
    if let Some(server) = &object.server {
        text::server(&mut text, server);
    }
    line(&mut text, "statement", &object.statement_digest);
    line(&mut text, "attestations", &format!("{} ({})", shown(&attested.attestations), attested.lines));
    words(&mut text, "not checked", &object.unchecked);
    words(&mut text, "relaxed", &object.relaxed);
    if !attested.written && !attested.already_there {
        line(&mut text, "dry run", "nothing was written");
    }
    text
}

/// The checks that the caller weakened.
fn relaxed(args: &AttestArgs, attested: &AttestedArtifact) -> Vec<&'static str> {
    let of_model = attested.model.relaxed().iter().map(|relaxed| relaxed.as_str());
    let of_key = args.danger_allow_test_keys.then_some(Relaxation::AllowTestKeys.as_str());
    let mut all: Vec<&'static str> = of_model.chain(of_key).chain(args.server.relaxed()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `modelseal.attest`.
#[derive(Debug, Serialize)]
struct AttestObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    model: String,
    name: String,
    root_digest: String,
    payload_digest: String,
    predicate_type: String,
    statement_digest: String,
    signer: SignerObject,
    model_signer: SignerObject,
    server: Option<ServerObject>,
    attestations: String,
    lines: usize,
    written: bool,
    unchecked: Vec<&'static str>,
    relaxed: Vec<&'static str>,
    warnings: Vec<String>,
}

impl AttestObject {
    fn new(args: &AttestArgs, reference: &KeyRef, attested: &AttestedArtifact) -> Self {
        Self {
            kind: "modelseal.attest",
            version: 1,
            code: match (attested.already_there, attested.written) {
                (true, _) => "already-attested",
                (false, true) => "attested",
                (false, false) => "dry-run",
            },
            exit: 0,
            model: args.model.to_string_lossy().into_owned(),
            name: attested.model.name().to_owned(),
            root_digest: attested.model.manifest().root().to_string(),
            payload_digest: attested.model.payload_digest().to_string(),
            predicate_type: attested.predicate_type.clone(),
            statement_digest: attested.statement_digest.to_string(),
            signer: SignerObject {
                method: "key",
                key_id: attested.key_id.to_string(),
                key_kind: attested.key_kind.to_string(),
                scheme: Some(attested.scheme.as_str()),
                key_name: match reference {
                    KeyRef::Vault(reference) => Some(reference.key.to_string()),
                    _ => None,
                },
                key_version: attested.key_version.map(core::num::NonZeroU32::get),
                ..SignerObject::default()
            },
            model_signer: SignerObject::from(attested.signed_by()),
            server: attested.server.as_ref().map(ServerObject::from),
            attestations: attested.attestations.to_string_lossy().into_owned(),
            lines: attested.lines,
            written: attested.written,
            unchecked: attested.model.unchecked().iter().map(|unchecked| unchecked.as_str()).collect(),
            relaxed: relaxed(args, attested),
            warnings: attested.warnings.clone(),
        }
    }
}
