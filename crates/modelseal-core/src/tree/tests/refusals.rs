//! What is refused, and how it is called.

use super::*;
use crate::Finding;

fn findings(scanned: &Scanned) -> Vec<(Code, &str, &str)> {
    scanned.findings.iter().map(|finding| (finding.code(), finding.name(), finding.detail())).collect()
}

#[test]
fn a_file_of_another_size_is_not_read() {
    let model = model(&[("a", b"x"), ("b", b"yy")]);
    let giant = fs::File::create(model.path().join("giant")).unwrap();
    giant.set_len(1 << 40).unwrap();
    let scanned = USUAL
        .scan(model.path(), |entry| Ok(Action::Hash { size: Some(if entry.name == "a" { 5 } else { 2 }) }))
        .unwrap();
    assert_eq!(names(&scanned), ["b"]);
    assert_eq!(
        findings(&scanned),
        [
            (Code::ArtifactModified, "a", "size is 1 byte, signed were 5"),
            (Code::ArtifactModified, "giant", "size is 1099511627776 bytes, signed were 2"),
        ]
    );
    assert!(scanned.complete);
}

#[test]
fn limits_hold_before_a_byte_is_read() {
    let model = model(&[("d/e/a", b"123456"), ("b", b"12345")]);
    let limited = |limits| refusal(With { limits, ..USUAL }.scan(model.path(), everything));
    let usual = USUAL.limits;
    assert_eq!(
        limited(Limits { max_file_bytes: 5, ..usual }),
        (Code::InputLimit, "`d/e/a` is 6 bytes, more than the limit of 5".to_owned())
    );
    let (code, message) = limited(Limits { max_total_bytes: 10, ..usual });
    assert_eq!(code, Code::InputLimit);
    assert!(message.ends_with("are together more than the limit of 10 bytes"), "{message}");
    assert_eq!(
        limited(Limits { max_depth: 1, ..usual }),
        (Code::InputLimit, "`d/e` lies deeper than the limit of 1 directories".to_owned())
    );
    let exact = Limits { max_depth: 2, max_file_bytes: 6, max_total_bytes: 11, max_findings: 0 };
    assert!(With { limits: exact, ..USUAL }.scan(model.path(), everything).unwrap().complete);
}

#[test]
fn the_walk_stops_after_enough_findings() {
    let model = tempfile::tempdir().unwrap();
    for i in 0..50 {
        fs::write(model.path().join(format!("{i}")), "x").unwrap();
    }
    for (max_findings, complete) in [(0, false), (49, false), (50, true)] {
        let limits = Limits { max_findings, ..USUAL.limits };
        let with = With { limits, recheck_names: true, ..USUAL };
        let scanned = with.scan(model.path(), |_| Ok(Action::Refuse(Code::ArtifactUnexpected))).unwrap();
        assert_eq!((scanned.findings.len(), scanned.complete), (max_findings, complete));
    }
}

#[test]
fn errors_of_the_selection_end_the_scan() {
    let model = model(&[("a", b"x"), ("b", b"x"), ("c/d", b"x")]);
    let result = USUAL.scan(model.path(), |entry| match entry.name {
        "c/d" => Err(Error::new(Code::InputName, "no")),
        _ => everything(entry),
    });
    assert_eq!(refusal(result), (Code::InputName, "no".to_owned()));
}

