//! Environment, address, and every step on the way to the server.

use modelseal_core::{Code, Result};
use modelseal_vault::{Contact, Env, Health, Reach, Settings, Stage};

use super::check::Check;
use super::finding;

/// How far clocks may differ without a finding, in seconds, and how far at most.
const NOTICED: i64 = 5;
const MOST: i64 = 30;

/// The steps, by the ids of their checks.
const STEPS: [(Stage, &str); 5] = [
    (Stage::Name, "name"),
    (Stage::Connection, "connection"),
    (Stage::Tls, "tls"),
    (Stage::Http, "http"),
    (Stage::Server, "server"),
];

/// Whether there is a server that works.
pub(super) fn examine(settings: &Settings, env: &dyn Env, checks: &mut Vec<Check>) -> Result<bool> {
    let reach = match Reach::configure(settings, env) {
        Ok(reach) => reach,
        Err(error) => {
            let of_address = matches!(error.code(), Code::VaultAddress | Code::VaultPlainHttp);
            let id = if of_address { "address" } else { "environment" };
            checks.push(finding(id, &error)?.why("nothing is sent before this is clear"));
            skip(checks, None, "there is no address that can be used");
            return Ok(false);
        }
    };
    environment(settings, &reach, checks);
    let contact = reach.contact();
    steps(&reach, &contact, checks)?;
    let Ok(health) = &contact.health else {
        checks.push(Check::skipped("clock", "the server was not reached"));
        return Ok(false);
    };
    let works = state(health, checks);
    checks.push(clock(contact.ahead));
    Ok(works)
}

fn environment(settings: &Settings, reach: &Reach, checks: &mut Vec<Check>) {
    let (address, rest): (Vec<_>, Vec<_>) = reach.notices().iter().partition(|line| line.starts_with("address "));
    let ignored = rest.iter().filter(|line| line.ends_with("not honoured")).count();
    let found = Check::ok("environment", "settings and variables agree").details(&rest);
    checks.push(match ignored {
        0 => found,
        _ => Check::warning("environment", "variables are set that do nothing here")
            .why("who set them expects them to change what is sent or answered")
            .fix("unset them")
            .details(&rest),
    });
    let from = address.first().and_then(|line| line.rsplit_once(": ")).map_or("", |(_, from)| from);
    let what = format!("{} ({from})", reach.address());
    let mut check = match from {
        "the default" => Check::warning("address", what)
            .why("nobody named a server")
            .fix("give --vault-addr https://HOST:PORT, or set VAULT_ADDR"),
        _ => Check::ok("address", what),
    };
    if settings.danger_plain_http && !reach.is_tls() {
        check = Check::warning("address", check.what).why("everyone on the way can read the token").fix("use https://");
    }
    if let Some(proxy) = reach.proxy() {
        check = check.details([format!("through the proxy {proxy}")]);
    }
    checks.push(check);
    if settings.danger_skip_tls_verify {
        checks.push(
            Check::warning("tls-unverified", "any certificate is accepted")
                .why("whoever stands between here and the server may read the token and answer in its place")
                .fix("leave out --danger-skip-tls-verify, and name the authority with --ca-cert FILE"),
        );
    }
}

fn steps(reach: &Reach, contact: &Contact, checks: &mut Vec<Check>) -> Result<()> {
    let failed = contact.health.as_ref().err();
    for (stage, id) in STEPS {
        match failed {
            Some((at, error)) if *at == stage => {
                let mut check = finding(id, error)?.why(meaning(stage));
                if let Some(proxy) = reach.proxy() {
                    check = check.details([format!("through the proxy {proxy}")]);
                }
                checks.push(check);
                skip(checks, Some(stage), "an earlier step failed");
                return Ok(());
            }
            _ => checks.push(passed(stage, id, reach)),
        }
    }
    Ok(())
}

