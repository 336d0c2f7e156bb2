//! Keys that are not there, cannot sign, may not be used, or are not the expected one.

use modelseal::Code;
use serde_json::{Value, json};

use crate::faults::{Ground, Job, Spy};
use crate::support::{FaultServer, Kind, Options, Server, on_each_server, unique};

/// Signs with a reference; nothing is signed, and no token stays.
#[track_caller]
fn refused(ground: &Ground<'_>, reference: &str, code: Code) -> crate::faults::Done {
    let spy = Spy::start(FaultServer::builder(), &ground.server.address);
    let job = Job::sign(&spy.faults.address, reference).spied(&spy).jwt(ground, &ground.identity());
    let done = job.refused(code);
    assert!(spy.faults.requests().iter().all(|request| !request.path.contains("/sign/")), "{}", done.said);
    ground.assert_revoked(&spy, 1);
    done
}

/// A role that may do everything on the ground's mount.
fn free(ground: &Ground<'_>) {
    let admin = ground.server.admin();
    let hcl = format!(
        "path \"{}/*\" {{ capabilities = [\"read\", \"update\"] }}\npath \"nowhere/*\" {{ capabilities = [\"read\", \"update\"] }}",
        ground.mount
    );
    let policy = admin.policy("free", &hcl);
    admin.jwt_role(&ground.auth, "ci", &json!({}), &[&policy], &json!({}));
}

