//! A Kubernetes API server with etcd, and a stub of the one request that the servers make of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use super::admin::Client;
use super::fault::{Behaviour, FaultServer, Reply};
use super::issuer::AUDIENCE;
use super::process::{Tethered, announce};
use super::server::{has_go, providing};

const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// A running cluster, without nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// `https://127.0.0.1:PORT`
    pub(crate) address: String,
    pub(crate) ca_pem: String,
    /// Makes every request as the administrator.
    pub(crate) admin: Client,
    _process: Tethered,
}

impl Cluster {
    /// The cluster that all tests of this program share; none without Go, which is said on standard error.
    #[track_caller]
    pub(crate) fn shared() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(Self::start).as_ref()
    }

    /// A cluster of one's own; none without Go, which is said on standard error.
    #[track_caller]
    pub(crate) fn start() -> Option<Self> {
        if providing("kubernetes").is_none() {
            assert!(!has_go(), "no Kubernetes API server: `python3 tests/vault/provide.py` says why");
            announce("NOT TESTED against Kubernetes: install Go");
            return None;
        }
        let (process, told) = Tethered::announced("serve.py", ["kubernetes"]);
        let text = |name: &str| told[name].as_str().unwrap();
        Some(Self {
            address: text("address").to_owned(),
            ca_pem: fs::read_to_string(text("ca_cert")).unwrap(),
            admin: Client::plain(text("admin_address")),
            _process: process,
        })
    }

    /// Makes a namespace; one that is there already is fine.
    #[track_caller]
    pub(crate) fn namespace(&self, name: &str) {
        let answer = self.admin.post("api/v1/namespaces", &json!({"metadata": {"name": name}}));
        assert!([201, 409].contains(&answer.status), "{answer:?}");
    }

    /// Makes a service account, and its namespace.
    #[track_caller]
    pub(crate) fn account(&self, namespace: &str, name: &str) {
        self.namespace(namespace);
        let answer = self.admin.post(&accounts(namespace), &json!({"metadata": {"name": name}}));
        assert!([201, 409].contains(&answer.status), "{answer:?}");
    }

    /// Deletes a service account: its tokens are refused from then on.
    #[track_caller]
    pub(crate) fn delete_account(&self, namespace: &str, name: &str) {
        self.admin.delete(&format!("{}/{name}", accounts(namespace))).ok();
    }

    /// A token of a service account, the same as a pod has it projected into a file.
    #[track_caller]
    pub(crate) fn token(&self, namespace: &str, account: &str, audiences: &[&str]) -> String {
        let request = json!({"spec": {"audiences": audiences, "expirationSeconds": 600}});
        let answer = self.admin.post(&format!("{}/{account}/token", accounts(namespace)), &request).ok();
        answer["status"]["token"].as_str().unwrap().to_owned()
    }

    /// A token that may have tokens reviewed.
    #[track_caller]
    pub(crate) fn reviewer_token(&self) -> String {
        self.account("reviewers", "reviewer");
        let binding = json!({
            "metadata": {"name": "reviewer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "reviewers", "name": "reviewer"}],
        });
        let bindings = "apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        let answer = self.admin.post(bindings, &binding);
        assert!([201, 409].contains(&answer.status), "{answer:?}");
        self.token("reviewers", "reviewer", &[])
    }
}

fn accounts(namespace: &str) -> String {
    format!("api/v1/namespaces/{namespace}/serviceaccounts")
}

/// Answers reviews of the tokens that it was told; for faults, and for what a real cluster never says.
#[derive(Debug)]
pub(crate) struct TokenReviewStub {
    pub(crate) server: FaultServer,
    known: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl TokenReviewStub {
    pub(crate) fn start() -> Self {
        let known = Arc::new(Mutex::new(BTreeMap::<String, Value>::new()));
        let reviews = Arc::clone(&known);
        let review = Behaviour::compute(move |request| {
            let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let token = asked["spec"]["token"].as_str().unwrap_or_default();
            let unknown = json!({"authenticated": false, "error": "unknown token"});
            let status = reviews.lock().unwrap().get(token).cloned().unwrap_or(unknown);
            Reply::json(201, &json!({"kind": "TokenReview", "status": status}))
        });
        Self { server: FaultServer::builder().on("POST", REVIEWS, [review]).start(), known }
    }

    /// Makes a token good for a service account; `uid` is the one that the token itself names.
    pub(crate) fn know(&self, token: &str, namespace: &str, account: &str, uid: &str) {
        let user = json!({"username": format!("system:serviceaccount:{namespace}:{account}"), "uid": uid});
        let status = json!({"authenticated": true, "audiences": [AUDIENCE], "user": user});
        self.known.lock().unwrap().insert(token.to_owned(), status);
    }
}
