//! What there is to do, shared by all workers.
//!
//! Order: names before directories, so that few directories are open; the newest directory first, so that few names
//! are known; large files when nothing is left to walk, the largest first, so that all cores are busy to the end; last,
//! reading for a worker that hashes a large file alone.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shards::Sharded;
use super::stream::{BUFFERS, Stream, WORTH_A_READER};
use super::sys::{Handle, Listed, Stamp};
use crate::{Error, ResourceName};

/// The largest piece that a reader reads at once; fewer wake-ups than with smaller ones.
const LARGEST_PIECE: usize = 4 << 20;
/// Below this the wake-ups cost more than the second thread brings.
const SMALLEST_PIECE: usize = 64 << 10;

/// Work for one worker.
pub(super) enum Task {
    /// The model, which is a single file.
    SingleFile,
    Batch(Batch),
    Directory(Directory),
    Large(Large),
    /// These shards of a file.
    Shards(Arc<Sharded>, Range<u64>),
    /// Read for the hasher of a stream, in pieces of this size.
    Read(Arc<Stream>, usize),
}

/// A directory to be listed. There may be very many below one parent, so its path is put together when needed.
pub(super) enum Directory {
    Root,
    Below(Arc<Place>, OsString),
}

impl Directory {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Root => Place { path: PathBuf::new(), text: String::new(), utf8: true, depth: 0 },
            Self::Below(parent, name) => Place {
                path: parent.path.join(name),
                text: parent.name_of(name),
                utf8: parent.utf8 && name.to_str().is_some(),
                depth: parent.depth + 1,
            },
        }
    }
}

/// Where a directory is.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The path as names are written; lossy when `utf8` is false.
    pub(super) text: String,
    pub(super) utf8: bool,
    pub(super) depth: usize,
}

impl Place {
    fn name_of(&self, name: &OsStr) -> String {
        let separator = if self.text.is_empty() { "" } else { "/" };
        format!("{}{separator}{}", self.text, name.to_string_lossy())
    }
}

/// A directory being listed.
pub(super) struct OpenDirectory {
    pub(super) handle: Handle,
    pub(super) about: Arc<Place>,
}

/// Some names of a directory.
pub(super) struct Batch {
    pub(super) directory: Arc<OpenDirectory>,
    pub(super) entries: Vec<Listed>,
}

/// A file too large to be read when it is met. It is opened again, so that many of them do not keep many open.
pub(super) struct Large {
    pub(super) name: ResourceName,
    pub(super) path: PathBuf,
    pub(super) link: bool,
    pub(super) stamp: Stamp,
}

/// What a worker found and somebody has to do.
#[derive(Default)]
pub(super) struct Found {
    pub(super) directories: Vec<Directory>,
    pub(super) large: Vec<Large>,
}

/// What the thread that supervises the workers should do.
pub(super) enum Supervision {
    Done,
    /// Start one more worker.
    Grow,
    /// Some time has passed.
    Tick {
        walked: bool,
    },
}

pub(super) struct Queue {
    state: Mutex<State>,
    workers: Condvar,
    supervisor: Condvar,
    /// Stops all work; kept outside the lock to be looked at often.
    stop: AtomicBool,
    /// Tasks that nobody works on, a hint.
    waiting: AtomicUsize,
    jobs: usize,
}

#[derive(Default)]
struct State {
    single_file: bool,
    batches: Vec<Batch>,
    directories: Vec<Directory>,
    sharded: Vec<(Arc<Sharded>, u64)>,
    large: BTreeMap<(u64, u64), Large>,
    streams: Vec<(Arc<Stream>, bool)>,
    /// Makes the keys of `large` unique.
    large_seen: u64,
    /// Directories and batches known and not finished.
    walking: usize,
    /// Workers that do a task.
    running: usize,
    /// Workers that wait for one.
    idle: usize,
    /// Workers started and not ended.
    alive: usize,
    started: usize,
    /// The system does not give more threads.
    refused: bool,
    /// How many workers are worth having.
    wanted: usize,
    /// Bytes that buffers of readers may still take.
    buffers: usize,
    error: Option<Error>,
    panic: Option<Box<dyn Any + Send>>,
}

