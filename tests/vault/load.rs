//! Many jobs at once against a server that limits them: each signs exactly once, and none leaves a token behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::common::run;
use crate::scene::{Ledger, Scene, alive};
use crate::support::{Kind, Options, Server, on_each_server};

const JOBS: usize = 48;
const AT_A_TIME: usize = 8;

/// Requests that the server lets through in a second: the jobs make five times as many, so that some must wait however
/// slow the machine is.
const RATE: u32 = 20;

/// Runs the jobs; `headers`: whether the server says how long to wait.
#[track_caller]
fn all_sign(kind: Kind, headers: bool) {
    let server = Server::own(kind, &Options { audit: true, ..Options::default() });
    let scene = Scene::new(&server);
    let table = scene.export("keys");
    let admin = server.admin();
    let (before, entry) = (alive(&server), server.audit_lines().len());
    admin.post("sys/quotas/config", &json!({"enable_rate_limit_response_headers": headers})).ok();
    let quota = json!({"rate": RATE, "interval": "1s", "path": format!("{}/", scene.mount)});
    admin.post("sys/quotas/rate-limit/slow", &quota).ok();

    let (next, limited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let job @ 0..JOBS = next.fetch_add(1, Ordering::SeqCst) {
                    let bundle = format!("{job}.sig");
                    let done = run(scene.sign().args(["--bundle", &bundle, "-v"]));
                    done.accepted();
                    run(scene.verify(&table).args(["--bundle", &bundle])).accepted();
                    limited.fetch_add(done.text().matches(" 429 ").count(), Ordering::SeqCst);
                }
            });
        }
    });
    admin.delete("sys/quotas/rate-limit/slow").ok();
    assert!(limited.into_inner() > 0, "the server never had to limit anybody");
    let ledger = Ledger::since(&server, entry);
    assert_eq!((ledger.tokens.len(), ledger.granted("/sign/model")), (JOBS, JOBS));
    ledger.assert_all_revoked();
    assert_eq!(alive(&server), before);
}

on_each_server! {
    fn jobs_wait_as_long_as_the_server_says(kind: Kind) {
        all_sign(kind, true);
    }

    fn jobs_wait_although_the_server_does_not_say_how_long(kind: Kind) {
        all_sign(kind, false);
    }
}
