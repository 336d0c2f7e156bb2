//! Looking variables up.

use modelseal_core::{Code, Error, Result};
use modelseal_http::Env;

/// The variables of one environment.
pub(super) struct Variables<'a>(&'a dyn Env);

/// A variable that is set. Its value may be secret: no `Debug`.
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) value: String,
}

impl<'a> Variables<'a> {
    pub(super) fn new(env: &'a dyn Env) -> Self {
        Self(env)
    }

    /// The first of `names` that is set and not empty.
    ///
    /// # Errors
    /// `usage/environment` when it is not Unicode text.
    pub(super) fn first(&self, names: &[&'static str]) -> Result<Option<Found>> {
        let set = names.iter().find_map(|name| Some((*name, self.0.var(name).filter(|value| !value.is_empty())?)));
        set.map(|(name, value)| match value.into_string() {
            Ok(value) => Ok(Found { name, value }),
            Err(_) => Err(Found { name, value: String::new() }.wrong("it is not UTF-8 text")),
        })
        .transpose()
    }

    /// What `names` say when each group speaks with one voice, that of its first name that is set: the value of the
    /// first group, which every other one must agree with once `parse` has read them.
    ///
    /// An earlier step of a job may have set a variable that this one knows nothing of, so no group overrules another.
    ///
    /// # Errors
    /// Those of `parse`; `usage/environment` when two groups differ, `what` names the thing and `remedy` the way out.
    pub(super) fn agreed<T: PartialEq>(
        &self,
        groups: &[&[&'static str]],
        what: &str,
        remedy: &str,
        parse: impl Fn(&Found) -> Result<T>,
    ) -> Result<Option<(T, &'static str)>> {
        let mut agreed: Option<(T, &'static str)> = None;
        for group in groups {
            let Some(found) = self.first(group)? else { continue };
            let value = parse(&found)?;
            match &agreed {
                None => agreed = Some((value, found.name)),
                Some((first, _)) if *first == value => {}
                Some((_, name)) => {
                    let message = format!("{name} and {} are both set and name different {what}", found.name);
                    let hint = format!("{remedy}, or unset the one that is not meant");
                    return Err(Error::new(Code::UsageEnvironment, message).with_hint(hint));
                }
            }
        }
        Ok(agreed)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.0.var(name).is_some_and(|value| !value.is_empty())
    }
}

impl Found {
    /// An error that names the variable. `why` must not hold its value where that could be secret.
    pub(super) fn wrong(&self, why: impl AsRef<str>) -> Error {
        Error::new(Code::UsageEnvironment, format!("{} cannot be used: {}", self.name, why.as_ref()))
    }
}
