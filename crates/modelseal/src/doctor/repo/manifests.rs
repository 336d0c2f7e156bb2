//! Secrets in files of variables, manifests of Kubernetes and recipes of images.

use super::Hit;
use super::secrets::{Kind, literal};

/// What a name must hold to be that of a secret.
const WORDS: [&str; 9] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PRIVATE_KEY", "API_KEY", "APIKEY", "CREDENTIAL", "ACCESS_KEY"];

/// Every secret by the kind of file it is in.
pub(super) fn find(name: &str, lines: &[&str]) -> Vec<Hit> {
    let file = name.rsplit('/').next().unwrap_or(name);
    if file == ".env" || file.starts_with(".env.") || file.ends_with(".env") {
        return variables(lines);
    }
    let lower = file.to_ascii_lowercase();
    if lower.starts_with("dockerfile") || lower.starts_with("containerfile") || lower.ends_with(".dockerfile") {
        return image(lines);
    }
    if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        return kubernetes(lines);
    }
    Vec::new()
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    // Where it is, for whom it is, how long it lives.
    let about = ["_FILE", "_PATH", "_URL", "_ADDR", "_TTL", "_ENV", "_NAME", "_TYPE", "_KIND", "_AUDIENCE"];
    WORDS.iter().any(|word| name.contains(word)) && !about.iter().any(|end| name.ends_with(end))
}

fn variables(lines: &[&str]) -> Vec<Hit> {
    let is_secret = |line: &&str| {
        let line = line.trim_start().trim_start_matches("export ");
        let assigned = line.split_once('=').filter(|_| !line.starts_with('#'));
        assigned.is_some_and(|(name, value)| is_secret_name(name.trim()) && literal(value).is_some())
    };
    numbered(lines).filter(|(_, line)| is_secret(line)).map(|(line, _)| Hit { line, kind: Kind::DotEnv }).collect()
}

/// `ENV` with a value, `ARG` with or without: what is given for it stays in the history.
fn image(lines: &[&str]) -> Vec<Hit> {
    let is_secret = |line: &&str| {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("ARG") => words.any(|word| is_secret_name(word.split('=').next().unwrap_or_default())),
            Some("ENV") => {
                let words: Vec<&str> = words.collect();
                let pairs = words.iter().filter_map(|word| word.split_once('='));
                let old = words.first().zip(words.get(1)).filter(|(name, _)| !name.contains('='));
                pairs
                    .chain(old.map(|(name, value)| (*name, *value)))
                    .any(|(name, value)| is_secret_name(name) && (literal(value).is_some() || value.starts_with('$')))
            }
            _ => false,
        }
    };
    let hit = |(line, _)| Hit { line, kind: Kind::DockerVariable };
    numbered(lines).filter(|(_, line)| is_secret(line)).map(hit).collect()
}

/// Values below `data` and `stringData` of a document of kind Secret.
fn kubernetes(lines: &[&str]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let documents: Vec<Vec<(usize, &str)>> =
        numbered(lines).collect::<Vec<_>>().split(|(_, line)| line.starts_with("---")).map(<[_]>::to_vec).collect();
    for document in documents {
        let is_kind = |line: &str| line.trim_end().strip_prefix("kind:").is_some_and(|kind| kind.trim() == "Secret");
        if !document.iter().any(|(_, line)| is_kind(line)) {
            continue;
        }
        let mut within = false;
        for (number, line) in document {
            let inner = line.starts_with([' ', '\t']);
            if !inner && !line.trim().is_empty() && !line.starts_with('#') {
                within = matches!(line.trim_end(), "data:" | "stringData:");
            }
            let Some((key, value)) = line.trim().split_once(':').filter(|_| within && inner) else { continue };
            let key = key.trim_matches(['"', '\'']).to_ascii_uppercase().replace(['-', '.'], "_");
            let secret =
                is_secret_name(&key) || matches!(key.as_str(), "JWT" | "TLS_KEY" | "KEY" | "_DOCKERCONFIGJSON");
            let block = matches!(value.trim(), "|" | "|-" | ">" | ">-");
            if secret && (block || literal(value).is_some()) {
                hits.push(Hit { line: number, kind: Kind::KubernetesSecret });
            }
        }
    }
    hits
}

fn numbered<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    lines.iter().enumerate().map(|(at, line)| (at + 1, *line))
}
