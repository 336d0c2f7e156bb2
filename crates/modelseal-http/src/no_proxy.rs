//! Which addresses are reached without a proxy.

use core::net::IpAddr;

use crate::Address;

/// Whether a list such as `localhost,.corp.example,10.0.0.0/8` (the value of `NO_PROXY`) names the address.
#[must_use]
pub fn is_excluded_from_proxy(list: &str, address: &Address) -> bool {
    let Some((host, port)) = host_and_port(&address.to_string()) else { return false };
    let entries = list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| excludes_one(&entry, &host, port))
}

fn excludes_one(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => in_network(ip, network, bits),
            None => {
                literal(entry).is_some_and(|(other, other_port)| other == ip && other_port.is_none_or(|p| p == port))
            }
        };
    }
    let (name, own_port) = match entry.rsplit_once(':') {
        Some((name, text)) => (name, text.parse::<u16>().ok()),
        None => (entry, Some(port)),
    };
    let name = name.strip_prefix('*').unwrap_or(name);
    own_port == Some(port)
        && match name.strip_prefix('.') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        }
}

/// `IP`, `IP:PORT`, `[IP]:PORT`.
fn literal(entry: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(ip) = entry.trim_matches(['[', ']']).parse() {
        return Some((ip, None));
    }
    let (ip, port) = entry.rsplit_once(':')?;
    Some((ip.trim_matches(['[', ']']).parse().ok()?, Some(port.parse().ok()?)))
}

fn in_network(ip: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let same = |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0);
    match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

/// Host, without the brackets of IPv6, and port of a canonical URL.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let default = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    Some((host.trim_matches(['[', ']']).to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions() {
        let cases = [
            ("*", "https://vault.example.com", true),
            ("vault.example.com", "https://vault.example.com:8200", true),
            ("VAULT.example.COM", "https://vault.example.com:8200", true),
            ("example.com", "https://vault.example.com:8200", true),
            (".example.com", "https://vault.example.com:8200", true),
            ("*.example.com", "https://vault.example.com:8200", true),
            ("a, vault.example.com", "https://vault.example.com:8200", true),
            ("vault.example.com:8200", "https://vault.example.com:8200", true),
            ("vault.example.com:443", "https://vault.example.com", true),
            ("vault.example.com:443", "https://vault.example.com:8200", false),
            ("vault.example.com:x", "https://vault.example.com:8200", false),
            (".vault.example.com", "https://vault.example.com:8200", false),
            ("ault.example.com", "https://vault.example.com:8200", false),
            ("vault.example.com.evil", "https://vault.example.com:8200", false),
            (",", "https://vault.example.com", false),
            ("10.0.0.0/8", "https://10.1.2.3:8200", true),
            ("0.0.0.0/0", "https://10.1.2.3:8200", true),
            ("11.0.0.0/8", "https://10.1.2.3:8200", false),
            ("10.0.0.0/33", "https://10.1.2.3:8200", false),
            ("10.1.2.3", "https://10.1.2.3:8200", true),
            ("10.1.2.3:8200", "https://10.1.2.3:8200", true),
            ("10.1.2.3:1", "https://10.1.2.3:8200", false),
            ("1.2.3", "https://10.1.2.3:8200", false),
            ("fd00::/8", "https://[fd00::1]:8200", true),
            ("fd00::1", "https://[fd00::1]:8200", true),
            ("[fd00::1]:8200", "https://[fd00::1]:8200", true),
            ("fd00::2", "https://[fd00::1]", false),
        ];
        for (list, address, expected) in cases {
            assert_eq!(
                is_excluded_from_proxy(list, &Address::parse(address).unwrap()),
                expected,
                "{list} for {address}"
            );
        }
    }
}
