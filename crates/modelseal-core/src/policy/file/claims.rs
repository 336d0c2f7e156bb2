//! Identity tables: which job may sign.

use std::collections::BTreeMap;

use toml::Spanned;

use super::raw::{List, RawClaim, RawClaims, RawOidc, RawTexts};
use super::values;
use crate::key_table::text::{Text, at_line};
use crate::policy::model::{ClaimRule, Condition, IdentityProvider, Matcher};
use crate::{ClaimTable, Code, Error, PolicyClaim, Result};

use self::Form::{Exact, ExactIgnoringCase, Globs, GlobsIgnoringCase, Id, Sha};

/// GitHub's public issuer.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
const GITLAB_ISSUER: &str = "https://gitlab.com";

/// How the values of a claim are written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Id,
    Sha,
    Exact,
    ExactIgnoringCase,
    Globs,
    GlobsIgnoringCase,
}

// In the order in which they are looked at: ids, workflow, event, ref, sha, environment, runner, names.
const GITHUB: &[(&str, Form)] = &[
    ("repository_id", Id),
    ("repository_owner_id", Id),
    ("enterprise_id", Id),
    ("job_workflow_ref", Globs),
    ("job_workflow_sha", Sha),
    ("workflow_ref", Globs),
    ("workflow_sha", Sha),
    ("event_name", Exact),
    ("ref", Globs),
    ("ref_type", Exact),
    ("ref_protected", Exact),
    ("sha", Sha),
    ("environment", ExactIgnoringCase),
    ("runner_environment", Exact),
    ("repository", GlobsIgnoringCase),
    ("repository_owner", GlobsIgnoringCase),
    ("enterprise", Exact),
    ("repository_visibility", Exact),
];

const GITLAB: &[(&str, Form)] = &[
    ("project_id", Id),
    ("namespace_id", Id),
    ("ci_config_ref_uri", Globs),
    ("ci_config_sha", Sha),
    ("pipeline_source", Exact),
    ("ref", Globs),
    ("ref_type", Exact),
    ("ref_protected", Exact),
    ("environment", Exact),
    ("environment_protected", Exact),
    ("runner_environment", Exact),
    ("project_path", Globs),
    ("namespace_path", Globs),
];

// The platform's token nests them in one claim; provenance names them one by one.
const KUBERNETES: &[(&str, Form)] = &[("namespace", Exact), ("service_account", Exact), ("service_account_uid", Exact)];
const KUBERNETES_CLAIM: &str = "kubernetes.io";

const GITHUB_EVENTS: &[&str] = &["push", "release", "workflow_dispatch", "schedule"];
const GITLAB_SOURCES: &[&str] = &["push", "web", "schedule"];

/// Platforms whose claims an `oidc` table can name, with the start of their issuers where they have one.
const OTHER_PLATFORMS: &[(&str, Option<&str>)] = &[
    ("buildkite", Some("https://agent.buildkite.com")),
    ("circleci", Some("https://oidc.circleci.com")),
    ("bitbucket", Some("https://api.bitbucket.org")),
    ("azure", Some("https://vstoken.dev.azure.com")),
    ("google", Some("https://accounts.google.com")),
    ("spiffe", None),
];

/// Reads `[rule.github]`, `[rule.gitlab]` or `[rule.kubernetes]`.
pub(super) fn table(text: Text<'_>, provider: IdentityProvider, raw: &Spanned<RawClaims>) -> Result<ClaimRule> {
    let reader = Reader { text, provider, line: text.of(raw) };
    let rule = reader.table(raw.get_ref())?;
    reader.check_ids(&rule)?;
    Ok(rule)
}

/// Reads `[rule.oidc]`.
pub(super) fn oidc(text: Text<'_>, raw: &Spanned<RawOidc>) -> Result<ClaimRule> {
    let reader = Reader { text, provider: IdentityProvider::Oidc, line: text.of(raw) };
    let issuer = reader.issuer(&raw.get_ref().issuer)?;
    if let Some(table) = table_of(&issuer) {
        let message = format!("the issuer `{issuer:.100}` has a table of its own");
        return Err(text
            .error(text.of(&raw.get_ref().issuer), message)
            .with_hint(format!("write [rule.{table}]: it knows which claims protect")));
    }
    let claims = &raw.get_ref().claims;
    if claims.get_ref().is_empty() {
        return Err(values::empty(text.of(claims), "claims"));
    }
    let conditions = in_order_of_the_file(claims.get_ref()).map(|(name, list)| {
        let claim = reader.at(name, other_claim(&issuer, name.get_ref()))?;
        let matcher = Matcher::Exact(values::texts(text, name.get_ref(), list)?);
        Ok(reader.condition(format!("claims.{}", name.get_ref()), name.get_ref(), claim, matcher, text.of(name)))
    });
    Ok(ClaimRule {
        provider: IdentityProvider::Oidc,
        issuer: issuer.clone(),
        conditions: conditions.collect::<Result<_>>()?,
    })
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    text: Text<'a>,
    provider: IdentityProvider,
    line: usize,
}

