//! The right digests, in the right order, whatever the way.

use super::*;
use crate::hash::Hasher;

#[test]
fn files_are_hashed_and_sorted_by_their_whole_names() {
    let model = model(&[("a/x", b"1"), ("a-b/x", b"22"), ("a.txt", b""), ("Z", b"abc"), ("é", b"4")]);
    let scanned = USUAL.scan(model.path(), everything).unwrap();
    assert_eq!(names(&scanned), ["Z", "a-b/x", "a.txt", "a/x", "é"]);
    assert_eq!(scanned.files[0].digests, whole(b"abc"));
    assert_eq!(scanned.files[2].digests, whole(b""));
    assert_eq!(scanned.files.iter().map(|file| file.size).collect::<Vec<_>>(), [3, 2, 0, 1, 1]);
    assert!(scanned.complete && scanned.findings.is_empty() && scanned.uncovered.is_empty());
}

#[test]
fn sizes_around_every_boundary_and_any_number_of_jobs_agree() {
    const READ: usize = 256 << 10;
    let sizes = [0, 1, 63, 64, 65, 4095, READ - 1, READ, READ + 1, 2 * READ, (2 << 20) + 1, 9 << 20];
    let contents: Vec<_> = sizes.iter().map(|size| (format!("d{}/{size:08}", size % 3), noise(*size))).collect();
    let model = model(&contents.iter().map(|(name, content)| (name.as_str(), &content[..])).collect::<Vec<_>>());
    for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Blake2b, HashAlgorithm::Blake3] {
        for jobs in [1, 2, 8, 200] {
            let with = With { jobs, hashing: Hashing { algorithm, shard_size: None }, ..USUAL };
            let scanned = with.scan(model.path(), everything).unwrap();
            assert_eq!(scanned.files.len(), sizes.len());
            for (name, content) in &contents {
                let file = scanned.files.iter().find(|file| file.name.as_str() == name).unwrap();
                let mut hasher = Hasher::new(algorithm);
                hasher.update(content);
                assert_eq!(file.digests, FileDigests::Whole(hasher.finish()), "{name} {algorithm} {jobs}");
                assert_eq!(file.size, content.len() as u64);
            }
        }
    }
}

#[test]
fn shards_are_hashed_on_their_own() {
    const READ: usize = 256 << 10;
    for size in [0, 1, 2, 999, 1000, 1001, 2000, READ, READ + 1, 3 * READ, 3 * READ + 7] {
        let content = noise(size);
        let model = model(&[("f", &content)]);
        for shard in [1000, READ - 1, READ, READ + 1, 10 * READ] {
            for (path, jobs) in [(model.path().to_owned(), 2), (model.path().join("f"), 1)] {
                let hashing = Hashing { algorithm: HashAlgorithm::Sha256, shard_size: Some(shard as u64) };
                let scanned = With { hashing, jobs, ..USUAL }.scan(&path, everything).unwrap();
                let expected = content.chunks(shard).map(Digest::sha256).collect();
                assert_eq!(scanned.files[0].digests, FileDigests::Shards(expected), "{size} {shard}");
            }
        }
    }
}

