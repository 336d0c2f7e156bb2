//! Large ranges: read and hashed by one thread, or read by one and hashed by another.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sys::Handle;
use crate::hash::Hasher;

/// Ranges with less than this left gain nothing from a second thread.
pub(super) const WORTH_A_READER: u64 = 2 << 20;

/// Buffers that go round between reader and hasher.
pub(super) const BUFFERS: usize = 4;

/// The first piece is small, so that the hasher starts at once; the next ones double.
const FIRST_PIECE: usize = 256 << 10;

/// Why a range could not be read.
#[derive(Debug)]
pub(super) enum ReadFailure {
    Os(io::Error),
    /// The file ends before the range does.
    Short,
    /// Somebody asked to stop.
    Stopped,
}

/// What goes on around the hashing of a range.
pub(super) trait Surroundings {
    fn stopped(&self) -> bool;
    fn progress(&self, bytes: u64);
}

/// A range being hashed, to which an idle thread can attach itself as reader.
#[derive(Debug)]
pub(super) struct Stream {
    file: Arc<Handle>,
    end: u64,
    position: AtomicU64,
    has_reader: AtomicBool,
    seat: Mutex<Seat>,
}

#[derive(Debug)]
enum Seat {
    Free,
    Taken(Reader),
    Closed,
}

/// The hasher's ends of the channels to a reader.
#[derive(Debug)]
struct Reader {
    start: Sender<u64>,
    filled: Receiver<Result<Piece, ReadFailure>>,
    empty: Sender<Vec<u8>>,
}

/// A buffer and how much of it is filled.
#[derive(Debug)]
struct Piece {
    buffer: Vec<u8>,
    length: usize,
}

impl Stream {
    pub(super) const fn new(file: Arc<Handle>, start: u64, end: u64) -> Self {
        Self {
            file,
            end,
            position: AtomicU64::new(start),
            has_reader: AtomicBool::new(false),
            seat: Mutex::new(Seat::Free),
        }
    }

