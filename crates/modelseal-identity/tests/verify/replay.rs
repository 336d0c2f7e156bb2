//! Tokens that may be used once.

use std::sync::{Arc, Mutex};

use modelseal_identity::{ReplayMemory, ReplayStore};

use super::*;

#[test]
fn a_token_may_be_used_again_unless_a_memory_is_given() {
    let (verifier, token) = (usual(), RSA.token(&good()));
    check(&verifier, &token, 0).unwrap();
    check(&verifier, &token, 0).unwrap();
    let verifier = verifier.with_replay(Arc::new(ReplayMemory::new()));
    check(&verifier, &token, 0).unwrap();
    refused(&verifier, &token, Code::IdentityReplayed);
    // The same id in another token, and until the very end.
    refused(&verifier, &EC.token(&good()), Code::IdentityReplayed);
    assert_eq!(check(&verifier, &token, 295 + 29).unwrap_err().code(), Code::IdentityReplayed);
    check(&verifier, &RSA.token(&with(json!({"jti": "other"}))), 0).unwrap();
}

#[test]
fn a_memory_needs_ids() {
    let verifier = usual().with_replay(Arc::new(ReplayMemory::new()));
    refused(&verifier, &RSA.token(&with(json!({"jti": null}))), Code::IdentityClaims);
}

#[test]
fn only_good_tokens_are_remembered() {
    let verifier = usual().with_replay(Arc::new(ReplayMemory::with_capacity(1)));
    let forged = Key::rsa("rsa-1").token(&good());
    refused(&verifier, &forged, Code::IdentitySignature);
    refused(&verifier, &RSA.token(&with(json!({"aud": "x"}))), Code::IdentityAudience);
    check(&verifier, &RSA.token(&good()), 0).unwrap();
    let error = refused(&verifier, &RSA.token(&with(json!({"jti": "k"}))), Code::IdentityReplayFull);
    assert_eq!(error.code().exit().status(), 5);
}

#[test]
fn several_issuers_share_a_memory() {
    let memory: Arc<dyn ReplayStore> = Arc::new(ReplayMemory::new());
    let one = usual().with_replay(Arc::clone(&memory));
    let other = pinned("oidc", "https://j.example", &key_set(&[&RSA])).unwrap().with_replay(Arc::clone(&memory));
    check(&one, &RSA.token(&good()), 0).unwrap();
    let token = RSA.token(&with(json!({"iss": "https://j.example"})));
    check(&other, &token, 0).unwrap();
    refused(&other, &token, Code::IdentityReplayed);
    refused(&usual().with_replay(memory), &RSA.token(&good()), Code::IdentityReplayed);
}

#[test]
fn a_service_can_bring_its_own_store() {
    #[derive(Default)]
    struct Store(Mutex<Vec<String>>);

    impl ReplayStore for Store {
        fn remember(&self, issuer: &str, jti: &str, until: Timestamp, now: Timestamp) -> Result<()> {
            self.0.lock().unwrap().push(format!("{issuer} {jti} {until} {now}"));
            Ok(())
        }
    }

    let store = Arc::new(Store::default());
    let verifier = usual().with_replay(Arc::<Store>::clone(&store));
    check(&verifier, &RSA.token(&good()), 0).unwrap();
    // 295 s of life, 30 s of leeway, and 5 s more.
    assert_eq!(*store.0.lock().unwrap(), [format!("{ISSUER} j {} {}", at(330), at(0))]);
}
