//! Claims of GitHub Actions. All values are strings except the times.

use super::ClaimLevel::{Enforce, Narrow, Record, Show};
use super::{Claim, claim};

pub(super) const CLAIMS: &[Claim] = &[
    claim("repository_id", Enforce, "id of the repository"),
    claim("repository_owner_id", Enforce, "id of its owner"),
    claim("repository", Narrow, "name of the repository, which can change hands"),
    claim("repository_owner", Narrow, "name of its owner, which can change hands"),
    claim("enterprise_id", Narrow, "id of the enterprise"),
    claim("enterprise", Narrow, "name of the enterprise"),
    claim("job_workflow_ref", Enforce, "the workflow file that holds the job, whoever calls it: with an id"),
    claim("job_workflow_sha", Enforce, "commit of that file"),
    claim("workflow_ref", Enforce, "the workflow file that was started"),
    claim("workflow_sha", Narrow, "commit of that file"),
    claim("ref", Enforce, "git ref that started the run; may be empty"),
    claim("ref_type", Narrow, "branch or tag"),
    claim("ref_protected", Narrow, "whether the ref is protected"),
    claim("sha", Record, "commit"),
    claim("event_name", Enforce, "what started the run"),
    claim("environment", Enforce, "deployment environment: the one claim behind an approval"),
    claim("runner_environment", Enforce, "github-hosted or self-hosted"),
    claim("repository_visibility", Narrow, "public, private or internal"),
    claim("repo_property_*", Narrow, "custom property: whoever may edit it chooses it"),
    claim("run_id", Record, "the run"),
    claim("run_number", Record, "number of the run"),
    claim("run_attempt", Record, "attempt of the run"),
    claim("check_run_id", Record, "the job"),
    // Its form changes with settings of the organisation, and names in it can change hands.
    claim("sub", Show, "composed text"),
    claim("workflow", Show, "display name, chosen freely"),
    claim("head_ref", Show, "source branch of a pull request, chosen by its author"),
    claim("base_ref", Show, "target branch of a pull request"),
    claim("actor", Show, "who started the run"),
    claim("actor_id", Show, "id of who started the run"),
    claim("environment_node_id", Show, "id of the environment"),
    claim("issuer_scope", Show, "scope of the issuer"),
];
