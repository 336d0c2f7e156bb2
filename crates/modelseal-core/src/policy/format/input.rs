//! The bytes of a file in order, as far as a bound.

use std::io;

use super::Content;

/// Bytes that are read at once, first and after jumps; then pieces double.
const LEAST_PIECE: usize = 4 << 10;
const MOST_PIECE: usize = 256 << 10;
/// Bytes of a line that are kept; more say nothing new.
const MOST_LINE: usize = 64 << 10;

pub(super) struct Input<'a> {
    content: &'a dyn Content,
    at: u64,
    piece: Vec<u8>,
    /// Where the piece begins.
    start: u64,
    length: usize,
    /// What may still be read.
    left: u64,
    spent: bool,
}

impl<'a> Input<'a> {
    /// Reads about `most` bytes; those that are skipped do not count.
    pub(super) const fn new(content: &'a dyn Content, most: u64) -> Self {
        Self { content, at: 0, piece: Vec::new(), start: 0, length: LEAST_PIECE, left: most, spent: false }
    }

    pub(super) const fn rewind(&mut self) {
        self.at = 0;
    }

    /// Whether more would have been read than may be: then the end that was seen is none.
    pub(super) const fn is_spent(&self) -> bool {
        self.spent
    }

    /// `None` at the end.
    pub(super) fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.ahead()?.first().copied();
        self.at += u64::from(byte.is_some());
        Ok(byte)
    }

    /// False when there are not so many.
    pub(super) fn skip(&mut self, count: u64) -> bool {
        self.at = self.at.saturating_add(count);
        self.at <= self.content.size()
    }

    /// The beginning of the line, without its end; all of it is skipped, unless what is kept does not fit. The end of
    /// the file ends a line, too.
    pub(super) fn line(&mut self, fits: impl Fn(&[u8]) -> bool) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut ended = false;
        while !ended && line.len() < MOST_LINE {
            ended = self.part_of_line(&mut line)?;
        }
        if !fits(&line) {
            return Ok(None);
        }
        let mut rest = Vec::new();
        while !ended {
            rest.clear();
            ended = self.part_of_line(&mut rest)?;
        }
        Ok(Some(line))
    }

    /// Whether nothing but a few blanks is left.
    pub(super) fn is_over(&mut self) -> io::Result<bool> {
        if self.content.size().saturating_sub(self.at) > 64 {
            return Ok(false);
        }
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                self.at -= 1;
                return Ok(false);
            }
        }
        Ok(!self.spent)
    }

    /// Appends what is left of the line in this piece; true when it ends.
    fn part_of_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let ahead = self.ahead()?;
        let newline = ahead.iter().position(|byte| *byte == b'\n');
        let part = &ahead[..newline.unwrap_or(ahead.len())];
        line.extend_from_slice(part);
        let ended = newline.is_some() || part.is_empty();
        self.at += part.len() as u64 + u64::from(newline.is_some());
        Ok(ended)
    }

    /// Some of the bytes that come next; none at the end.
    fn ahead(&mut self) -> io::Result<&[u8]> {
        let end = self.start + self.piece.len() as u64;
        if !(self.start..end).contains(&self.at) {
            self.length = if self.at == end { (self.length * 2).min(MOST_PIECE) } else { LEAST_PIECE };
            self.piece.clear();
            self.start = self.at;
            let more = self.at < self.content.size();
            self.spent |= more && self.left == 0;
            if more && self.left > 0 {
                self.piece.resize(self.length, 0);
                let read = self.content.read_at(&mut self.piece, self.at)?;
                self.piece.truncate(read);
                self.left = self.left.saturating_sub(read as u64);
            }
        }
        let from = usize::try_from(self.at - self.start).unwrap_or(usize::MAX);
        Ok(self.piece.get(from..).unwrap_or_default())
    }
}
