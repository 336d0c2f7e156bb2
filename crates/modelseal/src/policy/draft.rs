//! A first policy, as text: from a verified signature, or to be filled in.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use modelseal_core::{
    Attestations, ClaimTable, Code, Error, Expected, Facts, ModelName, Policy, PolicyFiles, PublicKey, Result, Root,
    Scheme, Timestamp, TrustedKey, TrustedKeys, escape, file_format_of_name,
};
use modelseal_identity::Platform;
use serde_json::Value;

use crate::io::read_bundle;
use crate::paths::{BundlePaths, refuse_inside};
use crate::verify::{check_attestations, read_attestation_file};

/// A policy to be filled in. Every line says what it is for.
pub const POLICY_TEMPLATE: &str = r#"# Who may sign which model. `modelseal policy check` says what is wrong with this file.
version = 1
# Shown in results and in the log of decisions.
name = "production"

# For a signed policy (`modelseal policy sign`): a number that only grows, and an end.
# serial = 1
# valid_until = 2027-01-01T00:00:00Z

# A key that may sign. `modelseal keys export KEY` writes the file; its path is relative to this one.
[[key]]
name = "models"
public_key = "FILL IN: keys/models.pem"
# The id that the file must have: `modelseal keys show FILE` prints it.
# key_id = "FILL IN"

# Who may sign what. A model is allowed when one rule allows it, and a rule when all of it holds.
[[rule]]
name = "models of our pipeline"
# The signed name; `*` stands for any characters but `/`.
models = ["FILL IN: acme/llama"]
keys = ["models"]

# The job that signed. For a key that a person holds, write identity = "key-only" into the rule instead of this table.
[rule.github]
# The number of the repository, which survives a rename: the claim that `modelseal identity show` shows.
repository_id = ["FILL IN: 123456789"]
# The workflow that signs, and from which commit, tag or branch it comes.
job_workflow_ref = ["FILL IN: acme/ci/.github/workflows/sign.yml@refs/heads/main"]
# What may start it. Pull requests are refused unless they are named.
event_name = ["push", "workflow_dispatch"]
# Which branches and tags may be signed.
ref = ["refs/heads/main"]
# The environment whose protection rules a person has to pass.
# environment = ["production"]
runner_environment = ["github-hosted"]

# Formats that the files may have, by name and by their first bytes. Left out: pickle and code, which can run.
[rule.files]
formats = ["safetensors", "json", "text"]

# Refuses older signatures: nobody can bring back last year's model.
[rule.freshness]
max_age = "180d"
"#;

/// The claims that a drafted rule binds, for each provider, in the order in which they are decided, and why.
const GITHUB: &[(&str, &str)] = &[
    ("repository_id", "The repository, by the number that survives a rename."),
    ("repository_owner_id", "Its owner: the repository may not move elsewhere."),
    ("job_workflow_ref", "The workflow that signs, and from which commit, tag or branch it comes."),
    ("workflow_ref", "The workflow that was started."),
    ("event_name", "What started it."),
    ("ref", "The branch or tag that was signed."),
    ("environment", "The environment, whose protection rules were passed."),
    ("runner_environment", "Who runs the machine."),
];
const GITLAB: &[(&str, &str)] = &[
    ("project_id", "The project, by the number that survives a rename."),
    ("namespace_id", "Its namespace: the project may not move elsewhere."),
    ("ci_config_ref_uri", "The pipeline's configuration, and from which commit, tag or branch it comes."),
    ("pipeline_source", "What started it."),
    ("ref", "The branch or tag that was signed."),
    ("ref_type", "Whether that is a branch or a tag."),
    ("ref_protected", "Whether it is protected."),
    ("environment", "The environment."),
    ("runner_environment", "Who runs the machine."),
];
const KUBERNETES: &[(&str, &str)] = &[
    ("namespace", "The namespace of the service account."),
    ("service_account", "The service account."),
    ("service_account_uid", "This very account: one that is made anew under its name is another."),
];

