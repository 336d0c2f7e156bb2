//! Hashing whole models: one large file, several, many small ones.
//!
//! Warm cache. Numbers mean something only beside those of another tool from the same run.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use modelseal_core::{HashAlgorithm, hash_tree_for_benches};

const MIB: usize = 1 << 20;

/// Name, number of files, bytes of each.
const MODELS: [(&str, usize, usize); 3] =
    [("one large file", 1, 256 * MIB), ("four large files", 4, 64 * MIB), ("many small files", 20_000, 2048)];

fn hashing(criterion: &mut Criterion) {
    let all = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    for (name, files, size) in MODELS {
        let model = tempfile::tempdir().expect("a temporary directory");
        write_model(model.path(), files, size).expect("room for the model");
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Bytes((files * size) as u64));
        for (algorithm, jobs) in
            [(HashAlgorithm::Sha256, NonZeroUsize::MIN), (HashAlgorithm::Sha256, all), (HashAlgorithm::Blake3, all)]
        {
            group.bench_function(BenchmarkId::new(algorithm.as_str(), jobs), |bencher| {
                bencher.iter(|| black_box(hash_tree_for_benches(model.path(), algorithm, jobs)).expect("readable"));
            });
        }
        group.finish();
    }
}

fn tiny(criterion: &mut Criterion) {
    let model = tempfile::tempdir().expect("a temporary directory");
    write_model(model.path(), 3, 100).expect("room for the model");
    let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    criterion.bench_function("three tiny files", |bencher| {
        bencher.iter(|| black_box(hash_tree_for_benches(model.path(), HashAlgorithm::Sha256, jobs)).expect("readable"));
    });
}

/// 100 files to a directory.
fn write_model(path: &Path, files: usize, size: usize) -> io::Result<()> {
    let content: Vec<u8> = (0..size.min(MIB)).map(|i| (i * 31 + i / 255) as u8).collect();
    for i in 0..files {
        let directory = path.join(format!("{:04}", i / 100));
        fs::create_dir_all(&directory)?;
        let mut file = File::create(directory.join(format!("{i:06}.bin")))?;
        for _ in 0..size / content.len() {
            file.write_all(&content)?;
        }
    }
    Ok(())
}

criterion_group!(benches, hashing, tiny);
criterion_main!(benches);
