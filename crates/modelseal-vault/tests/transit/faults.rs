//! Answers that a healthy server does not give. Each begins as a good one of a real server, and is then spoilt.

use modelseal_core::{Code, Error, Pae, Result, Signer as _};
use modelseal_vault::VaultSigner;
use serde_json::{Value, json};

use crate::fake::{Fake, OwnKey, golden};
use crate::{connect, encodings, reference, refused};

const READ: &str = "GET transit/keys/ecdsa-p256";
const SIGN: &str = "POST transit/sign/ecdsa-p256";
const VERIFY: &str = "POST transit/verify/ecdsa-p256";

/// A key with two versions, as a real server showed it, and three signatures by the second.
struct Scene {
    read: Value,
    sign: Value,
    own: OwnKey,
    encodings: Vec<Pae>,
}

impl Scene {
    fn new() -> Self {
        let (own, encodings) = (OwnKey::new(), encodings(3));
        let mut read = golden("read two versions");
        read["data"]["keys"]["2"]["public_key"] = own.pem().into();
        let mut sign = golden("batch sign, both good");
        let results = encodings.iter().enumerate().map(|(position, encoding)| {
            let mut result = sign["data"]["batch_results"][0].clone();
            result["reference"] = position.to_string().into();
            result["signature"] = format!("vault:v2:{}", own.sign(encoding)).into();
            result
        });
        sign["data"]["batch_results"] = results.collect();
        Self { read, sign, own, encodings }
    }

    /// Signs at a server that answers with these texts.
    fn run(&self, read: &str, status: u16, sign: &str) -> (Fake, Result<Vec<Vec<u8>>>) {
        let fake = Fake::serve([(READ, 200, read.to_owned()), (SIGN, status, sign.to_owned())]);
        let server = connect(&fake.address, "t");
        let signed = server
            .log_in()
            .and_then(|session| VaultSigner::new(session, &reference("hashivault://ecdsa-p256")))
            .and_then(|signer| signer.sign(&self.encodings));
        (fake, signed)
    }
}

#[test]
fn the_unspoilt_answers_are_believed() {
    let scene = Scene::new();
    let (fake, signed) = scene.run(&scene.read.to_string(), 200, &scene.sign.to_string());
    assert_eq!(signed.unwrap().len(), 3);
    assert_eq!((fake.times(READ), fake.times(SIGN)), (1, 1));
}

#[test]
fn recorded_keys_are_read() {
    for (kind, scheme) in [
        ("ecdsa-p256", "ecdsa"),
        ("ecdsa-p384", "ecdsa"),
        ("ecdsa-p521", "ecdsa"),
        ("ed25519", "ed25519"),
        ("rsa-2048", "rsa-pss-sha256"),
        ("rsa-3072", "rsa-pss-sha256"),
        ("rsa-4096", "rsa-pss-sha256"),
    ] {
        let path: &'static str = format!("GET transit/keys/{kind}").leak();
        let fake = Fake::serve([(path, 200, golden(&format!("create {kind}")).to_string())]);
        let server = connect(&fake.address, "t");
        let key = server.log_in().unwrap().read_key(&reference(&format!("hashivault://{kind}"))).unwrap();
        assert_eq!((key.scheme.as_str(), key.latest, key.oldest_accepted), (scheme, 1, 1), "{kind}");
        assert_eq!(key.versions[&1].public_key.kind().to_string(), kind);
        assert_eq!(key.versions[&1].created.as_second(), 1_795_254_744, "{kind}");
    }
}

