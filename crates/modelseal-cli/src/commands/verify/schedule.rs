//! In which order models are verified: small ones side by side, large ones one by one with every thread.

use core::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::plan::{Target, Terms};
use crate::output::verification::ModelObject;
use crate::progress::{Progress, Stoppable};
use crate::signals::Signals;

/// A model with more entries gets every thread for itself.
const SMALL_ENTRIES: usize = 256;
/// A model with more bytes gets every thread for itself.
const SMALL_BYTES: u64 = 32 << 20;

/// Verifies every target and shows each result, in order. Stops at the first interruption.
pub(super) fn run(
    targets: &[Target],
    terms: &Terms,
    jobs: Option<NonZeroUsize>,
    signals: &Signals,
    show: &mut dyn FnMut(&ModelObject),
) -> Vec<ModelObject> {
    let jobs = jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let mut early = side_by_side(targets, terms, jobs, signals);
    let mut results = Vec::with_capacity(targets.len());
    for (target, early) in targets.iter().zip(&mut early) {
        let result = match early.take() {
            Some(result) => result,
            None if signals.stop() => break,
            None => {
                let progress = Progress::new(signals);
                ModelObject::new(&target.model, terms.verify(target, false, &progress))
            }
        };
        show(&result);
        results.push(result);
    }
    results
}

/// The results of small models, if there are enough of them.
fn side_by_side(targets: &[Target], terms: &Terms, jobs: NonZeroUsize, signals: &Signals) -> Vec<Option<ModelObject>> {
    let mut results: Vec<Option<ModelObject>> = targets.iter().map(|_| None).collect();
    if targets.len() < 2 || jobs.get() < 2 {
        return results;
    }
    let small: Vec<usize> = (0..targets.len()).filter(|&at| is_small(&targets[at].model)).collect();
    if small.len() < 2 {
        return results;
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(small.len()) {
            let (sender, next, small) = (sender.clone(), &next, &small);
            let work = move || {
                while let Some(&at) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let target = &targets[at];
                    if signals.stop() {
                        break;
                    }
                    let result = terms.verify(target, true, &Stoppable(signals));
                    if sender.send((at, ModelObject::new(&target.model, result))).is_err() {
                        break;
                    }
                }
            };
            // Without another thread the ones that run do the work; without any the caller does.
            let _ = thread::Builder::new().name("verify".to_owned()).spawn_scoped(scope, work);
        }
        drop(sender);
        let progress = Progress::new(signals);
        for (done, (at, result)) in (1..).zip(receiver) {
            results[at] = Some(result);
            progress.models(done, small.len() as u64);
        }
    });
    results
}

/// Whether a model is so small that threads within it would not pay. Looks at a bounded number of entries.
fn is_small(model: &Path) -> bool {
    let (mut entries, mut bytes) = (0, 0);
    let mut pending = vec![model.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(directory) = std::fs::read_dir(&path) else { return false };
        for entry in directory.flatten() {
            let Ok(metadata) = entry.metadata() else { return false };
            entries += 1;
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                bytes += metadata.len();
            }
            if entries > SMALL_ENTRIES || bytes > SMALL_BYTES {
                return false;
            }
        }
    }
    true
}