/// A first policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyDraft {
    /// Its text.
    pub text: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The narrowest policy that accepts the signature `from`, a bundle or the model that it lies in, which one of
/// `trusted` must have made. The files of the model are not looked at.
///
/// # Errors
/// Whatever refuses the signature or its attestations; `usage/trust-inside-model` for a key inside the model;
/// `usage/arguments` for a signature by a certificate; `usage/name` and `policy/bad-glob` for what no policy can accept
/// by itself.
pub fn draft_policy(from: &Path, trusted: &TrustedKeys, now: Timestamp) -> Result<PolicyDraft> {
    let paths = match Root::open(from) {
        Ok(root) if !root.is_file() => {
            refuse_inside(&root, trusted.sources())?;
            BundlePaths::of(&root, None)
        }
        _ => BundlePaths::beside(from.to_owned()),
    };
    let signed = read_bundle(&paths.bundle)?.verify_signature(trusted, now)?;
    let attestations = match read_attestation_file(&paths.attestations) {
        Ok(text) => check_attestations(&paths.attestations, &text, trusted, now)?,
        Err(error) if error.code() == Code::InputNotFound => Attestations::none(),
        Err(error) => return Err(error),
    };
    let mut facts = signed.facts(&Policy::any_trusted_key(), &attestations)?;
    if facts.identity.ambiguous {
        let message = "the key that signed the model signed more than one provenance about it";
        return Err(Error::new(Code::PolicyAmbiguousIdentity, message));
    }
    // Whoever took the provenance away would get a draft that asks for none.
    let (anyone, any) = (Policy::any_trusted_key(), Expected::danger_any_model());
    signed.clone().authorize(&anyone, &any, &attestations, now, &[])?;
    let id = signed.signed_by().key_id();
    let by_key = |key: &&TrustedKey| key.key().id() == id && signed.signed_by().method() == "key";
    let Some((key, scheme)) = trusted.keys().iter().find(by_key).and_then(|key| Some((key, key.scheme()?))) else {
        let message = "a policy can only be drafted from a signature by a key, and this one is by a certificate";
        return Err(Error::new(Code::UsageArguments, message).with_hint("start from `modelseal policy init` alone"));
    };
    let text = draft(&facts, key.key(), scheme)?;
    // What it does not accept it must not be said to accept.
    let policy = Policy::parse(text.as_bytes(), "policy.toml", &mut NoFiles)?;
    facts.signature.key = Some(KEY_NAME.to_owned());
    facts.signature.key_version = None;
    if let Some(refusal) = policy.evaluate(&facts, now).and_then(|decision| decision.to_error()) {
        let hint = refusal.hint().to_owned();
        let message = format!("no policy can be drafted from the signature: {}", refusal.message());
        return Err(Error::new(refusal.code(), message).with_hint(hint));
    }
    let mut warnings = Vec::new();
    if facts.identity.provider.is_none() {
        warnings.push(
            "the signature has no provenance of a verified identity, so that the policy rests on the key alone"
                .to_owned(),
        );
    }
    Ok(PolicyDraft { text, warnings })
}

/// A drafted policy holds all that it needs.
struct NoFiles;

impl PolicyFiles for NoFiles {
    fn read(&mut self, path: &Path, _: usize) -> Result<(Vec<u8>, PathBuf)> {
        Err(Error::new(Code::PolicySyntax, format!("a drafted policy reads no file, not `{}`", path.display())))
    }
}

/// The name of the one key.
const KEY_NAME: &str = "signer";

