use super::*;
use serde_json::json;
use std::path::Path;

use harness::Issuer;
use harness::issuer::AUDIENCE;
use harness::kubernetes::{Cluster, TokenReviewStub};
use harness::server::kinds;
use support::{both, server};

const ANY_CA: &str = include_str!("../../../../tests/vault/any-ca.pem");

fn kubernetes(mount: &str, role: &str, path: &Path) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.auth_path = Some(mount.parse().unwrap());
    credentials.role = Some(role.to_owned());
    credentials.audience = Some(AUDIENCE.to_owned());
    credentials.service_account_token = Some(path.to_owned());
    credentials
}

#[test]
fn a_service_account_of_a_real_cluster_logs_in_and_no_other() {
    let Some(cluster) = Cluster::shared() else { return };
    cluster.namespace("mlops");
    cluster.namespace("other");
    for (namespace, account) in [("mlops", "signer"), ("mlops", "reader"), ("other", "signer")] {
        cluster.account(namespace, account);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    for kind in kinds() {
        let server = server(kind);
        let mount = server.operator.kubernetes_mount(cluster);
        server.operator.kubernetes_role(&mount, "ci", ("mlops", "signer"), &[], &json!({}));
        std::fs::write(&path, "").unwrap();
        let vault = configured(&settings(&server.address, kubernetes(&mount, "ci", &path)));
        // The file is read anew each time; a newline at its end does no harm.
        for end in ["", "\n"] {
            std::fs::write(&path, cluster.token("mlops", "signer", &[AUDIENCE]) + end).unwrap();
            let session = vault.log_in().unwrap();
            let accessor = session.token().accessor.unwrap();
            assert!(session.end().is_empty() && !server.knows_accessor(&accessor));
        }
        for (namespace, account) in [("mlops", "reader"), ("other", "signer")] {
            std::fs::write(&path, cluster.token(namespace, account, &[AUDIENCE])).unwrap();
            let error = vault.log_in().map(|_| ()).unwrap_err();
            assert_eq!(error.code(), Code::VaultLoginRefused, "{error}");
            assert!(
                error.hint().contains("bound_service_account_names") && error.hint().contains("cluster"),
                "{error}"
            );
        }
        std::fs::write(&path, cluster.token("mlops", "signer", &["https://other.example"])).unwrap();
        assert_eq!(vault.log_in().map(|_| ()).unwrap_err().code(), Code::IdentityAudience);
        let unknown = settings(&server.address, kubernetes(&mount, "nope", &path));
        std::fs::write(&path, cluster.token("mlops", "signer", &[AUDIENCE])).unwrap();
        assert_refused(&unknown, Code::VaultLoginRefused, "--role");
    }
}

#[test]
fn an_outage_between_server_and_cluster_looks_like_a_refusal_and_the_hint_says_so() {
    both(|server| {
        let stub = TokenReviewStub::start();
        let mount = server.operator.kubernetes_mount_at(&stub.server.address, ANY_CA, "reviewer");
        server.operator.kubernetes_role(&mount, "ci", ("mlops", "signer"), &[], &json!({}));
        let account = json!({"namespace": "mlops", "serviceaccount": {"name": "signer", "uid": "u"}});
        let claims = json!({"aud": [AUDIENCE], "sub": "system:serviceaccount:mlops:signer", "kubernetes.io": account});
        let token = Issuer::new().token(&claims);
        stub.know(&token, "mlops", "signer", "u");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, token).unwrap();
        let settings = settings(&server.address, kubernetes(&mount, "ci", &path));
        configured(&settings).log_in().unwrap();
        drop(stub);
        assert_refused(&settings, Code::VaultLoginRefused, "cannot reach the cluster");
    });
}
