//! `modelseal inspect`.

use std::io::Read as _;
use std::path::Path;

use modelseal::{
    Bundle, Certificate, Code, Error, InspectedAttestations, Inspection, Manifest, Material, Method, Result, escape,
    inspect_attestations_beside, inspect_attestations_file, inspect_bundle, inspect_bundle_file,
};
use serde::Serialize;

use super::inspect_attestations::{self, AttestationObject, ProblemObject};
use super::resources::{self, ResourceObject};
use crate::args::InspectArgs;
use crate::output::text::{line, size, words};
use crate::output::{Console, Paint, shown};

/// Shows what a bundle says. Whoever wrote it may have lied.
pub(crate) fn run(args: &InspectArgs, console: &mut Console) -> Result<u8> {
    if args.bundle.extension().is_some_and(|extension| extension == "jsonl") {
        return attestations(args, console);
    }
    let (inspection, beside) = if args.bundle == Path::new("-") {
        (inspect_bundle(&standard_input()?)?, None)
    } else {
        let inspection = inspect_bundle_file(&args.bundle)?;
        let beside = inspect_attestations_beside(&args.bundle, &inspection)?;
        (inspection, beside)
    };
    let object = InspectObject::new(args, &inspection, beside.as_ref());
    console.result(|paint| text(args, &inspection, beside.as_ref(), paint), &object);
    Ok(0)
}

/// Shows the attestations of a file by themselves.
fn attestations(args: &InspectArgs, console: &mut Console) -> Result<u8> {
    let found = inspect_attestations_file(&args.bundle, None)?;
    let object = AttestationsObject {
        kind: "modelseal.inspect",
        version: 1,
        code: "unverified-attestations",
        exit: 0,
        bundle: args.bundle.to_string_lossy().into_owned(),
        verified: false,
        attestations: inspect_attestations::objects(&found),
    };
    let text = |paint: Paint| {
        let source = shown(&args.bundle);
        let mut text =
            format!("{}  {source}: what it claims, nothing of it was verified\n", paint.unsure("unverified"));
        inspect_attestations::text(&mut text, &found);
        text
    };
    console.result(text, &object);
    Ok(0)
}

fn standard_input() -> Result<Vec<u8>> {
    let limit = Bundle::MAX_BYTES;
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Code::InputUnreadable, format!("cannot read the standard input: {error}")))?;
    if bytes.len() > limit {
        let message = format!("the standard input is larger than the limit of {limit} bytes");
        return Err(Error::new(Code::FormatMalformed, message));
    }
    Ok(bytes)
}

fn text(args: &InspectArgs, inspection: &Inspection, beside: Option<&InspectedAttestations>, paint: Paint) -> String {
    let source = if args.bundle == Path::new("-") { "standard input".to_owned() } else { shown(&args.bundle) };
    let mut text = format!("{}  {source}: what it claims, nothing of it was verified\n", paint.unsure("unverified"));
    line(&mut text, "method", inspection.material.method());
    match &inspection.material {
        Material::Key { hint, .. } => {
            let claimed = inspection
                .key_id
                .map(|id| id.to_string())
                .or_else(|| hint.as_deref().map(|hint| escape(hint).into_owned()));
            line(&mut text, "key", claimed.as_deref().unwrap_or("not named"));
        }
        Material::Certificates(chain) => {
            for (at, certificate) in chain.iter().enumerate() {
                certificate_lines(
                    &mut text,
                    if at == 0 { "signing certificate" } else { "further certificate" },
                    certificate,
                );
            }
            if let Some(id) = inspection.key_id {
                line(&mut text, "key", &id.to_string());
            }
        }
        _ => {}
    }
    line(&mut text, "predicate type", &inspection.predicate_type.as_deref().map_or("not readable".into(), escape));
    line(&mut text, "payload", &format!("{} ({})", inspection.payload_digest, size(inspection.payload_bytes as u64)));
    let unchecked: Vec<&str> = inspection.unchecked.iter().map(|unchecked| unchecked.as_str()).collect();
    words(&mut text, "would not be checked", &unchecked);
    match &inspection.statement {
        Ok(statement) => {
            line(&mut text, "name", &escape(statement.name()));
            line(&mut text, "digest", &statement.manifest().root().to_string());
            for predicate_type in statement.attestation_types() {
                line(&mut text, "signed along", &escape(predicate_type));
            }
            manifest_lines(&mut text, statement.manifest());
        }
        Err(error) => line(&mut text, "problem", &error.to_string()),
    }
    if let Some(beside) = beside {
        inspect_attestations::text(&mut text, beside);
    }
    if let Some(statement) = inspection.statement.as_ref().ok().filter(|_| args.manifest) {
        text.push('\n');
        text.push_str(&resources::lines(statement.manifest()));
    }
    text
}

