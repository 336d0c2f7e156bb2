//! The text of a TOML file, for saying where something is wrong.

use core::num::NonZeroU32;
use core::ops::Range;
use core::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::value::Datetime;

use crate::{Code, Error, Result, SigningWindow, escape};

/// Longest name of a thing in a file, in bytes.
const MAX_NAME: usize = 255;

/// What a kind of file is called when something is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// `table`.
    pub(crate) word: &'static str,
    pub(crate) code: Code,
    /// For a key that is not known.
    pub(crate) unknown_field: Code,
    pub(crate) hint: &'static str,
}

impl Kind {
    pub(crate) fn error(&self, message: impl AsRef<str>) -> Error {
        Error::new(self.code, message).with_hint(self.hint)
    }
}

/// A TOML file that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    bytes: &'a [u8],
    kind: &'static Kind,
}

impl<'a> Text<'a> {
    /// Parses `bytes`, at most `most` of them.
    ///
    /// # Errors
    /// The codes of `kind`, with the line.
    pub(crate) fn parse<T: DeserializeOwned>(bytes: &'a [u8], most: usize, kind: &'static Kind) -> Result<(Self, T)> {
        let text = Self { bytes, kind };
        if bytes.len() > most {
            return Err(text.error(1, format!("the {} has {} bytes, more than {most}", kind.word, bytes.len())));
        }
        let plain = core::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            text.error(text.at(&(at..at)), "the text is not UTF-8")
        })?;
        let raw = toml::from_str(plain).map_err(|error| text.toml_error(&error))?;
        Ok((text, raw))
    }

    pub(crate) const fn kind(self) -> &'static Kind {
        self.kind
    }

    /// The number of the line, from 1.
    pub(crate) fn at(self, span: &Range<usize>) -> usize {
        1 + self.bytes.iter().take(span.start).filter(|byte| **byte == b'\n').count()
    }

    pub(crate) fn of<T>(self, field: &Spanned<T>) -> usize {
        self.at(&field.span())
    }

    pub(crate) fn error(self, line: usize, message: impl AsRef<str>) -> Error {
        at_line(line, &self.kind.error(message))
    }

    fn toml_error(self, error: &toml::de::Error) -> Error {
        let line = error.span().map_or(1, |span| self.at(&span));
        let message = shortened(error.message().trim_end());
        if message.starts_with("unknown field") {
            at_line(line, &Error::new(self.kind.unknown_field, message).with_hint(self.kind.hint))
        } else if message.contains(WANTS_LIST) {
            self.error(line, message).with_hint("a list has brackets, also around a single entry: [\"main\"]")
        } else {
            self.error(line, message)
        }
    }

    /// A name of something in the file: 1 to 255 visible bytes.
    pub(crate) fn name(self, what: &str, name: &Spanned<String>) -> Result<String> {
        let text = name.get_ref();
        if text.is_empty() || text.len() > MAX_NAME || escape(text) != *text {
            let message = format!("`{text:.100}` is not a name for a {what}: 1 to {MAX_NAME} visible bytes");
            return Err(self.error(self.of(name), message));
        }
        Ok(text.clone())
    }

    /// What both `outer` and the two bounds allow.
    pub(crate) fn window(
        self,
        not_before: Option<&Spanned<Datetime>>,
        not_after: Option<&Spanned<Datetime>>,
        outer: SigningWindow,
    ) -> Result<SigningWindow> {
        let from = not_before.map(|time| self.time(time)).transpose()?;
        let until = not_after.map(|time| self.time(time)).transpose()?;
        let line = not_after.or(not_before).map_or(1, |time| self.of(time));
        SigningWindow::new(from, until)
            .and_then(|window| outer.and(window))
            .map_err(|error| self.error(line, error.message()))
    }

    pub(crate) fn time(self, time: &Spanned<Datetime>) -> Result<Timestamp> {
        let text = time.get_ref().to_string();
        if time.get_ref().offset.is_none() {
            let message =
                format!("`{text}` is a local time: write date, time and offset, such as 2027-01-31T00:00:00Z");
            return Err(self.error(self.of(time), message));
        }
        text.parse().map_err(|_| self.error(self.of(time), format!("`{text}` is not an instant")))
    }

    /// The number of a version.
    pub(crate) fn number(self, number: &Spanned<i64>) -> Result<NonZeroU32> {
        let value = *number.get_ref();
        u32::try_from(value).ok().and_then(NonZeroU32::new).ok_or_else(|| {
            self.error(self.of(number), format!("`{value}` is not a version; versions are whole numbers from 1"))
        })
    }

    pub(crate) fn read<T: FromStr<Err = Error>>(self, text: &Spanned<String>) -> Result<T> {
        let refused = |error: Error| self.error(self.of(text), error.message()).with_hint(error.hint());
        text.get_ref().parse().map_err(refused)
    }
}

/// What deserializers say they expect where a list belongs; it finds the hint.
pub(crate) const WANTS_LIST: &str = "expected a list";

pub(crate) fn at_line(line: usize, error: &Error) -> Error {
    Error::new(error.code(), format!("line {line}: {}", error.message())).with_hint(error.hint())
}

/// The message of the TOML reader, which quotes keys and values of any length.
fn shortened(message: &str) -> String {
    const MOST: usize = 400;
    let quoted = |part: &str| match part.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", part.get(..end).unwrap_or_default()),
        None => part.to_owned(),
    };
    let short: Vec<String> = message.split('`').map(quoted).collect();
    let short = short.join("`");
    match short.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", short.get(..end).unwrap_or_default()),
        None => short,
    }
}