/// The narrowest policy that accepts what the verified `facts` say, with `key` as the only key.
///
/// # Errors
/// `usage/name` for a signed name that no policy can match; `policy/bad-glob` for a claim that would be a pattern.
pub(super) fn draft(facts: &Facts, key: &PublicKey, scheme: Scheme) -> Result<String> {
    let artifact = &facts.artifact;
    let model: ModelName = artifact.name.as_deref().unwrap_or_default().parse()?;
    let (model, key_name) = (quoted(model.as_str()), KEY_NAME);
    let mut text = String::from(
        "# Accepts what one verified signature says, and nothing else. Read every line before you use it.\nversion = 1\n\n",
    );
    text.push_str("# The key that made the signature, and its id, which guards against an exchanged key.\n[[key]]\n");
    let _ = writeln!(text, "name = \"{key_name}\"\nkey_id = \"{}\"", key.id());
    if key.implied_scheme().is_none() {
        let _ = writeln!(text, "scheme = \"{}\"", scheme.as_str());
    }
    let _ = writeln!(text, "public_key_pem = \"\"\"\n{}\"\"\"\n", key.to_pem());
    text.push_str("[[rule]]\n");
    let _ = writeln!(text, "name = {model}");
    let _ = writeln!(text, "# The signed name; `*` would stand for any characters but `/`.\nmodels = [{model}]");
    let _ = writeln!(text, "keys = [\"{key_name}\"]");
    if let Some(root) = &artifact.root_digest {
        let _ = writeln!(text, "# Only this very version of the model:\n# digests = [{}]", quoted(root));
    }
    if let Some(hash) = artifact.hash.as_deref().filter(|hash| *hash != "sha256") {
        let _ = writeln!(text, "# How the files were hashed.\nhash = [{}]", quoted(hash));
    }
    if let Some(method) = artifact.method.as_deref().filter(|method| *method != "files") {
        let _ = writeln!(text, "# How the files became resources.\nmethod = [{}]", quoted(method));
    }
    identity(&mut text, facts)?;
    files(&mut text, facts)?;
    text.push_str("\n# Refuses older signatures: nobody can bring back last year's model.\n");
    text.push_str("# [rule.freshness]\n# max_age = \"180d\"\n");
    Ok(text)
}

fn identity(text: &mut String, facts: &Facts) -> Result<()> {
    let identity = &facts.identity;
    let Some(provider) = identity.provider.as_deref().filter(|_| !identity.ambiguous) else {
        text.push_str("# There is no provenance of a verified identity: whoever holds the key may sign this model.\n");
        text.push_str("identity = \"key-only\"\n");
        return Ok(());
    };
    let claim = |name: &str| identity.claims.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    let known = match provider {
        "github" => GITHUB,
        "gitlab" => GITLAB,
        "kubernetes" => KUBERNETES,
        _ => &[],
    };
    let _ = writeln!(text, "\n# The job that signed.\n[rule.{provider}]");
    if let Some(issuer) = &identity.issuer {
        let _ = writeln!(text, "# Who vouches for the job.\nissuer = {}", quoted(issuer));
    }
    for (name, why) in known {
        let Some(value) = claim(name) else { continue };
        let value = quoted(plain(name, value)?);
        let _ = writeln!(text, "# {why}\n{name} = [{value}]");
    }
    if known.is_empty() {
        text.push_str("# What the token says. Leave out what changes from run to run.\n[rule.oidc.claims]\n");
        let bindable = |name: &str| {
            Platform::ALL.iter().any(|one| ClaimTable::of(one.provider.as_str()).policy_claim(name).is_ok())
        };
        for (name, value) in identity.claims.iter().filter(|(name, _)| bindable(name)) {
            if let Some(value) = value.as_str().filter(|value| !value.is_empty()) {
                let _ = writeln!(text, "{} = [{}]", quoted(name), quoted(value));
            }
        }
    }
    Ok(())
}

