//! The `modelseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(modelseal_cli::run(std::env::args_os()))
}
