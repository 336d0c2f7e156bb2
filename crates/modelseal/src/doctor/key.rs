//! The key on the server, and what the token may do with it and beside it.

use core::num::NonZeroU32;

use modelseal_core::{Code, Result, TrustedKey, VaultKeyRef};
use modelseal_vault::{KeyFlags, Session, TransitKey};

use super::check::{Check, word};
use super::files::Trusting;
use super::finding;
use super::login::has_uses;

/// A key that nobody has: whoever may sign with it may sign with every key.
const NO_KEY: &str = "modelseal-doctor-no-such-key";

/// Examines one key.
pub(super) fn examine(
    session: &Session<'_>,
    reference: &VaultKeyRef,
    checks: &mut Vec<Check>,
    trusting: &mut Trusting,
) -> Result<()> {
    if !has_uses(session) {
        for id in ["permissions", "key"] {
            checks.push(Check::skipped(id, "the token is good for its own revocation only"));
        }
        return Ok(());
    }
    let may = permissions(session, reference, checks)?;
    if may.is_some_and(|may| !may.read) {
        checks.push(Check::skipped("key", "the token may not read it"));
        return Ok(());
    }
    if !has_uses(session) {
        checks.push(Check::skipped("key", "the token is used up"));
        return Ok(());
    }
    match session.read_key(reference) {
        Ok(key) => {
            trusting.add(&trusted(&key));
            checks.push(Check::ok("key", described(&key)));
            let flags = if has_uses(session) { session.key_flags(reference).ok() } else { None };
            match flags {
                Some(flags) => weak(reference, session, &flags, checks),
                None => checks.push(Check::skipped("key-flags", "the key could not be read again")),
            }
        }
        Err(error) => checks.push(unreadable(reference, session, finding("key", &error)?)),
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct May {
    read: bool,
}

/// What the token may do; `None` when it may not ask.
fn permissions(session: &Session<'_>, reference: &VaultKeyRef, checks: &mut Vec<Check>) -> Result<Option<May>> {
    let paths = session.paths(reference);
    let (keys, sign) = (paths.read.clone(), paths.sign.clone());
    let mount = keys.rsplit_once("/keys/").map_or("transit", |(mount, _)| mount).to_owned();
    let beyond: Vec<String> = vec![
        format!("{mount}/sign/{NO_KEY}"),
        format!("{keys}/rotate"),
        format!("{keys}/config"),
        format!("{mount}/export/signing-key/{}", reference.key),
        format!("{mount}/backup/{}", reference.key),
        format!("{sign}/sha2-256"),
        format!("sys/policies/acl/{NO_KEY}"),
        format!("auth/jwt/role/{NO_KEY}"),
        "auth/token/create".to_owned(),
    ];
    let all: Vec<String> = [keys.clone(), sign.clone()].into_iter().chain(beyond.iter().cloned()).collect();
    let known = match session.capabilities(&all) {
        Ok(known) => known,
        Err(error) if error.code() == Code::VaultPermission => {
            let fix = "add to its policy: path \"sys/capabilities-self\" { capabilities = [\"update\"] }";
            checks.push(
                Check::warning("permissions", "the token may not ask what it may do")
                    .why("a token without the policy `default` needs a grant for that")
                    .fix(fix),
            );
            return Ok(None);
        }
        Err(error) => {
            checks.push(finding("permissions", &error)?);
            return Ok(None);
        }
    };
    let of = |path: &str| -> Vec<&str> {
        let found = known.iter().find(|(of, _)| of == path);
        let words = found.map(|(_, words)| words.iter().map(String::as_str).collect()).unwrap_or_default();
        Some(words).filter(|words: &Vec<&str>| !words.contains(&"deny")).unwrap_or_default()
    };
    let has = |path: &str, wanted: &str| of(path).iter().any(|word| *word == wanted || *word == "root");
    let may = May { read: has(&keys, "read") };
    let sign_granted = has(&sign, "update");
    for (granted, verb, path, capability) in
        [(may.read, "read", &keys, "read"), (sign_granted, "sign with", &sign, "update")]
    {
        if !granted {
            let what = format!("the token may not {verb} the key {}", reference.key);
            let fix = format!("add to its policy: path \"{path}\" {{ capabilities = [\"{capability}\"] }}");
            let mut check = Check::problem("permissions", what).why(format!("no policy grants {path}")).fix(fix);
            check.code = Some(Code::VaultPermission);
            checks.push(check);
        }
    }
    if may.read && sign_granted {
        checks.push(Check::ok("permissions", format!("the token may read {keys} and use {sign}")));
    }
    let more: Vec<String> = beyond
        .iter()
        .filter(|path| !of(path).is_empty())
        .map(|path| format!("{path}: {}", of(path).join(", ")))
        .chain(too_much(&keys, &of(&keys), "read"))
        .chain(too_much(&sign, &of(&sign), "update"))
        .collect();
    if !more.is_empty() {
        checks.push(over_broad(&mount, reference, more));
    }
    Ok(Some(may))
}

/// Capabilities beside the one that is needed.
fn too_much(path: &str, words: &[&str], needed: &str) -> Option<String> {
    let more: Vec<&str> = words.iter().copied().filter(|word| *word != needed).collect();
    (!more.is_empty()).then(|| format!("{path}: {}", more.join(", ")))
}

fn over_broad(mount: &str, reference: &VaultKeyRef, more: Vec<String>) -> Check {
    let other = more.iter().any(|line| line.starts_with(&format!("{mount}/sign/{NO_KEY}:")));
    let what = if other {
        "the token may sign with every key of the mount, and more than it needs"
    } else {
        "the token may do more than read one key and sign with it"
    };
    let fix = format!(
        "grant {mount}/sign/{key} update, {mount}/keys/{key} read, auth/token/revoke-self, auth/token/lookup-self and \
         sys/capabilities-self, without patterns",
        key = reference.key
    );
    Check::warning("over-broad", what).why("a stolen token does whatever its policies allow").fix(fix).details(more)
}

fn described(key: &TransitKey) -> String {
    let (latest, accepted) = (key.latest, key.accepted_versions().count());
    format!(
        "{} is {}, latest version {latest}, {} accepted",
        key.reference.key,
        key.key_type,
        super::repo::count(accepted, "version")
    )
}

fn trusted(key: &TransitKey) -> Vec<TrustedKey> {
    let one = |(number, version): (u32, &modelseal_vault::KeyVersion)| {
        let trusted = TrustedKey::new(version.public_key.clone()).with_scheme(key.scheme).ok()?;
        let trusted = trusted.with_name(key.reference.key.as_str()).with_vault(key.reference.clone());
        Some(match NonZeroU32::new(number) {
            Some(number) => trusted.with_version(number),
            None => trusted,
        })
    };
    key.accepted_versions().filter_map(one).collect()
}

fn weak(reference: &VaultKeyRef, session: &Session<'_>, flags: &KeyFlags, checks: &mut Vec<Check>) {
    let path = word(&session.paths(reference).read);
    let key = &reference.key;
    for (set, what, why, fix) in [
        (
            flags.exportable,
            "is exportable",
            "whoever may export it has the private key; the server does not take that back",
            "make a new key: `vault write PATH-2 type=ecdsa-p256`, and retire this one".to_owned(),
        ),
        (
            flags.allow_plaintext_backup,
            "may be backed up in plain text",
            "a backup holds the private key; the server does not take that back",
            "make a new key: `vault write PATH-2 type=ecdsa-p256`, and retire this one".to_owned(),
        ),
        (
            flags.deletion_allowed,
            "may be deleted",
            "one request ends all signing with it",
            "`vault write PATH/config deletion_allowed=false`".to_owned(),
        ),
        (
            flags.imported_key,
            "was imported",
            "copies of the private key may be elsewhere",
            "make a key on the server: `vault write PATH-2 type=ecdsa-p256`".to_owned(),
        ),
    ] {
        if set {
            let fix = fix.replace("PATH", &path);
            checks.push(Check::warning("key-flags", format!("the key {key} {what}")).why(why).fix(fix));
        }
    }
}

fn unreadable(reference: &VaultKeyRef, session: &Session<'_>, check: Check) -> Check {
    let path = word(&session.paths(reference).read);
    let mount = path.rsplit_once("/keys/").map_or("transit", |(mount, _)| mount).to_owned();
    match check.code {
        Some(Code::VaultKeyNotFound) => check
            .why("there is no key of that name at that mount")
            .fix(format!("`vault write {path} type=ecdsa-p256`, or name another with --key")),
        Some(Code::VaultMountNotFound) => check
            .why("no engine is mounted there, or in another namespace")
            .fix(format!("`vault secrets enable -path={mount} transit`, or name another mount with --key")),
        Some(Code::VaultKeyType) => check
            .why("keys that are made without a type encrypt, and cannot sign; a type never changes")
            .fix(format!("make another key: `vault write {path}-signing type=ecdsa-p256`")),
        _ => check,
    }
}
