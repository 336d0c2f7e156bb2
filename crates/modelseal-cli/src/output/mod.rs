//! The one place that prints: results to the standard output, everything else to the standard error.

pub(crate) mod decision;
pub(crate) mod job;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod sarif;
pub(crate) mod text;
pub(crate) mod verification;

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use modelseal::{Code, Error, Result, escape};
use serde::Serialize;

use crate::args::Format;
use crate::exit;

/// Standard output and standard error of one run.
pub(crate) struct Console {
    format: Format,
    verbose: u8,
    stdout: Result<Box<dyn Write>>,
    out: Paint,
    err: Paint,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Something good.
    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default().bold(), text)
    }

    /// Something to notice.
    pub(crate) fn unsure(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// Something bad.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    /// Something beside the point.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

impl Console {
    /// A console; colours where a terminal wants them.
    pub(crate) fn new(format: Format, verbose: u8) -> Self {
        let wanted = |choice| Paint(choice != anstream::ColorChoice::Never);
        Self {
            format,
            verbose,
            stdout: open_stdout().map_err(|error| unwritable(&error)),
            out: wanted(anstream::AutoStream::choice(&io::stdout())),
            err: wanted(anstream::AutoStream::choice(&io::stderr())),
        }
    }

    /// Whether results are for people.
    pub(crate) fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Whether more was asked for.
    pub(crate) const fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Colours of the standard output.
    pub(crate) const fn paint(&self) -> Paint {
        self.out
    }

    /// Writes a result in the form that was asked for.
    pub(crate) fn result(&mut self, text: impl FnOnce(Paint) -> String, json: &impl Serialize) {
        match self.format {
            Format::Text => {
                let text = text(self.out);
                self.text(&text);
            }
            Format::Json => self.json(json),
        }
    }

    /// Writes lines of a result; whatever is hostile in them was escaped.
    pub(crate) fn text(&mut self, text: &str) {
        self.raw(&without_commands(text));
    }

    /// Writes one JSON object on a line.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        let line = json::to_line(value);
        self.raw(&line);
    }

    /// Writes text of our own, byte by byte.
    pub(crate) fn raw(&mut self, text: &str) {
        if let Ok(stdout) = &mut self.stdout
            && let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        {
            self.stdout = Err(unwritable(&error));
        }
    }

    /// Writes text to the standard error.
    pub(crate) fn notice(&self, text: &str) {
        // Nothing can be done about a standard error that takes nothing.
        let _ = io::stderr().lock().write_all(without_commands(text).as_bytes());
    }

    /// Writes a warning.
    pub(crate) fn warning(&self, message: &str) {
        self.notice(&format!("modelseal: {} {message}\n", self.err.unsure("warning:")));
    }

    /// Writes what belongs to a result and has no place in it.
    pub(crate) fn remark(&self, message: &str) {
        self.notice(&format!("modelseal: {message}\n"));
    }

    /// Writes a detail that was asked for with `-v`.
    pub(crate) fn detail(&self, message: &str) {
        if self.is_verbose() {
            self.notice(&format!("modelseal: {message}\n"));
        }
    }

    /// What writes details from elsewhere, if `-v` asked for them.
    pub(crate) fn logger(&self) -> Option<impl Fn(&str) + Send + Sync + 'static + use<>> {
        self.is_verbose().then_some(|message: &str| {
            let line = format!("modelseal: {}\n", without_commands(&escape(message)));
            let _ = io::stderr().lock().write_all(line.as_bytes());
        })
    }

    /// Writes an error and its hint.
    pub(crate) fn error(&self, error: &Error) {
        self.problem(None, error.message(), error.code().as_str(), error.hint());
    }

    /// Writes what is wrong, with `subject` if there are several.
    pub(crate) fn problem(&self, subject: Option<&str>, message: &str, code: &str, hint: &str) {
        let subject = subject.map_or_else(String::new, |subject| format!("{}: ", escape(subject)));
        let label = self.err.bad("error:");
        let code = self.err.dim(&format!("[{code}]"));
        self.notice(&format!("modelseal: {label} {subject}{message} {code}\nmodelseal: hint: {hint}\n"));
    }

    /// Writes that there is a bug.
    pub(crate) fn bug(&self, message: &str) {
        self.notice(&format!("modelseal: {} {message}\n", self.err.bad("bug:")));
    }

    /// Says why the command failed, if it did, and gives the exit status. What could not be written is never 0.
    pub(crate) fn finish(mut self, ended: Result<u8>) -> u8 {
        let status = ended.unwrap_or_else(|error| {
            let status = exit::of(&error);
            if self.format == Format::Json {
                self.json(&json::ErrorObject::new(&error, status));
            }
            self.error(&error);
            status
        });
        match &self.stdout {
            Err(error) => {
                self.error(error);
                if status == 0 { exit::of(error) } else { status }
            }
            Ok(_) => status,
        }
    }
}

/// A path, safe to print.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy()).into_owned()
}

/// Text that neither a terminal nor a build server takes for more than text.
pub(crate) fn safe(text: &str) -> String {
    without_commands(&escape(text))
}

/// Build servers take commands from anywhere in a line (`##vso[`, `##[`).
fn without_commands(text: &str) -> String {
    if text.contains("##") { text.replace("##", "#\\u{23}") } else { text.to_owned() }
}

/// The system's words for an error, without its number.
pub(crate) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn unwritable(error: &io::Error) -> Error {
    Error::new(Code::OutputUnwritable, format!("cannot write to the standard output: {}", os_text(error)))
        .with_hint("the result was not delivered: check the pipe, file or terminal that it goes to")
}

/// The standard output without the library's buffer, which takes writes to a closed descriptor for good.
#[cfg(unix)]
fn open_stdout() -> io::Result<Box<dyn Write>> {
    use std::os::fd::AsFd as _;
    let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(Box::new(std::fs::File::from(descriptor)))
}

#[cfg(not(unix))]
fn open_stdout() -> io::Result<Box<dyn Write>> {
    Ok(Box::new(io::stdout()))
}
