//! Pickles: programs for a stack machine. One without the mark of its protocol can begin like anything else, so the
//! operations are followed, without doing anything, to see whether a loader would get to run something.

use std::io;

use super::Content;

/// What following the operations led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pickle {
    /// A loader would fail before it ran or returned anything.
    No,
    /// A loader would return plain data.
    Data,
    /// A loader would import and call, or it cannot be told.
    Runs,
}

/// Operations that are followed; nothing but a pickle goes on so long.
const MOST_STEPS: usize = 200_000;
/// Bytes that are read at once.
const PIECE: usize = 4096;
/// Longest argument that ends with its line.
const MOST_LINE: usize = 64 << 10;

/// # Errors
/// Those of reading.
pub(super) fn look(content: &dyn Content) -> io::Result<Pickle> {
    let mut machine = Machine { input: Input::new(content), depths: Vec::new(), depth: 0, memo: false, imports: false };
    if let (Some(0x80), Some(2..=5)) = (machine.input.byte()?, machine.input.byte()?) {
        // The lengths with which safetensors files begin can look so, too: then no operation follows.
        let next = machine.input.byte()?;
        return Ok(if next.is_some_and(is_operation) { Pickle::Runs } else { Pickle::No });
    }
    machine.input.at = 0;
    for _ in 0..MOST_STEPS {
        match machine.step()? {
            Step::Goes => {}
            Step::Fails => return Ok(Pickle::No),
            Step::Stops if machine.imports => return Ok(Pickle::Runs),
            Step::Stops => return Ok(Pickle::Data),
            Step::Calls => return Ok(Pickle::Runs),
        }
    }
    Ok(Pickle::Runs)
}

enum Step {
    Goes,
    Fails,
    Stops,
    Calls,
}

struct Machine<'a> {
    input: Input<'a>,
    /// Depths below the marks.
    depths: Vec<u64>,
    /// Values above the last mark.
    depth: u64,
    memo: bool,
    imports: bool,
}

impl Machine<'_> {
    fn step(&mut self) -> io::Result<Step> {
        let Some(operation) = self.input.byte()? else { return Ok(Step::Fails) };
        let fine = match operation {
            b'(' => {
                self.depths.push(core::mem::take(&mut self.depth));
                true
            }
            b'.' => return Ok(if self.depth > 0 { Step::Stops } else { Step::Fails }),
            b'0' => self.pop(1) || self.pop_mark(),
            b'1' => self.pop_mark(),
            b'2' => self.depth > 0 && self.push(),
            b'N' | b')' | b']' | b'}' | 0x88 | 0x89 | 0x8f => self.push(),
            b'K' => self.skip(1)?,
            b'M' => self.skip(2)?,
            b'J' => self.skip(4)?,
            b'G' => self.skip(8)?,
            0x8a | b'U' | b'C' | 0x8c => self.skip_counted(1)?,
            b'T' | b'X' | b'B' | 0x8b => self.skip_counted(4)?,
            0x8d | 0x8e | 0x96 => self.skip_counted(8)?,
            b'I' | b'L' | b'F' => self.line(is_number)? && self.push(),
            b'S' => self.line(is_quoted)? && self.push(),
            b'V' => self.line(|_| true)? && self.push(),
            b'P' => self.line(<[u8]>::is_ascii)? && self.push(),
            b'p' => self.depth > 0 && self.line(is_number)? && self.remember(),
            b'q' => self.depth > 0 && self.input.skip(1)? && self.remember(),
            b'r' => self.depth > 0 && self.input.skip(4)? && self.remember(),
            0x94 => self.depth > 0 && self.remember(),
            b'g' => self.line(is_number)? && self.memo && self.push(),
            b'h' => self.memo && self.skip(1)?,
            b'j' => self.memo && self.skip(4)?,
            b't' | b'l' | b'd' | 0x91 => self.pop_mark() && self.push(),
            0x85 => self.pop(1) && self.push(),
            0x86 => self.pop(2) && self.push(),
            0x87 => self.pop(3) && self.push(),
            b'a' => self.depth > 1 && self.pop(1),
            b's' => self.depth > 2 && self.pop(2),
            b'e' | b'u' | 0x90 => self.pop_mark() && self.depth > 0,
            b'Q' => self.pop(1) && self.push(),
            0x80 => self.input.skip(1)?,
            0x95 => self.input.skip(8)?,
            0x97 => self.push(),
            0x98 => self.depth > 0,
            b'c' => {
                self.imports = true;
                self.line(is_name)? && self.line(is_name)? && self.push()
            }
            0x93 => {
                self.imports = true;
                self.pop(2) && self.push()
            }
            0x82..=0x84 => {
                self.imports = true;
                self.skip([1, 2, 4][usize::from(operation - 0x82)])?
            }
            b'i' => {
                self.imports = !self.depths.is_empty() && self.line(is_name)? && self.line(is_name)?;
                return Ok(self.calls_if(true));
            }
            b'o' => return Ok(self.calls_if(!self.depths.is_empty() && self.depth > 0)),
            b'R' | 0x81 => return Ok(self.calls_if(self.depth > 1)),
            b'b' => return Ok(self.calls_if(self.depth > 1)),
            0x92 => return Ok(self.calls_if(self.depth > 2)),
            _ => false,
        };
        Ok(if fine { Step::Goes } else { Step::Fails })
    }

    fn push(&mut self) -> bool {
        self.depth += 1;
        true
    }

    fn remember(&mut self) -> bool {
        self.memo = true;
        true
    }

    fn pop(&mut self, count: u64) -> bool {
        let left = self.depth.checked_sub(count);
        self.depth = left.unwrap_or_default();
        left.is_some()
    }

    fn pop_mark(&mut self) -> bool {
        let below = self.depths.pop();
        self.depth = below.unwrap_or_default();
        below.is_some()
    }

    fn skip(&mut self, count: u64) -> io::Result<bool> {
        Ok(self.input.skip(count)? && self.push())
    }

    fn skip_counted(&mut self, width: usize) -> io::Result<bool> {
        let mut count = 0;
        for shift in 0..width {
            let Some(byte) = self.input.byte()? else { return Ok(false) };
            count |= u64::from(byte) << (8 * shift);
        }
        self.skip(count)
    }

    fn line(&mut self, fits: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        Ok(self.input.line()?.is_some_and(|line| fits(&line)))
    }

    /// Without an import there is nothing that could be called.
    const fn calls_if(&self, possible: bool) -> Step {
        if possible && self.imports { Step::Calls } else { Step::Fails }
    }
}