impl Reader<'_> {
    fn table(self, raw: &RawClaims) -> Result<ClaimRule> {
        for (name, _) in in_order_of_the_file(raw) {
            self.check_name(name)?;
        }
        let mut conditions = Vec::new();
        for (name, form) in self.fields() {
            if let Some((key, value)) = raw.get_key_value(*name) {
                let list = self.list(name, value)?;
                let matcher = self.matcher(name, *form, list)?;
                let claim = self.at(key, self.claim(name))?;
                conditions.push(self.condition((*name).to_owned(), name, claim, matcher, self.text.of(key)));
            } else if let Some(values) = self.default_values(name) {
                let matcher = Matcher::Exact(values.iter().map(|value| (*value).to_owned()).collect());
                let claim = self.claim(name).map_err(|error| at_line(self.line, &error))?;
                let condition = self.condition((*name).to_owned(), name, claim, matcher, self.line);
                conditions.push(Condition { implied: true, ..condition });
            }
        }
        if let Some(value) = raw.get("repo_property") {
            conditions.extend(self.properties(value)?);
        }
        let issuer = match (raw.get("issuer"), self.provider) {
            (Some(value), _) => self.issuer_of(value)?,
            (None, IdentityProvider::Github) => GITHUB_ISSUER.to_owned(),
            (None, IdentityProvider::Gitlab) => GITLAB_ISSUER.to_owned(),
            (None, _) => return Err(self.no_id("the table has no `issuer`", "name the issuer of the cluster")),
        };
        Ok(ClaimRule { provider: self.provider, issuer, conditions })
    }

    const fn fields(self) -> &'static [(&'static str, Form)] {
        match self.provider {
            IdentityProvider::Github => GITHUB,
            IdentityProvider::Gitlab => GITLAB,
            IdentityProvider::Kubernetes => KUBERNETES,
            IdentityProvider::Oidc => &[],
        }
    }

    /// What a claim must be when the table does not name it: triggers that outsiders cannot pull.
    fn default_values(self, name: &str) -> Option<&'static [&'static str]> {
        match (self.provider, name) {
            (IdentityProvider::Github, "event_name") => Some(GITHUB_EVENTS),
            (IdentityProvider::Gitlab, "pipeline_source") => Some(GITLAB_SOURCES),
            _ => None,
        }
    }

    fn claim(self, name: &str) -> Result<PolicyClaim> {
        let name = if self.provider == IdentityProvider::Kubernetes { KUBERNETES_CLAIM } else { name };
        ClaimTable::of(self.provider.as_str()).policy_claim(name)
    }

    /// # Errors
    /// `policy/claim-not-enforceable`, which says why; `policy/unknown-field`.
    fn check_name(self, name: &Spanned<String>) -> Result<()> {
        let word = name.get_ref().as_str();
        let of_github = self.provider == IdentityProvider::Github;
        if self.fields().iter().any(|(field, _)| *field == word)
            || word == "issuer"
            || (of_github && word == "repo_property")
        {
            return Ok(());
        }
        let unknown = |hint: &str| {
            let table = self.provider.as_str();
            Err(Error::new(Code::PolicyUnknownField, format!("[rule.{table}] has no key `{word:.100}`"))
                .with_hint(hint))
        };
        let known = || {
            let names: Vec<&str> = self.fields().iter().map(|(field, _)| *field).collect();
            unknown(&format!("known are issuer, {}", names.join(", ")))
        };
        let refused = match word {
            "iss" => unknown("it is called `issuer`"),
            _ if of_github && word.starts_with("repo_property_") => {
                unknown("write [rule.github.repo_property], without the start of the name")
            }
            _ if word.len() > 100 => known(),
            _ => match ClaimTable::of(self.provider.as_str()).policy_claim(word) {
                Err(error) if error.code() == Code::PolicyClaimNotEnforceable => Err(error),
                _ => known(),
            },
        };
        self.at(name, refused)
    }

    fn at<T>(self, name: &Spanned<String>, result: Result<T>) -> Result<T> {
        result.map_err(|error| at_line(self.text.of(name), &error))
    }

    fn list<'a>(self, name: &str, value: &'a Spanned<RawClaim>) -> Result<&'a [Spanned<String>]> {
        match value.get_ref() {
            RawClaim::List(List(entries)) if entries.is_empty() => Err(values::empty(self.text.of(value), name)),
            RawClaim::List(List(entries)) => Ok(entries),
            RawClaim::Text(text) => Err(self
                .text
                .error(self.text.of(value), format!("`{name}` is a text, where a list belongs"))
                .with_hint(format!("a list has brackets, also around a single entry: {name} = [\"{text:.100}\"]"))),
            RawClaim::Table(_) => {
                Err(self.text.error(self.text.of(value), format!("`{name}` is a table, where a list belongs")))
            }
        }
    }

    fn matcher(self, name: &str, form: Form, list: &[Spanned<String>]) -> Result<Matcher> {
        let texts = || list.iter().map(|entry| values::plain(self.text, name, entry)).collect::<Result<Vec<_>>>();
        let globs = || list.iter().map(|entry| values::glob(self.text, name, entry)).collect::<Result<Vec<_>>>();
        let each = |fits: fn(&str) -> bool, what: &str| match list.iter().find(|entry| !fits(entry.get_ref())) {
            None => Ok(()),
            Some(entry) => {
                let message = format!("`{name}` holds `{:.100}`, which is not {what}", entry.get_ref());
                Err(self.text.error(self.text.of(entry), message))
            }
        };
        Ok(match form {
            Id => {
                each(is_id, "an id: a number, written as a text")?;
                Matcher::Exact(texts()?)
            }
            Sha => {
                each(is_commit, "a commit: 40 or 64 lower-case hexadecimal digits")?;
                Matcher::Exact(texts()?)
            }
            Exact => Matcher::Exact(texts()?),
            ExactIgnoringCase => Matcher::ExactIgnoringCase(texts()?),
            Globs => Matcher::Globs(globs()?),
            GlobsIgnoringCase => Matcher::GlobsIgnoringCase(globs()?),
        })
    }

    /// `[rule.github.repo_property]`.
    fn properties(self, value: &Spanned<RawClaim>) -> Result<Vec<Condition>> {
        let RawClaim::Table(table) = value.get_ref() else {
            let message = "`repo_property` is no table of names and lists";
            return Err(self.text.error(self.text.of(value), message));
        };
        if table.is_empty() {
            return Err(values::empty(self.text.of(value), "repo_property"));
        }
        let property = |(name, list): (&Spanned<String>, &RawTexts)| {
            let matcher = Matcher::Exact(values::texts(self.text, name.get_ref(), list)?);
            let claim_name = format!("repo_property_{}", values::plain(self.text, "repo_property", name)?);
            let claim = self.at(name, self.claim(&claim_name))?;
            let field = format!("repo_property.{}", name.get_ref());
            Ok(self.condition(field, &claim_name, claim, matcher, self.text.of(name)))
        };
        in_order_of_the_file(table).map(property).collect()
    }

    fn condition(self, field: String, name: &str, claim: PolicyClaim, matcher: Matcher, line: usize) -> Condition {
        let field = format!("{}.{field}", self.provider.as_str());
        Condition { field, claim, claim_name: name.to_owned(), line, matcher, implied: false }
    }

    fn issuer_of(self, value: &Spanned<RawClaim>) -> Result<String> {
        match value.get_ref() {
            RawClaim::Text(text) => self.issuer(&Spanned::new(value.span(), text.clone())),
            _ => Err(self
                .text
                .error(self.text.of(value), "`issuer` is no text: a rule has one issuer")
                .with_hint("write a rule for each issuer")),
        }
    }

    /// An issuer is compared as a whole; what no token can name is a mistake.
    fn issuer(self, issuer: &Spanned<String>) -> Result<String> {
        let text = issuer.get_ref();
        let plain =
            text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'*' | b'\\'));
        let local =
            ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|start| text.starts_with(start));
        let remote = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
        if plain && text.len() <= 512 && (remote || local) {
            return Ok(text.clone());
        }
        Err(self
            .text
            .error(self.text.of(issuer), format!("`{text:.100}` is no issuer"))
            .with_hint("write the issuer exactly as it stands in the token: an https address without patterns"))
    }

    fn check_ids(self, rule: &ClaimRule) -> Result<()> {
        let named = |claim: &str| rule.conditions.iter().find(|condition| condition.claim_name == claim);
        let has = |claim: &str| named(claim).is_some();
        let (id, wide_id, file) = match self.provider {
            IdentityProvider::Github => ("repository_id", "repository_owner_id", "job_workflow_ref"),
            IdentityProvider::Gitlab => ("project_id", "namespace_id", "ci_config_ref_uri"),
            IdentityProvider::Kubernetes => {
                return match ["namespace", "service_account"].into_iter().find(|claim| !has(claim)) {
                    None => Ok(()),
                    Some(claim) => Err(self.no_id(
                        &format!("the table has no `{claim}`"),
                        "name issuer, namespace and service account: each exists in other clusters and namespaces, too",
                    )),
                };
            }
            IdentityProvider::Oidc => return Ok(()),
        };
        if has(id) {
            return Ok(());
        }
        if !(has(wide_id) && has(file)) {
            return Err(self.no_id(
                &format!("the table has neither `{id}` nor both `{wide_id}` and `{file}`"),
                &format!("bind {id}, or {wide_id} together with {file}: names can change hands"),
            ));
        }
        // Whoever owns one of the repositories can create an environment of any name in it.
        match ["environment", "environment_protected"].into_iter().find_map(named) {
            None => Ok(()),
            Some(condition) => Err(at_line(
                condition.line,
                &Error::new(
                    Code::PolicyNoImmutableId,
                    format!("`{}` protects nothing where every repository of an owner may sign", condition.claim_name),
                )
                .with_hint(format!(
                    "bind {id} as well, or leave it out: anyone can create an environment of that name"
                )),
            )),
        }
    }

    fn no_id(self, message: &str, hint: &str) -> Error {
        at_line(self.line, &Error::new(Code::PolicyNoImmutableId, message).with_hint(hint))
    }
}

