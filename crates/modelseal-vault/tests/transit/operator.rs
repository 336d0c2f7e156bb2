//! Setting servers up.

use std::collections::BTreeMap;
use std::time::Duration;

use modelseal_core::{Code, Curve, KeyKind, MlDsaSet, Scheme, Signer as _, VaultKeyName, VaultPath};
use modelseal_vault::{AuthMethod, JwtRole, Operator, RoleTokens, VaultSigner, signer_policy};
use serde_json::json;

use crate::fake::OwnKey;
use crate::server::on_each_server;
use crate::{connect, encodings, reference, refused};

on_each_server! {
    fn a_server_is_set_up_and_signs(server) {
        let root = connect(&server.address, &server.root_token);
        let operator = Operator::new(&root, server.root_token.clone().into());
        let (mount, key): (VaultPath, VaultKeyName) = ("op/signing".parse().unwrap(), "models".parse().unwrap());
        operator.enable_transit(&mount).unwrap();
        refused(operator.enable_transit(&mount), Code::VaultRefused);
        operator.create_key(&mount, &key, KeyKind::Ec(Curve::P256)).unwrap();
        operator.create_key(&mount, &key, KeyKind::Ec(Curve::P256)).unwrap();
        refused(operator.create_key(&mount, &key, KeyKind::Ed25519), Code::VaultKeyType);
        operator.rotate_key(&mount, &key).unwrap();
        if server.is_openbao() {
            operator.create_key(&mount, &"pq".parse().unwrap(), KeyKind::MlDsa(MlDsaSet::MlDsa65)).unwrap();
        }
        let hcl = signer_policy(&mount, &key, KeyKind::Ec(Curve::P256), Scheme::Ecdsa).unwrap();
        operator.write_policy("op-sign", &hcl).unwrap();
        let tokens = RoleTokens::new(vec!["op-sign".to_owned()], Duration::from_secs(300)).unwrap();

        let approle: VaultPath = "op/approle".parse().unwrap();
        operator.enable_auth(AuthMethod::AppRole, &approle).unwrap();
        operator.write_approle_role(&approle, "ci", &tokens).unwrap();
        let id = server.get("auth/op/approle/role/ci/role-id")["data"]["role_id"].clone();
        let secret = server.root("auth/op/approle/role/ci/secret-id", &json!({}))["data"]["secret_id"].clone();
        let (_, login) = server.post("", "auth/op/approle/login", &json!({"role_id": id, "secret_id": secret}));
        assert_eq!(login["auth"]["lease_duration"], 300);
        assert_eq!(login["auth"]["policies"], json!(["op-sign"]));
        let token = login["auth"]["client_token"].as_str().unwrap();
        let signing = connect(&server.address, token);
        let signer = VaultSigner::new(signing.log_in().unwrap(), &reference("hashivault://op/signing/models")).unwrap();
        assert_eq!(signer.version(), 2);
        signer.sign(&encodings(2)).unwrap();

        let jwt: VaultPath = "op/jwt".parse().unwrap();
        operator.enable_auth(AuthMethod::Jwt, &jwt).unwrap();
        operator.configure_jwt(&jwt, &[OwnKey::new().pem()], "https://token.ci.example").unwrap();
        let claims = BTreeMap::from([("ref".to_owned(), vec!["refs/heads/main".to_owned(), "refs/heads/next".to_owned()])]);
        let mut role = JwtRole::new(vec!["https://vault.example".to_owned()], "repository_id", claims, tokens).unwrap();
        role.claim_mappings.insert("run_id".to_owned(), "run_id".to_owned());
        operator.write_jwt_role(&jwt, "ci", &role).unwrap();
        let written = server.get("auth/op/jwt/role/ci")["data"].clone();
        assert_eq!(written["bound_claims"], json!({"ref": ["refs/heads/main", "refs/heads/next"]}));
        assert_eq!(written["bound_audiences"], json!(["https://vault.example"]));
        assert_eq!((&written["token_ttl"], &written["token_max_ttl"]), (&json!(300), &json!(300)));
        assert_eq!((&written["role_type"], &written["token_no_default_policy"]), (&json!("jwt"), &json!(true)));
        let config = server.get("auth/op/jwt/config")["data"].clone();
        assert_eq!(config["bound_issuer"], "https://token.ci.example");
        assert_eq!(config["jwt_validation_pubkeys"].as_array().unwrap().len(), 1);

        // Refused before anything is sent.
        for wrong in ["a/b", "..", "", "a b", "a\n"] {
            refused(operator.write_policy(wrong, ""), Code::UsageArguments);
            refused(operator.write_jwt_role(&jwt, wrong, &role), Code::UsageArguments);
            refused(operator.write_approle_role(&approle, wrong, &role.tokens), Code::UsageArguments);
        }
        refused(operator.enable_auth(AuthMethod::Token, &jwt), Code::UsageArguments);
        refused(operator.configure_jwt(&jwt, &[], "https://token.ci.example"), Code::UsageArguments);
        // A token that may not.
        let powerless = Operator::new(&root, token.into());
        let error = refused(powerless.write_policy("op-other", ""), Code::VaultPermission);
        assert!(error.message().contains("sys/policy/op-other"), "{error}");
        assert!(!format!("{powerless:?}").contains(token));
    }
}
