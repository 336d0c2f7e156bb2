//! Attestations, read by the libraries of in-toto.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use modelseal::identity::{Issuer, Provider, TokenRequest, find};
use modelseal::vault::{ExposeSecret as _, ProcessEnv, SecretString};
use modelseal::{
    AttestationToSign, Digest, Error, PROVENANCE_TYPE, SignOptions, Silent, VerifiedClaims, VerifyIdentity,
    load_private_key, sign_model_artifact,
};
use serde_json::{Value, json};

use super::support::{Run, Sandbox, key, run, workspace};
use super::{CURVES, peer_python};

/// Believes every token.
#[derive(Debug)]
struct Credulous;

impl VerifyIdentity for Credulous {
    fn verify(&self, issuer: Issuer, token: &SecretString) -> Result<VerifiedClaims, Error> {
        let claims = json!({
            "repository": "acme/llm", "repository_id": "74", "ref": "refs/heads/main", "run_id": "1",
            "sha": "7a6ad1f5a05ee1c2a1d2d3fba7ad9c07ec4e0f3b", "event_name": "push",
            "job_workflow_ref": "acme/llm/.github/workflows/sign.yml@refs/heads/main",
            "workflow_ref": "acme/llm/.github/workflows/sign.yml@refs/heads/main",
        });
        let Value::Object(claims) = claims else { unreachable!() };
        let sha256 = Digest::sha256(token.expose_secret().as_bytes());
        let at = |text: &str| text.parse().unwrap();
        let (issued, expires) = (at("2026-11-20T12:00:00Z"), at("2026-11-20T12:05:00Z"));
        let Issuer { provider, url, audience, .. } = issuer;
        Ok(VerifiedClaims::assert_verified(provider, url, audience, None, issued, expires, sha256, claims))
    }
}

fn read(file: &Path, public_key: &str) -> Run {
    let program = workspace().join("tests/interop/attestations.py");
    run(Command::new(peer_python()).arg(program).arg(file).arg(key(public_key)))
}

#[test]
fn in_toto_verifies_and_reads_every_attestation() {
    for curve in CURVES {
        let sandbox = Sandbox::unsigned();
        let claims = r#"{"iss":"https://token.actions.githubusercontent.com","aud":"a","exp":4102444800}"#;
        let script = workspace().join("tests/cli/fixtures/identity-token.sh");
        let token = Command::new("sh").arg(script).arg(claims).output().unwrap().stdout;
        sandbox.write("token", &token);
        let mut request = TokenRequest::default();
        (request.provider, request.file) = (Provider::File, Some(sandbox.at("token")));
        let mut options = SignOptions::default();
        options.name = Some("acme/llm".parse().unwrap());
        options.identity = Some(find(&request, &ProcessEnv).unwrap().into());
        options.verifier = Arc::new(Credulous);
        options.danger_allow_test_keys = true;
        options.byproducts = vec![format!("sbom.json={}", Digest::sha256(b"sbom")).parse().unwrap()];
        let (predicate_type, predicate) = ("https://acme.example/scan/v1".to_owned(), r#"{"ok":true}"#.to_owned());
        options.attestations = vec![AttestationToSign { predicate_type, predicate }];
        let private = load_private_key(&key(&format!("{curve}.pem")), None).unwrap();
        let signed = sign_model_artifact(&sandbox.model(), &private, &options, &Silent).unwrap();

        let lines = signed.attestations.unwrap();
        let seen = read(&lines, &format!("{curve}.pub.pem"));
        assert_eq!(seen.status, Some(0), "{curve}: {}", seen.text());
        let text = String::from_utf8(seen.stdout).unwrap();
        let seen: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [provenance, scan] = &seen[..] else { panic!("{seen:?}") };
        for one in [provenance, scan] {
            assert_eq!(one["payload_type"], "application/vnd.in-toto+json");
            assert_eq!(one["name"], "acme/llm");
            assert_eq!(one["sha256"], signed.manifest.root().to_hex());
            assert_eq!(one["manifest"], signed.payload_digest.to_string());
        }
        assert_eq!(scan["predicate_type"], "https://acme.example/scan/v1");
        assert_eq!(provenance["predicate_type"], PROVENANCE_TYPE);
        let said = &provenance["provenance"];
        assert_eq!(said["buildDefinition"]["buildType"], modelseal::BUILD_TYPE);
        assert_eq!(
            said["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"],
            "7a6ad1f5a05ee1c2a1d2d3fba7ad9c07ec4e0f3b"
        );
        assert_eq!(
            said["runDetails"]["builder"]["id"],
            "https://github.com/acme/llm/.github/workflows/sign.yml@refs/heads/main"
        );

        let text = fs::read_to_string(&lines).unwrap();
        fs::write(&lines, text.replace("\"sig\":\"M", "\"sig\":\"N")).unwrap();
        assert_ne!(read(&lines, &format!("{curve}.pub.pem")).status, Some(0), "{curve}");
    }
}
