//! Weaknesses of keys and certificates.

use jiff::Timestamp;

use super::{Lint, lint};
use crate::SigningWindow;
use crate::policy::file::same_identity;
use crate::policy::model::{IdentityRule, PolicyFile, Rule};

pub(super) fn lints(file: &PolicyFile, now: Timestamp, lints: &mut Vec<Lint>) {
    for key in &file.keys {
        let versions = file.trusted.keys().iter().filter(|trusted| trusted.name() == Some(&key.name));
        let windows: Vec<_> = versions.map(|key| (key.version().map(u32::from), key.window())).collect();
        window(&key.name, key.line, &windows, now, lints);
        used(file, &key.name, key.line, lints);
        if key.shared {
            shared(file, &key.name, key.line, lints);
        }
    }
    for certificate in &file.certificates {
        window(&certificate.name, certificate.line, &[(None, certificate.window)], now, lints);
        used(file, &certificate.name, certificate.line, lints);
    }
}

/// A version that opens later beside one that is open is a rotation that was prepared, and no weakness.
fn window(name: &str, line: usize, windows: &[(Option<u32>, SigningWindow)], now: Timestamp, lints: &mut Vec<Lint>) {
    let over = |window: &SigningWindow| window.not_after().is_some_and(|until| until <= now);
    let unopened = |window: &SigningWindow| window.not_before().is_some_and(|from| from > now);
    for (version, window) in windows {
        let which = version.map_or_else(|| format!("`{name}`"), |version| format!("version {version} of `{name}`"));
        if let Some(until) = window.not_after().filter(|_| over(window)) {
            let message =
                format!("{which} was accepted only before {until}: nothing that it signed is allowed any more");
            lints.push(lint("key-window-over", line, message, "remove it, or have its models signed again"));
        }
    }
    if let Some((_, window)) = windows.first().filter(|_| windows.iter().all(|(_, window)| unopened(window))) {
        let from = windows.iter().filter_map(|(_, window)| window.not_before()).min().or(window.not_before());
        let message = format!("`{name}` is accepted only from {} on", from.unwrap_or(now));
        lints.push(lint("key-window-not-open", line, message, "check `not_before`, and the clock of this machine"));
    }
}

fn used(file: &PolicyFile, name: &str, line: usize, lints: &mut Vec<Lint>) {
    let names = |rule: &Rule| {
        rule.keys.iter().chain(rule.evidence.iter().flat_map(|evidence| &evidence.keys)).any(|key| key == name)
    };
    if !file.rules.iter().any(names) {
        let message = format!("no rule names `{name}`");
        lints.push(lint(
            "unused-key",
            line,
            message,
            "remove it: a key that is trusted for nothing is a mistake to come",
        ));
    }
}

fn shared(file: &PolicyFile, name: &str, line: usize, lints: &mut Vec<Lint>) {
    let rules: Vec<&Rule> = file.rules.iter().filter(|rule| rule.keys.iter().any(|key| key == name)).collect();
    let hint = "give each identity a key of its own, and remove `shared_key`";
    lints.push(lint("shared-key", line, format!("`{name}` may stand behind several identities"), hint));
    let key_only = rules.iter().find(|rule| matches!(rule.identity, IdentityRule::KeyOnly));
    if let Some(weak) = key_only
        && let Some(strong) = rules.iter().find(|rule| !same_identity(&rule.identity, &weak.identity))
    {
        let message = format!(
            "`{name}` alone suffices for the rule `{}`: whoever uses it can sign the claims that the rule `{}` asks for",
            weak.name, strong.name
        );
        lints.push(lint("key-only-beside-claims", weak.line, message, hint));
    }
}
