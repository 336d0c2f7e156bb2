//! Pickles: programs for a stack machine. One without the mark of its protocol can begin like anything else, so the
//! operations are followed, without doing anything, to see whether a loader might get to run something.
//!
//! Values are not computed. Whatever a loader might accept goes on, and only what every loader fails at ends the way:
//! an unknown operation, an empty stack, an argument that no parser takes, a call although nothing was imported.

use std::io;

use super::Content;
use super::input::Input;

/// Bytes that are read to follow the operations. What goes on for longer counts as a pickle.
const MOST_BYTES: u64 = 16 << 20;
/// Operations that are followed; nothing but a pickle goes on so long.
const MOST_STEPS: usize = 1_000_000;

/// Whether a loader would call something, or return what it imported, or take all of the file for plain data; or
/// whether that cannot be told.
///
/// # Errors
/// Those of reading.
pub(super) fn is_pickle(content: &dyn Content) -> io::Result<bool> {
    let input = Input::new(content, MOST_BYTES);
    let mut machine = Machine { input, depths: Vec::new(), depth: 0, memo: false, imports: false };
    if let (Some(0x80), Some(2..=5)) = (machine.input.byte()?, machine.input.byte()?) {
        // The lengths with which safetensors files begin can look so, too: then no operation follows.
        return Ok(machine.input.byte()?.is_some_and(is_operation));
    }
    machine.input.rewind();
    for _ in 0..MOST_STEPS {
        match machine.step()? {
            Step::Goes => {}
            Step::Fails => return Ok(machine.input.is_spent()),
            Step::Calls => return Ok(true),
            Step::Stops if machine.imports || machine.input.is_over()? => return Ok(true),
            // Loaders of several values begin again where the last one ends.
            Step::Stops => {
                machine.depths.clear();
                machine.depth = 0;
            }
        }
    }
    Ok(true)
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
    depths: Vec<u32>,
    /// Values above the last mark: never more than there were operations.
    depth: u32,
    /// Whether something was remembered.
    memo: bool,
    /// Whether there may be something that can be called.
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
            b'N' | b')' | b']' | b'}' | 0x88 | 0x89 | 0x8f | 0x97 => self.push(),
            b'K' => self.skip(1),
            b'M' => self.skip(2),
            b'J' => self.skip(4),
            b'G' => self.skip(8),
            0x8a | b'U' | b'C' | 0x8c => self.skip_counted(1)?,
            b'T' | b'X' | b'B' | 0x8b => self.skip_counted(4)?,
            0x8d | 0x8e | 0x96 => self.skip_counted(8)?,
            b'I' | b'L' => self.line(is_whole)? && self.push(),
            b'F' => self.line(is_float)? && self.push(),
            b'S' => self.line(is_quoted)? && self.push(),
            b'V' => self.line(|_| true)? && self.push(),
            b'P' => self.line(<[u8]>::is_ascii)? && self.push(),
            b'p' => self.depth > 0 && self.line(is_whole)? && self.remember(),
            b'q' => self.depth > 0 && self.input.skip(1) && self.remember(),
            b'r' => self.depth > 0 && self.input.skip(4) && self.remember(),
            0x94 => self.depth > 0 && self.remember(),
            b'g' => self.memo && self.line(is_whole)? && self.push(),
            b'h' => self.memo && self.skip(1),
            b'j' => self.memo && self.skip(4),
            b't' | b'l' | b'd' | 0x91 => self.pop_mark() && self.push(),
            0x85 => self.pop(1) && self.push(),
            0x86 => self.pop(2) && self.push(),
            0x87 => self.pop(3) && self.push(),
            b'a' => self.depth > 1 && self.pop(1),
            b's' => self.depth > 2 && self.pop(2),
            b'e' | b'u' | 0x90 => self.pop_mark() && self.depth > 0,
            b'Q' | 0x98 => self.depth > 0,
            0x80 => self.input.skip(1),
            0x95 => self.input.skip(8),
            b'c' => self.import()? && self.push(),
            0x93 => self.pop(2) && self.imported() && self.push(),
            0x82..=0x84 => self.imported() && self.skip([1, 2, 4][usize::from(operation - 0x82)]),
            b'i' => return Ok(if !self.depths.is_empty() && self.import()? { Step::Calls } else { Step::Fails }),
            b'o' => return Ok(self.calls_if(!self.depths.is_empty() && self.depth > 0)),
            b'R' | 0x81 => return Ok(self.calls_if(self.depth > 1)),
            0x92 => return Ok(self.calls_if(self.depth > 2)),
            b'b' if self.imports => return Ok(self.calls_if(self.depth > 1)),
            // Plain data can be built from nothing.
            b'b' => self.depth > 1 && self.pop(1),
            _ => false,
        };
        Ok(if fine { Step::Goes } else { Step::Fails })
    }

    const fn push(&mut self) -> bool {
        self.depth += 1;
        true
    }

    const fn remember(&mut self) -> bool {
        self.memo = true;
        true
    }

    const fn imported(&mut self) -> bool {
        self.imports = true;
        true
    }

    fn pop(&mut self, count: u32) -> bool {
        let left = self.depth.checked_sub(count);
        self.depth = left.unwrap_or_default();
        left.is_some()
    }

    fn pop_mark(&mut self) -> bool {
        let below = self.depths.pop();
        self.depth = below.unwrap_or_default();
        below.is_some()
    }

    fn skip(&mut self, count: u64) -> bool {
        self.input.skip(count) && self.push()
    }

    fn skip_counted(&mut self, width: u32) -> io::Result<bool> {
        let mut count = 0;
        for shift in 0..width {
            let Some(byte) = self.input.byte()? else { return Ok(false) };
            count |= u64::from(byte) << (8 * shift);
        }
        Ok(self.skip(count))
    }

    fn line(&mut self, fits: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        Ok(self.input.line(fits)?.is_some())
    }

    fn import(&mut self) -> io::Result<bool> {
        let Some(module) = self.input.line(is_module)? else { return Ok(false) };
        // A directory of any name can be imported, but has nothing except what all modules have.
        let odd = module.iter().any(|byte| *byte <= b' ');
        let found = self.line(|name| !odd || name.starts_with(b"__"))?;
        Ok(found && self.imported())
    }

    /// Without an import there is nothing that could be called.
    const fn calls_if(&self, possible: bool) -> Step {
        if possible && self.imports { Step::Calls } else { Step::Fails }
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

/// Whether a whole number may be read here. Parsers differ in bases, blanks, underscores and what follows the number, and
/// some take nothing before a NUL for 0: only a line that begins otherwise is certain to be none.
fn is_whole(line: &[u8]) -> bool {
    unsigned(line).first().is_some_and(u8::is_ascii_digit) || line.contains(&0)
}

fn is_float(line: &[u8]) -> bool {
    let word = unsigned(line).get(..3).unwrap_or_default();
    is_whole(line)
        || unsigned(line).starts_with(b".")
        || word.eq_ignore_ascii_case(b"inf")
        || word.eq_ignore_ascii_case(b"nan")
}

/// A number without the blanks of any locale before it, and without its sign.
fn unsigned(line: &[u8]) -> &[u8] {
    let mut number = line;
    while let [0..=b' ' | 0x85 | 0xa0, rest @ ..] = number {
        number = rest;
    }
    number.strip_prefix(b"-").or_else(|| number.strip_prefix(b"+")).unwrap_or(number)
}

fn is_quoted(line: &[u8]) -> bool {
    matches!(line, [b'\'' | b'"', ..])
}

/// What can be the name of a module; the line may be cut.
fn is_module(line: &[u8]) -> bool {
    let text = core::str::from_utf8(line).map_or_else(|error| error.error_len().is_none(), |_| true);
    text && !line.is_empty()
}
