//! A worker: lists directories, asks the selection, hands files on.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use super::pass::{Collected, Pass};
use super::queue::{Batch, Directory, Found, OpenDirectory, Task};
use super::scan::{Action, Entry, EntryKind, Seen};
use super::small::Group;
use super::sys::{Followed, Handle, Listed};
use crate::{Code, Error, Finding, Result};

/// Names that are handed on together; they share their directory's handle.
const BATCH: usize = 64;

pub(super) struct Worker<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) group: Group,
    pub(super) collected: Collected,
    listing: Vec<u8>,
    text: String,
}

/// A file that was chosen, open.
pub(super) struct Chosen<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a Handle,
    pub(super) link: bool,
    /// The signed size.
    pub(super) size: Option<u64>,
}

impl<'a> Worker<'a> {
    /// Works until there is nothing left to do.
    pub(super) fn run(pass: &'a Pass<'a>) {
        let mut worker = Self {
            pass,
            group: Group::new(pass.buffer),
            collected: Collected::default(),
            listing: Vec::new(),
            text: String::new(),
        };
        loop {
            let Some(task) = pass.queue.take(|| worker.hash_group()) else { break };
            let walked = matches!(task, Task::Batch(_) | Task::Directory(_));
            if let Err(error) = worker.perform(task) {
                pass.queue.fail(error);
            }
            pass.queue.done(walked);
        }
        worker.hash_group();
        pass.collect(worker.collected);
    }

    pub(super) fn found(&mut self, code: Code, name: &str, detail: impl Into<String>) {
        if self.pass.admit_finding() {
            self.collected.findings.push(Finding::new(code, name, detail));
        }
    }

    fn perform(&mut self, task: Task) -> Result<()> {
        match task {
            Task::SingleFile => self.single_file(),
            Task::Batch(batch) => self.batch(batch),
            Task::Directory(directory) => self.list(&directory),
            Task::Large(large) => self.large(large),
            Task::Shards(file, shards) => self.shards(&file, shards),
            Task::Read(stream, piece) => {
                self.hash_group();
                let queue = &self.pass.queue;
                stream.read_ahead(piece, || queue.stopped() || !queue.is_quiet());
                queue.reader_left(&stream, piece);
                Ok(())
            }
        }
    }

    fn single_file(&mut self) -> Result<()> {
        let name = ".";
        let entry = Entry { name, utf8: true, kind: EntryKind::File };
        let action = self.select(entry)?;
        let mut found = Found::default();
        if let Action::Hash { size } = action
            && !self.pass.names_only
        {
            let file = self.pass.scan.root.handle();
            self.file(&mut found, Chosen { name, file, link: false, size }, PathBuf::new)?;
        }
        self.pass.queue.publish(found);
        Ok(())
    }

    fn list(&mut self, directory: &Directory) -> Result<()> {
        let about = Arc::new(directory.place());
        let handle = self
            .pass
            .scan
            .root
            .handle()
            .open_dir(&about.path)
            .map_err(|failure| self.pass.failed(failure, &about.text))?;
        let directory = Arc::new(OpenDirectory { handle, about });
        let mut buffer = mem::take(&mut self.listing);
        let result = self.list_into(&directory, &mut buffer);
        self.listing = buffer;
        result
    }

    fn list_into(&mut self, directory: &Arc<OpenDirectory>, buffer: &mut Vec<u8>) -> Result<()> {
        let pass = self.pass;
        let failed = |failure| pass.failed(failure, &directory.about.text);
        let mut listing = directory.handle.list(buffer).map_err(failed)?;
        loop {
            let entries = listing.batch(BATCH).map_err(failed)?;
            if entries.is_empty() || pass.queue.stopped() {
                return Ok(());
            }
            let last = entries.len() < BATCH;
            let batch = Batch { directory: Arc::clone(directory), entries };
            if last {
                return self.batch(batch);
            }
            if let Err(batch) = pass.queue.publish_batch(batch) {
                self.batch(batch)?;
            }
        }
    }

