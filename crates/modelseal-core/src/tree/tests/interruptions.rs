//! Changes, stops and panics in the middle of the work.

use core::ops::ControlFlow;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::{Event, Observer};

/// What happens to a model, or to a file of it, in the middle of a scan.
type Change = fn(&Path);

struct Watch<F>(F);

impl<F: Fn(Event) -> ControlFlow<()>> Observer for Watch<F> {
    fn event(&self, event: Event) -> ControlFlow<()> {
        (self.0)(event)
    }
}

/// A model whose hashing takes a while, without taking room on the disk.
fn slow() -> TempDir {
    let model = tempfile::tempdir().unwrap();
    fs::File::create(model.path().join("slow")).unwrap().set_len(64 << 30).unwrap();
    fs::write(model.path().join("quick"), "x").unwrap();
    model
}

#[test]
fn a_file_that_grows_or_shrinks_is_noticed() {
    for jobs in [1, 3] {
        for grow in [true, false] {
            for size in [100, 40 << 20] {
                let model = model(&[]);
                let path = model.path().join("f");
                fs::File::create(&path).unwrap().set_len(size).unwrap();
                let stop = AtomicBool::new(false);
                thread::scope(|scope| {
                    let writer = || {
                        let mut file = fs::File::options().append(true).open(&path).unwrap();
                        let mut length = size;
                        while !stop.load(Ordering::Relaxed) {
                            if grow {
                                file.write_all(b"x").unwrap();
                            } else {
                                length = if length <= 8 { size } else { length - 8 };
                                file.set_len(length).unwrap();
                            }
                        }
                    };
                    scope.spawn(writer);
                    let changed = (0..2000).find_map(|_| With { jobs, ..USUAL }.scan(model.path(), everything).err());
                    stop.store(true, Ordering::Relaxed);
                    let error = changed.unwrap();
                    assert_eq!(error.code(), Code::InputChanged);
                    assert!(error.message().starts_with("`f` "), "{error}");
                });
            }
        }
    }
}

