//! Reading, rotating and exporting keys on real servers.

use modelseal_core::{Code, KeyTable, PublicKey, TrustedKey};
use serde_json::json;

use crate::server::on_each_server;
use crate::{connect, encodings, reference, refused};

on_each_server! {
    fn keys_that_cannot_sign_are_refused(server) {
        let mount = server.mount();
        let vault = connect(&server.address, &server.root_token);
        let session = vault.log_in().unwrap();
        let read = |text: &str| session.read_key(&reference(&format!("hashivault://{mount}/{text}")));

        server.root(&format!("{mount}/keys/aes"), &json!({"type": "aes256-gcm96"}));
        let error = refused(read("aes"), Code::VaultKeyType);
        assert!(error.message().contains("aes256-gcm96") && error.message().contains("encrypts"), "{error}");
        server.root(&format!("{mount}/keys/derived"), &json!({"type": "ed25519", "derived": true}));
        assert!(refused(read("derived"), Code::VaultKeyType).message().contains("derived"));
        refused(read("absent"), Code::VaultKeyNotFound);
        refused(session.read_key(&reference("hashivault://nowhere/k")), Code::VaultMountNotFound);

        server.root(&format!("{mount}/keys/Mixed.Case-1"), &json!({"type": "ecdsa-p256"}));
        read("Mixed.Case-1").unwrap();
        refused(read("Mixed.Case-1?scheme=rsa-pss-sha256"), Code::UsageArguments);
        refused(read("Mixed.Case-1?version=2"), Code::VaultKeyVersion);

        if server.is_openbao() {
            server.root(&format!("{mount}/keys/pq"), &json!({"type": "mldsa-65"}));
            let error = refused(read("pq"), Code::VaultKeyType);
            assert!(error.hint().contains("?scheme=mldsa-65"), "{}", error.hint());
            refused(read("pq?scheme=mldsa-87"), Code::UsageArguments);
            refused(read("pq?scheme=ecdsa"), Code::UsageArguments);
            server.delete(&format!("{mount}/keys/Mixed.Case-1/soft-delete"));
            assert!(refused(read("Mixed.Case-1"), Code::VaultKeyType).message().contains("deleted"));
        }
    }

    fn a_permission_that_lacks_is_named(server) {
        let mount = server.mount();
        server.root(&format!("{mount}/keys/k"), &json!({"type": "ecdsa-p256"}));
        let policy = "path \"auth/token/lookup-self\" { capabilities = [\"read\"] }";
        let vault = connect(&server.address, &server.token(policy));
        let session = vault.log_in().unwrap();
        let error = refused(session.read_key(&reference(&format!("hashivault://{mount}/k"))), Code::VaultPermission);
        assert!(error.message().contains(&format!("`read` on `{mount}/keys/k`")), "{error}");
        assert!(error.hint().contains(&format!("path \"{mount}/keys/k\"")), "{}", error.hint());
    }

    fn rotation_keeps_old_signatures(server) {
        use modelseal_core::Signer as _;
        use modelseal_vault::VaultSigner;

        let mount = server.mount();
        let (key, config) = (format!("{mount}/keys/k"), format!("{mount}/keys/k/config"));
        server.root(&key, &json!({"type": "ecdsa-p384"}));
        let vault = connect(&server.address, &server.root_token);
        let signer = |query: &str| {
            VaultSigner::new(vault.log_in().unwrap(), &reference(&format!("hashivault://{mount}/k{query}")))
        };
        let encodings = encodings(1);
        let old = signer("").unwrap();
        let old_signature = old.sign(&encodings).unwrap().remove(0);
        for _ in 0..10 {
            server.root(&format!("{key}/rotate"), &json!({}));
        }
        // A signer keeps its version, whatever happens meanwhile.
        assert_eq!(old.version(), 1);
        old.sign(&encodings).unwrap();
        let new = signer("").unwrap();
        assert_eq!((new.version(), new.key().versions.len()), (11, 11));
        assert_ne!(new.public_key().id(), old.public_key().id());
        let pinned = signer("?version=2").unwrap();
        assert_eq!(pinned.version(), 2);
        pinned.sign(&encodings).unwrap();
        assert_eq!(pinned.key().accepted_versions().map(|(number, _)| number).collect::<Vec<_>>(), [2]);
        refused(signer("?version=12"), Code::VaultKeyVersion);

        // Exported keys verify what the old version signed.
        let table = new.key().to_key_table();
        let (file, pem) = &table.public_keys[0];
        assert_eq!(file, "k-v1.pem");
        let exported = PublicKey::from_pem(pem.as_bytes()).unwrap();
        exported.verify(new.scheme(), encodings[0].as_bytes(), &old_signature).unwrap();
        new.session().verify_online(new.key(), 1, &encodings[0], &old_signature).unwrap();

        // Retired for signing: not accepted by reference any more.
        server.root(&config, &json!({"min_encryption_version": 3}));
        let key = signer("").unwrap();
        let accepted: Vec<u32> = key.key().accepted_versions().map(|(number, _)| number).collect();
        assert_eq!((accepted[0], accepted.len(), key.key().versions.len()), (3, 9, 11));
        let error = refused(signer("?version=2"), Code::VaultKeyVersion);
        assert!(error.message().contains("min_encryption_version"), "{error}");
        refused(key.session().verify_online(key.key(), 1, &encodings[0], &old_signature), Code::VaultKeyVersion);
        // One that was read before is told by the server.
        refused(pinned.sign(&encodings), Code::VaultKeyVersion);

        // Hidden: not even offered.
        server.root(&config, &json!({"min_encryption_version": 4, "min_decryption_version": 4}));
        let key = signer("").unwrap();
        assert_eq!((key.key().oldest_accepted, *key.key().versions.keys().next().unwrap()), (4, 4));
        let error = refused(signer("?version=1"), Code::VaultKeyVersion);
        assert!(error.message().contains("min_decryption_version"), "{error}");
        let read = new.session().verify_online(new.key(), 1, &encodings[0], &old_signature);
        refused(read, Code::SignatureOnlineRefused);
        exported.verify(new.scheme(), encodings[0].as_bytes(), &old_signature).unwrap();
    }

    fn exported_keys_are_a_table_of_the_policy(server) {
        let mount = server.mount();
        server.root(&format!("{mount}/keys/models"), &json!({"type": "rsa-2048"}));
        server.root(&format!("{mount}/keys/models/rotate"), &json!({}));
        let vault = connect(&server.address, &server.root_token);
        let session = vault.log_in().unwrap();
        let key = session.read_key(&reference(&format!("hashivault://{mount}/models?scheme=rsa-pss-sha512"))).unwrap();
        let table = key.to_key_table();
        let [first, second] = [1, 2].map(|number| &key.versions[&number]);
        let seconds = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let wanted = format!(
            "# Public keys of hashivault://{mount}/models?scheme=rsa-pss-sha512, written by `modelseal keys export`.\n\
             version = 1\n\n[[key]]\nname = \"models\"\nscheme = \"rsa-pss-sha512\"\n\
             vault = \"hashivault://{mount}/models?scheme=rsa-pss-sha512\"\nmin_version = 1\n\n\
             [[key.version]]\nversion = 1\npublic_key = \"models-v1.pem\"\nkey_id = \"{}\"\nnot_before = {}\n\n\
             [[key.version]]\nversion = 2\npublic_key = \"models-v2.pem\"\nkey_id = \"{}\"\nnot_before = {}\n",
            first.public_key.id(), seconds(first.created), second.public_key.id(), seconds(second.created),
        );
        assert_eq!(table.text, wanted);
        assert_eq!(table.file_name, "models.toml");
        assert_eq!(table.public_keys[1], ("models-v2.pem".to_owned(), second.public_key.to_pem()));

        // What is written here is read there.
        let load = &mut |path: &std::path::Path| {
            let file = table.public_keys.iter().find(|(name, _)| path.as_os_str() == name.as_str()).unwrap();
            PublicKey::from_pem(file.1.as_bytes()).map(TrustedKey::new)
        };
        let trusted = KeyTable::parse(table.text.as_bytes()).unwrap().trusted_keys(load).unwrap();
        assert_eq!(trusted.iter().map(|key| key.key().id()).collect::<Vec<_>>(), [first, second].map(|v| v.public_key.id()));
        assert_eq!(trusted[1].version().map(core::num::NonZeroU32::get), Some(2));
        assert_eq!(trusted[1].scheme(), Some(key.scheme));
        assert_eq!(trusted[1].vault().unwrap().to_string(), key.reference.to_string());
        assert_eq!(trusted[1].window().not_before().map(|time| time.as_second()), Some(second.created.as_second()));

        let pinned = session.read_key(&reference(&format!("hashivault://{mount}/models?version=2"))).unwrap();
        let pinned = pinned.to_key_table();
        assert_eq!(pinned.public_keys.len(), 1);
        assert!(!pinned.text.contains("version=2"), "{}", pinned.text);
    }
}

#[test]
fn namespaces_lead_to_another_mount() {
    let server = crate::server::Server::shared("openbao");
    server.root("sys/namespaces/team", &json!({}));
    server.root("team/sys/mounts/signing", &json!({"type": "transit"}));
    server.root("team/signing/keys/k", &json!({"type": "ecdsa-p256"}));
    let vault = connect(&server.address, &server.root_token);
    let session = vault.log_in().unwrap();
    let key = session.read_key(&reference("hashivault://signing/k?namespace=team")).unwrap();
    assert_eq!(key.reference.to_string(), "hashivault://signing/k?namespace=team");
    let signer = modelseal_vault::VaultSigner::new(session, &key.reference).unwrap();
    modelseal_core::Signer::sign(&signer, &encodings(1)).unwrap();
    refused(signer.session().read_key(&reference("hashivault://signing/k")), Code::VaultMountNotFound);
}
