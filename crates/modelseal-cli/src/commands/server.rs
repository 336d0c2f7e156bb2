//! What the commands that may need a server share.

use std::sync::Arc;

use modelseal::vault::{Hooks, ProcessEnv, Settings, Vault};
use modelseal::{KeyRef, Result, correlation_id, server_notices, use_identity};

use crate::args::ServerArgs;
use crate::output::Console;
use crate::signals::Signals;

/// Watches for signals, patiently if a token may be obtained.
pub(super) fn watch(needs_server: bool) -> Signals {
    if needs_server { Signals::watch_patiently() } else { Signals::watch() }
}

/// Whether any of the keys is on a server.
pub(super) fn is_remote<'a>(keys: impl IntoIterator<Item = &'a KeyRef>) -> bool {
    keys.into_iter().any(|key| matches!(key, KeyRef::Vault(_)))
}

/// What flags and environment say, shown with `-v`; nothing is sent.
pub(super) fn configure(args: &ServerArgs, signals: &Signals, console: &Console) -> Result<Vault> {
    let vault = Vault::configure(&with_identity(args, signals, console)?, &ProcessEnv)?;
    for notice in server_notices(&vault) {
        console.detail(&modelseal::escape(&notice));
    }
    Ok(vault)
}

/// What the flags say, with this run's signals and log.
pub(super) fn settings(args: &ServerArgs, signals: &Signals, console: &Console) -> Result<Settings> {
    let mut settings = args.settings(hooks(signals, console))?;
    settings.correlation_id = correlation_id(&ProcessEnv);
    Ok(settings)
}

/// The same, with the identity of the job where it logs in; how it was found is shown with `-v`.
pub(super) fn with_identity(args: &ServerArgs, signals: &Signals, console: &Console) -> Result<Settings> {
    let mut settings = settings(args, signals, console)?;
    for notice in use_identity(&mut settings, &args.identity(), &ProcessEnv)? {
        console.detail(&modelseal::escape(&notice));
    }
    Ok(settings)
}

/// Signals stop requests, and `-v` shows each as method, path, status, time and request id.
pub(super) fn hooks(signals: &Signals, console: &Console) -> Hooks {
    let mut hooks = Hooks::default();
    hooks.stop = Arc::new(signals.stopper());
    if let Some(log) = console.logger() {
        hooks.record = Arc::new(move |record| log(&record.to_string()));
    }
    hooks
}