fn manifest_lines(text: &mut String, manifest: &Manifest) {
    let serialization = manifest.serialization();
    let method = match serialization.method() {
        Method::Shards { size } => format!("shards of {size} bytes, {}", serialization.hash()),
        method => format!("{}, {}", method.as_str(), serialization.hash()),
    };
    line(text, "form", &method);
    if serialization.allow_symlinks() {
        line(text, "links", "were followed when it was signed");
    }
    let ignored: Vec<_> = serialization.ignore_paths().iter().map(|path| escape(path)).collect();
    words(text, "ignored", &ignored.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    line(text, "resources", &manifest.resources().len().to_string());
}

fn certificate_lines(text: &mut String, label: &str, certificate: &Certificate) {
    line(text, label, &escape(&certificate.subject()));
    line(text, "  issuer", &escape(&certificate.issuer()));
    for name in certificate.alternative_names() {
        line(text, "  alternative name", &escape(&name));
    }
    line(text, "  valid", &format!("{} to {}", certificate.not_before(), certificate.not_after()));
    line(text, "  fingerprint", &certificate.fingerprint().to_string());
}

/// `modelseal.inspect`.
#[derive(Debug, Serialize)]
struct InspectObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    bundle: String,
    verified: bool,
    method: &'static str,
    key_id: Option<String>,
    hint: Option<String>,
    certificates: Vec<CertificateObject>,
    predicate_type: Option<String>,
    payload_digest: String,
    payload_bytes: usize,
    unchecked: Vec<&'static str>,
    statement: Option<StatementObject>,
    problem: Option<ProblemObject>,
    attestations: Option<Vec<AttestationObject>>,
}

#[derive(Debug, Serialize)]
struct CertificateObject {
    subject: String,
    issuer: String,
    alternative_names: Vec<String>,
    not_before: String,
    not_after: String,
    fingerprint: String,
}

#[derive(Debug, Serialize)]
struct StatementObject {
    name: String,
    root_digest: String,
    method: &'static str,
    shard_size: Option<u64>,
    hash: &'static str,
    allow_symlinks: bool,
    ignore_paths: Vec<String>,
    attestation_types: Vec<String>,
    resources: usize,
    manifest: Option<Vec<ResourceObject>>,
}

/// `modelseal.inspect`, of attestations alone.
#[derive(Debug, Serialize)]
struct AttestationsObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    bundle: String,
    verified: bool,
    attestations: Vec<AttestationObject>,
}

impl InspectObject {
    fn new(args: &InspectArgs, inspection: &Inspection, beside: Option<&InspectedAttestations>) -> Self {
        let (hint, chain) = match &inspection.material {
            Material::Key { hint, .. } => (hint.clone(), &[][..]),
            Material::Certificates(chain) => (None, &chain[..]),
            _ => (None, &[][..]),
        };
        Self {
            kind: "modelseal.inspect",
            version: 1,
            code: "unverified",
            exit: 0,
            bundle: args.bundle.to_string_lossy().into_owned(),
            verified: false,
            method: inspection.material.method(),
            key_id: inspection.key_id.map(|id| id.to_string()),
            hint,
            certificates: chain.iter().map(CertificateObject::from).collect(),
            predicate_type: inspection.predicate_type.clone(),
            payload_digest: inspection.payload_digest.to_string(),
            payload_bytes: inspection.payload_bytes,
            unchecked: inspection.unchecked.iter().map(|unchecked| unchecked.as_str()).collect(),
            statement: inspection.statement.as_ref().ok().map(|statement| StatementObject::new(args, statement)),
            problem: inspection.statement.as_ref().err().map(ProblemObject::from),
            attestations: beside.map(inspect_attestations::objects),
        }
    }
}

impl StatementObject {
    fn new(args: &InspectArgs, statement: &modelseal::ModelStatement) -> Self {
        let manifest = statement.manifest();
        let serialization = manifest.serialization();
        Self {
            name: statement.name().to_owned(),
            root_digest: manifest.root().to_string(),
            method: serialization.method().as_str(),
            shard_size: match serialization.method() {
                Method::Shards { size } => Some(size.get()),
                _ => None,
            },
            hash: serialization.hash().as_str(),
            allow_symlinks: serialization.allow_symlinks(),
            ignore_paths: serialization.ignore_paths().to_vec(),
            attestation_types: statement.attestation_types().to_vec(),
            resources: manifest.resources().len(),
            manifest: args.manifest.then(|| resources::objects(manifest)),
        }
    }
}

impl From<&Certificate> for CertificateObject {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            alternative_names: certificate.alternative_names(),
            not_before: certificate.not_before().to_string(),
            not_after: certificate.not_after().to_string(),
            fingerprint: certificate.fingerprint().to_string(),
        }
    }
}