on_each_server! {
    fn keys_that_are_not_there(server: &Server) {
        let ground = Ground::new(server);
        free(&ground);
        let done = refused(&ground, &format!("hashivault://{}/absent", ground.mount), Code::VaultKeyNotFound);
        done.says(&["absent"]).hints(&["vault write", "type=ecdsa-p256"]);
        refused(&ground, "hashivault://nowhere/model", Code::VaultMountNotFound).says(&["nowhere"]).hints(&["hashivault://"]);
        let admin = server.admin();
        let kv = unique("kv");
        admin.post(&format!("sys/mounts/{kv}"), &json!({"type": "kv"})).ok();
        let policy = admin.policy("kv", &format!("path \"{kv}/*\" {{ capabilities = [\"read\", \"update\"] }}"));
        admin.jwt_role(&ground.auth, "ci", &json!({}), &[&policy], &json!({}));
        // To a mount of another engine the path is some path in it.
        let done = refused(&ground, &format!("hashivault://{kv}/model"), Code::VaultKeyNotFound);
        done.says(&[&kv]);
        // With something there that is no key.
        admin.post(&format!("{kv}/keys/model"), &json!({"type": "ecdsa-p256", "keys": {}})).ok();
        refused(&ground, &format!("hashivault://{kv}/model"), Code::VaultAnswer);
    }

    fn keys_that_cannot_sign(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        free(&ground);
        let mount = &ground.mount;
        for (name, body) in [
            ("aes", json!({"type": "aes256-gcm96"})),
            ("chacha", json!({"type": "chacha20-poly1305"})),
            ("hmac", json!({"type": "hmac", "key_size": 32})),
            ("derived", json!({"type": "ed25519", "derived": true})),
        ] {
            admin.post(&format!("{mount}/keys/{name}"), &body).ok();
            let done = refused(&ground, &format!("hashivault://{mount}/{name}"), Code::VaultKeyType);
            done.hints(&["ecdsa-p256"]);
        }
        // The public half alone.
        let public = admin.get(&format!("{mount}/keys/model")).ok()["data"]["keys"]["1"]["public_key"].clone();
        let import = json!({"public_key": public, "type": "ecdsa-p256"});
        if admin.post(&format!("{mount}/keys/half/import"), &import).status < 300 {
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let reference = format!("hashivault://{mount}/half");
            let job = Job::sign(&spy.faults.address, &reference).spied(&spy).jwt(&ground, &ground.identity());
            job.refused(Code::VaultKeyType);
            ground.assert_revoked(&spy, 1);
        }
        // Marked as deleted.
        admin.post(&format!("{mount}/keys/gone"), &json!({"type": "ecdsa-p256"})).ok();
        if admin.delete(&format!("{mount}/keys/gone/soft-delete")).status < 300 {
            refused(&ground, &format!("hashivault://{mount}/gone"), Code::VaultKeyType);
        } else {
            assert_eq!(server.kind, Kind::Vault);
        }
    }

    fn schemes_that_do_not_fit(server: &Server) {
        let ground = Ground::of_type(server, "rsa-2048");
        let spoken = |scheme: &str| format!("{}?scheme={scheme}", ground.key());
        for scheme in ["ecdsa", "ed25519", "mldsa-65"] {
            refused(&ground, &spoken(scheme), Code::UsageArguments).says(&[scheme, "rsa-2048"]).hints(&["?scheme="]);
        }
        for scheme in ["", "none", "rsa", "rsa-pss-sha1", "ecdsa%00"] {
            let job = Job::sign(&server.address, &spoken(scheme)).jwt(&ground, &ground.identity());
            job.refused(Code::UsageArguments);
        }
    }

    fn permissions_that_are_missing(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let mount = &ground.mount;
        let role = |hcl: String| {
            let policy = admin.policy("part", &hcl);
            admin.jwt_role(&ground.auth, "ci", &json!({}), &[&policy], &json!({}));
        };
        role(format!("path \"{mount}/sign/model\" {{ capabilities = [\"update\"] }}"));
        let path = format!("{mount}/keys/model");
        refused(&ground, &ground.key(), Code::VaultPermission).says(&["read", &path]).hints(&[&path, "capabilities"]);

        role(format!("path \"{mount}/keys/model\" {{ capabilities = [\"read\"] }}"));
        let path = format!("{mount}/sign/model");
        let (job, spy) = ground.spied(FaultServer::builder());
        job.refused(Code::VaultPermission).says(&["update", &path]).hints(&[&path, "capabilities"]);
        assert_eq!(spy.count("/sign/model"), 1);
        ground.assert_revoked(&spy, 1);

        // A policy that allows other parameters only, such as that of another curve.
        role(format!(
            "path \"{mount}/keys/model\" {{ capabilities = [\"read\"] }}\n\
             path \"{mount}/sign/model\" {{ capabilities = [\"update\"] allowed_parameters = {{\
             \"batch_input\" = [] \"hash_algorithm\" = [\"sha2-384\"] \"key_version\" = [] \"prehashed\" = [] \"marshaling_algorithm\" = []}} }}"
        ));
        let (job, spy) = ground.spied(FaultServer::builder());
        job.refused(Code::VaultPermission);
        assert_eq!(spy.count("/sign/model"), 1);
        ground.assert_revoked(&spy, 1);
        // Another key of the same mount.
        role(format!("path \"{mount}/+/other\" {{ capabilities = [\"read\", \"update\"] }}"));
        refused(&ground, &ground.key(), Code::VaultPermission);
    }

    fn versions_that_are_not_offered(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let version = |number: &str| format!("{}?version={number}", ground.key());
        refused(&ground, &version("2"), Code::VaultKeyVersion).says(&["2"]).hints(&["keys show"]);
        refused(&ground, &version("4294967295"), Code::VaultKeyVersion);
        for number in ["0", "-1", "01", "1.0", "latest", "4294967296", "", "1&version=2", "%31"] {
            let job = Job::sign(&server.address, &version(number)).jwt(&ground, &ground.identity());
            job.refused(Code::UsageArguments);
        }
        for _ in 0..2 {
            admin.post(&format!("{}/keys/model/rotate", ground.mount), &json!({})).ok();
        }
        // Either minimum retires a version.
        let config = |body: Value| admin.post(&format!("{}/keys/model/config", ground.mount), &body).ok();
        config(json!({"min_encryption_version": 2}));
        refused(&ground, &version("1"), Code::VaultKeyVersion);
        config(json!({"min_decryption_version": 2}));
        refused(&ground, &version("1"), Code::VaultKeyVersion);
        ground.job(&server.address).done();
    }

    fn t17_another_key_than_the_expected_signs_nothing(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let ground = Ground::new(&server);
        let (job, spy) = ground.spied(FaultServer::builder());
        let id = "0123456789abcdef".repeat(4);
        let done = job.with(["--expect-key-id", &id]).refused(Code::VaultUnexpectedKey);
        done.says(&[&id]).hints(&["nothing was signed"]);
        assert_eq!(spy.count("/sign/model"), 0);
        ground.assert_revoked(&spy, 1);
        let path = format!("{}/sign/model", ground.mount);
        assert!(server.audit_lines().iter().all(|line| line["request"]["path"] != path.as_str()));
        for bad in ["", "0", &"g".repeat(64), &"0".repeat(63), &"A".repeat(64)] {
            ground.job(&server.address).with(["--expect-key-id", bad]).refused(Code::UsageArguments);
        }
    }

    /// Both kinds of signature that the server must see all of.
    fn lists_that_are_too_large(server: &Server) {
        let ground = Ground::of_type(server, "ed25519");
        let (job, spy) = ground.spied(FaultServer::builder());
        for number in 0..4000 {
            job.sandbox.write(format!("model/{}-{number}", "name".repeat(40)), b"");
        }
        let code = Code::VaultTooLarge;
        job.refused(code).hints(&["ECDSA"]);
        assert_eq!(spy.count("/sign/model"), 0);
        ground.assert_revoked(&spy, 1);
    }
}

#[test]
fn namespaces_that_do_not_exist() {
    if !Kind::OpenBao.available() {
        return;
    }
    let server = Server::shared(Kind::OpenBao);
    let ground = Ground::new(server);
    // The login is where it was, and the key is not.
    let job = |more: &[&str]| {
        Job::sign(&server.address, &ground.key()).jwt(&ground, &ground.identity()).with(more.iter().copied())
    };
    let done = job(&["--namespace", "nowhere", "--auth-namespace", "root"]).refused_with_exit(4);
    let code: Code = done.json["code"].as_str().unwrap().parse().unwrap();
    assert!(
        matches!(code, Code::VaultMountNotFound | Code::VaultNamespace | Code::VaultPermission),
        "{code}: {}",
        done.said
    );
    done.hints(&["namespace"]);
    let done = job(&["--namespace", "nowhere"]).refused_with_exit(4);
    done.hints(&["namespace"]);
    for bad in ["../x", "a//b", "a/../b", "/", "a b", "a?b"] {
        job(&["--namespace", bad]).refused(Code::UsageArguments);
    }
}
