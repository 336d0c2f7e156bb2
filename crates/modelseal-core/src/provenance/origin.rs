//! What the claims of each platform say about repository, definition, builder and run.
//!
//! Addresses begin with the server that the *issuer* names: no claim chooses it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Workflow;

/// The derived parts of a statement.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) workflow: Workflow,
    pub(super) commit: Option<String>,
    pub(super) builder: String,
    pub(super) invocation: Option<String>,
}

/// The claims of one token.
struct Claims<'a>(&'a BTreeMap<String, Value>);

impl<'a> Claims<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn commit(&self, name: &str) -> Option<String> {
        let hex = |text: &&str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.text(name).filter(hex).map(str::to_ascii_lowercase)
    }

    /// `BASE/A/B/…`, if all of the claims are there.
    fn below(&self, base: &str, steps: &[&str]) -> Option<String> {
        steps.iter().try_fold(base.to_owned(), |path, step| Some(format!("{path}/{}", self.text(step)?)))
    }
}

impl Origin {
    /// What the stored claims of a token of `provider` by `issuer` say.
    pub(super) fn of(provider: &str, issuer: &str, claims: &BTreeMap<String, Value>) -> Self {
        let (claims, issuer) = (Claims(claims), issuer.trim_end_matches('/'));
        let mut origin = match provider {
            "github" | "forgejo" => github(&server_of(issuer), &claims),
            "gitlab" => gitlab(issuer, &claims),
            "buildkite" => buildkite(issuer, &claims),
            "circleci" => circleci(issuer, &claims),
            "bitbucket" => bitbucket(issuer, &claims),
            "azure" => azure(issuer, &claims),
            "kubernetes" => Self {
                builder: match (claims.text("namespace"), claims.text("service_account")) {
                    (Some(namespace), Some(account)) => {
                        format!("{issuer}/namespaces/{namespace}/serviceaccounts/{account}")
                    }
                    _ => String::new(),
                },
                ..Self::default()
            },
            "google" => Self { builder: claims.below(issuer, &["sub"]).unwrap_or_default(), ..Self::default() },
            "spiffe" => Self { builder: claims.owned("sub").unwrap_or_default(), ..Self::default() },
            _ => Self::default(),
        };
        if origin.builder.is_empty() {
            issuer.clone_into(&mut origin.builder);
        }
        origin
    }
}

/// The server behind an issuer of GitHub's or Forgejo's: github.com, a subdomain of ghe.com, or one's own.
fn server_of(issuer: &str) -> String {
    const PUBLIC: &str = "https://token.actions.githubusercontent.com";
    let host = |text: &str| !text.is_empty() && !text.contains(['/', '@', '?', '#']);
    if issuer == PUBLIC || issuer.strip_prefix(PUBLIC).is_some_and(|rest| rest.starts_with('/')) {
        return "https://github.com".to_owned();
    }
    let residency = issuer.strip_prefix("https://token.actions.").and_then(|rest| {
        let name = rest.split('/').next()?;
        name.strip_suffix(".ghe.com").filter(|name| host(name))
    });
    if let Some(name) = residency {
        return format!("https://{name}.ghe.com");
    }
    for marker in ["/_services/token", "/api/actions"] {
        if let Some((server, rest)) = issuer.split_once(marker)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return server.to_owned();
        }
    }
    issuer.to_owned()
}

fn github(server: &str, claims: &Claims<'_>) -> Origin {
    let repository = claims.below(server, &["repository"]);
    // `OWNER/REPOSITORY/PATH@REF`; names of files and refs may hold an `@`.
    let path = claims.text("workflow_ref").and_then(|text| {
        let end = [".yml@", ".yaml@"].iter().filter_map(|mark| Some(text.rfind(mark)? + mark.len() - 1)).max()?;
        text.get(..end)?.splitn(3, '/').nth(2).map(str::to_owned)
    });
    let run =
        repository.as_deref().and_then(|repository| claims.below(&format!("{repository}/actions/runs"), &["run_id"]));
    let invocation = run.map(|run| match claims.text("run_attempt") {
        Some(attempt) => format!("{run}/attempts/{attempt}"),
        None => run,
    });
    let builder = claims.below(server, &["job_workflow_ref"]).or_else(|| claims.below(server, &["workflow_ref"]));
    Origin {
        builder: builder.or_else(|| repository.clone()).unwrap_or_default(),
        workflow: Workflow { repository, reference: claims.owned("ref"), path },
        commit: claims.commit("sha"),
        invocation,
    }
}

