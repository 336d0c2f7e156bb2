//! Every error code has a recorded session, or stands here with what covers it.

use modelseal::Code;

use super::{sessions, workspace};

/// Codes that no session can show dependably, with the file that covers each and a text that it holds.
const ELSEWHERE: &[(Code, &str, &str)] = &[
    (Code::IdentityReplayFull, REPLAY, "Code::IdentityReplayFull"),
    (Code::IdentityReplayed, REPLAY, "Code::IdentityReplayed"),
    (
        Code::InputChanged,
        "crates/modelseal-core/src/tree/tests/interruptions.rs",
        "assert_eq!(code, Code::InputChanged",
    ),
    (Code::PolicyAmbiguousIdentity, "crates/modelseal/tests/policy_verify.rs", "Some(Code::PolicyAmbiguousIdentity)"),
    (Code::PolicyAttestationOtherModel, "crates/modelseal/tests/attestations.rs", "Code::PolicyAttestationOtherModel"),
    (
        Code::PolicyOpaDenied,
        "crates/modelseal/src/narrow/opa/tests.rs",
        "assert_eq!(error.code(), Code::PolicyOpaDenied",
    ),
    (Code::SignatureOnlineRefused, ANSWERS, "Code::SignatureOnlineRefused"),
    (Code::UsageInterrupted, "tests/cli/processes.rs", "fn signals_stop_the_work_and_nothing_is_written"),
    (Code::VaultAnswer, ANSWERS, "Code::VaultAnswer"),
    (Code::VaultCredentials, LOGIN, "Code::VaultCredentials"),
    (Code::VaultKeyNotFound, KEYS, "Code::VaultKeyNotFound"),
    (Code::VaultKeyType, KEYS, "Code::VaultKeyType"),
    (Code::VaultKeyVersion, KEYS, "Code::VaultKeyVersion"),
    (Code::VaultLoginRefused, LOGIN, "Code::VaultLoginRefused"),
    (Code::VaultMountNotFound, KEYS, "Code::VaultMountNotFound"),
    (Code::VaultNamespace, KEYS, "Code::VaultNamespace"),
    (Code::VaultNotSupported, LOGIN, "Code::VaultNotSupported"),
    (Code::VaultNotVault, CONNECTION, "Code::VaultNotVault"),
    (Code::VaultPermission, KEYS, "Code::VaultPermission"),
    (Code::VaultRateLimited, CONNECTION, "Code::VaultRateLimited"),
    (Code::VaultRedirect, CONNECTION, "Code::VaultRedirect"),
    (Code::VaultRefused, CONNECTION, "Code::VaultRefused"),
    (Code::VaultSealed, CONNECTION, "Code::VaultSealed"),
    (Code::VaultServerError, CONNECTION, "Code::VaultServerError"),
    (Code::VaultTimeout, CONNECTION, "Code::VaultTimeout"),
    (Code::VaultTls, CONNECTION, "Code::VaultTls"),
    (Code::VaultTokenInvalid, TOKENS, "Code::VaultTokenInvalid"),
    (Code::VaultTokenTtl, TOKENS, "Code::VaultTokenTtl"),
    (Code::VaultTokenUnlimited, TOKENS, "Code::VaultTokenUnlimited"),
    (Code::VaultTooLarge, KEYS, "Code::VaultTooLarge"),
    (Code::VaultUnavailable, CONNECTION, "Code::VaultUnavailable"),
    (Code::VaultUnexpectedKey, KEYS, "Code::VaultUnexpectedKey"),
    (Code::VaultWrappingPath, APPROLE, "Code::VaultWrappingPath"),
    (Code::VaultWrappingToken, APPROLE, "Code::VaultWrappingToken"),
    (Code::VaultWrongSignature, ANSWERS, "Code::VaultWrongSignature"),
];

// Against real servers, and against such as misbehave.
const ANSWERS: &str = "tests/vault/faults_answers.rs";
const APPROLE: &str = "tests/vault/faults_approle.rs";
const CONNECTION: &str = "tests/vault/faults_connection.rs";
const KEYS: &str = "tests/vault/faults_keys.rs";
const REPLAY: &str = "crates/modelseal-identity/tests/verify/replay.rs";
const LOGIN: &str = "tests/vault/faults_login.rs";
const TOKENS: &str = "tests/vault/faults_tokens.rs";

#[test]
fn every_code_is_shown() {
    let recorded: String = sessions().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for code in Code::ALL {
        let shown = recorded.contains(&format!("[{code}]\n"));
        match ELSEWHERE.iter().find(|(elsewhere, ..)| elsewhere == code) {
            None => assert!(shown, "{code} has no session in tests/cli/cases"),
            Some(_) if shown => panic!("{code} has a session and need not be listed here"),
            Some((_, file, text)) => {
                let source = std::fs::read_to_string(workspace().join(file)).unwrap();
                assert!(source.contains(text), "{file} no longer holds `{text}`, which covers {code}");
            }
        }
    }
}

#[test]
fn no_session_is_passed_over() {
    for path in sessions() {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = path.display();
        assert!(path.with_extension("in").is_dir() && path.with_extension("out").is_dir(), "{shown} has no sandbox");
        assert!(!text.contains(",ignore"), "{shown} has a block that is not run");
        let mut commands = 0;
        for line in text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                commands += 1;
                let program = command.split(' ').next().unwrap();
                assert!(matches!(program, "modelseal" | "sh"), "{shown} runs {program}, which is not registered");
            }
        }
        assert!(commands > 0, "{shown} runs nothing");
    }
}

#[test]
fn every_command_has_its_help_recorded() {
    let help = std::fs::read_to_string(workspace().join("tests/cli/cases/help.trycmd")).unwrap();
    let man = std::process::Command::new(super::MODELSEAL).args(["generate", "man", "-"]).output().unwrap();
    let pages = String::from_utf8(man.stdout).unwrap();
    let names: Vec<&str> = pages.lines().filter_map(|line| line.strip_prefix(".TH ")?.split(' ').next()).collect();
    assert!(names.len() > 10);
    for name in names {
        let command = name.replace('-', " ");
        assert!(help.contains(&format!("$ {command} --help\n")), "`{command} --help` is not recorded");
    }
}
