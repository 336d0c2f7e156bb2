//! `modelseal generate`.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use modelseal::{Code, Error, Result, write_replacing};
use serde::Serialize;

use crate::args::{Cli, GenerateCommand};
use crate::output::Console;

/// Writes what packagers install.
pub(crate) fn run(command: &GenerateCommand, console: &mut Console) -> Result<u8> {
    match command {
        GenerateCommand::Man { directory } => man(directory, console),
        GenerateCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "modelseal", &mut script);
            emit(Vec::new(), Some(String::from_utf8_lossy(&script).into_owned()), console);
            Ok(0)
        }
    }
}

fn man(directory: &Path, console: &mut Console) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)
        .map_err(|error| Error::new(Code::OutputUnwritable, format!("cannot make the manual pages: {error}")))?;
    if directory == Path::new("-") {
        let text: String = pages.into_iter().map(|(_, page)| page).collect();
        emit(Vec::new(), Some(text), console);
        return Ok(0);
    }
    let mut files = Vec::new();
    for (name, page) in pages {
        let path = directory.join(name);
        write_replacing(&path, page.as_bytes())?;
        files.push(path.to_string_lossy().into_owned());
    }
    emit(files, None, console);
    Ok(0)
}

/// A page for the command and for every command below it.
fn collect(command: &clap::Command, pages: &mut Vec<(String, String)>) -> io::Result<()> {
    // The same pages on every day: a date would say when they were generated, nothing more.
    let page = clap_mangen::Man::new(command.clone().disable_help_flag(true))
        .source(concat!("modelseal ", env!("CARGO_PKG_VERSION")))
        .date("");
    let mut bytes = Vec::new();
    page.render(&mut bytes)?;
    pages.push((page.get_filename(), String::from_utf8_lossy(&bytes).into_owned()));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| collect(below, pages))
}

fn emit(files: Vec<String>, text: Option<String>, console: &mut Console) {
    if console.is_text() {
        match text {
            // As it is: the script is ours, and changing a byte would break it.
            Some(text) => console.raw(&text),
            None => {
                console.text(&files.iter().map(|file| format!("{}\n", modelseal::escape(file))).collect::<String>())
            }
        }
    } else {
        console.json(&GenerateObject { kind: "modelseal.generate", version: 1, code: "done", exit: 0, files, text });
    }
}

/// `modelseal.generate`.
#[derive(Debug, Serialize)]
struct GenerateObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    files: Vec<String>,
    text: Option<String>,
}
