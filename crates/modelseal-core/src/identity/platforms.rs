//! Claims of the other platforms, and those that every token has.

use super::ClaimLevel::{Enforce, Narrow, Record, Show, Validate};
use super::{Claim, claim};

pub(super) const COMMON: &[Claim] = &[
    claim("iss", Enforce, "issuer, compared as a whole"),
    claim("aud", Enforce, "whom the token is for"),
    claim("exp", Validate, "end"),
    claim("nbf", Validate, "beginning"),
    claim("iat", Validate, "time of issue"),
    claim("jti", Validate, "id of the token"),
    claim("sub", Show, "composed text"),
];

pub(super) const GITLAB: &[Claim] = &[
    claim("project_id", Enforce, "id of the project"),
    claim("namespace_id", Enforce, "id of its group or user"),
    claim("ci_config_ref_uri", Enforce, "the configuration file that was started: with an id"),
    claim("ci_config_sha", Enforce, "commit of that file"),
    claim("pipeline_source", Enforce, "what started the pipeline"),
    claim("environment", Enforce, "deployment environment"),
    claim("ref", Enforce, "branch or tag"),
    claim("ref_path", Enforce, "full git ref"),
    claim("ref_type", Narrow, "branch or tag"),
    claim("ref_protected", Narrow, "whether the ref is protected"),
    claim("environment_protected", Narrow, "whether the environment is protected"),
    claim("deployment_tier", Narrow, "tier of the environment"),
    claim("environment_action", Narrow, "what the job does with the environment"),
    claim("project_path", Narrow, "name of the project, which can change hands"),
    claim("namespace_path", Narrow, "name of its group or user, which can change hands"),
    claim("project_visibility", Narrow, "public, private or internal"),
    claim("runner_environment", Narrow, "gitlab-hosted or self-hosted"),
    claim("runner_id", Narrow, "id of the runner"),
    claim("groups_direct", Narrow, "groups of the user"),
    claim("sha", Record, "commit"),
    claim("pipeline_id", Record, "the pipeline"),
    claim("job_id", Record, "the job"),
    claim("user_*", Show, "who started the pipeline"),
    claim("job_project_*", Narrow, "the project whose configuration holds the job"),
    claim("job_namespace_*", Narrow, "the group of that project"),
];

pub(super) const BUILDKITE: &[Claim] = &[
    // One issuer serves every customer.
    claim("organization_id", Enforce, "id of the organisation; always to be bound"),
    claim("pipeline_id", Enforce, "id of the pipeline"),
    claim("build_branch", Enforce, "branch: with an id"),
    claim("build_source", Enforce, "what started the build"),
    claim("organization_slug", Narrow, "name of the organisation"),
    claim("pipeline_slug", Narrow, "name of the pipeline"),
    claim("cluster_id", Narrow, "id of the cluster"),
    claim("queue_id", Narrow, "id of the queue"),
    claim("step_key", Narrow, "key of the step"),
    claim("build_tag", Narrow, "tag"),
    claim("build_commit", Record, "commit"),
    claim("build_number", Record, "number of the build"),
    claim("build_id", Record, "the build"),
    claim("job_id", Record, "the job"),
    claim("agent_id", Record, "the agent"),
];

pub(super) const CIRCLECI: &[Claim] = &[
    claim("oidc.circleci.com/org-id", Enforce, "id of the organisation"),
    claim("oidc.circleci.com/project-id", Enforce, "id of the project"),
    claim("oidc.circleci.com/context-ids", Narrow, "ids of the contexts"),
    claim("oidc.circleci.com/vcs-ref", Enforce, "git ref: with an id"),
    claim("oidc.circleci.com/vcs-origin", Narrow, "name of the repository"),
    claim("oidc.circleci.com/pipeline-definition-id", Enforce, "id of the pipeline's definition"),
    claim("oidc.circleci.com/ssh-rerun", Narrow, "whether somebody may be logged in to the job"),
    claim("oidc.circleci.com/job-id", Record, "the job"),
    claim("oidc.circleci.com/pipeline-id", Record, "the pipeline"),
    claim("oidc.circleci.com/workflow-id", Record, "the workflow's run"),
];

pub(super) const BITBUCKET: &[Claim] = &[
    claim("repositoryUuid", Enforce, "id of the repository"),
    claim("workspaceUuid", Enforce, "id of the workspace"),
    claim("deploymentEnvironmentUuid", Enforce, "id of the deployment environment"),
    claim("branchName", Enforce, "branch: with an id"),
    claim("pipelineUuid", Record, "the pipeline"),
    claim("stepUuid", Record, "the step"),
    claim("sub", Show, "composed text with the step's id: never the same twice"),
];

pub(super) const AZURE: &[Claim] = &[
    claim("org_id", Enforce, "id of the organisation"),
    claim("prj_id", Enforce, "id of the project"),
    claim("def_id", Enforce, "id of the pipeline"),
    claim("rpo_id", Enforce, "id of the repository"),
    claim("rpo_ref", Enforce, "git ref: with an id"),
    claim("rpo_uri", Narrow, "address of the repository"),
    claim("rpo_ver", Record, "commit"),
    claim("run_id", Record, "the run"),
    claim("sub", Narrow, "the service connection, by names"),
];

pub(super) const GOOGLE: &[Claim] = &[
    claim("sub", Enforce, "id of the service account"),
    claim("email", Narrow, "name of the service account: never alone"),
    claim("email_verified", Narrow, "whether the name is confirmed"),
    claim("azp", Show, "the service account once more"),
    claim("google", Narrow, "the virtual machine"),
];

pub(super) const KUBERNETES: &[Claim] = &[
    claim("kubernetes.io", Enforce, "namespace, service account and pod: with the cluster's issuer"),
    claim("sub", Enforce, "namespace and service account: with the cluster's issuer"),
];

pub(super) const SPIFFE: &[Claim] =
    &[claim("sub", Enforce, "SPIFFE id, compared as a whole, in a pinned trust domain")];
