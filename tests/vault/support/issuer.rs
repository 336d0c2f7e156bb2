//! A throw-away issuer of identity tokens, like the one of a CI service.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::fault::Reply;
use super::{Behaviour, FaultServer, unique};

/// The `iss` of every token.
pub(crate) const ISSUER: &str = "https://token.ci.example";

/// The `aud` of every token.
pub(crate) const AUDIENCE: &str = "https://vault.example";

/// The `kid` of every token.
const KEY_ID: &str = "key-1";

/// An RSA key and an ECDSA key that nothing else has.
#[derive(Debug)]
pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    ecdsa: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ecdsa: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    /// The public key of RS256 tokens.
    pub(crate) fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.rsa.public_key().as_der().unwrap();
        pem(der.as_ref())
    }

    /// The key set of RS256 tokens.
    pub(crate) fn jwks(&self) -> Value {
        // RSAPublicKey of 2048 bits: the modulus stands behind nine bytes of DER.
        let n = URL_SAFE_NO_PAD.encode(&self.rsa.public_key().as_ref()[9..265]);
        json!({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": "AQAB",
        }]})
    }

    /// Serves discovery and key set. Its address is the issuer that it names.
    pub(crate) fn serve(&self) -> FaultServer {
        let discovery = Behaviour::compute(|request| {
            let address = format!("http://{}", request.header("host").unwrap());
            Reply::json(200, &json!({"issuer": address, "jwks_uri": format!("{address}/jwks")}))
        });
        let keys = Behaviour::json(200, &self.jwks());
        FaultServer::builder()
            .on("GET", "/.well-known/openid-configuration", [discovery])
            .on("GET", "/jwks", [keys])
            .start()
    }

    /// The public key of ES256 tokens.
    pub(crate) fn public_pem_es256(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.ecdsa.public_key().as_der().unwrap();
        pem(der.as_ref())
    }

    /// An RS256 token of a job on the main branch; `claims` are set besides, null removes one.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_of(&payload(claims))
    }

    /// An RS256 token with exactly this payload.
    pub(crate) fn token_of(&self, payload: &Value) -> String {
        let signed = signed_part("RS256", payload);
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        with_signature(&signed, &signature)
    }

    /// The same as [`Self::token`], signed with ES256.
    pub(crate) fn token_es256(&self, claims: &Value) -> String {
        let signed = signed_part("ES256", &payload(claims));
        let signature = self.ecdsa.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        with_signature(&signed, signature.as_ref())
    }

    /// A token that nobody signed.
    pub(crate) fn token_alg_none(&self, claims: &Value) -> String {
        with_signature(&signed_part("none", &payload(claims)), b"")
    }

    /// A token whose HMAC has the public key, which everybody knows, as its secret.
    pub(crate) fn token_hs256_public_key(&self, claims: &Value) -> String {
        let signed = signed_part("HS256", &payload(claims));
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem().as_bytes());
        with_signature(&signed, hmac::sign(&secret, signed.as_bytes()).as_ref())
    }

    /// A token that was good until an hour ago.
    pub(crate) fn token_expired(&self) -> String {
        let now = now();
        self.token(&json!({"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}))
    }

    /// A token that is good in an hour.
    pub(crate) fn token_of_the_future(&self) -> String {
        let now = now();
        self.token(&json!({"iat": now + 3600, "nbf": now + 3600, "exp": now + 7200}))
    }
}

/// The claims of a job on the main branch, named as GitHub names them.
pub(crate) fn payload(claims: &Value) -> Value {
    let (now, workflow) = (now(), "example-org/model/.github/workflows/release.yml@refs/heads/main");
    let mut payload = json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "jti": unique("jti"),
        "sub": "repo:example-org/model:environment:release",
        "repository": "example-org/model", "repository_id": "123456789",
        "repository_owner": "example-org", "repository_owner_id": "987654",
        "ref": "refs/heads/main", "ref_type": "branch", "sha": "0123456789abcdef0123456789abcdef01234567",
        "event_name": "push", "workflow_ref": workflow, "job_workflow_ref": workflow,
        "runner_environment": "github-hosted", "environment": "release", "run_id": "4242", "run_attempt": "1",
    });
    for (name, value) in claims.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    payload.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    payload
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed_part(algorithm: &str, payload: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(&json!({"alg": algorithm, "typ": "JWT", "kid": KEY_ID})), encode(payload))
}

fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
