//! Secrets by their own form, and by the name that stands before them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Hit;

/// A comment that allows what its line holds: for values that were thrown away.
pub(super) const ALLOW: &str = "modelseal:allow-secret";

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    VaultToken,
    LegacyVaultToken,
    GitHubToken,
    GitLabToken,
    Jwt,
    PrivateKey,
    SecretId,
    TokenVariable,
    DotEnv,
    KubernetesSecret,
    DockerVariable,
}

impl Kind {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::VaultToken => "a token of Vault or OpenBao",
            Self::LegacyVaultToken => "a token of Vault or OpenBao, in the short form",
            Self::GitHubToken => "a token of GitHub",
            Self::GitLabToken => "a token of GitLab",
            Self::Jwt => "a JSON web token",
            Self::PrivateKey => "a private key",
            Self::SecretId => "a secret id of AppRole",
            Self::TokenVariable => "a value for VAULT_TOKEN or BAO_TOKEN",
            Self::DotEnv => "a secret in a file of variables",
            Self::KubernetesSecret => "a secret in a manifest of Kubernetes",
            Self::DockerVariable => "a secret in a variable of an image",
        }
    }

    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::DockerVariable => "it stays in the history of the image, for whoever can pull that",
            Self::KubernetesSecret => "base64 hides nothing: whoever reads the manifest has it",
            _ => "whoever reads the repository, now or in its history, can use it",
        }
    }

    pub(super) const fn fix(self) -> &'static str {
        match self {
            Self::VaultToken | Self::LegacyVaultToken | Self::TokenVariable => {
                "revoke it (`vault token revoke`), and log in with the identity of the job: --role ROLE"
            }
            Self::SecretId => "destroy it, and log in with the identity of the job, or with --wrapped-secret-id-file",
            Self::GitHubToken | Self::GitLabToken => "revoke it, and use the token that the job is given",
            Self::Jwt => "have it revoked or wait for its end, and ask for a fresh one in the job",
            Self::PrivateKey => "retire the key, and keep the next one on the server: --key hashivault://MOUNT/KEY",
            Self::DotEnv => "replace the secret, remove the line, and have the job log in by itself",
            Self::KubernetesSecret => "replace the secret, and use a projected service-account token instead",
            Self::DockerVariable => "replace the secret, and use `RUN --mount=type=secret`",
        }
    }
}

/// Every secret of a text, in no order, the surest first for each line.
pub(super) fn find(name: &str, lines: &[&str]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let kind = by_form(line)
            .or_else(|| begins_private_key(line, lines.get(at + 1..).unwrap_or_default()).then_some(Kind::PrivateKey))
            .or_else(|| holds_secret_id(line).then_some(Kind::SecretId))
            .or_else(|| names_token(name, line).then_some(Kind::TokenVariable));
        hits.extend(kind.map(|kind| Hit { line: at + 1, kind }));
    }
    hits
}

fn by_form(line: &str) -> Option<Kind> {
    let long = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain = |c: char| c.is_ascii_alphanumeric();
    let snake = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = |prefixes: &[&str], class: fn(char) -> bool, least: usize| {
        prefixes.iter().any(|prefix| runs(line, prefix, class).any(|run| run.len() >= least && is_varied(run)))
    };
    if begins(&["hvs.", "hvb.", "hvr."], long, 20) {
        Some(Kind::VaultToken)
    } else if begins(&["ghp_", "gho_", "ghs_", "ghu_", "ghr_"], plain, 36) || begins(&["github_pat_"], snake, 22) {
        Some(Kind::GitHubToken)
    } else if begins(&["glpat-"], long, 20) {
        Some(Kind::GitLabToken)
    } else if holds_jwt(line) {
        Some(Kind::Jwt)
    } else if ["s.", "b.", "r."].iter().any(|prefix| holds_legacy(line, prefix)) {
        Some(Kind::LegacyVaultToken)
    } else {
        None
    }
}

/// What follows each occurrence of a prefix that no word runs into.
fn runs<'a>(line: &'a str, prefix: &'a str, class: fn(char) -> bool) -> impl Iterator<Item = &'a str> {
    // In this order, so that no run is scanned from within: a long line would take hours.
    line.match_indices(prefix).filter(move |(at, _)| !is_within(line, *at)).filter_map(move |(at, _)| {
        let rest = line.get(at + prefix.len()..)?;
        let end = rest.find(|c| !class(c)).unwrap_or(rest.len());
        rest.get(..end)
    })
}

/// A word runs into what begins here.
fn is_within(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|before| before.chars().next_back());
    before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// A run of one or two characters is drawn by hand.
fn is_varied(run: &str) -> bool {
    let mut seen: Vec<u8> = run.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() > 4
}

