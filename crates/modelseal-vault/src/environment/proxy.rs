//! Which proxy requests go through.

use modelseal_core::Result;
use modelseal_http::{Address, Proxy, is_excluded_from_proxy};

use super::variables::Variables;

/// Meant for this server alone: exclusions do not apply to them.
const OWN: [&str; 4] = ["BAO_PROXY_ADDR", "BAO_HTTP_PROXY", "VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"];
const COMMON: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const EXCLUSIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// No notice and no error holds the proxy's URL: a password may stand in it.
///
/// # Errors
/// `usage/environment`.
pub(super) fn proxy(address: &Address, variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Proxy> {
    if address.is_local() {
        return Ok(Proxy::None);
    }
    let found = match variables.first(&OWN)? {
        Some(found) => found,
        None if address.is_tls() => {
            let Some(found) = variables.first(&COMMON)? else { return Ok(Proxy::None) };
            if let Some(list) =
                variables.first(&EXCLUSIONS)?.filter(|list| is_excluded_from_proxy(&list.value, address))
            {
                notices.push(format!("no proxy, although {} is set: {}", found.name, list.name));
                return Ok(Proxy::None);
            }
            found
        }
        None => return Ok(Proxy::None),
    };
    let proxy = Proxy::url(&found.value).map_err(|error| {
        found.wrong(format!("{}; the form is http://HOST:PORT or https://HOST:PORT", error.message()))
    })?;
    notices.push(format!("proxy: {}", found.name));
    Ok(proxy)
}
