//! Reports of a verification, by file name.

mod earlier;
mod place;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use modelseal::{Code, Error, Result, write_replacing};

use crate::args::VerifyArgs;
use crate::output::verification::Verification;
use crate::output::{json, junit, os_text, sarif};

/// Refuses a file to write that would be part of a model or replace an input, `read` among them, or whose directory
/// takes no file.
///
/// # Errors
/// `output/exists`, `output/unwritable`.
pub(crate) fn check_place(args: &VerifyArgs, read: &[PathBuf], path: &Path) -> Result<()> {
    place::Taken::new(args).and(read).refuse(path)
}

/// Writes a JUnit report of something else than models.
///
/// # Errors
/// `output/exists`, `output/unwritable`.
pub(crate) fn write_cases(path: &Path, report: &str) -> Result<()> {
    replaceable(path, Form::Junit)?;
    write_replacing(path, report.as_bytes())
}

/// Where the reports go.
#[derive(Debug)]
pub(crate) struct Reports(Vec<(PathBuf, Form)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Junit,
    Sarif,
}

impl Reports {
    /// Refuses names that say no form, before any work is done.
    pub(crate) fn new(paths: &[PathBuf]) -> Result<Self> {
        paths.iter().map(|path| Ok((path.clone(), form(path)?))).collect::<Result<_>>().map(Self)
    }

    /// Refuses, before any work is done, reports that would destroy something or could not be written. Those are never
    /// written; the others remain, so that they can tell of the error.
    ///
    /// # Errors
    /// `output/exists`, `output/unwritable`.
    pub(crate) fn claim(&mut self, args: &VerifyArgs) -> Result<()> {
        let taken = place::Taken::new(args).and(&args.decision_log);
        let mut refused = Ok(());
        self.0.retain(|(path, form)| {
            let allowed = taken.refuse(path).and_then(|()| replaceable(path, *form));
            let usable = allowed.is_ok();
            refused = std::mem::replace(&mut refused, Ok(())).and(allowed);
            usable
        });
        refused
    }

    /// Writes every report that can be written.
    ///
    /// # Errors
    /// The first that cannot.
    pub(crate) fn write(&self, verification: &Verification) -> Result<()> {
        let written: Vec<Result<()>> = self.0.iter().map(|(path, form)| write(path, *form, verification)).collect();
        written.into_iter().collect()
    }
}

fn write(path: &Path, form: Form, verification: &Verification) -> Result<()> {
    let text = match form {
        Form::Json => match &verification.error {
            Some(failure) => json::to_pretty(&failure.object),
            None => json::to_pretty(verification),
        },
        Form::Sarif => sarif::report(verification),
        Form::Junit => junit::report(verification).map_err(|error| place::unwritable(path, &error.to_string()))?,
    };
    // Once more: hashing takes time, and what came meanwhile is somebody's.
    replaceable(path, form)?;
    write_replacing(path, text.as_bytes())
}

/// Refuses to replace anything but an earlier report of the same form.
fn replaceable(path: &Path, form: Form) -> Result<()> {
    // Not followed: a link is no report, whatever it leads to.
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(place::unwritable(path, &os_text(&error))),
        Ok(metadata) if metadata.is_file() && earlier::is_report(path, form) => return Ok(()),
        Ok(_) => {}
    }
    let message = format!("`{}` exists and is no earlier report of this kind", path.display());
    Err(Error::new(Code::OutputExists, message).with_hint("choose another path for the report, or move the file away"))
}

fn form(path: &Path) -> Result<Form> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Ok(Form::Json),
        Some("sarif") => Ok(Form::Sarif),
        Some("xml") => Ok(Form::Junit),
        _ => Err(Error::new(
            Code::UsageArguments,
            format!("the file name `{}` does not say which kind of report it is", path.display()),
        )
        .with_hint("the name ends with .json, .sarif or .xml (JUnit)")),
    }
}
