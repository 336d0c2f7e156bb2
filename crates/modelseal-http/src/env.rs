//! Environment variables, so that tests need not change those of the process.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Where variables come from.
pub trait Env {
    /// The value of a variable; an empty one counts as not set.
    fn var(&self, name: &str) -> Option<OsString>;
}

/// The variables of this process.
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }
}

/// Variables of a test. Its `Debug` shows names only: values may be secret.
#[derive(Clone, Default)]
pub struct FixedEnv(BTreeMap<String, OsString>);

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for FixedEnv {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl core::fmt::Debug for FixedEnv {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Env for FixedEnv {
    fn var(&self, name: &str) -> Option<OsString> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}
