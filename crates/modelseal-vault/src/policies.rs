//! The smallest policies that suffice.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use modelseal_core::{Code, Error, KeyKind, Result, Scheme, VaultKeyName, VaultPath};
use serde_json::Value;

use crate::transit::scheme::Options;

/// For jobs that sign: reads the key, and signs with it in exactly one way. The options of the scheme are required
/// and have one value each: without `required_parameters` a request could leave one out and get the server's default.
///
/// # Errors
/// `usage/arguments` when the scheme does not fit the kind of key.
pub fn signer_policy(mount: &VaultPath, key: &VaultKeyName, kind: KeyKind, scheme: Scheme) -> Result<String> {
    let options = Options::new(kind, scheme)
        .and_then(|options| serde_json::to_value(options).ok())
        .ok_or_else(|| Error::new(Code::UsageArguments, format!("scheme `{scheme}` does not fit {kind} keys")))?;
    let options: BTreeMap<&String, &Value> = options.as_object().into_iter().flatten().collect();
    let required: Vec<String> =
        options.keys().map(|name| format!("\"{name}\"")).chain(["\"key_version\"".to_owned()]).collect();
    let mut text = format!("path \"{mount}/sign/{key}\" {{\n  capabilities = [\"update\"]\n");
    let _ = write!(text, "  required_parameters = [{}]\n  allowed_parameters = {{\n", required.join(", "));
    for name in ["input", "batch_input", "key_version"] {
        let _ = writeln!(text, "    \"{name}\" = []");
    }
    for (name, value) in options {
        // Words and truth values look the same in HCL and JSON.
        let _ = writeln!(text, "    \"{name}\" = [{value}]");
    }
    text.push_str("  }\n}\n");
    Ok(text + &reader_policy(mount, key))
}

/// For verification that asks the server, too: reads the key, and has signatures verified.
#[must_use]
pub fn verifier_policy(mount: &VaultPath, key: &VaultKeyName) -> String {
    format!("path \"{mount}/verify/{key}\" {{\n  capabilities = [\"update\"]\n}}\n{}", reader_policy(mount, key))
}

/// For export of public keys, and verification by reference: reads the key.
#[must_use]
pub fn reader_policy(mount: &VaultPath, key: &VaultKeyName) -> String {
    format!("path \"{mount}/keys/{key}\" {{\n  capabilities = [\"read\"]\n}}\n{OWN_TOKEN}")
}

/// What every session needs for its own token; `default` has it too, but a token need not have `default`.
const OWN_TOKEN: &str = r#"path "auth/token/revoke-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
"#;

#[cfg(test)]
mod tests {
    use modelseal_core::Curve;

    use super::*;

    #[test]
    fn a_signer_has_one_way_to_sign() {
        let (mount, key) = ("team/transit".parse().unwrap(), "models".parse().unwrap());
        let text = signer_policy(&mount, &key, KeyKind::Ec(Curve::P384), Scheme::Ecdsa).unwrap();
        let wanted = r#"path "team/transit/sign/models" {
  capabilities = ["update"]
  required_parameters = ["hash_algorithm", "marshaling_algorithm", "prehashed", "key_version"]
  allowed_parameters = {
    "input" = []
    "batch_input" = []
    "key_version" = []
    "hash_algorithm" = ["sha2-384"]
    "marshaling_algorithm" = ["asn1"]
    "prehashed" = [true]
  }
}
path "team/transit/keys/models" {
  capabilities = ["read"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/capabilities-self" {
  capabilities = ["update"]
}
"#;
        assert_eq!(text, wanted);
        let error = signer_policy(&mount, &key, KeyKind::Ed25519, Scheme::Ecdsa).unwrap_err();
        assert_eq!(error.code(), Code::UsageArguments);
    }
}
