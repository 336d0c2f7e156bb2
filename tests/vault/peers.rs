//! The reference tool verifies what a key on a server signed.

use std::fs;
use std::process::Command;

use crate::common::{model_signing, run};
use crate::scene::Scene;
use crate::support::{Kind, Server};

#[test]
fn the_reference_tool_verifies_signatures_of_every_curve() {
    let kinds = [Kind::OpenBao, Kind::Vault].into_iter().filter(|kind| kind.available());
    let curves = |kind| match kind {
        Kind::OpenBao => &["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"][..],
        Kind::Vault => &["ecdsa-p256"],
    };
    for kind in kinds {
        for curve in curves(kind) {
            let scene = Scene::with_key(Server::shared(kind), curve);
            run(&mut scene.sign()).accepted();
            scene.export("keys");
            let accepts = || {
                let mut peer = Command::new(model_signing());
                peer.args(["verify", "key", "model", "--signature", "model/model.sig"]);
                peer.args(["--public_key", "keys/model-v1.pem"]).current_dir(scene.sandbox.path());
                let done = peer.output().unwrap();
                (done.status.success(), format!("{curve} {done:?}"))
            };
            let (accepted, text) = accepts();
            assert!(accepted, "{text}");
            fs::write(scene.sandbox.at("model/w/0.bin"), b"abce").unwrap();
            let (accepted, text) = accepts();
            assert!(!accepted && text.to_lowercase().contains("mismatch"), "{text}");
        }
    }
}