fn files(text: &mut String, facts: &Facts) -> Result<()> {
    let artifact = &facts.artifact;
    let own = [".git", ".gitattributes", ".github", ".gitignore", "model.sig", "model.attestations.jsonl"];
    let ignored: Vec<&String> = artifact.ignored_paths.iter().filter(|path| !own.contains(&path.as_str())).collect();
    let resources = artifact.resources.as_deref().unwrap_or_default();
    let formats: BTreeSet<&str> =
        resources.iter().filter(|file| file.name != ".").map(|file| file_format_of_name(&file.name)).collect();
    if formats.is_empty() && ignored.is_empty() {
        return Ok(());
    }
    text.push_str("\n[rule.files]\n");
    if !formats.is_empty() {
        let formats: Vec<String> = formats.into_iter().map(quoted).collect();
        text.push_str(
            "# Formats that the files may have, by name and by their first bytes. pickle and code can run.\n",
        );
        let _ = writeln!(text, "formats = [{}]", formats.join(", "));
    }
    if !ignored.is_empty() {
        let ignored =
            ignored.iter().map(|path| plain("ignored_paths", path).map(quoted)).collect::<Result<Vec<_>>>()?;
        let _ = writeln!(
            text,
            "# What the signature leaves out: nobody signed it.\nignored_paths = [{}]",
            ignored.join(", ")
        );
    }
    Ok(())
}

/// A value that stands for itself where patterns are read.
fn plain<'a>(name: &str, value: &'a str) -> Result<&'a str> {
    match value.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        false => Ok(value),
        true => Err(Error::new(
            Code::PolicyBadGlob,
            format!("`{name}` is `{value:.100}`, which a policy would take for a pattern"),
        )
        .with_hint("write the policy by hand: no pattern stands for this text alone")),
    }
}

/// A TOML string of one line, with nothing in it that an editor would not show.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut buffer = [0; 4];
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if matches!(escape(c.encode_utf8(&mut buffer)), std::borrow::Cow::Borrowed(_)) => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_strings_hold_nothing_hidden() {
        assert_eq!(quoted("a\"\\\n\u{202e}é"), "\"a\\\"\\\\\\U0000000A\\U0000202Eé\"");
    }

    #[test]
    fn every_provider_has_a_draft_that_accepts_its_facts() {
        let key = crate::LocalKey::generate(crate::KeyType::EcdsaP256).unwrap();
        let key = modelseal_core::Signer::public_key(&key).clone();
        for (provider, issuer, claims) in [
            (None, None, serde_json::json!({})),
            (
                Some("gitlab"),
                Some("https://gitlab.example.com"),
                serde_json::json!({"project_id": "7", "pipeline_source": "web", "ref": "main", "namespace_id": "1"}),
            ),
            (
                Some("kubernetes"),
                Some("https://k.example"),
                serde_json::json!({"namespace": "ci", "service_account": "signer", "service_account_uid": "u-1"}),
            ),
            (
                Some("oidc"),
                Some("https://agent.buildkite.com"),
                serde_json::json!({"organization_id": "o-1", "pipeline_id": "p-1", "job_id": "j-1"}),
            ),
        ] {
            let facts = serde_json::json!({
                "artifact": {"name": "acme/m", "method": "shards", "hash": "blake2b", "ignored_paths": ["notes"],
                    "resources": [{"name": "a.safetensors"}, {"name": "b.py"}]},
                "signature": {"verified": true, "key": KEY_NAME},
                "identity": {"provider": provider, "issuer": issuer, "claims": claims},
            });
            let facts: Facts = serde_json::from_value(facts).unwrap();
            let text = draft(&facts, &key, Scheme::Ecdsa).unwrap();
            let policy = Policy::parse(text.as_bytes(), "p", &mut NoFiles).unwrap_or_else(|e| panic!("{e}: {text}"));
            let decision = policy.evaluate(&facts, Timestamp::UNIX_EPOCH).unwrap();
            assert!(decision.is_allowed(), "{text}: {:?}", decision.rules);
        }
    }

    #[test]
    fn a_claim_that_would_be_a_pattern_is_refused() {
        assert_eq!(plain("ref", "refs/heads/*").unwrap_err().code(), Code::PolicyBadGlob);
        assert_eq!(plain("ref", "refs/heads/main"), Ok("refs/heads/main"));
    }
}