    fn batch(&mut self, batch: Batch) -> Result<()> {
        let mut text = mem::take(&mut self.text);
        let mut found = Found::default();
        let directory = &*batch.directory;
        for listed in batch.entries {
            if self.pass.queue.stopped() {
                break;
            }
            text.clear();
            text.push_str(&directory.about.text);
            if !text.is_empty() {
                text.push('/');
            }
            let name = listed.name.to_str();
            match name {
                Some(name) => text.push_str(name),
                None => text.push_str(&listed.name.to_string_lossy()),
            }
            self.entry(&mut found, directory, &listed, &text, directory.about.utf8 && name.is_some())?;
        }
        self.text = text;
        self.pass.queue.publish(found);
        Ok(())
    }

    fn entry(
        &mut self,
        found: &mut Found,
        directory: &OpenDirectory,
        listed: &Listed,
        name: &str,
        utf8: bool,
    ) -> Result<()> {
        let pass = self.pass;
        let failed = |failure| pass.failed(failure, name);
        let kind = listed.kind.map_or_else(|| directory.handle.kind_of(&listed.name), Ok).map_err(failed)?;
        let path = || directory.about.path.join(&listed.name);
        let action = self.select(Entry { name, utf8, kind })?;
        match (action, kind) {
            (Action::Descend, EntryKind::Directory) => {
                if directory.about.depth >= pass.scan.limits.max_depth {
                    let most = pass.scan.limits.max_depth;
                    return Err(Error::new(
                        Code::InputLimit,
                        format!("`{name}` lies deeper than the limit of {most} directories"),
                    ));
                }
                found.directories.push(Directory::Below(Arc::clone(&directory.about), listed.name.clone()));
            }
            (Action::Hash { .. }, EntryKind::File | EntryKind::Symlink) if !utf8 => {
                return Err(Error::new(Code::InputName, format!("the name `{name}` is not valid UTF-8")));
            }
            (Action::Hash { .. }, EntryKind::File | EntryKind::Symlink) if pass.names_only => {}
            (Action::Hash { size }, EntryKind::File) => {
                let file = &directory.handle.open_file(&listed.name).map_err(failed)?;
                self.file(found, Chosen { name, file, link: false, size }, path)?;
            }
            (Action::Hash { size }, EntryKind::Symlink) => {
                match pass.scan.root.handle().follow(&path()).map_err(failed)? {
                    Followed::File(file) => {
                        self.file(found, Chosen { name, file: &file, link: true, size }, path)?;
                    }
                    Followed::Refused(why) => self.found(pass.scan.link_refusal, name, why),
                }
            }
            (Action::UncoveredIfEmpty { .. }, _) if pass.names_only => {}
            (Action::UncoveredIfEmpty { otherwise }, EntryKind::File) => {
                let file = directory.handle.open_file(&listed.name).map_err(failed)?;
                if file.stamp().map_err(failed)?.size() == 0 {
                    self.collected.uncovered.push(Seen { name: name.to_owned(), kind });
                } else {
                    self.found(otherwise, name, "");
                }
            }
            (Action::Hash { .. } | Action::Descend | Action::UncoveredIfEmpty { .. }, _) => {
                return Err(Error::new(Code::InputSpecialFile, format!("`{name}` is not what it was taken for")));
            }
            (Action::Pass | Action::Refuse(_) | Action::Uncovered, _) => {}
        }
        Ok(())
    }

    /// Asks the selection and does what needs no look into the entry.
    fn select(&mut self, entry: Entry<'_>) -> Result<Action> {
        let pass = self.pass;
        let action = pass.scan.selection.select(entry)?;
        if pass.scan.recheck_names {
            self.collected.names.add(pass.names, entry.name, entry.kind, action);
        }
        match action {
            _ if pass.names_only => {}
            Action::Refuse(code) => {
                self.found(
                    code,
                    entry.name,
                    match entry.kind {
                        EntryKind::Directory => "a directory",
                        EntryKind::File => "",
                        EntryKind::Special => "a FIFO, socket or device",
                        EntryKind::Symlink => "a symbolic link",
                    },
                );
            }
            Action::Uncovered => self.collected.uncovered.push(Seen { name: entry.name.to_owned(), kind: entry.kind }),
            Action::Descend | Action::Hash { .. } | Action::Pass | Action::UncoveredIfEmpty { .. } => {}
        }
        Ok(action)
    }
}
