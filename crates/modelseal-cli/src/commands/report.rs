//! Reports of a verification, by file name.

use std::path::{Path, PathBuf};

use modelseal::{Code, Error, Result, write_replacing};

use crate::output::verification::Verification;
use crate::output::{json, junit, sarif};

/// Where the reports go.
#[derive(Debug)]
pub(crate) struct Reports(Vec<(PathBuf, Form)>);

#[derive(Clone, Copy, Debug)]
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

    /// Writes every report.
    pub(crate) fn write(&self, verification: &Verification) -> Result<()> {
        for (path, form) in &self.0 {
            let text = match form {
                Form::Json => match &verification.error {
                    Some(failure) => json::to_pretty(&failure.object),
                    None => json::to_pretty(verification),
                },
                Form::Sarif => sarif::report(verification),
                Form::Junit => junit::report(verification).map_err(|error| {
                    Error::new(Code::OutputUnwritable, format!("cannot write `{}`: {error}", path.display()))
                })?,
            };
            write_replacing(path, text.as_bytes())?;
        }
        Ok(())
    }
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