#[test]
fn spoilt_signatures_are_refused() {
    let other = OwnKey::new();
    let spoil = |code: Code, what: &str, change: &dyn Fn(&Scene, &mut Value)| {
        let scene = Scene::new();
        let mut sign = scene.sign.clone();
        change(&scene, &mut sign["data"]);
        let (_, signed) = scene.run(&scene.read.to_string(), 200, &sign.to_string());
        let error: Error = signed.unwrap_err();
        assert_eq!(error.code(), code, "{what}: {error}");
    };
    // The text of the second signature, rewritten.
    let text = |what: &str, change: fn(&str) -> String| {
        spoil(Code::VaultAnswer, what, &|_, data| {
            let signature = &mut data["batch_results"][1]["signature"];
            *signature = change(signature.as_str().unwrap()).into();
        });
    };
    text("another version in the prefix", |signature| signature.replace("vault:v2:", "vault:v1:"));
    text("a leading zero", |signature| signature.replace("vault:v2:", "vault:v02:"));
    text("a sign", |signature| signature.replace("vault:v2:", "vault:v+2:"));
    text("another prefix", |signature| signature.replace("vault:v2:", "bao:v2:"));
    text("no prefix", |signature| signature.replace("vault:v2:", ""));
    text("a huge version", |signature| signature.replace("vault:v2:", "vault:v4294967298:"));
    text("a line end at the end", |signature| format!("{signature}\n"));
    text("a line end inside", |signature| signature.replace("vault:v2:", "vault:v2:\n"));
    text("no padding", |signature| match signature.trim_end_matches('=') {
        // A length that needs none: one character less needs it.
        whole if whole.len() == signature.len() => whole[..whole.len() - 1].to_owned(),
        trimmed => trimmed.to_owned(),
    });
    text("padding too much", |signature| format!("{signature}="));
    text("url-safe base64", |signature| format!("{}-_", &signature[..signature.len() - 2]));
    text("jws instead of base64", |_| "vault:v2:4OdByycN9FIu_ul4Y3QwepCoKj3V7Qk2I5qnjxFyOL62I_a3hbKISZS7".to_owned());
    text("nothing", |_| String::new());
    text("an endless one", |_| format!("vault:v2:{}", "AAAA".repeat(100_000)));

    let answer = |what: &str, change: &dyn Fn(&Scene, &mut Value)| spoil(Code::VaultAnswer, what, change);
    answer("another version beside", &|_, data| data["batch_results"][2]["key_version"] = 1.into());
    answer("a huge version beside", &|_, data| data["batch_results"][2]["key_version"] = json!(u64::MAX));
    answer("a version as text", &|_, data| data["batch_results"][2]["key_version"] = "2".into());
    answer("no signature", &|_, data| data["batch_results"][0]["signature"] = Value::Null);
    answer("fewer results", &|_, data| drop(data["batch_results"].as_array_mut().unwrap().pop()));
    answer("more results", &|_, data| {
        let results = data["batch_results"].as_array_mut().unwrap();
        results.push(results[0].clone());
    });
    answer("no results", &|_, data| data["batch_results"] = json!([]));
    answer("results null", &|_, data| data["batch_results"] = Value::Null);
    answer("no batch", &|_, data| *data = data["batch_results"][0].clone());
    answer("swapped results", &|_, data| data["batch_results"].as_array_mut().unwrap().swap(0, 1));
    answer("a changed reference", &|_, data| data["batch_results"][0]["reference"] = "00".into());
    answer("a missing reference", &|_, data| data["batch_results"][0]["reference"] = Value::Null);
    answer("data null", &|_, data| *data = Value::Null);
    answer("data a list", &|_, data| *data = json!([1]));

    let wrong = |what: &str, change: &dyn Fn(&Scene, &mut Value)| spoil(Code::VaultWrongSignature, what, change);
    wrong("swapped signatures", &|_, data| {
        let first = data["batch_results"][0]["signature"].clone();
        data["batch_results"][0]["signature"] = data["batch_results"][1]["signature"].clone();
        data["batch_results"][1]["signature"] = first;
    });
    wrong("another key", &|scene, data| {
        data["batch_results"][2]["signature"] = format!("vault:v2:{}", other.sign(&scene.encodings[2])).into();
    });
    wrong("another message", &|scene, data| {
        let signature = scene.own.sign(&Pae::in_toto(b"{}"));
        data["batch_results"][2]["signature"] = format!("vault:v2:{signature}").into();
    });
    wrong("not DER", &|_, data| data["batch_results"][2]["signature"] = "vault:v2:AAAA".into());

    let item = |code: Code, words: &str| {
        spoil(code, words, &|_, data| {
            data["batch_results"][1] = json!({"key_version": 0, "error": words, "reference": "1"})
        });
    };
    item(Code::VaultRefused, "unable to decode input: illegal base64 data at input byte 0");
    item(Code::VaultRefused, "");
    item(Code::VaultKeyVersion, "requested version for signing is higher than the latest key version");
    item(Code::VaultKeyVersion, "requested version for signing is less than the minimum encryption key version");
    item(Code::VaultKeyType, "requested version for signing does not contain a private part");
    spoil(Code::VaultRefused, "an error beside a signature", &|_, data| {
        data["batch_results"][1]["error"] = "no".into()
    });
}

