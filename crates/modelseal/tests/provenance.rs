//! Provenance: whose job signed, and how far that can be believed.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use modelseal::http::ProcessEnv;
use modelseal::identity::{Issuer, KeySource, Provider, TokenRequest, find};
use modelseal::vault::{AuthMethod, ExchangedIdentity, Login, SecretString};
use modelseal::{
    AttestOptions, AttestationToSign, ClaimsSource, Code, Digest, Error, Expected, KeyType, LocalKey, Opened,
    PROVENANCE_TYPE, Pae, Provenance, ProvenanceMode, PublicKey, Scheme, SignOptions, SignedArtifact, Signer,
    SigningKey, Silent, VaultFacts, VerifiedClaims, VerifyIdentity, attest_model_artifact, sign_model_artifact,
};
use serde_json::{Value, json};
use support::Model;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const AUDIENCE: &str = "https://vault.example";
/// Of that issuer, for that audience, signed by nobody.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tIiwiYXVkIjoiaHR0cHM6Ly92YXVsdC5leGFtcGxlIiwiZXhwIjo0MTAyNDQ0ODAwfQ.cGxhbnRlZA";

/// Believes every token, or none.
#[derive(Debug, Default)]
struct Fake {
    claims: Option<Value>,
    refuses: Option<Code>,
    asked: Mutex<Vec<Issuer>>,
}

impl VerifyIdentity for Fake {
    fn verify(&self, issuer: Issuer, token: &SecretString) -> Result<VerifiedClaims, Error> {
        use modelseal::vault::ExposeSecret as _;
        self.asked.lock().unwrap().push(issuer.clone());
        if let Some(code) = self.refuses {
            return Err(Error::new(code, "no"));
        }
        let claims = self.claims.clone().unwrap_or_else(|| {
            json!({"repository_id": "74", "repository": "acme/llm", "event_name": "push", "run_id": "1",
                "job_workflow_ref": "acme/ci/.github/workflows/sign.yml@refs/tags/v1", "actor": "mallory",
                "workflow_ref": "acme/llm/.github/workflows/sign.yml@refs/heads/main", "sub": "s"})
        });
        let Value::Object(claims) = claims else { panic!("{claims}") };
        Ok(VerifiedClaims::assert_verified(
            issuer.provider,
            issuer.url,
            issuer.audience,
            None,
            "2026-11-20T12:00:00Z".parse().unwrap(),
            "2026-11-20T12:05:00Z".parse().unwrap(),
            Digest::sha256(token.expose_secret().as_bytes()),
            claims,
        ))
    }
}

/// A key on a server, as far as signing can tell.
struct Remote<'k> {
    key: &'k LocalKey,
    login: Login,
    signed: AtomicUsize,
    finished: AtomicUsize,
}

struct Session<'k>(&'k Remote<'k>);

impl<'k> Remote<'k> {
    fn new(key: &'k LocalKey, method: AuthMethod, token: Option<&str>) -> Self {
        let mut login = Login::new(method);
        login.role = Some("release".to_owned());
        login.request_id = Some("0b6f8a8e-2d0f-4d6e-8ad5-4dd0f2b5a7a1".to_owned());
        login.identity = token.map(|token| {
            let mut identity = ExchangedIdentity::new(SecretString::from(token));
            identity.claimed_issuer = Some(ISSUER.to_owned());
            identity.claimed_audiences = vec![AUDIENCE.to_owned()];
            identity
        });
        Self { key, login, signed: AtomicUsize::new(0), finished: AtomicUsize::new(0) }
    }

    fn counts(&self) -> (usize, usize) {
        (self.signed.load(Ordering::Relaxed), self.finished.load(Ordering::Relaxed))
    }
}

impl SigningKey for Remote<'_> {
    fn open(&self) -> Result<Opened<'_>, Error> {
        let mut facts = VaultFacts::default();
        (facts.mount, facts.key, facts.key_version) = ("transit".to_owned(), "models".to_owned(), 4);
        facts.login_request_id.clone_from(&self.login.request_id);
        Ok(Opened::by_login(Box::new(Session(self)), self.login.clone(), facts))
    }
}

impl Signer for Session<'_> {
    fn public_key(&self) -> &PublicKey {
        self.0.key.public_key()
    }

    fn scheme(&self) -> Scheme {
        self.0.key.scheme()
    }

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>, Error> {
        self.0.signed.fetch_add(1, Ordering::Relaxed);
        self.0.key.sign(encodings)
    }

    fn finish(&self) -> Vec<String> {
        self.0.finished.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    }
}

