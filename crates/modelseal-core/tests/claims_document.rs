//! docs/identity.md says of every claim what the code makes of it.

use std::collections::BTreeSet;

use modelseal_core::ClaimTable;

const HEADINGS: [(&str, &str); 9] = [
    ("github", "### GitHub Actions, Forgejo Actions"),
    ("gitlab", "### GitLab CI"),
    ("buildkite", "### Buildkite"),
    ("circleci", "### CircleCI"),
    ("bitbucket", "### Bitbucket Pipelines"),
    ("azure", "### Azure Pipelines"),
    ("google", "### Google Cloud"),
    ("kubernetes", "### Kubernetes"),
    ("spiffe", "### SPIFFE"),
];

#[test]
fn every_claim_is_documented_with_its_level() {
    let document = include_str!("../../../docs/identity.md");
    let common = document.split("\n### ").next().unwrap();
    for (platform, heading) in HEADINGS {
        let section = document.split_once(heading).unwrap_or_else(|| panic!("no heading `{heading}`")).1;
        let section = section.split("\n##").next().unwrap();
        let mut rows = BTreeSet::new();
        for claim in ClaimTable::of(platform).claims() {
            let row = format!("| `{}` | {} | {} |", claim.name, claim.level, claim.meaning);
            // A platform that says more of a common claim hides the common row.
            let shown = section.contains(&row) || common.contains(&row);
            assert!(shown, "docs/identity.md, {heading}: the row is missing\n{row}");
            if section.contains(&row) {
                rows.insert(row);
            }
        }
        let written = section.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows.len(), written, "{heading} has rows that the code does not know");
    }
}