#[test]
fn words_of_refused_requests_choose_the_code() {
    let scene = Scene::new();
    for (status, words, code) in [
        (400, "signing key not found", Code::VaultKeyNotFound),
        (400, "key type aes256-gcm96 does not support signing", Code::VaultKeyType),
        (500, "1 error occurred:\n\t* no such key version\n\n", Code::VaultKeyVersion),
        (404, "no handler for route \"transit/sign/k\". route entry not found.", Code::VaultMountNotFound),
        (403, "1 error occurred:\n\t* permission denied\n\n", Code::VaultPermission),
    ] {
        let (_, signed) = scene.run(&scene.read.to_string(), status, &json!({"errors": [words]}).to_string());
        let error = refused(signed, code);
        assert!(error.message().contains("transit/sign/ecdsa-p256"), "{error}");
    }
}

#[test]
fn spoilt_keys_are_refused() {
    let good = Scene::new().read;
    let read = |what: &str, code: Code, body: &str| {
        let scene = Scene::new();
        let (fake, signed) = scene.run(body, 200, &scene.sign.to_string());
        let error = signed.unwrap_err();
        assert_eq!(error.code(), code, "{what}: {error}");
        assert_eq!(fake.times(SIGN), 0, "{what}");
    };
    let spoil = |what: &str, code: Code, change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body["data"]);
        read(what, code, &body.to_string());
    };
    let answer = |what: &str, change: &dyn Fn(&mut Value)| spoil(what, Code::VaultAnswer, change);
    answer("another name", &|data| data["name"] = "other".into());
    answer("a key of another type", &|data| {
        data["keys"]["1"]["public_key"] = golden("create ecdsa-p384")["data"]["keys"]["1"]["public_key"].clone();
    });
    answer("an RSA key", &|data| {
        data["keys"]["1"]["public_key"] = golden("create rsa-2048")["data"]["keys"]["1"]["public_key"].clone();
    });
    answer("no public key", &|data| data["keys"]["1"]["public_key"] = "".into());
    answer("a private key", &|data| {
        data["keys"]["1"]["public_key"] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into();
    });
    answer("a bare key", &|data| data["keys"]["1"]["public_key"] = "AAAA".into());
    answer("a time instead of a version", &|data| data["keys"]["1"] = 1_795_254_745.into());
    answer("no creation time", &|data| data["keys"]["1"]["creation_time"] = Value::Null);
    answer("a senseless creation time", &|data| data["keys"]["1"]["creation_time"] = "yesterday".into());
    answer("a creation time before computers", &|data| {
        data["keys"]["1"]["creation_time"] = "0001-01-01T00:00:00Z".into();
    });
    for number in ["01", "0", "-1", "+1", "1.0", "", "x", "4294967296", "99999999999999999999", "1\n"] {
        answer(number, &|data| data["keys"][number] = data["keys"]["1"].clone());
    }
    answer("a version above the latest", &|data| data["keys"]["3"] = data["keys"]["1"].clone());
    answer("the latest missing", &|data| drop(data["keys"].as_object_mut().unwrap().remove("2")));
    answer("no versions", &|data| data["keys"] = json!({}));
    answer("versions in a list", &|data| data["keys"] = json!([]));
    answer("a huge latest version", &|data| data["latest_version"] = json!(u64::MAX));
    answer("a fraction", &|data| data["latest_version"] = json!(2.5));
    answer("a negative minimum", &|data| data["min_decryption_version"] = json!(-1));
    answer("a minimum above the latest", &|data| data["min_encryption_version"] = json!(3));
    answer("no type", &|data| data["type"] = Value::Null);
    answer("null", &|data| *data = Value::Null);
    answer("too many versions", &|data| {
        data["keys"] =
            (1..=10_001).map(|number| (number.to_string(), json!(0))).collect::<serde_json::Map<_, _>>().into();
        data["latest_version"] = 10_001.into();
    });
    let kind = |kind: &str| {
        spoil(kind, Code::VaultKeyType, &|data| data["type"] = kind.into());
    };
    kind("aes256-gcm96");
    kind("managed_key");
    kind("ml-dsa");
    kind("slh-dsa");
    kind("from\u{1b}[2Jthe future");
    spoil("derived", Code::VaultKeyType, &|data| data["derived"] = true.into());
    spoil("deleted", Code::VaultKeyType, &|data| data["soft_deleted"] = true.into());
    spoil("not for signing", Code::VaultKeyType, &|data| data["supports_signing"] = false.into());

    let text = good.to_string();
    let latest = "\"latest_version\":2";
    read("a doubled field", Code::VaultAnswer, &text.replace(latest, &format!("{latest},{latest}")));
    read(
        "a doubled version",
        Code::VaultAnswer,
        &text.replace("\"keys\":{", &format!("\"keys\":{{\"2\":{},", good["data"]["keys"]["1"])),
    );
    read("data twice", Code::VaultAnswer, &text.replacen('{', "{\"data\":null,", 1));
    read("nothing", Code::VaultAnswer, "");
    read("half of it", Code::VaultAnswer, &text[..text.len() / 2]);
    read("something else", Code::VaultAnswer, "[]");
}