#[test]
fn absurd_shard_sizes_are_refused() {
    let model = model(&[("f", b"x")]);
    let file = fs::File::create(model.path().join("g")).unwrap();
    file.set_len(1 << 40).unwrap();
    for (shard, words) in [(0, "more than 0 bytes"), (1, "`g` makes more than 1000000 shards of 1 bytes")] {
        let hashing = Hashing { algorithm: HashAlgorithm::Sha256, shard_size: Some(shard) };
        let limits = Limits { max_file_bytes: u64::MAX, max_total_bytes: u64::MAX, ..USUAL.limits };
        let (code, message) = refusal(With { hashing, limits, ..USUAL }.scan(model.path(), everything));
        assert_eq!(code, Code::InputLimit);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn one_byte_shards_of_a_file_that_is_read_in_parts() {
    let content = noise(300_000);
    let model = model(&[("f", &content)]);
    let hashing = Hashing { algorithm: HashAlgorithm::Blake3, shard_size: Some(1) };
    let scanned = With { hashing, ..USUAL }.scan(model.path(), everything).unwrap();
    let FileDigests::Shards(shards) = &scanned.files[0].digests else { panic!("not in shards") };
    assert_eq!(shards.len(), content.len());
    let mut hasher = Hasher::new(HashAlgorithm::Blake3);
    hasher.update(&content[299_999..]);
    assert_eq!(shards[299_999], hasher.finish());
}

#[test]
fn a_single_file_is_the_entry_dot() {
    for size in [3, 5 << 20] {
        let content = noise(size);
        let model = model(&[("f", &content)]);
        let with = With { recheck_names: true, ..USUAL };
        let scanned = with
            .scan(&model.path().join("f"), |entry| {
                assert_eq!((entry.name, entry.utf8, entry.kind), (".", true, EntryKind::File));
                Ok(Action::Hash { size: Some(size as u64) })
            })
            .unwrap();
        assert_eq!(names(&scanned), ["."]);
        assert_eq!(scanned.files[0].digests, whole(&content));
    }
}

#[test]
fn a_flat_directory_and_many_directories_are_complete() {
    let model = tempfile::tempdir().unwrap();
    for i in 0..3000 {
        fs::write(model.path().join(format!("{i:04}")), format!("{i}")).unwrap();
    }
    for i in 0..300 {
        let directory = model.path().join(format!("d/{}/{i:03}", i % 7));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("f"), format!("d{i}")).unwrap();
    }
    for jobs in [1, 8] {
        let scanned = With { jobs, recheck_names: true, ..USUAL }.scan(model.path(), everything).unwrap();
        assert_eq!(scanned.files.len(), 3300);
        assert!(scanned.files.windows(2).all(|pair| pair[0].name < pair[1].name));
        for (i, file) in scanned.files.iter().take(3000).enumerate() {
            assert_eq!((file.name.as_str(), &file.digests), (&*format!("{i:04}"), &whole(format!("{i}").as_bytes())));
        }
    }
}

#[test]
fn what_is_passed_over_is_not_opened() {
    let model = model(&[("keep/f", b"1"), ("skip/f", b"2"), ("note/f", b"3"), ("e", b"4")]);
    let scanned = USUAL
        .scan(model.path(), |entry| match entry.name {
            "skip" => Ok(Action::Pass),
            "note" | "e" => Ok(Action::Uncovered),
            name if name.starts_with("skip/") || name.starts_with("note/") => panic!("looked into {name}"),
            _ => everything(entry),
        })
        .unwrap();
    assert_eq!(names(&scanned), ["keep/f"]);
    let uncovered: Vec<_> = scanned.uncovered.iter().map(|seen| (seen.name.as_str(), seen.kind)).collect();
    assert_eq!(uncovered, [("e", EntryKind::File), ("note", EntryKind::Directory)]);
}

#[cfg(unix)]
#[test]
fn links_to_files_beneath_are_hashed_under_their_own_names() {
    use std::os::unix::fs::symlink;
    let large = noise(3 << 20);
    let model = model(&[("d/small", b"s"), ("large", &large)]);
    symlink("d/small", model.path().join("a")).unwrap();
    symlink("../large", model.path().join("d/b")).unwrap();
    let scanned = USUAL.scan(model.path(), everything).unwrap();
    let seen: Vec<_> = scanned.files.iter().map(|file| (file.name.clone(), file.link, &file.digests)).collect();
    let (s, l) = (whole(b"s"), whole(&large));
    assert_eq!(
        seen,
        [(named("a"), true, &s), (named("d/b"), true, &l), (named("d/small"), false, &s), (named("large"), false, &l),]
    );
}
