//! Telling the format of a file from the very bytes that are hashed, or at least through the same open file.

use std::io;

use super::pass::Pass;
use super::stream::{ReadFailure, Surroundings};
use super::sys::Handle;
use crate::ResourceName;
use crate::policy::{Content, FileFormat};

/// A file that was read as a whole.
pub(super) struct InMemory<'a>(pub(super) &'a [u8]);

/// A file that is open.
pub(super) struct OnDisk<'a> {
    pub(super) file: &'a Handle,
    pub(super) size: u64,
    /// Looked at before every read: telling a format may take a while.
    pub(super) surroundings: &'a dyn Surroundings,
}

/// The format of a file, if the scan tells formats.
pub(super) fn recognise(
    pass: &Pass<'_>,
    name: &ResourceName,
    content: &dyn Content,
) -> Result<Option<FileFormat>, ReadFailure> {
    if !pass.scan.recognise {
        return Ok(None);
    }
    let file_name = if name.is_single_file() { pass.scan.root.name().unwrap_or_default() } else { name.as_str() };
    match FileFormat::of_bytes(content, FileFormat::of_name(file_name)) {
        Ok(format) => Ok(Some(format)),
        Err(_) if pass.stopped() => Err(ReadFailure::Stopped),
        Err(error) => Err(ReadFailure::Os(error)),
    }
}

impl Content for InMemory<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl Content for OnDisk<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.surroundings.stopped() {
            return Err(io::Error::other("the work is stopping"));
        }
        self.file.read_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::fs;

    use super::*;

    /// Stops after so many looks.
    struct Stops(Cell<u32>);

    impl Surroundings for Stops {
        fn stopped(&self) -> bool {
            self.0.set(self.0.get().saturating_sub(1));
            self.0.get() == 0
        }

        fn progress(&self, _: u64) {}
    }

    #[test]
    fn t32_telling_a_format_ends_with_the_work() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "Words\n".repeat(1 << 20)).unwrap();
        let (file, _) = Handle::open_root(&path).unwrap().unwrap();
        let tell = |looks| {
            let surroundings = Stops(Cell::new(looks));
            let content = OnDisk { file: &file, size: 6 << 20, surroundings: &surroundings };
            FileFormat::of_bytes(&content, FileFormat::Text).ok()
        };
        for looks in [1, 2, 3, 20, 50, 90] {
            assert_eq!(tell(looks), None, "{looks}");
        }
        assert_eq!(tell(u32::MAX), Some(FileFormat::Text));
    }
}