/// `s.` and 24 letters and digits, as random text has them; `.` and a namespace may follow, but no call.
fn holds_legacy(line: &str, prefix: &str) -> bool {
    let class = |c: char| c.is_ascii_alphanumeric();
    runs(line, prefix, class).any(|run| {
        let end = run.as_ptr() as usize - line.as_ptr() as usize + run.len();
        let next = line.get(end..).and_then(|rest| rest.chars().next());
        let has = |test: fn(&u8) -> bool| run.bytes().any(|byte| test(&byte));
        run.len() == 24
            && has(u8::is_ascii_digit)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && !next.is_some_and(|c| matches!(c, '(' | '_' | '-' | '!' | ':'))
    })
}

/// Three parts, of which the first two decode to objects and the first names an algorithm.
fn holds_jwt(line: &str) -> bool {
    let class = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let object = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
    };
    runs(line, "eyJ", class).any(|rest| {
        let mut parts = rest.split('.');
        let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        let header = object(&format!("eyJ{header}"));
        header.is_some_and(|header| header.contains_key("alg")) && object(payload).is_some() && signature.len() >= 16
    })
}

/// A header of PEM with something behind it that could be a key.
fn begins_private_key(line: &str, rest: &[&str]) -> bool {
    let Some((_, after)) = line.split_once("-----BEGIN ") else { return false };
    let Some((label, after)) = after.split_once("-----") else { return false };
    if !label.ends_with("PRIVATE KEY") && label != "PGP PRIVATE KEY BLOCK" {
        return false;
    }
    let holds_key = |text: &str| {
        let class = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        text.replace("\\n", " ").split(|c| !class(c)).any(|run| run.len() >= 40 && is_varied(run))
    };
    // Lines such as `Proc-Type: 4,ENCRYPTED` may come first.
    holds_key(after) || rest.iter().take(6).take_while(|line| !line.contains("-----END ")).any(|line| holds_key(line))
}

/// A UUID behind the words.
fn holds_secret_id(line: &str) -> bool {
    let lower = line.to_ascii_lowercase().replace('-', "_");
    lower.match_indices("secret_id").any(|(at, word)| {
        let rest = line.get(at + word.len()..).unwrap_or_default();
        let start = rest.find(|c: char| c.is_ascii_hexdigit()).filter(|&start| start <= 20);
        let uuid = start.and_then(|start| rest.get(start..start + 36));
        uuid.is_some_and(|uuid| is_uuid(uuid) && is_varied(uuid))
    })
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// A value for the variables of the server's own command line.
fn names_token(name: &str, line: &str) -> bool {
    let data = ["yml", "yaml", "json", "toml", "tf", "tfvars", "env", "conf", "ini", "service"];
    let is_data = name.rsplit_once('.').is_some_and(|(_, end)| data.contains(&end));
    ["VAULT_TOKEN", "BAO_TOKEN"].iter().any(|variable| {
        line.match_indices(variable).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '{')) {
                return false;
            }
            let rest = line.get(at + variable.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches(['"', '\'']).trim_start();
            let value = rest.strip_prefix('=').or_else(|| rest.strip_prefix(':').filter(|_| is_data));
            value.and_then(literal).is_some()
        })
    })
}

/// The beginning of what is assigned, when it stands for itself: nothing that is put in later, and no placeholder.
pub(super) fn literal(text: &str) -> Option<&str> {
    /// As much as tells whether it is one, in characters.
    const LOOKED_AT: usize = 512;
    let text = text.trim_start();
    let text = text.char_indices().nth(LOOKED_AT).and_then(|(end, _)| text.get(..end)).unwrap_or(text);
    let (text, quoted) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => (text.strip_prefix(quote)?.split(quote).next()?, true),
        _ => (text.split([' ', '\t', ';', ',', ')', '`', '"', '\'']).next()?, false),
    };
    let class = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/' | '=' | ':' | '@' | '!');
    let whole = text.chars().all(class) || (quoted && !text.contains(['$', '{', '<', '%', '(', '`']));
    (whole && text.len() >= 4 && !is_placeholder(text)).then_some(text)
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = [
        "example",
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "replace",
        "your",
        "dummy",
        "redacted",
        "token",
        "secret",
        "null",
        "none",
        "true",
        "false",
        "todo",
        "insert",
        "xxxx",
        "...",
        "os.environ",
        "process.env",
        "vault:",
    ];
    let drawn = lower.chars().all(|c| matches!(c, 'x' | '*' | '.' | '-' | '_'));
    drawn || words.iter().any(|word| lower.starts_with(word)) || lower.contains("example") || lower.contains("...")
}