fn options(fake: &Arc<Fake>) -> SignOptions {
    let mut options = SignOptions::default();
    options.verifier = Arc::clone(fake) as Arc<dyn VerifyIdentity>;
    options
}

fn sign(model: &Model, key: &dyn SigningKey, options: &SignOptions) -> Result<SignedArtifact, Error> {
    sign_model_artifact(&model.path(), key, options, &Silent)
}

/// A model that a job signed.
fn signed() -> Model {
    let model = Model::new();
    sign(&model, &Remote::new(&model.key, AuthMethod::Jwt, Some(TOKEN)), &options(&Arc::default())).unwrap();
    model
}

fn lines(model: &Model) -> PathBuf {
    model.at("model.attestations.jsonl")
}

/// The provenance that verification finds.
fn provenance(model: &Model) -> Option<Provenance> {
    let verified = model.verify().unwrap();
    let found = verified.attestations().iter().find(|found| found.predicate_type == PROVENANCE_TYPE)?;
    assert!(found.counts(), "{found:?}");
    Provenance::parse(&found.predicate).unwrap()
}

#[test]
fn the_token_that_logged_in_becomes_provenance_in_the_same_request() {
    let (model, fake) = (Model::new(), Arc::new(Fake::default()));
    let key = Remote::new(&model.key, AuthMethod::Jwt, Some(TOKEN));
    let mut with = options(&fake);
    with.dependencies = vec![format!("base={}", Digest::sha256(b"base")).parse().unwrap()];
    with.byproducts = vec!["https://acme.example/report".parse().unwrap()];
    let signed = sign(&model, &key, &with).unwrap();
    assert_eq!(key.counts(), (1, 1));
    let shown = signed.provenance.clone().unwrap();
    assert_eq!((shown.claims_source, shown.provider.as_str()), (ClaimsSource::OidcVerified, "github"));
    let asked = fake.asked.lock().unwrap();
    let [issuer] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((issuer.provider.as_str(), issuer.url.as_str(), issuer.audience.as_str()), ("github", ISSUER, AUDIENCE));
    assert_eq!(issuer.keys, KeySource::Discovery);

    let found = provenance(&model).unwrap();
    assert_eq!((found.claims_source, found.issuer.as_str()), (ClaimsSource::OidcVerified, ISSUER));
    assert_eq!(found.claims["repository_id"], "74");
    assert!(!found.claims.contains_key("actor") && !found.claims.contains_key("sub"), "{:?}", found.claims);
    assert_eq!(found.token_sha256, Some(Digest::sha256(TOKEN.as_bytes())));
    assert_eq!(found.vault.unwrap().login_request_id, key.login.request_id);
    assert_eq!((found.dependencies.len(), found.byproducts.len()), (1, 1));
    assert!(found.started_on.unwrap() <= found.finished_on.unwrap());
    let written = fs::read_to_string(lines(&model)).unwrap() + &fs::read_to_string(model.at("model.sig")).unwrap();
    let payload = TOKEN.split('.').nth(1).unwrap();
    assert!(!written.contains(payload) && !format!("{signed:?}").contains(payload));
}

#[test]
fn t05_a_token_that_cannot_be_verified_signs_nothing_unless_provenance_is_off() {
    for code in [Code::IdentitySignature, Code::IdentityKeysUnavailable, Code::IdentityExpired] {
        let (model, fake) = (Model::new(), Arc::new(Fake { refuses: Some(code), ..Fake::default() }));
        let key = Remote::new(&model.key, AuthMethod::Jwt, Some(TOKEN));
        assert_eq!(sign(&model, &key, &options(&fake)).unwrap_err().code(), code);
        assert_eq!(key.counts(), (0, 1));
        assert!(!model.at("model.sig").exists() && !lines(&model).exists());
        let mut off = options(&fake);
        off.provenance = ProvenanceMode::Off;
        assert_eq!(sign(&model, &key, &off).unwrap().provenance, None);
        assert_eq!(fake.asked.lock().unwrap().len(), 1);
        assert!(model.verify().unwrap().attestations().is_empty());
    }
}

