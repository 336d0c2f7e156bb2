//! Signs again and again in one process, and prints how much memory that takes: for `make bench`.
//!
//! Usage: `sign_many KEY COUNT`, with server and login in the environment. Every tenth signature is by another session,
//! with a token of its own.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use modelseal_core::{KeyRef, Pae, Signer as _};
use modelseal_vault::{ProcessEnv, Settings, Vault, VaultSigner};

/// Signatures of one session.
const SESSION: u32 = 10;

/// After so many the memory is looked at for the first time: everything that is made once was made.
const WARM: u32 = 1000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sign_many: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(key), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("usage: sign_many KEY COUNT".into());
    };
    let KeyRef::Vault(reference) = key.parse()? else { return Err("the key must be on a server".into()) };
    let count: u32 = count.parse()?;
    let vault = Vault::configure(&Settings::default(), &ProcessEnv)?;
    let mut signed = 0;
    while signed < count {
        let signer = VaultSigner::new(vault.log_in()?, &reference)?;
        for _ in 0..SESSION.min(count - signed) {
            let encoding = Pae::in_toto(signed.to_string().as_bytes());
            let signatures = signer.sign(std::slice::from_ref(&encoding))?;
            let signature = signatures.first().ok_or("no signature")?;
            signer.public_key().verify(signer.scheme(), encoding.as_bytes(), signature)?;
            signed += 1;
            if signed == WARM || signed == count {
                writeln!(io::stdout(), "{signed} {}", resident()?)?;
            }
        }
        if let Some(remark) = signer.finish().first() {
            return Err(remark.as_str().into());
        }
    }
    Ok(())
}

/// Resident memory in KiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
