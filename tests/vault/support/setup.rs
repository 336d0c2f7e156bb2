//! What tests need on a server, under names that nothing else has.

use serde_json::{Value, json};

use super::admin::Client;
use super::issuer::{AUDIENCE, ISSUER, Issuer};
use super::kubernetes::Cluster;
use super::unique;

/// Role id and name of an AppRole role.
#[derive(Clone, Debug)]
pub(crate) struct AppRole {
    pub(crate) mount: String,
    pub(crate) role: String,
    pub(crate) role_id: String,
}

impl Client {
    /// A new transit mount.
    #[track_caller]
    pub(crate) fn transit(&self) -> String {
        let mount = unique("transit");
        self.post(&format!("sys/mounts/{mount}"), &json!({"type": "transit"})).ok();
        mount
    }

    /// A new key in a transit mount; returns what reading it returns.
    #[track_caller]
    pub(crate) fn key(&self, mount: &str, name: &str, kind: &str) -> Value {
        self.post(&format!("{mount}/keys/{name}"), &json!({"type": kind})).ok();
        self.get(&format!("{mount}/keys/{name}")).ok()["data"].take()
    }

    /// A policy with a name of its own that begins like `prefix`.
    #[track_caller]
    pub(crate) fn policy(&self, prefix: &str, hcl: &str) -> String {
        let name = unique(prefix);
        self.put(&format!("sys/policies/acl/{name}"), &json!({"policy": hcl})).ok();
        name
    }

    /// A policy that allows signing with one key, and nothing else but looking after the own token.
    #[track_caller]
    pub(crate) fn signing_policy(&self, mount: &str, key: &str) -> String {
        let hcl = format!(
            r#"path "{mount}/sign/{key}" {{ capabilities = ["update"] }}
               path "{mount}/keys/{key}" {{ capabilities = ["read"] }}
               path "auth/token/revoke-self" {{ capabilities = ["update"] }}
               path "auth/token/lookup-self" {{ capabilities = ["read"] }}"#
        );
        self.policy("sign", &hcl)
    }

    /// A JWT mount that trusts an issuer's keys.
    #[track_caller]
    pub(crate) fn jwt_mount(&self, issuer: &Issuer) -> String {
        let mount = self.auth_mount("jwt");
        let keys = [issuer.public_pem(), issuer.public_pem_es256()];
        let config = json!({"jwt_validation_pubkeys": keys, "bound_issuer": ISSUER});
        self.post(&format!("auth/{mount}/config"), &config).ok();
        mount
    }

    /// A role for tokens with the usual audience and certain claims; `more` overrides anything.
    #[track_caller]
    pub(crate) fn jwt_role(&self, mount: &str, role: &str, bound_claims: &Value, policies: &[&str], more: &Value) {
        let usual = json!({
            "role_type": "jwt", "user_claim": "repository_id", "bound_audiences": [AUDIENCE],
            "bound_claims": bound_claims, "claim_mappings": {"repository": "repository", "run_id": "run_id"},
            "token_policies": policies, "token_ttl": "5m", "token_max_ttl": "10m",
        });
        self.post(&format!("auth/{mount}/role/{role}"), &merged(usual, more)).ok();
    }

    /// An AppRole mount with one role, whose secret ids are good for one login; `more` overrides anything.
    #[track_caller]
    pub(crate) fn approle(&self, role: &str, policies: &[&str], more: &Value) -> AppRole {
        let mount = self.auth_mount("approle");
        let usual = json!({"token_policies": policies, "token_ttl": "5m", "secret_id_num_uses": 1});
        self.post(&format!("auth/{mount}/role/{role}"), &merged(usual, more)).ok();
        let id = self.get(&format!("auth/{mount}/role/{role}/role-id")).ok();
        AppRole { mount, role: role.to_owned(), role_id: id["data"]["role_id"].as_str().unwrap().to_owned() }
    }

    /// A new secret id.
    #[track_caller]
    pub(crate) fn secret_id(&self, approle: &AppRole) -> String {
        let path = format!("auth/{}/role/{}/secret-id", approle.mount, approle.role);
        self.post(&path, &json!({})).ok()["data"]["secret_id"].as_str().unwrap().to_owned()
    }

    /// A new secret id in a wrapping; returns `wrap_info`.
    #[track_caller]
    pub(crate) fn wrapped_secret_id(&self, approle: &AppRole, ttl: &str) -> Value {
        let path = format!("auth/{}/role/{}/secret-id", approle.mount, approle.role);
        self.wrapping(ttl).post(&path, &json!({})).ok()["wrap_info"].take()
    }

    /// A Kubernetes mount that asks a cluster, as the cluster's reviewer.
    #[track_caller]
    pub(crate) fn kubernetes_mount(&self, cluster: &Cluster) -> String {
        self.kubernetes_mount_at(&cluster.address, &cluster.ca_pem, &cluster.reviewer_token())
    }

    /// A Kubernetes mount that asks any address.
    #[track_caller]
    pub(crate) fn kubernetes_mount_at(&self, host: &str, ca_pem: &str, reviewer: &str) -> String {
        let mount = self.auth_mount("kubernetes");
        let config = json!({
            "kubernetes_host": host, "kubernetes_ca_cert": ca_pem,
            "disable_local_ca_jwt": true, "token_reviewer_jwt": reviewer,
        });
        self.post(&format!("auth/{mount}/config"), &config).ok();
        mount
    }

    /// A role for one service account, with the usual audience; `more` overrides anything.
    #[track_caller]
    pub(crate) fn kubernetes_role(
        &self,
        mount: &str,
        role: &str,
        account: (&str, &str),
        policies: &[&str],
        more: &Value,
    ) {
        let usual = json!({
            "bound_service_account_namespaces": [account.0], "bound_service_account_names": [account.1],
            "audience": AUDIENCE, "token_policies": policies, "token_ttl": "5m",
        });
        self.post(&format!("auth/{mount}/role/{role}"), &merged(usual, more)).ok();
    }

    /// A new token, without the default policy; `num_uses` 0 sets no limit. `kind` is `service` or `batch`.
    #[track_caller]
    pub(crate) fn token(&self, policies: &[&str], ttl: &str, kind: &str, num_uses: u32) -> String {
        let mut body = json!({"policies": policies, "ttl": ttl, "type": kind, "no_default_policy": true});
        if num_uses > 0 {
            body["num_uses"] = num_uses.into();
        }
        self.post("auth/token/create", &body).ok()["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// The accessors of all live service tokens.
    #[track_caller]
    pub(crate) fn accessors(&self) -> Vec<String> {
        let body = self.list("auth/token/accessors").ok();
        let keys = body["data"]["keys"].as_array().unwrap();
        keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    /// A new mount of an authentication method.
    #[track_caller]
    pub(crate) fn auth_mount(&self, kind: &str) -> String {
        let mount = unique(kind);
        self.post(&format!("sys/auth/{mount}"), &json!({"type": kind})).ok();
        mount
    }
}

fn merged(mut usual: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        usual[name] = value.clone();
    }
    usual
}
