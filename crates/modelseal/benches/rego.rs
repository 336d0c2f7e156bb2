//! One decision of Rego modules: less than a millisecond, also for a manifest of many files.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use modelseal::{RegoNarrow, RegoStage};
use serde_json::{Value, json};

const MODULE: &str = r#"
package model

default allow := false

allow if {
    input.signature.verified == true
    input.identity.provider == "github"
    input.identity.github.event_name in {"push", "release"}
    split(input.artifact.name, "/")[0] in data.teams
    count(deny) == 0
}

deny contains "pickled weights" if {
    some resource in input.artifact.resources
    endswith(resource.name, ".pkl")
}
"#;

fn deciding(criterion: &mut Criterion) {
    let named = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let stage =
        RegoStage::new(named("m.rego", MODULE), named("d.json", r#"{"teams": ["acme"]}"#), Duration::from_secs(1));
    let narrow = RegoNarrow::new(&stage).expect("a good module");
    let mut group = criterion.benchmark_group("rego");
    for files in [2, 100] {
        let facts = facts(files);
        group.bench_function(BenchmarkId::new("decision", files), |bencher| {
            bencher.iter(|| narrow.judge(black_box(&facts)).expect("allowed"));
        });
    }
    group.finish();
}

fn facts(files: usize) -> Value {
    let resource = |at: usize| json!({"name": format!("model-{at}.safetensors"), "digest": null, "size": null});
    json!({
        "artifact": {"name": "acme/llm-7b", "resources": (0..files).map(resource).collect::<Vec<_>>()},
        "signature": {"verified": true},
        "identity": {"provider": "github", "github": {"event_name": "push"}},
    })
}

criterion_group!(benches, deciding);
criterion_main!(benches);