#[test]
fn t05_a_token_beside_another_login_is_not_bound_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let identity = || {
        let mut request = TokenRequest::default();
        (request.provider, request.file) = (Provider::File, Some(file.clone()));
        request.audience = Some(AUDIENCE.to_owned());
        Some(find(&request, &ProcessEnv).unwrap().into())
    };
    for method in [AuthMethod::Token, AuthMethod::Agent, AuthMethod::AppRole] {
        let (model, fake) = (Model::new(), Arc::new(Fake::default()));
        let mut with = options(&fake);
        with.identity = identity();
        let signed = sign(&model, &Remote::new(&model.key, method, None), &with).unwrap();
        let shown = signed.provenance.unwrap();
        assert_eq!((shown.claims_source, shown.provider.as_str()), (ClaimsSource::OidcUnbound, "github"));
        assert_eq!(provenance(&model).unwrap().claims_source, ClaimsSource::OidcUnbound);
    }
    let (model, fake) = (Model::new(), Arc::new(Fake::default()));
    let mut with = options(&fake);
    with.identity = identity();
    let shown = sign(&model, &model.key, &with).unwrap().provenance.unwrap();
    assert_eq!(shown.claims_source, ClaimsSource::OidcUnbound);
    assert_eq!(provenance(&model).unwrap().vault, None);
    // The one that logged in counts, whatever stands beside it.
    let logged_in = sign(&model, &Remote::new(&model.key, AuthMethod::Jwt, Some("other")), &with).unwrap();
    assert_eq!(logged_in.provenance.unwrap().claims_source, ClaimsSource::OidcVerified);
    assert_eq!(provenance(&model).unwrap().token_sha256, Some(Digest::sha256(b"other")));
}

#[test]
fn the_token_of_a_service_account_needs_the_keys_of_its_cluster() {
    let (model, fake) = (Model::new(), Arc::new(Fake::default()));
    let key = Remote::new(&model.key, AuthMethod::Kubernetes, Some(TOKEN));
    assert_eq!(sign(&model, &key, &options(&fake)).unwrap().provenance, None);
    assert!(fake.asked.lock().unwrap().is_empty());
    let mut required = options(&fake);
    required.provenance = ProvenanceMode::Required;
    let error = sign(&model, &key, &required).unwrap_err();
    assert!(error.code() == Code::IdentityMissing && error.hint().contains("--jwks"), "{error}");
    let set = model.directory.path().join("keys.json");
    fs::write(&set, "{\"keys\":[]}").unwrap();
    required.jwks = Some(set);
    let shown = sign(&model, &key, &required).unwrap().provenance.unwrap();
    assert_eq!((shown.provider.as_str(), shown.claims_source), ("kubernetes", ClaimsSource::OidcVerified));
    assert_eq!(fake.asked.lock().unwrap()[0].keys, KeySource::Pinned(b"{\"keys\":[]}".to_vec()));
    model.write("keys.json", b"{}");
    required.jwks = Some(model.at("keys.json"));
    assert_eq!(sign(&model, &key, &required).unwrap_err().code(), Code::UsageTrustInsideModel);
}