/// Why a step matters.
fn meaning(stage: Stage) -> &'static str {
    match stage {
        Stage::Name => "this machine does not know where the host is",
        Stage::Connection => "nothing arrives there: the address, a firewall, a proxy, or a server that is down",
        Stage::Tls => "who answers cannot be believed, so nothing secret is sent",
        Stage::Http => "something else than the server may have answered; redirects are never followed",
        _ => "what answers is no server of this kind, or not ready",
    }
}

fn passed(stage: Stage, id: &'static str, reach: &Reach) -> Check {
    match stage {
        Stage::Name if reach.proxy().is_some() => {
            Check::ok(id, "the proxy has an address, and asks for that of the server")
        }
        Stage::Name => Check::ok(id, "the host has an address"),
        Stage::Connection => Check::ok(id, "somebody listens there"),
        Stage::Tls if reach.is_tls() => Check::ok(id, "the certificate holds"),
        Stage::Tls => Check::skipped(id, "the address has no TLS: it stays on this machine, or was asked for"),
        Stage::Http => Check::ok(id, "an answer came, and no redirect"),
        _ => Check::ok(id, "it is Vault or OpenBao that answers"),
    }
}

fn skip(checks: &mut Vec<Check>, after: Option<Stage>, why: &str) {
    for (stage, id) in STEPS {
        if after.is_none_or(|after| stage > after) {
            checks.push(Check::skipped(id, why));
        }
    }
    checks.push(Check::skipped("health", why));
    if after.is_none() {
        checks.push(Check::skipped("clock", why));
    }
}

/// Whether the server works.
fn state(health: &Health, checks: &mut Vec<Check>) -> bool {
    let version = &health.version;
    let (check, works) = if !health.initialized {
        let check = Check::problem("health", format!("version {version} is not initialised"));
        (check.why("it has no storage yet").fix("ask its operator: `vault operator init`"), false)
    } else if health.sealed {
        let check = Check::problem("health", format!("version {version} is sealed"));
        (
            check.why("it answers nothing until somebody opens it").fix("ask its operator: `vault operator unseal`"),
            false,
        )
    } else if health.standby {
        let check = Check::warning("health", format!("version {version} is a standby node"));
        let why = "it passes requests on, or refuses them, as it is set up";
        (check.why(why).fix("name the cluster's own address with --vault-addr"), true)
    } else {
        (Check::ok("health", format!("version {version}, unsealed and active")), true)
    };
    checks.push(match (&check.code, check.status) {
        (None, super::Status::Problem) if health.sealed => Check { code: Some(Code::VaultSealed), ..check },
        _ => check,
    });
    works
}

fn clock(ahead: Option<i64>) -> Check {
    let Some(ahead) = ahead else { return Check::skipped("clock", "the server's answer has no date") };
    let far = ahead.saturating_abs();
    if far <= NOTICED {
        return Check::ok("clock", "this machine and the server agree");
    }
    let (direction, fix) = if ahead > 0 { ("ahead of", "behind") } else { ("behind", "ahead") };
    let what = format!("the server's clock is {far} s {direction} this machine's");
    let check = if far > MOST { Check::problem("clock", what) } else { Check::warning("clock", what) };
    check
        .why("identity tokens live for minutes: clocks that differ make them expired, or not yet valid")
        .fix(format!("set this machine's clock (NTP), unless it is right and the server's is not; it seems {fix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn clocks_may_differ_by_seconds_only() {
        for (ahead, status) in [
            (Some(0), Status::Ok),
            (Some(-5), Status::Ok),
            (Some(6), Status::Warning),
            (Some(-30), Status::Warning),
            (Some(31), Status::Problem),
            (Some(i64::MIN), Status::Problem),
            (None, Status::Skipped),
        ] {
            assert_eq!(clock(ahead).status, status, "{ahead:?}");
        }
        assert!(clock(Some(40)).what.contains("40 s ahead of"));
        assert!(clock(Some(-40)).fix.unwrap().ends_with("seems ahead"));
    }
}
