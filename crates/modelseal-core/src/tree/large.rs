//! Files: which way each goes, and the large ones.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pass::Pass;
use super::queue::{Found, Large};
use super::recognise::{OnDisk, recognise};
use super::scan::{FileDigests, HashedFile};
use super::shards::Sharded;
use super::small;
use super::stream::{ReadFailure, Stream, Surroundings as _, fill};
use super::sys::{Failure, Followed, Handle, Stamp};
use super::worker::{Chosen, Worker};
use crate::hash::Hasher;
use crate::{Code, Digest, Error, ResourceName, Result};

impl Worker<'_> {
    /// Takes in a chosen file: reads it when it is small, else leaves it for later.
    pub(super) fn file(&mut self, found: &mut Found, chosen: Chosen<'_>, path: impl FnOnce() -> PathBuf) -> Result<()> {
        let Chosen { name, file, link, size: signed } = chosen;
        let stamp = file.stamp().map_err(|failure| self.pass.failed(failure, name))?;
        if !stamp.is_file() {
            return Err(self.pass.failed(Failure::Gone, name));
        }
        let size = stamp.size();
        if let Some(signed) = signed.filter(|signed| *signed != size) {
            let detail = format!("size is {}, signed were {signed}", bytes(size));
            self.found(Code::ArtifactModified, name, detail);
            return Ok(());
        }
        self.pass.admit(name, size)?;
        let name = ResourceName::parse(name).map_err(|error| Error::new(Code::InputName, error.message()))?;
        if size <= self.pass.buffer as u64 {
            self.small(name, link, file, &stamp)
        } else {
            found.large.push(Large { name, path: path(), link, stamp });
            Ok(())
        }
    }

    /// Hashes a large file, or starts to hash its shards.
    pub(super) fn large(&mut self, large: Large) -> Result<()> {
        self.hash_group();
        let file = self.reopen(&large)?;
        if let Some(shard) = self.pass.scan.hashing.shard_size {
            self.pass.queue.publish_shards(Arc::new(Sharded::new(file, large, shard, self.pass.buffer as u64)));
            return Ok(());
        }
        let Some(digest) = self.range(&file, 0..large.stamp.size(), &large.name)? else { return Ok(()) };
        self.finish(large.name, large.link, &file, &large.stamp, FileDigests::Whole(digest))
    }

    /// Hashes some shards of a large file.
    pub(super) fn shards(&mut self, file: &Sharded, shards: Range<u64>) -> Result<()> {
        self.hash_group();
        let name = &file.about.name;
        let bytes = file.bytes(&shards);
        let length = usize::try_from(bytes.end - bytes.start).unwrap_or(usize::MAX);
        let digests = if let Some(buffer) = self.group.buffer().get_mut(..length) {
            match fill(&file.file, buffer, bytes.start) {
                Ok(()) => {}
                Err(failure) => return self.pass.read_failed(failure, name.as_str()).map_or(Ok(()), Err),
            }
            self.pass.progress(length as u64);
            small::shards(self.pass.scan.hashing, buffer)
        } else {
            let Some(digest) = self.range(&file.file, bytes, name)? else { return Ok(()) };
            vec![digest]
        };
        let Some(all) = file.add(shards.start, digests) else { return Ok(()) };
        self.finish(name.clone(), file.about.link, &file.file, &file.about.stamp, FileDigests::Shards(all))
    }

    pub(super) fn check_unchanged(&self, name: &ResourceName, file: &Handle, stamp: &Stamp) -> Result<()> {
        let after = file.stamp().map_err(|failure| self.pass.failed(failure, name.as_str()))?;
        if after.same(stamp) { Ok(()) } else { Err(self.pass.changed(name.as_str(), "changed")) }
    }

    /// `None` when the work is stopping.
    fn range(&mut self, file: &Arc<Handle>, range: Range<u64>, name: &ResourceName) -> Result<Option<Digest>> {
        let pass = self.pass;
        let mut hasher = Hasher::new(pass.scan.hashing.algorithm);
        let stream = Arc::new(Stream::new(Arc::clone(file), range.start, range.end));
        let buffer = self.group.buffer();
        match pass.queue.with_reader(&stream, || stream.hash(&mut hasher, buffer, pass)) {
            Ok(()) => Ok(Some(hasher.finish())),
            Err(failure) => pass.read_failed(failure, name.as_str()).map_or(Ok(None), Err),
        }
    }

    fn finish(
        &mut self,
        name: ResourceName,
        link: bool,
        file: &Handle,
        stamp: &Stamp,
        digests: FileDigests,
    ) -> Result<()> {
        // Some file systems do not tell in time that a file has grown.
        let mut more = [0];
        match file.read_at(&mut more, stamp.size()) {
            Ok(0) => {}
            Ok(_) => return Err(self.pass.changed(name.as_str(), "became longer")),
            Err(error) => return self.pass.read_failed(ReadFailure::Os(error), name.as_str()).map_or(Ok(()), Err),
        }
        let size = stamp.size();
        let format = match recognise(self.pass, &name, &OnDisk { file, size, surroundings: self.pass }) {
            Ok(format) => format,
            Err(failure) => return self.pass.read_failed(failure, name.as_str()).map_or(Ok(()), Err),
        };
        self.check_unchanged(&name, file, stamp)?;
        self.collected.files.push(HashedFile { name, size, digests, link, format });
        self.pass.file_done(1);
        Ok(())
    }

    /// Opens a large file again; it must still be the one that was met.
    fn reopen(&self, large: &Large) -> Result<Arc<Handle>> {
        let name = large.name.as_str();
        let file = open_again(self.pass, large).map_err(|failure| self.pass.failed(failure, name))?;
        self.check_unchanged(&large.name, &file, &large.stamp)?;
        Ok(file)
    }
}

fn open_again(pass: &Pass<'_>, large: &Large) -> Result<Arc<Handle>, Failure> {
    let root = pass.scan.root.handle();
    if pass.scan.root.is_file() {
        return Ok(Arc::clone(root));
    }
    if large.link {
        return match root.follow(&large.path)? {
            Followed::File(file) => Ok(Arc::new(file)),
            Followed::Refused(_) => Err(Failure::Gone),
        };
    }
    let name = large.path.file_name().ok_or(Failure::Gone)?;
    let directory = large.path.parent().unwrap_or_else(|| Path::new(""));
    root.open_dir(directory)?.open_file(name).map(Arc::new)
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