#[test]
fn directories_are_not_hashed_and_files_not_entered() {
    let model = model(&[("d/f", b"x")]);
    let hash = USUAL.scan(model.path(), |_| Ok(Action::Hash { size: None }));
    assert_eq!(refusal(hash), (Code::InputSpecialFile, "`d` is not what it was taken for".to_owned()));
    assert_eq!(refusal(USUAL.scan(model.path(), |_| Ok(Action::Descend))).0, Code::InputSpecialFile);
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};

    use super::*;

    #[test]
    fn kinds_are_told_apart_and_nothing_hangs() {
        let model = model(&[("d/f", b"x"), ("f", b"x")]);
        rustix::fs::mknodat(CWD, model.path().join("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
        symlink("f", model.path().join("link")).unwrap();
        let scanned = USUAL.scan(model.path(), |_| Ok(Action::Refuse(Code::ArtifactUnexpected))).unwrap();
        let unexpected = Code::ArtifactUnexpected;
        assert_eq!(
            findings(&scanned),
            [
                (unexpected, "d", "a directory"),
                (unexpected, "f", ""),
                (unexpected, "fifo", "a FIFO, socket or device"),
                (unexpected, "link", "a symbolic link"),
            ]
        );
        let hash = USUAL.scan(model.path(), |entry| match entry.name {
            "fifo" => Ok(Action::Hash { size: None }),
            _ => Ok(Action::Pass),
        });
        assert_eq!(refusal(hash).0, Code::InputSpecialFile);
    }

    #[test]
    fn links_that_lead_to_no_file_beneath_are_findings() {
        let model = model(&[("d/f", b"x")]);
        let outside = model.path().join("../").join(model.path().file_name().unwrap()).join("d/f");
        symlink("nothing", model.path().join("broken")).unwrap();
        symlink("loop", model.path().join("loop")).unwrap();
        symlink("../../etc/passwd", model.path().join("d/out")).unwrap();
        symlink(outside, model.path().join("absolute")).unwrap();
        symlink("d", model.path().join("dir")).unwrap();
        rustix::fs::mknodat(CWD, model.path().join("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
        symlink("fifo", model.path().join("special")).unwrap();
        let scanned = USUAL.scan(model.path(), everything).unwrap();
        assert_eq!(names(&scanned), ["d/f"]);
        let link = Code::ArtifactSymlink;
        let expected = [
            (link, "absolute", "a symbolic link to an absolute path"),
            (link, "broken", "a symbolic link to nothing"),
            (link, "d/out", "a symbolic link out of the model"),
            (link, "dir", "a symbolic link to a directory"),
            (Code::InputSpecialFile, "fifo", "a FIFO, socket or device"),
            (link, "loop", "a symbolic link in a loop"),
            (link, "special", "a symbolic link to a FIFO, socket or device"),
        ];
        assert_eq!(findings(&scanned), expected);
    }

    #[test]
    fn a_link_to_a_file_of_another_size_is_modified() {
        let model = model(&[("f", b"xyz")]);
        symlink("f", model.path().join("l")).unwrap();
        let scanned = USUAL.scan(model.path(), |_| Ok(Action::Hash { size: Some(4) })).unwrap();
        let size = |name| Finding::new(Code::ArtifactModified, name, "size is 3 bytes, signed were 4");
        assert_eq!(scanned.findings, [size("f"), size("l")]);
    }

    #[test]
    fn names_that_are_not_utf8_are_said_to_be_so() {
        let model = model(&[("f", b"x")]);
        let directory = model.path().join(OsStr::from_bytes(b"d\xff"));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("inner"), "x").unwrap();
        let scanned = USUAL
            .scan(model.path(), |entry| match entry.kind {
                EntryKind::Directory => {
                    assert!(!entry.utf8);
                    Ok(Action::Descend)
                }
                _ if entry.utf8 => everything(entry),
                _ => Ok(Action::Refuse(Code::ArtifactUnexpected)),
            })
            .unwrap();
        assert_eq!(findings(&scanned), [(Code::ArtifactUnexpected, "d\u{fffd}/inner", "")]);
        assert_eq!(names(&scanned), ["f"]);
        assert_eq!(refusal(USUAL.scan(model.path(), everything)).0, Code::InputName);
    }

    #[test]
    fn what_the_system_refuses_is_named_with_its_words() {
        // The suite may run as a user who may read everything: a path too long to be a link's target is an error for all.
        let model = model(&[]);
        symlink("x".repeat(300), model.path().join("l\n")).unwrap();
        let (code, message) = refusal(USUAL.scan(model.path(), everything));
        assert_eq!(code, Code::InputUnreadable);
        assert!(message.starts_with("`l\\n` cannot be read: ") && message.contains("too long"), "{message}");
    }

    /// Deeper than the longest path, made and removed step by step.
    struct Deep(TempDir, usize);

    impl Deep {
        fn new(depth: usize) -> Self {
            // In memory where there is such a place: thousands of directories take a disk seconds.
            let model = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| model(&[]));
            let mut at = open(model.path());
            for _ in 0..depth {
                // A second way at every level, which must not keep the levels open.
                rustix::fs::mkdirat(&at, "e", Mode::from(0o700)).unwrap();
                rustix::fs::mkdirat(&at, "d", Mode::from(0o700)).unwrap();
                at = rustix::fs::openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
            }
            rustix::fs::openat(&at, "f", OFlags::CREATE | OFlags::WRONLY, Mode::from(0o600)).unwrap();
            Self(model, depth)
        }
    }

    impl Drop for Deep {
        fn drop(&mut self) {
            let mut at = open(self.0.path());
            for _ in 0..self.1 {
                at = rustix::fs::openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
            }
            rustix::fs::unlinkat(&at, "f", AtFlags::empty()).unwrap();
            for _ in 0..self.1 {
                at = rustix::fs::openat(&at, "..", OFlags::DIRECTORY, Mode::empty()).unwrap();
                rustix::fs::unlinkat(&at, "d", AtFlags::REMOVEDIR).unwrap();
                rustix::fs::unlinkat(&at, "e", AtFlags::REMOVEDIR).unwrap();
            }
        }
    }

    fn open(path: &Path) -> rustix::fd::OwnedFd {
        rustix::fs::openat(CWD, path, OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_walked_or_refused() {
        let model = Deep::new(4000);
        let (code, message) = refusal(USUAL.scan(model.0.path(), everything));
        assert_eq!(code, Code::InputLimit);
        assert!(message.ends_with("deeper than the limit of 100 directories"));
        drop(model);
        let model = Deep::new(1000);
        let limits = Limits { max_depth: 1000, ..USUAL.limits };
        let most_open = AtomicUsize::new(0);
        let scanned = With { limits, ..USUAL }.scan(model.0.path(), |entry| {
            // Those of other tests count too, and are few. Where the system does not tell, nothing is tested.
            let open = fs::read_dir("/dev/fd").map_or(0, Iterator::count);
            most_open.fetch_max(open, Ordering::Relaxed);
            everything(entry)
        });
        let scanned = scanned.unwrap();
        assert!(most_open.into_inner() < 250);
        assert_eq!(scanned.files[0].name.as_str().len(), 2 * 1000 + 1);
        assert_eq!(scanned.files[0].digests, whole(b""));
    }
}
