//! The reference tool's grammar must not promise what it does not do.

use crate::support::{Run, Sandbox, TEST_KEYS, key, modelseal, run};

fn reference(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    run(modelseal().current_dir(sandbox.path()).args(arguments).arg(TEST_KEYS))
}

#[test]
fn options_of_another_method_are_refused() {
    let sandbox = Sandbox::signed();
    let (public, private) = (key("p256.pub.pem").display().to_string(), key("p256.pem").display().to_string());
    let (root, leaf) = (key("cert-root.pem").display().to_string(), key("cert-leaf-p256.pem").display().to_string());
    let signature = ["--signature", "model/model.sig"];
    let verify_key = [&["verify", "key", "model", "--public_key", &public][..], &signature].concat();
    let verify_certificate =
        [&["verify", "certificate", "model", "--certificate_chain", &root][..], &signature].concat();
    let sign_key = ["sign", "key", "model", "--private_key", &private];
    let accepted = reference(&sandbox, &verify_key);
    assert_eq!(accepted.status, Some(0), "{}", accepted.text());
    for (command, option) in [
        (&verify_key[..], &["--certificate_chain", &root][..]),
        (&verify_key, &["--certificate-chain", &root]),
        (&verify_key, &["--log_fingerprints"]),
        (&verify_certificate, &["--public_key", &public]),
        (&sign_key, &["--certificate_chain", &root]),
        (&sign_key, &["--signing_certificate", &leaf]),
        (&sign_key, &["--public_key", &public]),
    ] {
        let refused = reference(&sandbox, &[command, option].concat());
        assert_eq!(refused.status, Some(2), "{option:?}: {}", refused.text());
        assert!(refused.text().contains("[usage/arguments]"), "{option:?}: {}", refused.text());
        assert!(refused.stdout.is_empty(), "{}", refused.text());
    }
    assert!(!sandbox.at("model.sig").exists());
}

#[test]
fn t01_what_was_not_checked_is_said() {
    let sandbox = Sandbox::unsigned();
    sandbox.symlink("config.json", "model/link.json");
    let (public, private) = (key("p256.pub.pem").display().to_string(), key("p256.pem").display().to_string());
    let links = "--allow_symlinks";
    let signed = reference(&sandbox, &["sign", "key", "model", "--private_key", &private, links]);
    assert_eq!(signed.status, Some(0), "{}", signed.text());
    let arguments = ["verify", "key", "model", "--signature", "model.sig", "--public_key", &public, links];
    let verified = reference(&sandbox, &arguments);
    assert_eq!((verified.status, &verified.stdout[..]), (Some(0), &b"Verification succeeded\n"[..]));
    let said = String::from_utf8(verified.stderr).unwrap();
    for words in ["not checked: expected-model, freshness", "any model of this signer", "followed link: link.json"] {
        assert!(said.contains(words), "{said}");
    }
}