    /// Bytes not yet hashed.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.position.load(Ordering::Relaxed))
    }

    /// Hashes the range in pieces of at most `buffer`, or as the reader sends them once there is one.
    pub(super) fn hash(
        &self,
        hasher: &mut Hasher,
        buffer: &mut [u8],
        surroundings: &dyn Surroundings,
    ) -> Result<(), ReadFailure> {
        // Also on errors and panics: a reader that waits for its start must not wait for ever.
        let _close = CloseOnDrop(self);
        while self.left() > 0 {
            if surroundings.stopped() {
                return Err(ReadFailure::Stopped);
            }
            if let Some(reader) = self.take_reader() {
                self.hash_from(&reader, hasher, surroundings)?;
                continue;
            }
            let position = self.position.load(Ordering::Relaxed);
            let length = at_most(buffer.len(), self.end - position);
            let piece = &mut buffer[..length];
            fill(&self.file, piece, position)?;
            hasher.update(piece);
            self.advance(length, surroundings);
        }
        Ok(())
    }

    /// Reads for the thread that hashes, in pieces that grow to `largest`, until the range is read or `leave` says
    /// that there is something better to do.
    pub(super) fn read_ahead(&self, largest: usize, leave: impl Fn() -> bool) {
        let (start, started) = channel();
        let (filling, filled) = channel();
        let (empty, emptied) = channel();
        {
            let mut seat = self.seat();
            if !matches!(*seat, Seat::Free) {
                return;
            }
            *seat = Seat::Taken(Reader { start, filled, empty });
        }
        self.has_reader.store(true, Ordering::Release);
        // Errors of channels mean that the hasher has gone.
        let Ok(mut position) = started.recv() else { return };
        let mut fresh = BUFFERS;
        let mut length = FIRST_PIECE.min(largest);
        while position < self.end && !leave() {
            let mut buffer: Vec<u8> = if fresh > 0 {
                fresh -= 1;
                // Zeroed by the system, so that only what is filled takes memory.
                vec![0; largest]
            } else {
                let Ok(buffer) = emptied.recv() else { return };
                buffer
            };
            let wanted = at_most(length, self.end - position);
            let read = fill(&self.file, &mut buffer[..wanted], position).map(|()| Piece { buffer, length: wanted });
            let failed = read.is_err();
            if filling.send(read).is_err() || failed {
                return;
            }
            position += wanted as u64;
            length = length.saturating_mul(2).min(largest);
        }
    }

    fn hash_from(
        &self,
        reader: &Reader,
        hasher: &mut Hasher,
        surroundings: &dyn Surroundings,
    ) -> Result<(), ReadFailure> {
        // A reader that has gone ends the loop below, with nothing lost.
        let _ = reader.start.send(self.position.load(Ordering::Relaxed));
        while let Ok(piece) = reader.filled.recv() {
            if surroundings.stopped() {
                return Err(ReadFailure::Stopped);
            }
            let Piece { buffer, length } = piece?;
            hasher.update(&buffer[..length]);
            self.advance(length, surroundings);
            let _ = reader.empty.send(buffer);
        }
        Ok(())
    }

    fn take_reader(&self) -> Option<Reader> {
        if !self.has_reader.load(Ordering::Acquire) {
            return None;
        }
        let mut seat = self.seat();
        self.has_reader.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut *seat, Seat::Free) {
            Seat::Taken(reader) => Some(reader),
            other => {
                *seat = other;
                None
            }
        }
    }

    fn advance(&self, length: usize, surroundings: &dyn Surroundings) {
        self.position.fetch_add(length as u64, Ordering::Relaxed);
        surroundings.progress(length as u64);
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fills the buffer from an offset.
pub(super) fn fill(file: &Handle, mut buffer: &mut [u8], mut offset: u64) -> Result<(), ReadFailure> {
    while !buffer.is_empty() {
        let read = file.read_at(buffer, offset).map_err(ReadFailure::Os)?;
        if read == 0 {
            return Err(ReadFailure::Short);
        }
        offset += read as u64;
        buffer = buffer.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}

fn at_most(length: usize, left: u64) -> usize {
    usize::try_from(left).map_or(length, |left| left.min(length))
}

struct CloseOnDrop<'a>(&'a Stream);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.seat() = Seat::Closed;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;
    use crate::{Digest, HashAlgorithm};

    #[derive(Default)]
    struct Quiet {
        stop: AtomicBool,
        bytes: AtomicU64,
    }

    impl Surroundings for Quiet {
        fn stopped(&self) -> bool {
            self.stop.load(Ordering::Relaxed)
        }

        fn progress(&self, bytes: u64) {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, Arc<Handle>) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("f"), content).unwrap();
        let (handle, _) = Handle::open_root(&directory.path().join("f")).unwrap().unwrap();
        (directory, Arc::new(handle))
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    #[test]
    fn alone_and_with_a_reader_give_the_same_digest() {
        let content = content(100_003);
        let (_directory, file) = file(&content);
        for (start, end) in [(0, content.len()), (1, 99_999), (5, 5), (100_002, 100_003)] {
            for piece in [1 << 10, 4099, 1 << 20] {
                let stream = Stream::new(Arc::clone(&file), start as u64, end as u64);
                let quiet = Quiet::default();
                let digest = thread::scope(|scope| {
                    let reader = scope.spawn(|| stream.read_ahead(piece, || false));
                    // Wait until it sits, so that nothing is read alone.
                    while start < end && !stream.has_reader.load(Ordering::Acquire) {
                        thread::yield_now();
                    }
                    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
                    stream.hash(&mut hasher, &mut [0; 997], &quiet).unwrap();
                    reader.join().unwrap();
                    hasher.finish()
                });
                assert_eq!(digest, Digest::sha256(&content[start..end]));
                assert_eq!(quiet.bytes.into_inner(), (end - start) as u64);
                let stream = Stream::new(Arc::clone(&file), start as u64, end as u64);
                let mut hasher = Hasher::new(HashAlgorithm::Sha256);
                stream.hash(&mut hasher, &mut vec![0; piece], &Quiet::default()).unwrap();
                assert_eq!(hasher.finish(), digest);
            }
        }
    }

    #[test]
    fn readers_come_and_go() {
        let content = content(200_000);
        let (_directory, file) = file(&content);
        let stream = Stream::new(file, 0, content.len() as u64);
        let digest = thread::scope(|scope| {
            scope.spawn(|| {
                while stream.left() > 0 {
                    let pieces = AtomicU64::new(0);
                    stream.read_ahead(1000, || pieces.fetch_add(1, Ordering::Relaxed) == 3);
                }
            });
            let mut hasher = Hasher::new(HashAlgorithm::Sha256);
            stream.hash(&mut hasher, &mut [0; 512], &Quiet::default()).unwrap();
            hasher.finish()
        });
        assert_eq!(digest, Digest::sha256(&content));
    }

    #[test]
    fn a_short_file_and_a_stop_end_both_threads() {
        let (_directory, file) = file(&content(10_000));
        for stop in [false, true] {
            let stream = Stream::new(Arc::clone(&file), 0, 10_001);
            let quiet = Quiet { stop: AtomicBool::new(stop), ..Quiet::default() };
            thread::scope(|scope| {
                scope.spawn(|| stream.read_ahead(1000, || false));
                let mut hasher = Hasher::new(HashAlgorithm::Blake3);
                let failure = stream.hash(&mut hasher, &mut [0; 300], &quiet).unwrap_err();
                assert_eq!(matches!(failure, ReadFailure::Stopped), stop, "{failure:?}");
            });
            // Nobody can sit down any more.
            stream.read_ahead(1000, || false);
        }
    }
}