#[test]
fn without_a_token_there_is_no_provenance_unless_it_is_required() {
    let (model, fake) = (Model::new(), Arc::new(Fake::default()));
    let given = Remote::new(&model.key, AuthMethod::Token, None);
    assert_eq!(sign(&model, &given, &options(&fake)).unwrap().provenance, None);
    assert_eq!(sign(&model, &model.key, &options(&fake)).unwrap().provenance, None);
    let mut required = options(&fake);
    required.provenance = ProvenanceMode::Required;
    let mut recorded = options(&fake);
    recorded.dependencies = vec!["https://acme.example/base".parse().unwrap()];
    for with in [&required, &recorded] {
        assert_eq!(sign(&model, &given, with).unwrap_err().code(), Code::IdentityMissing);
        assert_eq!(sign(&model, &model.key, with).unwrap_err().code(), Code::IdentityMissing);
    }
    assert_eq!(given.counts(), (1, 3));
    recorded.provenance = ProvenanceMode::Off;
    assert_eq!(sign(&model, &model.key, &recorded).unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn the_issuer_is_the_one_that_is_named_and_keys_come_over_tls() {
    let (model, fake) = (Model::new(), Arc::new(Fake::default()));
    let mut key = Remote::new(&model.key, AuthMethod::Jwt, Some(TOKEN));
    let mut with = options(&fake);
    with.identity_issuer = Some("https://gitlab.example".to_owned());
    with.identity_provider = Some(Provider::GitLab);
    sign(&model, &key, &with).unwrap();
    {
        let asked = fake.asked.lock().unwrap();
        assert_eq!((asked[0].provider.as_str(), asked[0].url.as_str()), ("gitlab", "https://gitlab.example"));
    }
    let identity = key.login.identity.as_mut().unwrap();
    identity.claimed_issuer = Some("http://169.254.169.254/latest".to_owned());
    assert_eq!(sign(&model, &key, &options(&fake)).unwrap_err().code(), Code::IdentityIssuer);
    let identity = key.login.identity.as_mut().unwrap();
    identity.claimed_issuer = Some(ISSUER.to_owned());
    identity.claimed_audiences.push("https://other.example".to_owned());
    assert_eq!(sign(&model, &key, &options(&fake)).unwrap_err().code(), Code::IdentityAudience);
    key.login.identity.as_mut().unwrap().claimed_issuer = None;
    assert_eq!(sign(&model, &key, &options(&fake)).unwrap_err().code(), Code::IdentityClaims);
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
}

#[test]
fn t03_stripped_provenance_is_missed() {
    let model = signed();
    assert!(provenance(&model).is_some());
    fs::remove_file(lines(&model)).unwrap();
    assert_eq!(model.verify().unwrap_err().code(), Code::PolicyAttestationMissing);
}

#[test]
fn t03_provenance_by_another_key_does_not_replace_that_of_the_signer() {
    let (model, other) = (signed(), Model { key: LocalKey::generate(KeyType::EcdsaP256).unwrap(), ..signed() });
    // The same model, signed by somebody else's job.
    let key = Remote::new(&other.key, AuthMethod::Jwt, Some(TOKEN));
    let copy = model.directory.path().join("kept");
    fs::copy(model.at("model.sig"), &copy).unwrap();
    sign(&model, &key, &options(&Arc::default())).unwrap();
    fs::copy(&copy, model.at("model.sig")).unwrap();
    assert_eq!(model.verify().unwrap_err().code(), Code::PolicyAttestationMissing);
}

#[test]
fn t02_provenance_does_not_move_to_another_model_or_an_older_one() {
    let one = signed();
    let two =
        Model { key: LocalKey::from_pem(one.key.to_pem(None).unwrap().as_bytes(), None).unwrap(), ..Model::new() };
    two.write("config.json", b"{\"other\":1}");
    sign(&two, &Remote::new(&two.key, AuthMethod::Jwt, Some(TOKEN)), &options(&Arc::default())).unwrap();
    fs::copy(lines(&one), lines(&two)).unwrap();
    assert_eq!(two.verify().unwrap_err().code(), Code::PolicyAttestationOtherModel);

    let old = fs::read(lines(&one)).unwrap();
    one.write("config.json", b"{\"new\":1}");
    let resigned = sign(&one, &Remote::new(&one.key, AuthMethod::Jwt, Some(TOKEN)), &options(&Arc::default())).unwrap();
    assert_eq!(resigned.warnings.len(), 1, "{:?}", resigned.warnings);
    assert!(provenance(&one).is_some());
    fs::write(lines(&one), old).unwrap();
    assert_eq!(one.verify().unwrap_err().code(), Code::PolicyAttestationOtherModel);
}

#[test]
fn signing_again_leaves_one_provenance() {
    let model = signed();
    let first = fs::read(model.at("model.sig")).unwrap();
    sign(&model, &Remote::new(&model.key, AuthMethod::Jwt, Some("another")), &options(&Arc::default())).unwrap();
    let payload = |bundle: &[u8]| serde_json::from_slice::<Value>(bundle).unwrap()["dsseEnvelope"]["payload"].clone();
    assert_eq!(payload(&first), payload(&fs::read(model.at("model.sig")).unwrap()));
    assert_eq!(fs::read_to_string(lines(&model)).unwrap().lines().count(), 1);
    assert_eq!(provenance(&model).unwrap().token_sha256, Some(Digest::sha256(b"another")));
}

#[test]
fn t04_nobody_signs_provenance_of_their_choice() {
    let forged = Provenance::of(
        &Fake::default().verify(Issuer::new("github", ISSUER, AUDIENCE), &SecretString::from("x")).unwrap(),
        ClaimsSource::OidcVerified,
    );
    let forged = forged.unwrap().to_predicate().unwrap();
    let model = signed();
    let before = fs::read(lines(&model)).unwrap();
    for kind in [PROVENANCE_TYPE, "https://slsa.dev/provenance/v0.2", modelseal::PREDICATE_TYPE, modelseal::POLICY_TYPE]
    {
        let attest = AttestOptions::new(kind, forged.clone(), Expected::danger_any_model());
        let error = attest_model_artifact(&model.path(), &model.key, &attest, &Silent).unwrap_err();
        assert_eq!(error.code(), Code::UsageAttestationType, "{kind}");
        let mut along = SignOptions::default();
        along.attestations = vec![AttestationToSign { predicate_type: kind.to_owned(), predicate: forged.clone() }];
        assert_eq!(model.sign_with(&along).unwrap_err().code(), Code::UsageAttestationType, "{kind}");
    }
    assert_eq!(fs::read(lines(&model)).unwrap(), before);
}
