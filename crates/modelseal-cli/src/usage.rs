//! What the argument parser refuses, in the words of the other errors.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use modelseal::{Code, Error};

use crate::args::{Cli, Format};
use crate::output::Console;

/// Prints help and versions as they are, errors as every other error.
pub(crate) fn report(error: &clap::Error, args: &[OsString]) -> u8 {
    let mut console = Console::new(if wants_json(args) { Format::Json } else { Format::Text }, 0);
    let ended = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            console.raw(&error.render().to_string());
            Ok(0)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            console.notice(&error.render().to_string());
            Err(Error::new(Code::UsageArguments, "no command was given")
                .with_hint(format!("see `{} --help`", command_of(args))))
        }
        _ => Err(translate(error, args)),
    };
    console.finish(ended)
}

/// The error in one line, with the parser's tip or the way to the help as hint.
pub(crate) fn translate(error: &clap::Error, args: &[OsString]) -> Error {
    let text = error.render().to_string();
    // A usage line and advice follow after an empty line.
    let message = text.split("\n\n").next().unwrap_or(&text);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = message.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| error.get(kind))
        .and_then(|value| match value {
            ContextValue::String(text) => Some(text.clone()),
            ContextValue::Strings(texts) => texts.first().cloned(),
            _ => None,
        });
    let hint = match suggested {
        Some(suggested) => format!("did you mean `{suggested}`?"),
        None => format!("see `{} --help`", command_of(args)),
    };
    Error::new(Code::UsageArguments, message).with_hint(hint)
}

/// The command that was meant: the program and the command names that follow it.
fn command_of(args: &[OsString]) -> String {
    let mut words = vec!["modelseal".to_owned()];
    let mut command = Cli::command();
    for word in args.iter().skip(1) {
        let Some(below) = word.to_str().and_then(|word| command.find_subcommand(word)) else { continue };
        words.push(below.get_name().to_owned());
        command = below.clone();
    }
    words.join(" ")
}

fn wants_json(args: &[OsString]) -> bool {
    let separate = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    separate || args.iter().any(|arg| arg == "--format=json")
}
