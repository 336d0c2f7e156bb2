//! The `modelseal` command as a library, so that a binary and a Python entry point can share it.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod memory;
mod output;
mod progress;
mod reference;
mod signals;
mod usage;

use std::ffi::OsString;

use clap::Parser as _;

use args::Cli;
use output::Console;

/// Runs the command with `args`, the program's name first, and returns the exit status.
///
/// Writes to the standard output and the standard error. While files are hashed, SIGINT, SIGTERM and SIGHUP stop the
/// work in an orderly way. Never ends the process and never panics: a bug is status 70.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    memory::keep_private();
    let args: Vec<OsString> = args.into_iter().collect();
    exit::guard(|| dispatch(&args))
}

fn dispatch(args: &[OsString]) -> u8 {
    if let Some(call) = reference::recognize(args) {
        return reference::run(&call, Console::new(args::Format::Text, 0));
    }
    match Cli::try_parse_from(args) {
        Ok(cli) => {
            let mut console = Console::new(cli.global.format, cli.global.verbose);
            let ended = commands::run(&cli.command, &mut console);
            console.finish(ended)
        }
        Err(error) => usage::report(&error, args),
    }
}