impl Queue {
    pub(super) fn new(jobs: usize, first: Task, buffers: usize) -> Self {
        let mut state = State { wanted: 1, buffers, ..State::default() };
        match first {
            Task::Directory(directory) => {
                state.directories.push(directory);
                state.walking = 1;
            }
            _ => state.single_file = true,
        }
        Self {
            state: Mutex::new(state),
            workers: Condvar::new(),
            supervisor: Condvar::new(),
            stop: AtomicBool::new(false),
            waiting: AtomicUsize::new(1),
            jobs,
        }
    }

    /// The next task; `None` when there will be none. Every task that is taken must be reported with [`Self::done`].
    ///
    /// Calls `before_waiting` when there is none yet.
    pub(super) fn take(&self, before_waiting: impl FnOnce()) -> Option<Task> {
        let mut before_waiting = Some(before_waiting);
        let mut state = self.lock();
        loop {
            if self.stopped() {
                return None;
            }
            if let Some(task) = state.pop(self.jobs) {
                state.running += 1;
                self.waiting.store(state.queued(), Ordering::Relaxed);
                return Some(task);
            }
            if state.running == 0 {
                self.workers.notify_all();
                return None;
            }
            if let Some(before_waiting) = before_waiting.take() {
                drop(state);
                before_waiting();
                state = self.lock();
                continue;
            }
            state.idle += 1;
            state = self.workers.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Reports the end of a task; `walked` is true for one that finds names.
    pub(super) fn done(&self, walked: bool) {
        let mut state = self.lock();
        state.running -= 1;
        state.walking -= usize::from(walked);
        if state.running == 0 && state.idle > 0 {
            self.workers.notify_all();
        }
    }

    pub(super) fn publish(&self, found: Found) {
        if found.directories.is_empty() && found.large.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.walking += found.directories.len();
        state.directories.extend(found.directories);
        for large in found.large {
            state.large_seen += 1;
            let key = (large.stamp.size(), u64::MAX - state.large_seen);
            state.large.insert(key, large);
        }
        self.announce(&mut state, 1);
    }

    /// Hands over a batch; gets it back when there are so many that the caller had better work on it.
    pub(super) fn publish_batch(&self, batch: Batch) -> Result<(), Batch> {
        let mut state = self.lock();
        if state.batches.len() >= self.jobs.saturating_mul(4) || self.jobs == 1 {
            return Err(batch);
        }
        state.walking += 1;
        state.batches.push(batch);
        self.announce(&mut state, 0);
        Ok(())
    }

    pub(super) fn publish_shards(&self, file: Arc<Sharded>) {
        let mut state = self.lock();
        state.sharded.push((file, 0));
        self.announce(&mut state, 1);
    }

    /// Lets an idle worker read for this stream while `work` hashes it.
    pub(super) fn with_reader<T>(&self, stream: &Arc<Stream>, work: impl FnOnce() -> T) -> T {
        if self.jobs == 1 || stream.left() < WORTH_A_READER {
            return work();
        }
        {
            let mut state = self.lock();
            state.streams.push((Arc::clone(stream), false));
            self.announce(&mut state, 0);
        }
        let result = work();
        self.lock().streams.retain(|(other, _)| !Arc::ptr_eq(stream, other));
        result
    }

    /// Reports that a reader with pieces of this size left the stream.
    pub(super) fn reader_left(&self, stream: &Arc<Stream>, piece: usize) {
        let mut state = self.lock();
        state.buffers += BUFFERS * piece;
        for (other, has_reader) in &mut state.streams {
            if Arc::ptr_eq(stream, other) {
                *has_reader = false;
            }
        }
        self.announce(&mut state, 1);
    }

    /// Whether nothing waits to be taken; a hint.
    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends all work; the first error is kept.
    pub(super) fn fail(&self, error: Error) {
        self.lock().error.get_or_insert(error);
        self.stop();
    }

    pub(super) fn stop(&self) {
        let _state = self.lock();
        self.stop.store(true, Ordering::Relaxed);
        self.workers.notify_all();
        self.supervisor.notify_all();
    }

    /// What the supervisor is to do next; waits for it at most until `tick`.
    pub(super) fn supervise(&self, tick: Instant) -> Supervision {
        let mut state = self.lock();
        loop {
            if state.started > 0 && state.alive == 0 {
                return Supervision::Done;
            }
            // A worker that ended before all are done saw the end of the work.
            if state.started < state.wanted && state.alive == state.started && !state.refused && !self.stopped() {
                state.started += 1;
                state.alive += 1;
                return Supervision::Grow;
            }
            let left = tick.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Supervision::Tick { walked: state.walking == 0 };
            }
            state = self.supervisor.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reports the end of a worker.
    pub(super) fn ended(&self, panic: Option<Box<dyn Any + Send>>) {
        let mut state = self.lock();
        if let Some(panic) = panic {
            state.panic.get_or_insert(panic);
            self.stop.store(true, Ordering::Relaxed);
            self.workers.notify_all();
        }
        state.alive -= 1;
        if state.alive == 0 {
            self.supervisor.notify_all();
        }
    }

    /// Reports that a worker could not be started; false when there is no other.
    pub(super) fn go_on_without(&self) -> bool {
        let mut state = self.lock();
        if state.started == 1 {
            return false;
        }
        state.alive -= 1;
        state.started -= 1;
        state.refused = true;
        true
    }

    /// The outcome, once all workers have ended. A panic of a worker goes on here.
    pub(super) fn outcome(&self) -> Result<(), Error> {
        let mut state = self.lock();
        if let Some(panic) = state.panic.take() {
            drop(state);
            std::panic::resume_unwind(panic);
        }
        state.error.take().map_or(Ok(()), Err)
    }

    /// Wakes as many workers as there is work for, and asks for more of them if they do not suffice. Work for `own` of
    /// them needs nobody else: the caller is about to take it.
    fn announce(&self, state: &mut State, own: usize) {
        let queued = state.queued();
        self.waiting.store(queued, Ordering::Relaxed);
        let worth = (queued + state.lonely()).saturating_sub(own);
        for _ in 0..worth.min(state.idle) {
            self.workers.notify_one();
        }
        let wanted = self.jobs.min(state.running + worth);
        if wanted > state.wanted {
            state.wanted = wanted;
            self.supervisor.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self, jobs: usize) -> Option<Task> {
        if std::mem::take(&mut self.single_file) {
            return Some(Task::SingleFile);
        }
        if let Some(batch) = self.batches.pop() {
            return Some(Task::Batch(batch));
        }
        if let Some(directory) = self.directories.pop() {
            return Some(Task::Directory(directory));
        }
        if let Some((file, next)) = self.sharded.last_mut() {
            let shards = file.portion(*next);
            *next = shards.end;
            let file = Arc::clone(file);
            if shards.end >= file.count() {
                self.sharded.pop();
            }
            return Some(Task::Shards(file, shards));
        }
        if let Some((_, large)) = self.large.pop_last() {
            return Some(Task::Large(large));
        }
        self.reader(jobs)
    }

    /// Work as a reader for the stream that will take longest.
    fn reader(&mut self, jobs: usize) -> Option<Task> {
        let pairs = self.streams.len().clamp(1, (jobs / 2).max(1));
        let most = self.buffers / BUFFERS;
        let (stream, has_reader) =
            self.streams.iter_mut().filter(|(_, has_reader)| !has_reader).max_by_key(|(stream, _)| stream.left())?;
        let left = stream.left();
        // A short range is over before large buffers pay.
        let useful = usize::try_from(left / 8).unwrap_or(usize::MAX);
        let piece = (LARGEST_PIECE / pairs).min(useful).min(most);
        if left < WORTH_A_READER || piece < SMALLEST_PIECE {
            return None;
        }
        *has_reader = true;
        let stream = Arc::clone(stream);
        self.buffers -= BUFFERS * piece;
        Some(Task::Read(stream, piece))
    }

    /// Tasks that wait, apart from reading.
    fn queued(&self) -> usize {
        let portions: usize = self.sharded.iter().map(|(file, next)| file.portions_from(*next)).sum();
        self.batches.len() + self.directories.len() + portions + self.large.len()
    }

    /// Streams without a reader.
    fn lonely(&self) -> usize {
        self.streams.iter().filter(|(_, has_reader)| !has_reader).count()
    }
}
