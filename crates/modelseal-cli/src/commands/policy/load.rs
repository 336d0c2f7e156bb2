//! Loading a policy, for every command that reads one.

use std::path::Path;
use std::time::SystemTime;

use modelseal::vault::ProcessEnv;
use modelseal::{Code, Error, LoadedPolicy, PolicyRequest, Result, Timestamp, load_policy};

use crate::args::{PolicyKeyArgs, ServerArgs, key_ref};
use crate::commands::server;
use crate::output::Console;
use crate::signals::Signals;

/// Which policy, as the flags name it.
pub(in crate::commands) struct Source<'a> {
    pub(in crate::commands) path: &'a Path,
    pub(in crate::commands) keys: &'a PolicyKeyArgs,
    pub(in crate::commands) server: &'a ServerArgs,
    pub(in crate::commands) danger_allow_test_keys: bool,
}

/// Loads the policy; what is to be known of a server is said.
///
/// # Errors
/// Those of [`load_policy`].
pub(in crate::commands) fn load(source: &Source<'_>, signals: &Signals, console: &Console) -> Result<LoadedPolicy> {
    let mut request = PolicyRequest::new(source.path);
    request.policy_keys = source.keys.policy_key.iter().map(|key| key_ref(key)).collect::<Result<_>>()?;
    request.min_serial = source.keys.min_policy_serial;
    request.danger_allow_test_keys = source.danger_allow_test_keys;
    if request.needs_server() {
        request.server = server::with_identity(source.server, signals, console)?;
    }
    let loaded = load_policy(&request, now()?, &server::hooks(signals, console), &ProcessEnv)?;
    for note in &loaded.notes {
        console.warning(&modelseal::escape(note));
    }
    Ok(loaded)
}

/// The clock of this machine.
pub(in crate::commands) fn now() -> Result<Timestamp> {
    let unreadable = |_| Error::new(Code::InputUnreadable, "the clock of this machine cannot be read");
    SystemTime::now().try_into().map_err(unreadable)
}
