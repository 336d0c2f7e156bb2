//! `modelseal policy`.

mod check;
mod explain;
mod init;
mod load;
mod sign;
mod test;

use modelseal::Result;

use crate::args::PolicyCommand;
use crate::output::Console;

pub(super) use load::{Source, load, now};

/// Runs one of the policy commands.
pub(crate) fn run(command: &PolicyCommand, console: &mut Console) -> Result<u8> {
    match command {
        PolicyCommand::Init(args) => init::run(args, console),
        PolicyCommand::Check(args) => check::run(args, console),
        PolicyCommand::Test(args) => test::run(args, console),
        PolicyCommand::Explain(args) => explain::explain(args, console),
        PolicyCommand::Input(args) => explain::input(args, console),
        PolicyCommand::Sign(args) => sign::run(args, console),
    }
}