#[test]
fn a_weak_rsa_key_is_refused() {
    // RSA with 1024 bits.
    let weak = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC8UYJMIBsuAfVL/yvVPb/jNogK
s2ogL0gRZBxjw096KMoj/dDWX+cQiKshZtqE56te+ekvSLbLzgQgHHw6nsyE9Kkd
uRzIyEl+85h5mSWNLQivvY8p5wQ66PTdpcQlbKEF3shh84HGhTGRK1uQjdHZsY96
7HrmBSY+iF/sbllY9wIDAQAB
-----END PUBLIC KEY-----
";
    let mut read = golden("create rsa-2048");
    read["data"]["keys"]["1"]["public_key"] = weak.into();
    let fake = Fake::serve([("GET transit/keys/rsa-2048", 200, read.to_string())]);
    let server = connect(&fake.address, "t");
    let error = refused(server.log_in().unwrap().read_key(&reference("hashivault://rsa-2048")), Code::VaultKeyType);
    assert!(error.message().contains("1024"), "{error}");
}

#[test]
fn only_a_clear_no_is_a_no() {
    let scene = Scene::new();
    let ask = |status: u16, body: Value| {
        let fake = Fake::serve([(READ, 200, scene.read.to_string()), (VERIFY, status, body.to_string())]);
        let server = connect(&fake.address, "t");
        let session = server.log_in().unwrap();
        let key = session.read_key(&reference("hashivault://ecdsa-p256")).unwrap();
        session.verify_online(&key, 2, &scene.encodings[0], b"signature")
    };
    ask(200, golden("verify ecdsa-p256 asn1")).unwrap();
    refused(ask(200, golden("verify ed25519 other message")), Code::SignatureOnlineRefused);
    refused(ask(400, golden("verify version 1 after")), Code::SignatureOnlineRefused);
    for words in [
        "invalid signature: no prefix",
        "invalid signature: version is too new",
        "invalid base64 signature value",
        "supplied signature is invalid",
        "supplied signature contains extra data",
    ] {
        refused(ask(400, json!({"errors": [words]})), Code::SignatureOnlineRefused);
        assert_ne!(ask(500, json!({"errors": [words]})).unwrap_err().code(), Code::SignatureOnlineRefused);
    }
    refused(ask(403, json!({"errors": ["invalid signature: no prefix"]})), Code::VaultPermission);
    refused(ask(400, json!({"errors": ["signature verification key not found"]})), Code::VaultKeyNotFound);
    refused(ask(404, json!({"errors": ["no handler for route"]})), Code::VaultMountNotFound);
    refused(ask(200, json!({"data": {"valid": "true"}})), Code::VaultAnswer);
    refused(ask(200, json!({"data": {}})), Code::VaultAnswer);
    refused(ask(200, json!({"data": null})), Code::VaultAnswer);
    let error = ask(400, json!({"errors": ["Field validation failed"]})).unwrap_err();
    assert_ne!(error.code(), Code::SignatureOnlineRefused, "{error}");
}