/// The bytes in order.
struct Input<'a> {
    content: &'a dyn Content,
    at: u64,
    piece: Vec<u8>,
    /// Where the piece begins.
    start: u64,
}

impl<'a> Input<'a> {
    fn new(content: &'a dyn Content) -> Self {
        Self { content, at: 0, piece: Vec::new(), start: 0 }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let known = |input: &Self| {
            let at = usize::try_from(input.at.checked_sub(input.start)?).ok()?;
            input.piece.get(at).copied()
        };
        let mut found = known(self);
        if found.is_none() && self.at < self.content.size() {
            self.piece.resize(PIECE, 0);
            let read = self.content.read_at(&mut self.piece, self.at)?;
            self.piece.truncate(read);
            self.start = self.at;
            found = known(self);
        }
        self.at += u64::from(found.is_some());
        Ok(found)
    }

    fn skip(&mut self, count: u64) -> io::Result<bool> {
        self.at = self.at.saturating_add(count);
        Ok(self.at <= self.content.size())
    }

    /// The rest of the line; `None` when the file ends before it does.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        while let Some(byte) = self.byte()? {
            if byte == b'\n' {
                return Ok(Some(line));
            }
            if line.len() < MOST_LINE {
                line.push(byte);
            }
        }
        Ok(None)
    }
}

const fn is_operation(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b'.'
            | b'0'..=b'2'
            | b'B' | b'C' | b'F' | b'G' | b'I'..=b'N'
            | b'P'..=b'V'
            | b'X' | b']'
            | b'a'..=b'e'
            | b'g'..=b'j'
            | b'l'
            | b'o'..=b'u'
            | b'}' | b')'
            | 0x80..=0x98
    )
}

fn is_number(line: &[u8]) -> bool {
    let digits = line.trim_ascii();
    let digits = digits.strip_prefix(b"-").or_else(|| digits.strip_prefix(b"+")).unwrap_or(digits);
    let word = matches!(digits, b"inf" | b"nan" | b"infinity");
    word || (digits.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
        && digits.iter().all(|byte| byte.is_ascii_hexdigit() || b"+-._xXLl".contains(byte)))
}

fn is_quoted(line: &[u8]) -> bool {
    matches!(line, [b'\'', .., b'\''] | [b'"', .., b'"'])
}

/// What can be the name of a module or of something in it.
fn is_name(line: &[u8]) -> bool {
    let name = core::str::from_utf8(line).unwrap_or_default();
    !name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_whitespace())
}
