//! `modelseal policy`.

mod check;
mod load;
mod sign;

use modelseal::Result;

use crate::args::PolicyCommand;
use crate::output::Console;

pub(super) use load::{Source, load};

/// Runs one of the policy commands.
pub(crate) fn run(command: &PolicyCommand, console: &mut Console) -> Result<u8> {
    match command {
        PolicyCommand::Check(args) => check::run(args, console),
        PolicyCommand::Sign(args) => sign::run(args, console),
        _ => Err(modelseal::Error::new(modelseal::Code::PolicyNotSupported, "not yet")),
    }
}
