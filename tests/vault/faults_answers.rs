//! Servers that lie: what they sign, and what they say of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelseal::Code;
use serde_json::{Value, json};

use crate::faults::{Done, Ground, Job, Spy};
use crate::support::fault::Reply;
use crate::support::{Behaviour, FaultServer, Kind, Server, on_each_server};

/// The name of a lie about a key, what it changes, and what comes of it.
type Edit = (&'static str, fn(&mut Value), Code);

/// Changes the JSON of an answer.
fn change(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Behaviour {
    Behaviour::alter(move |reply| {
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
        edit(&mut body);
        Reply { body: body.to_string().into_bytes(), ..reply }
    })
}

/// Changes the text of an answer.
fn rewrite(edit: impl Fn(String) -> String + Send + Sync + 'static) -> Behaviour {
    Behaviour::alter(move |reply| Reply { body: edit(String::from_utf8(reply.body).unwrap()).into_bytes(), ..reply })
}

/// Changes the signature text of the one item.
fn signature(edit: impl Fn(&str) -> String + Send + Sync + 'static) -> Behaviour {
    change(move |body| {
        let item = &mut body["data"]["batch_results"][0];
        item["signature"] = edit(item["signature"].as_str().unwrap()).into();
    })
}

/// The answer to the request for signatures is `behaviour`: the run ends with `code`, and nothing is written.
#[track_caller]
fn refused(ground: &Ground<'_>, name: &str, behaviour: Behaviour, code: Code) -> Done {
    let rules = FaultServer::builder().on("POST", &format!("/v1/{}/sign/", ground.mount), [behaviour]);
    let (job, spy) = ground.spied(rules);
    let done = job.refused_with_exit(code.exit().status());
    assert_eq!(done.json["code"], code.as_str(), "{name}: {}", done.said);
    assert_eq!(spy.count("/sign/model"), 1, "{name}: a lie is not asked for again");
    ground.assert_revoked(&spy, 1);
    done
}

on_each_server! {
    fn t17_signatures_that_are_not_the_keys(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        // Another key signs what was asked.
        admin.key(&ground.mount, "other", "ecdsa-p256");
        let (client, path) = (admin.clone(), format!("{}/sign/other", ground.mount));
        let other = Behaviour::compute(move |request| Reply::json(200, &client.post(&path, &request.json()).ok()));
        refused(&ground, "another key", other, Code::VaultWrongSignature).hints(&["do not trust"]);
        // The right key signs something else.
        let (client, path) = (admin.clone(), format!("{}/sign/model", ground.mount));
        let another = Behaviour::compute(move |request| {
            let mut body = request.json();
            body["batch_input"][0]["input"] = STANDARD.encode([7; 32]).into();
            Reply::json(200, &client.post(&path, &body).ok())
        });
        refused(&ground, "another digest", another, Code::VaultWrongSignature);
        let bytes = signature(|_| format!("vault:v1:{}", STANDARD.encode(b"no signature at all")));
        refused(&ground, "no signature", bytes, Code::VaultWrongSignature);
        let flipped = signature(|text| {
            let mut bytes = STANDARD.decode(text.rsplit(':').next().unwrap()).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            format!("vault:v1:{}", STANDARD.encode(bytes))
        });
        refused(&ground, "one bit", flipped, Code::VaultWrongSignature);
        // More bytes after the signature would verify in lenient libraries.
        let longer = signature(|text| {
            let bytes = STANDARD.decode(text.rsplit(':').next().unwrap()).unwrap();
            format!("vault:v1:{}", STANDARD.encode([&bytes[..], &[0]].concat()))
        });
        refused(&ground, "a byte more", longer, Code::VaultWrongSignature);
    }

    fn signatures_in_another_form(server: &Server) {
        let ground = Ground::new(server);
        let prefix = |prefix: &'static str| signature(move |text| text.replacen("vault:v1:", prefix, 1));
        for other in [
            "vault:v9:", "vault:v2:", "vault:v0:", "vault:v01:", "vault:v+1:", "vault:v1 :", "vault:v:", "vault:v1::",
            "vault:1:", "Vault:v1:", "vault:V1:", "vault:v4294967297:", "bao:v1:", "", " vault:v1:", "vault:v1:\n", "cmac:v1:",
        ] {
            refused(&ground, other, prefix(other), Code::VaultAnswer);
        }
        let base64 = |edit: fn(&str) -> String| signature(move |text| format!("vault:v1:{}", edit(text.rsplit(':').next().unwrap())));
        refused(&ground, "with a newline", base64(|text| format!("{text}\n")), Code::VaultAnswer);
        refused(&ground, "with a space", base64(|text| text.replacen('M', " M", 1)), Code::VaultAnswer);
        refused(&ground, "with more padding", base64(|text| format!("{text}====")), Code::VaultAnswer);
        refused(&ground, "base64 of URLs", base64(|text| format!("-_{text}")), Code::VaultAnswer);
        refused(&ground, "nothing", base64(|_| String::new()), Code::VaultAnswer);
        // The unused bits of the last character are not 0: two texts for the same bytes.
        let odd = base64(|text| {
            let mut bytes = STANDARD.decode(text).unwrap();
            bytes.resize(bytes.len().next_multiple_of(3) + 1, 0);
            STANDARD.encode(bytes).replace("A==", "B==")
        });
        refused(&ground, "not canonical", odd, Code::VaultAnswer);
        refused(&ground, "no text", change(|body| body["data"]["batch_results"][0]["signature"] = 1.into()), Code::VaultAnswer);
        refused(&ground, "null", change(|body| body["data"]["batch_results"][0]["signature"] = Value::Null), Code::VaultAnswer);
        let large = signature(|text| text.replace("vault:v1:", &format!("vault:v1:{}", "A".repeat(900_000))));
        let done = refused_any(&ground, large);
        assert_eq!(done.json["exit"], 4, "{}", done.said);
    }

    fn answers_that_are_not_what_was_asked(server: &Server) {
        let ground = Ground::new(server);
        for (name, behaviour) in [
            ("another version", change(|body| body["data"]["batch_results"][0]["key_version"] = 2.into())),
            ("version 0", change(|body| body["data"]["batch_results"][0]["key_version"] = 0.into())),
            ("no version at all", change(|body| body["data"]["batch_results"][0]["key_version"] = "1".into())),
            ("no results", change(|body| body["data"]["batch_results"] = json!([]))),
            ("null results", change(|body| body["data"]["batch_results"] = Value::Null)),
            ("null item", change(|body| body["data"]["batch_results"] = json!([null]))),
            ("an object of results", change(|body| body["data"]["batch_results"] = json!({"0": {}}))),
            ("one more", change(|body| {
                let item = body["data"]["batch_results"][0].clone();
                body["data"]["batch_results"].as_array_mut().unwrap().push(item);
            })),
            ("another's", change(|body| body["data"]["batch_results"][0]["reference"] = "1".into())),
            ("nobody's", change(|body| body["data"]["batch_results"][0]["reference"] = Value::Null)),
            ("null data", change(|body| body["data"] = Value::Null)),
            ("a list", change(|body| body["data"] = json!([]))),
            ("a text", change(|body| body["data"] = "vault:v1:AAAA".into())),
            ("no envelope", change(|body| *body = body["data"].clone())),
            ("data twice", rewrite(|text| text.replacen("\"data\":", "\"data\":{\"batch_results\":[]},\"data\":", 1))),
            ("signature twice", rewrite(|text| text.replacen("\"signature\":", "\"signature\":\"vault:v1:AAAA\",\"signature\":", 1))),
            ("a key twice, elsewhere", rewrite(|text| text.replacen('{', "{\"x\":{\"a\":1,\"a\":2},", 1))),
            ("something after it", rewrite(|text| format!("{text}{{}}"))),
            ("nothing", Behaviour::answer(200, &[], "")),
            ("no content", Behaviour::answer(204, &[], "")),
        ] {
            refused(&ground, name, behaviour, Code::VaultAnswer);
        }
        let error = change(|body| body["data"]["batch_results"][0] = json!({"error": "it is \u{1b}[2J broken", "reference": "0"}));
        refused(&ground, "an error of one item", error, Code::VaultRefused).says(&["broken"]);
        // An error beside a signature is an error.
        let both = change(|body| body["data"]["batch_results"][0]["error"] = "half".into());
        refused(&ground, "both", both, Code::VaultRefused);
        let token = change(|body| body["data"]["batch_results"][0] = json!({"error": "signing key not found", "reference": "0"}));
        refused(&ground, "a key that is gone", token, Code::VaultKeyNotFound);
    }

    fn keys_that_contradict_themselves(server: &Server) {
        let ground = Ground::new(server);
        let edits: [Edit; 14] = [
            ("another name", |data| data["name"] = "other".into(), Code::VaultAnswer),
            ("no versions", |data| data["keys"] = json!({}), Code::VaultAnswer),
            ("null versions", |data| data["keys"] = Value::Null, Code::VaultAnswer),
            ("versions in a list", |data| data["keys"] = json!([1]), Code::VaultAnswer),
            ("a number with a zero", |data| data["keys"] = json!({"01": data["keys"]["1"]}), Code::VaultAnswer),
            ("version 0", |data| data["keys"] = json!({"0": data["keys"]["1"]}), Code::VaultAnswer),
            ("a later one is missing", |data| data["latest_version"] = 2.into(), Code::VaultAnswer),
            ("latest of the past", |data| data["latest_version"] = 0.into(), Code::VaultAnswer),
            ("all are retired", |data| data["min_encryption_version"] = 7.into(), Code::VaultAnswer),
            ("negative", |data| data["min_decryption_version"] = (-1).into(), Code::VaultAnswer),
            ("no public key", |data| data["keys"]["1"]["public_key"] = "".into(), Code::VaultAnswer),
            ("null key", |data| data["keys"]["1"]["public_key"] = Value::Null, Code::VaultAnswer),
            ("another type", |data| data["type"] = "ecdsa-p384".into(), Code::VaultAnswer),
            ("an unknown type", |data| data["type"] = "quantum-9000".into(), Code::VaultKeyType),
        ];
        for (name, edit, code) in edits {
            let altered = change(move |body| edit(&mut body["data"]));
            let rules = FaultServer::builder().on("GET", &format!("/v1/{}/keys/", ground.mount), [altered]);
            let (job, spy) = ground.spied(rules);
            let done = job.refused_with_exit(4);
            assert_eq!(done.json["code"], code.as_str(), "{name}: {}", done.said);
            assert_eq!(spy.count("/sign/model"), 0, "{name}");
            ground.assert_revoked(&spy, 1);
        }
    }

    /// A wrong server confirms itself: only the expected id finds it, before it signs.
    fn t17_a_server_with_a_key_of_its_own(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let wrong = Ground::new(server);
        let reference = admin.get(&format!("{}/keys/model", ground.mount)).ok();
        let pem = reference["data"]["keys"]["1"]["public_key"].as_str().unwrap().to_owned();
        let show = Job::new("keys show").with([ground.key()]).with(["--vault-addr", &server.address]).jwt(&ground, &ground.identity());
        let id = show.done().json["key_id"].as_str().unwrap().to_owned();
        assert!(!pem.is_empty());
        ground.job(&server.address).with(["--expect-key-id", &id]).done();
        // What the wrong server answers fits together.
        wrong.job(&server.address).done();
        let (job, spy) = wrong.spied(FaultServer::builder());
        job.with(["--expect-key-id", &id]).refused(Code::VaultUnexpectedKey).says(&[&id]);
        assert_eq!(spy.count("/sign/model"), 0);
    }

    fn online_verification_needs_both(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let hcl = format!("path \"{}/verify/model\" {{ capabilities = [\"update\"] }}", ground.mount);
        let verify = admin.policy("verify", &hcl);
        admin.jwt_role(&ground.auth, "ci", &json!({}), &[&ground.policy, &verify], &json!({}));
        let signed = ground.job(&server.address);
        signed.done();
        let bundle = std::fs::read(signed.sandbox.at("model/model.sig")).unwrap();
        // A signed model, and the command that verifies it by asking.
        let job = |rules: crate::support::fault::Builder| {
            let spy = Spy::start(rules, &server.address);
            let job = Job::new("verify model --online --any-model").with(["--key".to_owned(), ground.key()]);
            std::fs::write(job.sandbox.at("model/model.sig"), &bundle).unwrap();
            let job = job.with(["--vault-addr", &spy.faults.address]).spied(&spy).jwt(&ground, &ground.identity());
            (job, spy)
        };
        let (good, spy) = job(FaultServer::builder());
        assert_eq!(good.done().json["code"], "verified");
        assert_eq!(spy.count("/verify/model"), 1);
        ground.assert_revoked(&spy, 1);

        let path = format!("/v1/{}/verify/", ground.mount);
        let quota = json!({"errors": ["rate limit quota exceeded"]});
        for (name, behaviour, code) in [
            ("no", change(|body| body["data"]["valid"] = false.into()), Code::SignatureOnlineRefused),
            ("perhaps", change(|body| body["data"]["valid"] = "true".into()), Code::VaultAnswer),
            ("1", change(|body| body["data"]["valid"] = 1.into()), Code::VaultAnswer),
            ("nothing", change(|body| body["data"] = json!({})), Code::VaultAnswer),
            ("null", change(|body| body["data"] = Value::Null), Code::VaultAnswer),
            ("twice", rewrite(|text| text.replacen("\"valid\":", "\"valid\":false,\"valid\":", 1)), Code::VaultAnswer),
            ("a page", Behaviour::answer(200, &[], "<html>"), Code::VaultAnswer),
            ("no content", Behaviour::answer(204, &[], ""), Code::VaultAnswer),
            ("not allowed", Behaviour::json(403, &json!({"errors": ["permission denied"]})), Code::VaultPermission),
            ("broken", Behaviour::json(500, &json!({"errors": ["internal error"]})), Code::VaultServerError),
            ("sealed", Behaviour::json(503, &json!({"errors": ["Vault is sealed"]})), Code::VaultSealed),
            ("a proxy", Behaviour::html_502(), Code::VaultUnavailable),
            ("too often", Behaviour::json(429, &quota), Code::VaultRateLimited),
            ("lost", Behaviour::CloseAfterRequest, Code::VaultUnreachable),
            ("silent", Behaviour::Silence, Code::VaultTimeout),
            ("elsewhere", Behaviour::redirect("https://elsewhere.example/"), Code::VaultRedirect),
        ] {
            let (job, spy) = job(FaultServer::builder().on("POST", &path, [behaviour]));
            let done = job.with(["--timeout", "1s"]).refused_with_exit(code.exit().status());
            assert_eq!(done.json["code"], code.as_str(), "{name}: {}", done.said);
            assert_ne!(done.json["results"][0]["code"], "verified", "{name}");
            ground.assert_revoked(&spy, 1);
        }
        // Unreachable from the start.
        let nobody = Job::new("verify model --online --any-model").with(["--key".to_owned(), ground.key()]);
        std::fs::write(nobody.sandbox.at("model/model.sig"), &bundle).unwrap();
        let nobody = nobody.with(["--vault-addr", "http://127.0.0.1:1"]).jwt(&ground, &ground.identity());
        nobody.refused(Code::VaultUnreachable);
        // The yes of the server alone is not enough.
        let yes = Behaviour::json(200, &json!({"data": {"valid": true}}));
        let (altered, spy) = job(FaultServer::builder().on("POST", &path, [yes]));
        altered.sandbox.write("model/config.json", b"{\"evil\":true}\n");
        assert_eq!(altered.refused_with_exit(1).json["code"], "artifact/modified");
        ground.assert_revoked(&spy, 1);
        // Another key's signature.
        let other = Ground::new(server);
        let foreign = other.job(&server.address);
        foreign.done();
        let yes = Behaviour::json(200, &json!({"data": {"valid": true}}));
        let (exchanged, _spy) = job(FaultServer::builder().on("POST", &path, [yes]));
        std::fs::copy(foreign.sandbox.at("model/model.sig"), exchanged.sandbox.at("model/model.sig")).unwrap();
        assert_eq!(exchanged.refused_with_exit(1).json["code"], "signature/unknown-key");
    }
}

/// Whatever the code.
#[track_caller]
fn refused_any(ground: &Ground<'_>, behaviour: Behaviour) -> Done {
    let rules = FaultServer::builder().on("POST", &format!("/v1/{}/sign/", ground.mount), [behaviour]);
    ground.spied(rules).0.refused_with_exit(4)
}

/// Signatures that each need the whole list: a wrong one is found there, too.
#[test]
fn other_schemes_are_checked_the_same() {
    if !Kind::OpenBao.available() {
        return;
    }
    let server = Server::shared(Kind::OpenBao);
    for kind in ["ed25519", "rsa-2048", "ecdsa-p384", "ecdsa-p521"] {
        let ground = Ground::of_type(server, kind);
        server.admin().key(&ground.mount, "other", kind);
        let (client, path) = (server.admin(), format!("{}/sign/other", ground.mount));
        let other = Behaviour::compute(move |request| Reply::json(200, &client.post(&path, &request.json()).ok()));
        refused(&ground, kind, other, Code::VaultWrongSignature);
        // The server takes a hash of its own choice.
        let (client, path) = (server.admin(), format!("{}/sign/model", ground.mount));
        let lax = Behaviour::compute(move |request| {
            let mut body = request.json();
            body["hash_algorithm"] = "sha2-224".into();
            body["prehashed"] = false.into();
            Reply::json(200, &client.post(&path, &body).ok())
        });
        if kind != "ed25519" {
            refused(&ground, kind, lax, Code::VaultWrongSignature);
        }
    }
}