#[test]
fn what_is_swapped_after_it_was_listed_is_noticed() {
    let swaps: &[(&str, Change)] = &[
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("directory", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        #[cfg(unix)]
        ("link", |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        }),
        #[cfg(unix)]
        ("fifo", |path| {
            use rustix::fs::{CWD, FileType, mknodat};
            fs::remove_file(path).unwrap();
            mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
        }),
        #[cfg(unix)]
        ("socket", |path| {
            fs::remove_file(path).unwrap();
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
    ];
    for (what, swap) in swaps {
        let model = model(&[("f", b"x")]);
        let result = USUAL.scan(model.path(), |entry| {
            swap(&model.path().join("f"));
            everything(entry)
        });
        let (code, message) = refusal(result);
        assert_eq!(code, Code::InputChanged, "{what}");
        assert_eq!(message, "`f` disappeared or was replaced while the model was read", "{what}");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_swapped_for_a_link_is_noticed() {
    let model = model(&[("d/f", b"x")]);
    let result = USUAL.scan(model.path(), |entry| {
        fs::rename(model.path().join("d"), model.path().join("e")).unwrap();
        std::os::unix::fs::symlink("e", model.path().join("d")).unwrap();
        everything(entry)
    });
    let expected = "`d` disappeared or was replaced while the model was read".to_owned();
    assert_eq!(refusal(result), (Code::InputChanged, expected));
}

#[test]
fn names_that_come_or_go_are_noticed_at_the_end() {
    let with = With { recheck_names: true, ..USUAL };
    let changes: [(Change, bool); 5] = [
        (|_| {}, false),
        (|model| fs::write(model.join("d/new"), "x").unwrap(), true),
        (|model| fs::remove_file(model.join("a")).unwrap(), true),
        (|model| fs::rename(model.join("a"), model.join("c")).unwrap(), true),
        (|model| fs::create_dir(model.join("empty")).unwrap(), false),
    ];
    for (change, noticed) in changes {
        let model = model(&[("a", b"1"), ("d/b", b"2"), ("ignored/x", b"3")]);
        let passed = AtomicUsize::new(0);
        let once = Mutex::new(());
        let result = with.scan(model.path(), |entry| {
            let _once = once.lock();
            // The fifth name is the first of the second pass: a, d, d/b, ignored.
            if passed.fetch_add(1, Ordering::Relaxed) == 4 {
                change(model.path());
                fs::write(model.path().join("ignored/y"), "x").unwrap();
            }
            if entry.name == "ignored" || entry.name == "a" && !model.path().join("a").exists() {
                return Ok(Action::Pass);
            }
            everything(entry)
        });
        if noticed {
            let (code, message) = refusal(result);
            assert_eq!(code, Code::InputChanged);
            assert!(message.starts_with("the set of names in `"), "{message}");
        } else {
            assert_eq!(names(&result.unwrap()), ["a", "d/b"]);
        }
    }
}

#[test]
fn the_observer_is_told_here_and_can_stop_everything() {
    let model = slow();
    let here = thread::current().id();
    for jobs in [1, 2, 4] {
        let seen = Mutex::new(Vec::new());
        let begun = Instant::now();
        let result = With { jobs, ..USUAL }.watched(
            model.path(),
            everything,
            &Watch(|event| {
                assert_eq!(thread::current().id(), here);
                let mut seen = seen.lock().unwrap();
                seen.push(event);
                if seen.len() >= 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }),
        );
        assert_eq!(refusal(result).0, Code::UsageInterrupted);
        assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
        let seen = seen.into_inner().unwrap();
        let Event::Hashing { bytes_done, bytes_total, files_done, files_total, walked } = seen[2] else {
            panic!("another event")
        };
        assert!(bytes_done > 0 && bytes_done < bytes_total && walked);
        assert_eq!((bytes_total, files_done, files_total), ((64 << 30) + 1, 1, 2));
        // Workers that take long to stop let it be asked once more.
        assert!(seen.len() <= 5, "{}", seen.len());
    }
}

#[test]
fn the_last_event_is_final_and_can_still_stop() {
    let model = model(&[("a", b"123"), ("b/c", b"45")]);
    let last = Mutex::new(None);
    let observer = Watch(|event| {
        *last.lock().unwrap() = Some(event);
        ControlFlow::Continue(())
    });
    USUAL.watched(model.path(), everything, &observer).unwrap();
    let expected = Event::Hashing { bytes_done: 5, bytes_total: 5, files_done: 2, files_total: 2, walked: true };
    assert_eq!(*last.lock().unwrap(), Some(expected));
    let stopped = USUAL.watched(model.path(), everything, &Watch(|_| ControlFlow::Break(())));
    assert_eq!(refusal(stopped).0, Code::UsageInterrupted);
}

#[test]
fn panics_reach_the_caller() {
    let model = slow();
    for jobs in [1, 2, 4] {
        let result = catch_unwind(AssertUnwindSafe(|| {
            With { jobs, ..USUAL }.scan(model.path(), |entry| {
                assert_ne!(entry.name, "quick", "as planned");
                everything(entry)
            })
        }));
        let panic = result.unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("as planned"));
        let result = catch_unwind(AssertUnwindSafe(|| {
            With { jobs, ..USUAL }.watched(model.path(), everything, &Watch(|_| panic!("observer")))
        }));
        assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"observer"));
    }
}

#[test]
fn an_error_stops_the_work_on_large_files() {
    let model = slow();
    let begun = Instant::now();
    let result = USUAL.scan(model.path(), |entry| match entry.name {
        "quick" => {
            thread::sleep(Duration::from_millis(20));
            Err(Error::new(Code::InputName, "no"))
        }
        _ => everything(entry),
    });
    assert_eq!(refusal(result).0, Code::InputName);
    assert!(begun.elapsed() < Duration::from_secs(20));
}