fn gitlab(issuer: &str, claims: &Claims<'_>) -> Origin {
    let repository = claims.below(issuer, &["project_path"]);
    // `HOST/GROUP/PROJECT//PATH@REF`, with the host of the issuer.
    let uri = claims.text("ci_config_ref_uri");
    let path = uri.and_then(|uri| uri.split_once("//")?.1.rsplit_once('@')).map(|(path, _)| path.to_owned());
    let host = issuer.split_once("://").map_or(issuer, |(_, host)| host);
    let builder = uri.map(|uri| match uri.strip_prefix(host).filter(|rest| rest.starts_with('/')) {
        Some(rest) => format!("{issuer}{rest}"),
        None => format!("{issuer}/{uri}"),
    });
    let runs = repository.as_deref().map(|repository| format!("{repository}/-"));
    let invocation = runs.and_then(|runs| {
        let job = claims.below(&format!("{runs}/jobs"), &["job_id"]);
        job.or_else(|| claims.below(&format!("{runs}/pipelines"), &["pipeline_id"]))
    });
    Origin {
        builder: builder.or_else(|| repository.clone()).unwrap_or_default(),
        workflow: Workflow { repository, reference: claims.owned("ref_path").or_else(|| claims.owned("ref")), path },
        commit: claims.commit("sha"),
        invocation,
    }
}

fn buildkite(issuer: &str, claims: &Claims<'_>) -> Origin {
    let server = if issuer == "https://agent.buildkite.com" { "https://buildkite.com" } else { issuer };
    let pipeline = claims.below(server, &["organization_slug", "pipeline_slug"]);
    let invocation = pipeline.as_deref().and_then(|at| claims.below(&format!("{at}/builds"), &["build_number"]));
    Origin {
        workflow: Workflow { reference: claims.owned("build_branch"), ..Workflow::default() },
        commit: None,
        builder: pipeline.or_else(|| claims.below(server, &["organization_id", "pipeline_id"])).unwrap_or_default(),
        invocation,
    }
}

fn circleci(issuer: &str, claims: &Claims<'_>) -> Origin {
    let claim = |name: &str| format!("oidc.circleci.com/{name}");
    let project = claims.below(&format!("{issuer}/project"), &[&claim("project-id")]);
    let origin = claims.text(&claim("vcs-origin"));
    Origin {
        workflow: Workflow {
            repository: origin
                .map(|origin| if origin.contains("://") { origin.to_owned() } else { format!("https://{origin}") }),
            reference: claims.owned(&claim("vcs-ref")),
            path: None,
        },
        commit: None,
        builder: project.clone().unwrap_or_default(),
        invocation: project.and_then(|at| claims.below(&format!("{at}/workflow"), &[&claim("workflow-id")])),
    }
}

fn bitbucket(issuer: &str, claims: &Claims<'_>) -> Origin {
    let repository = claims.below(issuer, &["repositoryUuid"]);
    Origin {
        workflow: Workflow { reference: claims.owned("branchName"), ..Workflow::default() },
        commit: None,
        invocation: repository.as_deref().and_then(|at| claims.below(at, &["pipelineUuid"])),
        builder: repository.unwrap_or_default(),
    }
}

fn azure(issuer: &str, claims: &Claims<'_>) -> Origin {
    let definition = claims.below(issuer, &["prj_id", "def_id"]);
    Origin {
        workflow: Workflow {
            repository: claims.owned("rpo_uri").filter(|uri| uri.starts_with("https://")),
            reference: claims.owned("rpo_ref"),
            path: None,
        },
        commit: claims.commit("rpo_ver"),
        invocation: definition.as_deref().and_then(|at| claims.below(at, &["run_id"])),
        builder: definition.unwrap_or_default(),
    }
}
