//! Small files: read at once, hashed in groups.

use super::recognise::{InMemory, recognise};
use super::scan::{FileDigests, HashedFile, Hashing};
use super::stream::{ReadFailure, Surroundings as _};
use super::sys::{Handle, Stamp};
use super::worker::Worker;
use crate::hash::digest_each;
use crate::policy::FileFormat;
use crate::{Digest, ResourceName, Result};

/// As many messages as the widest hash kernels take side by side.
const GROUP: usize = 16;

/// Small files that were read and are not hashed yet.
pub(super) struct Group {
    /// Room for the largest small file and one byte more, by which growth is noticed; allocated when needed.
    buffer: Vec<u8>,
    size: usize,
    used: usize,
    files: Vec<Read>,
}

struct Read {
    name: ResourceName,
    link: bool,
    start: usize,
    length: usize,
    format: Option<FileFormat>,
}

impl Group {
    pub(super) const fn new(size: usize) -> Self {
        Self { buffer: Vec::new(), size, used: 0, files: Vec::new() }
    }

    /// The buffer, for other uses while the group is empty.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            // Zeroed by the system, so that only what is used takes memory.
            self.buffer = vec![0; self.size + 1];
        }
        let end = self.size;
        &mut self.buffer[..end]
    }

    const fn has_room(&self, length: usize) -> bool {
        self.files.len() < GROUP && length <= self.size - self.used
    }
}

impl Worker<'_> {
    /// Reads a file that is at most as large as the buffer.
    pub(super) fn small(&mut self, name: ResourceName, link: bool, file: &Handle, stamp: &Stamp) -> Result<()> {
        let length = usize::try_from(stamp.size()).unwrap_or(usize::MAX);
        if !self.group.has_room(length) {
            self.hash_group();
        }
        self.group.buffer();
        let start = self.group.used;
        // One byte more than there should be.
        let room = self.group.buffer.get_mut(start..start + length + 1).unwrap_or_default();
        match read_all(file, room) {
            Ok(read) if read == length => {}
            Ok(read) if read < length => {
                return Err(self.pass.changed(name.as_str(), "became shorter"));
            }
            Ok(_) => return Err(self.pass.changed(name.as_str(), "became longer")),
            Err(failure) => return self.pass.read_failed(failure, name.as_str()).map_or(Ok(()), Err),
        }
        let content = self.group.buffer.get(start..start + length).unwrap_or_default();
        let format = match recognise(self.pass, &name, &InMemory(content)) {
            Ok(format) => format,
            Err(failure) => return self.pass.read_failed(failure, name.as_str()).map_or(Ok(()), Err),
        };
        self.check_unchanged(&name, file, stamp)?;
        self.group.files.push(Read { name, link, start, length, format });
        self.group.used += length;
        Ok(())
    }

    /// Hashes what was read and empties the group.
    pub(super) fn hash_group(&mut self) {
        let group = &mut self.group;
        if group.files.is_empty() {
            return;
        }
        let hashing = self.pass.scan.hashing;
        let content = |file: &Read| &group.buffer[file.start..file.start + file.length];
        let mut digests = Vec::with_capacity(group.files.len());
        match hashing.shard_size {
            None => digest_each(hashing.algorithm, group.files.iter().map(content), |digest| {
                digests.push(FileDigests::Whole(digest));
            }),
            Some(_) => {
                digests.extend(group.files.iter().map(|file| FileDigests::Shards(shards(hashing, content(file)))))
            }
        }
        let files = group.files.len();
        for (file, digests) in group.files.drain(..).zip(digests) {
            let Read { name, link, length, format, .. } = file;
            self.collected.files.push(HashedFile { name, size: length as u64, digests, link, format });
        }
        self.pass.progress(group.used as u64);
        self.pass.file_done(files as u64);
        group.used = 0;
    }
}

/// The digests of consecutive shards.
pub(super) fn shards(hashing: Hashing, content: &[u8]) -> Vec<Digest> {
    let shard = hashing.shard_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX)).max(1);
    let mut digests = Vec::with_capacity(content.len().div_ceil(shard));
    digest_each(hashing.algorithm, content.chunks(shard), |digest| digests.push(digest));
    digests
}

/// Reads until the buffer is full or the file ends. A read that leaves exactly one byte free is not repeated to see the
/// end: that byte was room for more.
fn read_all(file: &Handle, buffer: &mut [u8]) -> Result<usize, ReadFailure> {
    let mut length = 0;
    while length < buffer.len() {
        let read = file.read_at(&mut buffer[length..], length as u64).map_err(ReadFailure::Os)?;
        length += read;
        if read == 0 || length + 1 == buffer.len() {
            break;
        }
    }
    Ok(length)
}