/// A claim of a platform that has no table of its own: of the issuer's platform, or of any if that is not known.
fn other_claim(issuer: &str, name: &str) -> Result<PolicyClaim> {
    let unknown = Error::new(Code::PolicyUnknownField, format!("there is no claim `{name:.100}`"))
        .with_hint("docs/identity.md lists the claims that provenance holds; a rule on another would never match");
    let issued = |start: &str| issuer.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let known = OTHER_PLATFORMS.iter().find(|(_, start)| start.is_some_and(issued));
    if matches!(name, "iss") || name.len() > 100 {
        return Err(unknown);
    }
    let mut refusal = unknown;
    for (platform, _) in OTHER_PLATFORMS.iter().filter(|(platform, _)| known.is_none_or(|(known, _)| known == platform))
    {
        match ClaimTable::of(platform).policy_claim(name) {
            Ok(claim) => return Ok(claim),
            Err(error) if error.code() == Code::PolicyClaimNotEnforceable => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// The table that an issuer must be named in, so that its rules apply.
fn table_of(issuer: &str) -> Option<&'static str> {
    let issuer = issuer.trim_end_matches('/').to_ascii_lowercase();
    let below = |base: &str| issuer.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let resident = issuer.starts_with("https://token.actions.") && issuer.ends_with(".ghe.com");
    if below(GITHUB_ISSUER) || resident || issuer.ends_with("/_services/token") {
        Some("github")
    } else if issuer == GITLAB_ISSUER {
        Some("gitlab")
    } else {
        None
    }
}

fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Conditions and complaints come in the order in which they are written.
fn in_order_of_the_file<T>(table: &BTreeMap<Spanned<String>, T>) -> impl Iterator<Item = (&Spanned<String>, &T)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClaimLevel;

    #[test]
    fn every_claim_that_may_be_matched_has_a_form() {
        for (name, _) in GITHUB {
            assert!(ClaimTable::of("github").policy_claim(name).is_ok(), "{name}");
        }
        for (name, _) in GITLAB {
            assert!(ClaimTable::of("gitlab").policy_claim(name).is_ok(), "{name}");
        }
        for claim in ClaimTable::of("github").claims() {
            let may = matches!(claim.level, ClaimLevel::Enforce | ClaimLevel::Narrow) || claim.name == "sha";
            let elsewhere = matches!(claim.name, "iss" | "aud" | "repo_property_*");
            assert_eq!(GITHUB.iter().any(|(name, _)| *name == claim.name), may && !elsewhere, "{}", claim.name);
        }
    }
}
